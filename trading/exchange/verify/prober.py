"""One signed question at a time, and the venue's raw answer: status, headers, body, uninterpreted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trading.exchange.errors import redact
from trading.exchange.only_mexc import BaseError
from trading.exchange.verify.client import Listener


@dataclass(frozen=True, slots=True)
class Told:
    """What came back: `status` None where nothing did; `body` is parsed JSON, text, or None."""

    status: int | None
    headers: Mapping[str, str]
    body: Any
    text: str

    @property
    def code(self) -> int | None:
        """The venue's code, where the body is an object that names one."""
        raw = self.body.get("code") if isinstance(self.body, dict) else None
        return raw if isinstance(raw, int) else None

    @property
    def is_good(self) -> bool:
        """Whether the venue did what was asked."""
        return self.status == 200 and self.code in (None, 0, 200)

    @property
    def message(self) -> str:
        """The venue's words, redacted and short."""
        return redact(self.text)


class Prober(Listener):
    """ccxt builds and signs; every answer comes back as it is, refusals too."""

    def __init__(self, base_url: str, *, api_key: str, secret: str) -> None:
        super().__init__(base_url, api_key=api_key, secret=secret)
        self._status: int | None = None
        self._text = ""

    def on_rest_response(self, code: int, *rest: Any) -> Any:
        """Keep the status; ccxt hands the body on."""
        self._status, self._text = code, str(rest[4])
        return rest[4]

    def handle_errors(self, *_: Any) -> None:
        """Leave the answer as it is."""

    def handle_http_status_code(self, *_: Any) -> None:
        """Leave the answer as it is."""

    async def ask(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, *, is_signed: bool = True
    ) -> Told:
        """Send one request (path after ``/api/v3/``) and return what came."""
        self._status, self._text = None, ""
        access = "private" if is_signed else "public"
        try:
            body = await self.request(path, ["spot", access], method, dict(params or {}))
        except BaseError as error:
            return Told(self._status, {}, None, self._text or f"{type(error).__name__}: {error}")
        return Told(self._status, dict(self.last_response_headers or {}), body, self._text)
