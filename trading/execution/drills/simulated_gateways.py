"""The gateways of the exchange in memory. A witness is told what leaves and when to die."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from trading.exchange.gateway import BeforeWire, Quote
from trading.execution.drills.simulated_venue import Venue
from trading.market.clock import ManualClock
from trading.market.errors import NothingToCancel, OrderRefused, OutcomeUnknown, RateLimited, Unreachable
from trading.market.orders import Balance, Fill, OrderRequest, OrderState, Transfer
from trading.market.symbols import Market

_DEPTH = Decimal(10_000)  # base units shown on both sides; how much of it is really there: `Faults.shares`


@dataclass(slots=True)
class Witness:
    """Who is told of what happens at the wire.

    Parameters
    ----------
    moment : callable
        A process may die now.
    leaving : callable
        Account and request whose first byte leaves now.
    """

    moment: Callable[[], None]
    leaving: Callable[[str, OrderRequest], None]


@dataclass(slots=True)
class SimulatedPublic:
    """A PublicGateway over the venue."""

    venue: Venue
    source: str = "simulated"

    @property
    def clock(self) -> ManualClock:
        """Market time."""
        return self.venue.clock

    async def sync_clock(self) -> None:
        """Nothing to do: the clock is the venue's own."""

    async def markets(self) -> list[Market]:
        """Return what is listed."""
        return self.venue.markets()

    async def tickers(self) -> pl.DataFrame:
        """Refuse: no part of the engine that is stepped here asks for tickers."""
        raise Unreachable("no tickers in the simulation")

    async def candles(
        self,
        symbol: str,  # noqa: ARG002 - the protocol's, as all of these
        timeframe: str,  # noqa: ARG002
        *,
        since_ms: int | None = None,  # noqa: ARG002
        limit: int = 500,  # noqa: ARG002
        on_rejected: Callable[[pl.DataFrame], None] | None = None,  # noqa: ARG002
    ) -> pl.DataFrame:
        """Refuse: the engine asks for no candles."""
        raise Unreachable("no candles in the simulation")

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return bid and ask, which are the same here."""
        _read(self.venue)
        found: dict[str, Quote] = {}
        for symbol in symbols:
            price = self.venue.price(symbol)
            if price is not None:
                found[symbol] = Quote(symbol, price, price, _DEPTH, _DEPTH, self.venue.clock.now())
        return found

    async def order_book(self, symbol: str, *, levels: int = 500) -> pl.DataFrame:  # noqa: ARG002 the protocol's
        """Return one level a side."""
        _read(self.venue)
        price = float(self.venue.price(symbol) or 0)
        rows = [("ask", price, float(_DEPTH)), ("bid", price, float(_DEPTH))]
        return pl.DataFrame(rows, schema=["side", "price", "amount"], orient="row")

    async def close(self) -> None:
        """Nothing to release."""


@dataclass(slots=True)
class SimulatedAccount:
    """An AccountGateway over one account of the venue."""

    venue: Venue
    account: str
    witness: Witness

    async def balances(self) -> dict[str, Balance]:
        """Return asset -> balance."""
        _read(self.venue)
        found: dict[str, Balance] = {}
        for (account, asset), total in self.venue.balances.items():
            if account == self.account:
                locked = self.venue.locked(account, asset)
                found[asset] = Balance(asset, total - locked, locked)
        return found

    async def transfers(self, since_ms: int) -> list[Transfer]:  # noqa: ARG002 the protocol's
        """Return none: nobody moves money here."""
        _read(self.venue)
        return []

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        """Send an order through whatever fault its number meets."""
        venue, faults = self.venue, self.venue.faults
        if before_wire is not None:
            await before_wire()
        self.witness.leaving(self.account, request)
        number = venue.submissions
        venue.submissions += 1
        venue.requests += ((self.account, request),)
        venue.changes += 1
        if number in faults.limited:
            raise RateLimited("too many", code=429, retry_after_s=0.1)
        if number in faults.refused:
            raise OrderRefused("price outside the band", code=30_010)
        if number in faults.timeout_before:
            raise OutcomeUnknown("no answer")
        if number in faults.late:
            venue.arriving.append((venue.wall.at_ms + faults.late_ms, self.account, request))
            self.witness.moment()
            raise OutcomeUnknown("no answer")
        order_id = venue.accept(self.account, request)
        self.witness.moment()
        if number in faults.timeout_after:
            raise OutcomeUnknown("no answer")
        return order_id

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Return one order. OrderNotFound while it is hidden."""
        _read(self.venue)
        return self.venue.find(self.account, symbol, order_id=order_id, coid=client_order_id)

    async def open_orders(self, symbol: str) -> list[OrderState]:
        """Return orders that can still fill."""
        _read(self.venue)
        mine = [state for state in self.venue.of(self.account) if state.symbol == symbol]
        return [state for state in mine if not state.status.is_terminal and self.venue.is_visible(state)]

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:  # noqa: ARG002 all is recent
        """Return all orders of `symbol`."""
        _read(self.venue)
        mine = [state for state in self.venue.of(self.account) if state.symbol == symbol]
        return [state for state in mine if self.venue.is_visible(state)]

    async def fills(
        self,
        symbol: str,
        *,
        since_ms: int | None = None,  # noqa: ARG002 - all is recent
        order_id: str | None = None,
    ) -> list[Fill]:
        """Return executions, late or twice if that is the trouble."""
        _read(self.venue)
        late = self.venue.fill_looks.get(order_id or "", 0)
        if order_id is not None and late > 0:
            self.venue.fill_looks[order_id] = late - 1
            self.venue.changes += 1
            return []
        found = [
            fill
            for account, fill in self.venue.fills
            if account == self.account and fill.symbol == symbol and order_id in (None, fill.order_id)
        ]
        return found * 2 if self.venue.faults.repeat_fills else found

    async def cancel(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Cancel, or say that there is nothing to cancel."""
        state = self.venue.find(self.account, symbol, order_id=order_id, coid=client_order_id)
        if state.status.is_terminal:
            raise NothingToCancel("no such open order", code=-2011)
        ended = self.venue.end(state.order_id)
        self.witness.moment()
        return ended


def _read(venue: Venue) -> None:
    """Count a read; every so many-th gets no answer if that is the trouble."""
    if venue.faults.deaf_reads:
        venue.reads += 1
        if venue.reads % venue.faults.deaf_reads == 0:
            raise Unreachable("no answer")
