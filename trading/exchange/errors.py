"""From HTTP replies to the project's error tree, with nothing secret in any message.

What decides is what was *certainly* not accepted. For an order, only a 4xx reply that carries a venue
code is certain; a 5xx, a time-out, HTML from a firewall or a body that does not parse is not.
Codes: MEXC spot v3 documentation and the table in ccxt's mexc class (4.5.90), reclassified.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from trading.market.errors import (
    BadCredentials,
    BadPayload,
    BadPrecision,
    Banned,
    BelowMinimum,
    ClockSkew,
    ExchangeError,
    InsufficientFunds,
    NothingToCancel,
    OrderNotFound,
    OrderRefused,
    OutcomeUnknown,
    RateLimited,
    SluiceError,
    SymbolHalted,
    UnknownSymbol,
    Unreachable,
    VenueFailed,
)

_REFUSALS: dict[int, type[ExchangeError]] = {
    **dict.fromkeys((10101, 30004, 2005, 88004, 88015), InsufficientFunds),
    **dict.fromkeys((30002, 88013), BelowMinimum),
    **dict.fromkeys((10096, 10097), BadPrecision),
    # 10007 and 30020: pair closed to the API; 30019 and 30051: market orders closed on this pair.
    **dict.fromkeys((10007, 30000, 30014, 30016, 30019, 30020, 30021, 30051, 70011), SymbolHalted),
    **dict.fromkeys((-2011, 2011), NothingToCancel),
    -2013: OrderNotFound,
}
_ACCESS: dict[int, type[ExchangeError]] = {
    **dict.fromkeys((700003, 10073), ClockSkew),
    **dict.fromkeys(
        (401, 402, 403, 406, 602, 701, 702, 703, 704, 10001, 10072, 700001, 700002, 700006, 700007),
        BadCredentials,
    ),
}
_UNKNOWN_SYMBOL = -1121
_TOO_MANY = (429, 510)
_BAN = 418
# Venue-side failures that also come as codes inside a body: no verdict on an order.
_VENUE_DOWN = (500, 501, 503, 504, 604, 801, 11444, 20002, 730000)
_SECRETS = re.compile(
    r"(?i)(signature|apikey|api_key|x-mexc-apikey|secret|listenkey)([\"']?\s*[=:]\s*[\"']?)[\w\-+/%.]+"
)
_LONG = 200
_REDACTED = b"<redacted>"
# MEXC's keys have 18 characters, secrets 32, signatures 64; less would strike out ordinary words.
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, with the moments (monotonic wall seconds) it was asked for and complete."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_s: float
    received_s: float


def redact(text: str) -> str:
    """Return `text` without keys and signatures, and not longer than a log line."""
    clean = _SECRETS.sub(r"\1\2<redacted>", text)
    return clean if len(clean) <= _LONG else clean[:_LONG] + "…"


def without(reply: Reply, *secrets: str | None) -> Reply:
    """Return `reply` with `secrets` (key, secret, signature) struck out of its body.

    A venue that repeats what it was sent must not get it into a message, an order or a log.
    """
    body = reply.body
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET and secret.encode() in body:
            body = body.replace(secret.encode(), _REDACTED)
    return reply if body is reply.body else replace(reply, body=body)


def decode(reply: Reply, *, method: str, path: str) -> Any:
    """Return the JSON of a good reply.

    Parameters
    ----------
    reply : Reply
        What came back.
    method, path : str
        What was asked; `path` without query, as it goes into messages. Anything but GET is a write.

    Raises
    ------
    ExchangeError, UnknownSymbol
        The narrowest class of the tree for anything else.
    """
    data, is_json = _parse(reply.body)
    code, message = _venue_code(data)
    if reply.status == 200 and is_json and code is None:
        return data
    what = f"{method} {path}"
    if not is_json:
        raise _no_json(reply, what, is_write=method != "GET")
    told = f"{what}: HTTP {reply.status}, code {code}: {redact(message)}"
    raise _classified(reply, code, told, is_write=method != "GET")


def retry_after_s(headers: Mapping[str, str], default: float = 1.0) -> float:
    """Return the Retry-After header in wall seconds; `default` where it is absent or no number."""
    raw = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    if raw is None:
        return default
    try:
        seconds = float(raw)
    except ValueError:
        return default
    return min(max(seconds, 0.0), 3 * 86_400.0) if math.isfinite(seconds) else default


def _parse(body: bytes) -> tuple[Any, bool]:
    try:
        return orjson.loads(body), True
    except orjson.JSONDecodeError:
        return None, False


def _venue_code(data: Any) -> tuple[int | None, str]:
    if not isinstance(data, dict):
        return None, ""
    raw = data.get("code")
    try:
        code = None if raw is None else int(raw)
    except (TypeError, ValueError):
        code = None
    message = str(data.get("msg") or data.get("message") or "")
    return (None if code in (0, 200) else code), message


def _no_json(reply: Reply, what: str, *, is_write: bool) -> SluiceError:
    told = f"{what}: HTTP {reply.status} with a body of {len(reply.body)} bytes that is no JSON"
    if reply.status in (429, _BAN):
        return _limited(reply, reply.status, told)
    if is_write:
        return VenueFailed(told) if reply.status >= 500 else OutcomeUnknown(told)
    return BadPayload(told) if reply.status == 200 else Unreachable(told)


def _limited(reply: Reply, code: int | None, told: str) -> RateLimited:
    if _BAN in (reply.status, code):
        return Banned(told, code=code, retry_after_s=retry_after_s(reply.headers, default=120.0))
    return RateLimited(told, code=code, retry_after_s=retry_after_s(reply.headers))


def _classified(reply: Reply, code: int | None, told: str, *, is_write: bool) -> SluiceError:
    if reply.status in (429, _BAN) or code in (*_TOO_MANY, _BAN):
        return _limited(reply, code, told)
    if reply.status >= 500 or code in _VENUE_DOWN:
        return VenueFailed(told, code=code) if is_write else Unreachable(told, code=code)
    if code is None:
        return OutcomeUnknown(told) if is_write else Unreachable(told)
    if code == _UNKNOWN_SYMBOL:
        return SymbolHalted(told, code=code) if is_write else UnknownSymbol(told)
    known = _ACCESS.get(code) or _REFUSALS.get(code)
    if known is not None:
        return known(told, code=code)
    return OrderRefused(told, code=code) if is_write else ExchangeError(told, code=code)
