"""Plain ccxt, pointed at one address, that remembers its last request and raw answer. Nothing of ours."""

from typing import Any

import orjson

from trading.exchange.only_mexc import mexc

# ccxt adds these to every signed call; records leave them out.
SKIPPED = frozenset({"timestamp", "recvWindow", "signature"})


class Listener(mexc):  # type: ignore[misc]  # ccxt ships no types
    """ccxt's own class; `sent` is (verb, url) of the last request, `answer` its parsed body or None."""

    def __init__(self, base_url: str, *, api_key: str = "", secret: str = "") -> None:
        super().__init__(
            {
                "apiKey": api_key,
                "secret": secret,
                "enableRateLimit": False,
                "urls": {"api": _urls(base_url.rstrip("/"))},
            }
        )
        self.sent: tuple[str, str] = ("", "")
        self.answer: Any = None

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Remember what is asked, ask, and remember what came."""
        self.sent, self.answer = (method, url), None
        self.answer = await super().fetch(url, method, headers, body)
        return self.answer


class Reader(mexc):  # type: ignore[misc]  # ccxt ships no types
    """ccxt's own class without a wire: every request is answered with `canned`."""

    canned: Any = None

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:  # noqa: ARG002 - ccxt's signature
        """Return a fresh copy of the canned answer."""
        return orjson.loads(orjson.dumps(self.canned))


def _urls(base: str) -> dict[str, dict[str, str]]:
    return {
        "spot": {"public": base, "private": base},
        "spot2": {"public": f"{base}/open/api/v2", "private": f"{base}/open/api/v2"},
        "contract": {"public": f"{base}/api/v1/contract", "private": f"{base}/api/v1/private"},
        "broker": {"private": f"{base}/api/v3/broker"},
    }
