"""What the rest of the project may ask of an exchange, in unified names and exact numbers.

Protocols only. Implementations: public.py (market data over ccxt or plain HTTP), account.py (orders).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import polars as pl

from trading.market.clock import Clock
from trading.market.orders import Balance, Fill, OrderRequest, OrderState, Transfer
from trading.market.symbols import Market


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask of one symbol. Amounts in base units; `at` is market time of the answer."""

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_amount: Decimal
    ask_amount: Decimal
    at: datetime


class PublicGateway(Protocol):
    """Market data; needs no key. Reads are retried, rate-limited and validated."""

    @property
    def clock(self) -> Clock:
        """Market time, synchronised to the venue's `/time`."""
        ...

    @property
    def source(self) -> str:
        """Which way the listing came: "ccxt", "http" (the fallback), or "none" before the first."""
        ...

    async def sync_clock(self) -> None:
        """Compare our market clock with the venue's and correct offset and rate."""
        ...

    async def markets(self) -> list[Market]:
        """Return everything listed now, scannable or not, fresh from the venue."""
        ...

    async def tickers(self) -> pl.DataFrame:
        """Return `frames.TICKERS` of all listed symbols, in one call."""
        ...

    async def candles(
        self,
        symbol: str,
        timeframe: str,
        *,
        since_ms: int | None = None,
        limit: int = 500,
        on_rejected: Callable[[pl.DataFrame], None] | None = None,
    ) -> pl.DataFrame:
        """Return `frames.CANDLES`: closed, validated bars only, oldest first.

        Without `since_ms`, the `limit` slots before now; with it, the `limit` slots from there on.
        `on_rejected` gets `frames.QUARANTINE` rows of what was not believed, page by page, only when
        there are some; the unfinished last bar is normal and not among them.
        """
        ...

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return best bid and ask of those `symbols` that have both."""
        ...

    async def order_book(self, symbol: str, *, levels: int = 500) -> pl.DataFrame:
        """Return `frames.BOOK` of one symbol now, at most `levels` a side."""
        ...

    async def close(self) -> None:
        """Release nothing of its own: the pool owns the connections."""
        ...


# Writes down, durably, that an order may be out; see `AccountGateway.submit`.
BeforeWire = Callable[[], Awaitable[None]]


class AccountGateway(Protocol):
    """One account's orders, fills and balances. Writes are never retried."""

    async def balances(self) -> dict[str, Balance]:
        """Return asset -> balance."""
        ...

    async def transfers(self, since_ms: int) -> list[Transfer]:
        """Return deposits and withdrawals that were completed at or after `since_ms`, oldest first.

        Empty, too, where the key may not see the wallet's history: it proves nothing then.
        """
        ...

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        """Send an order, once, and return the venue's order id; nothing else is known from the reply.

        `before_wire` is awaited once, when the limiter has let the order through and before its first
        byte leaves: the moment to write down that it may be out. If it raises, nothing is sent.

        Raises
        ------
        OutcomeUnknown
            If no certain answer came (time-out, 5xx, garbage): reconcile by client order id.
        OrderRefused, RateLimited, BadCredentials, ClockSkew, Unreachable
            If certainly nothing was accepted.
        """
        ...

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Return one order; `OrderNotFound` if the venue does not know it now."""
        ...

    async def open_orders(self, symbol: str) -> list[OrderState]:
        """Return the orders of `symbol` that can still fill."""
        ...

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:
        """Return all orders of `symbol` created at or after `since_ms`, oldest first."""
        ...

    async def fills(
        self, symbol: str, *, since_ms: int | None = None, order_id: str | None = None
    ) -> list[Fill]:
        """Return executions of `symbol`, oldest first."""
        ...

    async def cancel(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Cancel an order and return its state afterwards."""
        ...
