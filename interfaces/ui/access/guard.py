"""The checks before any answer, and the headers on every one: plain ASGI, so that streams pass untouched.

Host name (another page's script could point its own name at 127.0.0.1), origin and size of what is sent, and
a policy that lets a page load nothing from anywhere else.
"""

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 20_000  # of what is sent here: a form
LONGEST_URL = 2_000
# lightweight-charts writes its own style attributes; scripts are ours alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
LOCAL = ("127.0.0.1", "localhost", "::1")
_READS = ("GET", "HEAD")


class Guard:
    """Wraps the application; `names` are the host names that it answers to."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = LOCAL) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                held = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in self._headers if pair[0] not in held),
                    *([(b"cache-control", b"no-store")] if b"cache-control" not in held else []),
                ]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, _bounded(receive), sending)
            return
        status, said = refusal
        await PlainTextResponse(said + "\n", status)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if (_split(f"//{host}").hostname or "").lower() not in self._names:
            return 421, "this name is not served here; see sluice ui --name"
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST_URL:
            return 414, "this address is too long"
        if scope["method"] in _READS:
            return None
        origin = headers.get("origin")
        if origin is not None and _split(origin).netloc.lower() != host.lower():
            return 403, "this came from another page"
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return 413, f"a form has a length of at most {MOST_BYTES} bytes"
        return None


def _split(address: str) -> SplitResult:
    """Return the parts of an address; none of one that is no address, such as `//[`."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        # The declared length was in bounds; a sender who goes beyond it is cut off.
        return {"type": "http.disconnect"} if seen > MOST_BYTES else message

    return receiving
