"""Public endpoints over plain HTTP: the way that is left when ccxt cannot load the markets.

Same raw answers as CcxtWire, so everything above turns them into the same domain objects.
"""

from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import urlencode

from trading.exchange.bars import read_rows
from trading.exchange.clock_sync import Sample
from trading.exchange.errors import decode
from trading.exchange.throttle import Priority, priority
from trading.exchange.transport import Caller, Transport
from trading.exchange.weights import weight_of
from trading.market.errors import BadPayload

MEXC_URL = "https://api.mexc.com"


class PublicWire(ABC):
    """One way to ask public endpoints; answers are raw JSON (klines: as `bars.read_rows` reads them)."""

    name: str

    @abstractmethod
    async def exchange_info(self) -> list[Any]:
        """Return the rows of exchangeInfo's `symbols`."""

    @abstractmethod
    async def get(self, path: str, params: dict[str, Any], *, weight: int | None = None) -> Any:
        """GET an endpoint (path after ``/api/v3/``) and return its JSON."""


class HttpWire(PublicWire):
    """Public endpoints without ccxt."""

    name = "http"

    def __init__(self, base_url: str | None, transport: Transport, caller: Caller) -> None:
        self._api = f"{(base_url or MEXC_URL).rstrip('/')}/api/v3/"
        self._transport = transport
        self._caller = caller

    async def exchange_info(self) -> list[Any]:
        """Return the rows of exchangeInfo's `symbols`; `BadPayload` if there are none."""
        data = await self.get("exchangeInfo", {})
        rows = data.get("symbols") if isinstance(data, dict) else None
        if not isinstance(rows, list) or not rows:
            raise BadPayload("exchangeInfo: the answer lists no symbols")
        return rows

    async def get(self, path: str, params: dict[str, Any], *, weight: int | None = None) -> Any:
        """GET an endpoint (path after ``/api/v3/``) and return its JSON."""
        cost = weight_of("GET", path) if weight is None else weight
        url = self._api + path + (f"?{urlencode(params)}" if params else "")

        async def ask() -> Any:
            reply = await self._transport.send("GET", url)
            if path == "klines":
                return read_rows(reply, path="/api/v3/klines")
            return decode(reply, method="GET", path=f"/api/v3/{path}")

        return await self._caller.run(ask, weight=cost, default=Priority.SCAN)

    async def time_sample(self) -> Sample:
        """Ask `/time` and place the answer on our wall clock."""

        async def ask() -> Sample:
            reply = await self._transport.send("GET", self._api + "time")
            data = decode(reply, method="GET", path="/api/v3/time")
            told = data.get("serverTime") if isinstance(data, dict) else None
            try:
                return Sample.between(reply.sent_s, reply.received_s, int(str(told)))
            except ValueError:
                raise BadPayload(f"time: expected serverTime in ms, got {str(told)[:20]!r}") from None

        # Signed requests of every priority wait for this one, so it goes before them, whoever asked first.
        with priority(Priority.EXIT):
            return await self._caller.run(ask, weight=1, default=Priority.EXIT)
