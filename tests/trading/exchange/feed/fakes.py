"""A venue in memory: connections that obey the test, and gateways with canned answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.events import Candle, Kind, Stream, Trade, Value
from trading.exchange.feed.ports import Sink
from trading.exchange.gateway import BeforeWire, Quote
from trading.market.clock import ManualClock
from trading.market.errors import ExchangeError, OrderNotFound, UnknownSymbol, Unreachable
from trading.market.frames import CANDLES
from trading.market.orders import (
    Balance,
    Fill,
    OrderRequest,
    OrderState,
    OrderStatus,
    OrderType,
    Side,
)
from trading.market.timeframes import from_ms, timeframe, to_ms

START = datetime(2025, 3, 1, 12, tzinfo=UTC)
START_MS = to_ms(START)
MINUTE_MS = 60_000
BTC = Stream(Kind.QUOTES, "BTC/USDT")
BARS = Stream(Kind.CANDLES, "BTC/USDT", "1m")
PRINTS = Stream(Kind.TRADES, "BTC/USDT")
# A tenth of the patience of the real thing or less; nothing below asserts how long anything took.
QUICK = Bounds(
    quotes_s=0.4,
    candles_s=0.4,
    trades_s=0.4,
    connection_s=5.0,
    confirm_s=0.4,
    suspect_s=0.2,
    settle_s=0.1,
    echo_s=0.3,
    audit_s=60.0,
    poll_quotes_s=0.1,
    poll_candles_s=0.1,
    poll_trades_s=0.1,
    poll_account_s=0.1,
    backoff_s=0.05,
    backoff_most_s=0.2,
    stable_s=60.0,
    tick_s=0.02,
)


async def until(condition: Callable[[], object], patience_s: float = 20.0) -> None:
    """Wait until `condition()` holds; the patience is for a busy machine."""
    ends = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.01)


def quote(bid: str, at_s: float = 0.0, symbol: str = "BTC/USDT") -> Quote:
    price = Decimal(bid)
    return Quote(symbol, price, price + 1, Decimal(1), Decimal(2), from_ms(START_MS + int(at_s * 1000)))


def trade(price: str, at_ms: int, amount: str = "1", side: Side = Side.BUY) -> Trade:
    return Trade("BTC/USDT", side, Decimal(price), Decimal(amount), from_ms(START_MS + at_ms))


def candle(minute: int, close: str, said_s: float, *, closed: bool = False) -> Candle:
    """The bar that opens `minute` minutes after START, as told `said_s` seconds after START."""
    price = Decimal(close)
    return Candle(
        "BTC/USDT",
        "1m",
        from_ms(START_MS + minute * MINUTE_MS),
        price,
        price,
        price,
        price,
        Decimal(1),
        price,
        from_ms(START_MS + int(said_s * 1000)),
        closed,
    )


def fill(trade_id: str, at_ms: int = 0, order_id: str = "o1", symbol: str = "BTC/USDT") -> Fill:
    at = from_ms(START_MS + at_ms)
    one = Decimal(1)
    return Fill(symbol, order_id, trade_id, Side.BUY, one, one, one, Decimal(0), "USDT", False, at)


def order(
    order_id: str, status: OrderStatus = OrderStatus.OPEN, filled: str = "0", at_ms: int = 0
) -> OrderState:
    return OrderState(
        symbol="BTC/USDT",
        order_id=order_id,
        client_order_id=None,
        side=Side.BUY,
        type=OrderType.LIMIT,
        status=status,
        amount=Decimal(10),
        filled=Decimal(filled),
        filled_cost=Decimal(filled),
        price=Decimal(1),
        at=from_ms(START_MS + at_ms),
    )


@dataclass
class FakeConnection:
    """One connection; the test pushes over it, silences it, or cuts it."""

    source: "FakeSource"
    sink: Sink
    listen_key: str | None
    streams: set[Stream] = field(default_factory=set)
    is_open: bool = True
    is_ponging: bool = True
    subscriptions: list[Stream] = field(default_factory=list)
    last_pong_s: float = field(default_factory=time.monotonic)

    @property
    def heard_s(self) -> float:
        if self.is_ponging:
            self.last_pong_s = time.monotonic()
        return self.last_pong_s

    async def subscribe(self, streams: Sequence[Stream]) -> None:
        self.subscriptions += streams
        granted = [stream for stream in streams if stream not in self.source.blocked]
        self.streams |= set(granted)
        loop = asyncio.get_running_loop()
        if self.source.is_confirming:
            loop.call_soon(self.sink.confirmed, granted)
            blocked = [stream for stream in streams if stream in self.source.blocked]
            if blocked:
                loop.call_soon(self.sink.refused, blocked, "Blocked!")

    async def unsubscribe(self, streams: Sequence[Stream]) -> None:
        self.streams -= set(streams)

    async def close(self) -> None:
        self.is_open = False

    def push(self, stream: Stream, *values: Value, at: datetime = START) -> None:
        assert stream in self.streams
        self.sink.pushed(stream, values, at)

    def drop(self, reason: str = "cut by the test") -> None:
        self.is_open = False
        self.sink.ended(reason)


@dataclass
class FakeSource:
    """A `ports.StreamSource`: every connection it opened, in order."""

    connections: list[FakeConnection] = field(default_factory=list)
    blocked: set[Stream] = field(default_factory=set)
    is_up: bool = True
    is_confirming: bool = True
    attempts: int = 0

    def check(self, stream: Stream) -> None:
        """Everything exists here."""

    async def connect(self, sink: Sink, *, listen_key: str | None = None) -> FakeConnection:
        self.attempts += 1
        if not self.is_up:
            raise Unreachable("websocket: the test keeps the door shut")
        self.connections.append(FakeConnection(self, sink, listen_key))
        return self.connections[-1]

    @property
    def live(self) -> list[FakeConnection]:
        return [connection for connection in self.connections if connection.is_open]

    def on(self, stream: Stream) -> FakeConnection:
        return next(connection for connection in self.live if stream in connection.streams)


@dataclass
class FakePublic:
    """A `PublicGateway` as far as feeds need one."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START_MS))
    quoted: dict[str, Quote] = field(default_factory=dict)
    bars: dict[int, Candle] = field(default_factory=dict)
    delisted: set[str] = field(default_factory=set)
    is_up: bool = True
    calls: Counter[str] = field(default_factory=Counter)

    async def sync_clock(self) -> None:
        self._check("sync_clock")

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        self._check("quotes")
        for symbol in symbols:
            if symbol in self.delisted:
                raise UnknownSymbol(f"no symbol {symbol!r}")
        return {symbol: self.quoted[symbol] for symbol in symbols if symbol in self.quoted}

    async def candles(
        self, symbol: str, timeframe: str, *, since_ms: int | None = None, limit: int = 500
    ) -> pl.DataFrame:
        self._check("candles")
        assert since_ms is not None
        known = [bar for open_ms, bar in sorted(self.bars.items()) if open_ms >= since_ms][:limit]
        closed = [bar for bar in known if _end_ms(bar) <= self.clock.now_ms()]
        names = ("open", "high", "low", "close", "volume", "quote_volume")
        rows = [
            {"symbol": symbol, "open_time": bar.open_time}
            | {name: float(getattr(bar, name)) for name in names}
            for bar in closed
        ]
        return pl.DataFrame(rows, schema=CANDLES)

    def _check(self, name: str) -> None:
        self.calls[name] += 1
        if not self.is_up:
            raise Unreachable(f"{name}: the test keeps REST down")


def _end_ms(bar: Candle) -> int:
    return timeframe(bar.timeframe).next_ms(to_ms(bar.open_time))


@dataclass
class FakeTrades:
    """A `ports.TradeReader` that has all prints of the tape."""

    tape: list[Trade] = field(default_factory=list)
    is_up: bool = True
    calls: int = 0

    async def trades(self, symbol: str, since_ms: int) -> list[Trade]:
        self.calls += 1
        await asyncio.sleep(0)
        if not self.is_up:
            raise Unreachable("aggTrades: the test keeps REST down")
        return [print_ for print_ in self.tape if print_.symbol == symbol and to_ms(print_.at) >= since_ms]


@dataclass
class FakeAccount:
    """An `AccountGateway` whose truth the test writes."""

    states: dict[str, OrderState] = field(default_factory=dict)
    executions: list[Fill] = field(default_factory=list)
    is_up: bool = True
    calls: Counter[str] = field(default_factory=Counter)

    async def balances(self) -> dict[str, Balance]:
        self._check("balances")
        return {"USDT": Balance("USDT", Decimal(len(self.executions)), Decimal(0))}

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        self._check("submit")
        if before_wire is not None:
            await before_wire()
        return request.client_order_id

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        self._check("order")
        if order_id not in self.states:
            raise OrderNotFound("unknown")
        return self.states[order_id]

    async def open_orders(self, symbol: str) -> list[OrderState]:
        self._check("open_orders")
        return [o for o in self.states.values() if o.symbol == symbol and not o.status.is_terminal]

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:
        self._check("orders_since")
        return [o for o in self.states.values() if o.symbol == symbol and to_ms(o.at) >= since_ms]

    async def fills(
        self, symbol: str, *, since_ms: int | None = None, order_id: str | None = None
    ) -> list[Fill]:
        self._check("fills")
        return [f for f in self.executions if f.symbol == symbol and to_ms(f.at) >= (since_ms or 0)]

    async def cancel(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        return await self.order(symbol, order_id=order_id)

    def _check(self, name: str) -> None:
        self.calls[name] += 1
        if not self.is_up:
            raise Unreachable(f"{name}: the test keeps REST down")


@dataclass
class FakeKeys:
    """A `ports.ListenKeys`."""

    made: int = 0
    closed: int = 0
    is_known: bool = True
    refusal: ExchangeError | None = None
    due_s: float | None = None
    _key: str | None = None

    async def usable(self) -> str:
        if self.refusal is not None:
            raise self.refusal
        if self._key is None:
            self.made += 1
            self._key = f"key-{self.made}"
        return self._key

    async def keep(self) -> bool:
        if not self.is_known:
            self.is_known, self._key = True, None
            return False
        return True

    async def close(self) -> None:
        self.closed += 1
        self._key = None
