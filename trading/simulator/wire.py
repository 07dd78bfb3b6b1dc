"""What travels: replies, refusals with MEXC's own codes, and the parameters of one request.

Codes and messages are those of MEXC's error page and of recorded answers where one is known; the
ones marked "guess" have never been seen by us and only keep ccxt's error class right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import orjson

if TYPE_CHECKING:
    from trading.simulator.accounts import Account
    from trading.simulator.faults import Struck

JSON_TYPE = b"application/json;charset=utf-8"
XML_TYPE = b"application/rss+xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """One finished answer: `body` is ready bytes."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refusal(Exception):
    """A request answered with an error; `code` and `message` are what MEXC's body would hold."""

    def __init__(
        self, code: int, message: str, *, status: int = 400, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s

    def reply(self) -> Reply:
        """Return the HTTP answer."""
        extra = () if self.retry_after_s is None else ((b"retry-after", str(self.retry_after_s).encode()),)
        return Reply(dumps({"code": self.code, "msg": self.message}), self.status, headers=extra)


def dumps(value: object) -> bytes:
    """Return `value` as JSON bytes."""
    return orjson.dumps(value)


def refuse_missing(name: str) -> NoReturn:
    """Refuse a request that lacks a mandatory parameter."""
    raise Refusal(700004, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def bad_symbol() -> Refusal:
    """Return the refusal of a symbol that is not listed."""
    return Refusal(-1121, "Invalid symbol.")


def illegal(name: str) -> Refusal:
    """Return the refusal of a parameter with characters it must not have."""
    return Refusal(700008, f"Illegal characters found in parameter '{name}'")


@dataclass(slots=True)
class Call:
    """One request after parsing: `now_ms` is market time when its handling began."""

    params: Mapping[str, str]
    now_ms: int
    signer: "Account | None" = field(default=None)
    struck: "Struck | None" = None

    @property
    def account(self) -> "Account":
        """The account that signed the request."""
        if self.signer is None:
            raise Refusal(400, "api key required")
        return self.signer

    def need(self, name: str) -> str:
        """Return a mandatory parameter."""
        value = self.params.get(name)
        if not value:
            refuse_missing(name)
        return value

    def text(self, name: str) -> str | None:
        """Return an optional parameter; an empty one counts as not sent."""
        return self.params.get(name) or None

    def integer(self, name: str) -> int | None:
        """Return an optional whole number.

        Raises
        ------
        Refusal
            If it was sent and is none.
        """
        value = self.params.get(name)
        if not value:
            return None
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            raise illegal(name)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """Return the `limit` parameter, cut down to what the endpoint gives at most."""
        value = self.integer("limit")
        return default if value is None else max(1, min(value, most))
