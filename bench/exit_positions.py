"""Open positions by the thousand, and a venue in this process that takes exits (for `bench.leaving`).

Not a benchmark.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from trading.exchange.feed.events import Kind
from trading.exchange.gateway import BeforeWire, Quote
from trading.exchange.throttle import Limiter, Priority, chosen_priority
from trading.market.clock import SystemClock
from trading.market.orders import Balance, Fill, OrderRequest, OrderState, OrderStatus
from trading.market.symbols import Market
from trading.store.order_log import OrderLog, schema
from trading.users.directory import Directory
from trading.users.user import User

PER_USER = 10
PAID = Decimal(100)
# By the end of a column's name; None = now. All others hold exact numbers.
_ZEROS: dict[str, type | None] = {"_ms": None, "_unpriced": int, "attempt": int, "mode": str, "exits": str}


class Venue:
    """Prices that are pushed, orders that fill at once; `sent`: user, wall time, limit of each exit."""

    source = "bench"

    def __init__(self, symbols: int) -> None:
        self.tick, one = Decimal("0.01"), Decimal("0.001")
        names = [f"S{number:03}/USDT" for number in range(symbols)]
        self.listed = {
            name: Market(
                name, name.replace("/", ""), name[:4], "USDT", "1", True, True, self.tick, one, one,
                Decimal(1), Decimal(0), Decimal(0), Decimal(0),
            )
            for name in names
        }  # fmt: skip
        self.prices = dict.fromkeys(names, PAID)
        self.stops: dict[str, list[Decimal]] = {name: [] for name in names}
        self.sent: list[tuple[str, float, Decimal]] = []
        self.cpu_s: list[float] = []  # of this process when each exit left
        self.told: Callable[[Kind, Any], None] = lambda _kind, _value: None
        self.entries = 0
        self.entries_since = 0.0
        self.clock = SystemClock()

    def next_stop(self, symbol: str) -> Decimal:
        """Return a bid one tick below the highest stop of a symbol that was not asked for yet."""
        self.stops[symbol].sort()
        return self.stops[symbol].pop() - self.tick

    def account(self, user_id: str, limiter: Limiter) -> "Account":
        """Return a user's account."""
        return Account(self, user_id, limiter)

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return what was pushed last."""
        many, now = Decimal(10**9), datetime.now(UTC)
        return {
            name: Quote(name, self.prices[name], self.prices[name] + self.tick, many, many, now)
            for name in symbols
        }

    async def order_book(self, symbol: str, *, levels: int = 500) -> pl.DataFrame:
        """Return one deep level a side."""
        bid = float(self.prices[symbol])
        rows = [("bid", bid, 1e9), ("ask", bid + 0.01, 1e9)][:levels]
        return pl.DataFrame(rows, schema=["side", "price", "amount"], orient="row")


class Account:
    """An account whose orders pass the limiter, fill whole, and are told of a moment later."""

    def __init__(self, venue: Venue, user_id: str, limiter: Limiter) -> None:
        self._venue, self._user_id, self._limiter = venue, user_id, limiter

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        """Take an order."""
        await self._limiter.acquire(1, chosen_priority(Priority.ENTRY))
        if before_wire is not None:
            await before_wire()
        assert request.amount is not None
        assert request.price is not None
        venue = self._venue
        venue.sent.append((self._user_id, time.monotonic(), request.price))
        venue.cpu_s.append(time.process_time())
        order_id, price, now = f"C{len(venue.sent)}", venue.prices[request.symbol], datetime.now(UTC)
        cost = request.amount * price
        fill = Fill(
            request.symbol, order_id, f"T{order_id}", request.side, price, request.amount, cost, Decimal(0),
            "USDT", False, now,
        )  # fmt: skip
        state = OrderState(
            request.symbol, order_id, request.client_order_id, request.side, request.type,
            OrderStatus.FILLED, request.amount, request.amount, cost, request.price, now,
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, venue.told, Kind.FILLS, fill)
        loop.call_later(0.02, venue.told, Kind.ORDERS, state)
        return order_id

    async def balances(self) -> dict[str, Balance]:
        """Return enough of everything."""
        return {name[:4]: Balance(name[:4], Decimal(10**6), Decimal(0)) for name in self._venue.prices}


def hold(log: OrderLog, venue: Venue, positions: int) -> None:
    """Write open trades into a log: one unit at 100, each with its own stop, 2 to 20 % below."""
    now_ms = venue.clock.now_ms()
    symbols = sorted(venue.prices)
    users = positions // PER_USER
    for number in range(users):
        Directory(log).add(User(user_id=f"u{number:04}", name=f"User {number}", account=f"demo:{number}"))
    intents, trades, fills = [], [], []
    for number in range(positions):
        user, symbol = f"u{number % users:04}", symbols[number % len(symbols)]
        depth = number // len(symbols)  # of this symbol
        step = Decimal("0.18") / max(1, positions // len(symbols))
        stop = (Decimal("0.02") + step * depth).quantize(Decimal("0.0001"))
        venue.stops[symbol].append((PAID * (1 - stop)).quantize(venue.tick))
        common: dict[str, Any] = {
            "trade_id": f"t{number}", "user_id": user, "signal_set_id": f"set{number}", "symbol": symbol,
            "signal_id": "sig", "approval_id": "app", "stop_loss": stop, "take_profit": Decimal("0.5"),
        }  # fmt: skip
        intents.append(
            common
            | {
                "coid": f"c{number}", "intent_id": f"i{number}", "leg": "open", "attempt": 1, "side": "buy",
                "type": "ioc", "amount": Decimal(1), "price": PAID, "reserved": Decimal(0),
                "max_hold_s": 864_000, "expires_ms": now_ms, "created_ms": now_ms, "status": "DONE",
                "order_id": f"O{number}", "filled": Decimal(1), "filled_cost": PAID,
            }
        )  # fmt: skip
        trades.append(
            common
            | {
                "mode": "paper", "is_closed": False, "version": 1, "bought": Decimal(1), "bought_cost": PAID,
                "stop_price": PAID * (1 - stop), "target_price": PAID * Decimal("1.5"),
                "deadline_ms": now_ms + 864_000_000, "opened_ms": now_ms,
            }
        )  # fmt: skip
        fills.append(
            {
                "user_id": user, "order_id": f"O{number}", "fill_id": f"F{number}", "coid": f"c{number}",
                "trade_id": f"t{number}", "symbol": symbol, "side": "buy", "price": PAID,
                "amount": Decimal(1), "cost": PAID, "fee": Decimal(0), "fee_asset": "USDT",
                "fee_quote": Decimal(0), "is_maker": False, "at_ms": now_ms, "booked_wall_ms": now_ms,
            }
        )  # fmt: skip
    with log.database.write() as connection:
        for table, rows in ((schema.intents, intents), (schema.trades, trades), (schema.fills, fills)):
            connection.execute(table.insert(), [_whole(table, row, now_ms) for row in rows])


def _whole(table: sa.Table, row: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """Return `row` with a zero of its kind in every column that must have one."""
    for column in table.columns:
        if column.name in row or column.nullable or column.default is not None or column.server_default:
            continue
        kind = next((kind for name, kind in _ZEROS.items() if column.name.endswith(name)), Decimal)
        row[column.name] = now_ms if kind is None else kind()
    return row
