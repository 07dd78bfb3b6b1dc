"""ccxt's mexc class as we use it: it builds, signs and parses; clock and transport are ours.

Overridden, and why:

- `milliseconds`: ccxt signs with, and caps `endTime` by, this machine's clock. Ours is the venue's.
- `fetch`: one shared session, our error tree, no URL or header in any message or log line.
- `fetch_swap_markets`: `load_markets` asks the contract host too; a spot bot has no business there.
  (`urls` still point contracts at the same base, so nothing can ever leave for the real host.)
- `fetchCurrencies` off: with a key set, `load_markets` would ask a signed wallet endpoint.
- `enableRateLimit` off: ccxt's limiter is per instance, ours is per process (throttle.py).
"""

from collections.abc import Callable
from typing import Any

import yarl

from trading.exchange.bars import read_rows
from trading.exchange.errors import decode, redact, without
from trading.exchange.instances import Prototype
from trading.exchange.only_mexc import mexc
from trading.exchange.public_api import PublicWire
from trading.exchange.throttle import Priority
from trading.exchange.transport import Caller, Transport
from trading.exchange.weights import weight_of
from trading.market.clock import Clock
from trading.market.errors import BadPayload, SluiceError


class Venue(mexc):  # type: ignore[misc]  # ccxt ships no types
    """One ccxt instance over our transport. `clock` must be fresh before a signed call."""

    def __init__(self, base_url: str | None, transport: Transport, clock: Clock) -> None:
        urls = {} if base_url is None else {"urls": {"api": _api_urls(base_url.rstrip("/"))}}
        super().__init__(
            {
                "enableRateLimit": False,
                "has": {"fetchCurrencies": False},
                "options": {"recvWindow": 5000},
                **urls,
            }
        )
        self._transport = transport
        self._clock = clock
        self._prototype = Prototype(self)  # before anything is loaded into this one

    def milliseconds(self) -> int:
        """Return market time: what ccxt signs with."""
        return self._clock.now_ms()

    async def fetch(
        self, url: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> Any:
        """Send one signed or public request and return the parsed body, or raise from our tree.

        Kline rows come as `bars.read_rows` reads them, so ccxt's own `fetch_ohlcv` is not for use here.
        """
        reply = await self._transport.send(method, url, headers=headers, body=body)
        if self.apiKey:
            reply = without(reply, self.apiKey, self.secret, url.rpartition("signature=")[2])
        path = yarl.URL(url, encoded=True).path
        if path.endswith("/api/v3/klines"):
            return read_rows(reply, path=path)
        return decode(reply, method=method, path=path)

    async def fetch_swap_markets(self, params: dict[str, Any] | None = None) -> list[Any]:  # noqa: ARG002 # ccxt's signature
        """Return nothing: this project trades spot only."""
        return []

    def for_account(self, api_key: str, secret: str) -> "Venue":
        """Return an instance that signs with this key and shares nothing another account could change.

        The listing lives in our own table; ccxt's parsed markets stay with the template.
        """
        account: Venue = self._prototype.make(api_key, secret)
        return account


def _api_urls(base: str) -> dict[str, dict[str, str]]:
    return {
        "spot": {"public": base, "private": base},
        "spot2": {"public": f"{base}/open/api/v2", "private": f"{base}/open/api/v2"},
        "contract": {"public": f"{base}/api/v1/contract", "private": f"{base}/api/v1/private"},
        "broker": {"private": f"{base}/api/v3/broker"},
    }


class CcxtWire(PublicWire):
    """Public endpoints through ccxt: `load_markets` for the listing, implicit methods for the rest."""

    name = "ccxt"

    def __init__(self, venue: Venue, caller: Caller) -> None:
        self._venue = venue
        self._caller = caller

    async def exchange_info(self) -> list[Any]:
        """Return the raw rows of every market that ccxt's `load_markets` understood.

        Raises
        ------
        BadPayload
            If ccxt could not make markets of the answer.
        """

        async def load() -> list[Any] | BadPayload:
            try:
                markets = await self._venue.load_markets(True)
            except SluiceError:
                raise
            except Exception as error:
                # ccxt computes with whatever came; whatever it raises means that the answer was not usable.
                # Told, not raised: the same answer would make it stumble again.
                return BadPayload(f"ccxt load_markets: {type(error).__name__}: {redact(str(error))}")
            return [market["info"] for market in markets.values()]

        weight = weight_of("GET", "exchangeInfo")
        found = await self._caller.run(load, weight=weight, default=Priority.SCAN)
        if isinstance(found, BadPayload):
            raise found
        if not found:
            raise BadPayload("ccxt load_markets: the answer lists no market")
        return found

    async def get(self, path: str, params: dict[str, Any], *, weight: int | None = None) -> Any:
        """GET a public endpoint (path after ``/api/v3/``)."""
        cost = weight_of("GET", path) if weight is None else weight

        async def ask() -> Any:
            return await self._venue.request(path, ["spot", "public"], "GET", params)

        return await self._caller.run(ask, weight=cost, default=Priority.SCAN)


def unifier(venue: Venue) -> Callable[[str], str]:
    """Return coin id -> unified coin name by ccxt's table of renamed coins."""
    renamed = dict(venue.commonCurrencies)
    return lambda coin: str(renamed.get(coin.upper(), coin.upper()))
