"""A venue in memory that helps nobody: it never de-duplicates client order ids, hides orders for a while,
lists fills twice, fills in parts, and loses answers before or after accepting. And a kill switch that ends
a "process" at any chosen operation, so that a restart can be tried from every point of the order path.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import polars as pl
import sqlalchemy as sa

from trading.exchange.gateway import BeforeWire, Quote
from trading.market.clock import ManualClock
from trading.market.errors import InsufficientFunds, OrderNotFound, OutcomeUnknown, RateLimited
from trading.market.orders import (
    Balance,
    Fill,
    OrderRequest,
    OrderState,
    OrderStatus,
    OrderType,
    Side,
    Transfer,
)
from trading.market.symbols import Market

D = Decimal
ONE = Decimal(1)


class Killed(BaseException):
    """The process is dead; nothing in it may catch this."""


@dataclass
class KillSwitch:
    """Counts operations; the one numbered `at` and all after it never happen. None = live for ever."""

    at: int | None = None
    count: int = 0

    def tick(self) -> None:
        if self.at is not None and self.count >= self.at:
            raise Killed
        self.count += 1

    def arm(self, engine: sa.Engine) -> None:
        """End the process before any commit, too."""
        sa.event.listen(engine, "commit", lambda _connection: self.tick())


@dataclass
class Faults:
    """What goes wrong, by the number of the submission (0 = first over all accounts)."""

    timeout_before: frozenset[int] = frozenset()  # never accepted, no answer
    timeout_after: frozenset[int] = frozenset()  # accepted, no answer
    limited: frozenset[int] = frozenset()  # 429: certainly not accepted
    hidden_looks: int = 0  # an accepted order is not found this many times
    parts: int = 1  # fills per order
    share: Decimal = ONE  # of an IOC order that finds a counterparty
    repeat_fills: bool = False  # the list of fills holds each twice
    late_fills: int = 0  # the list of fills is empty this many times
    fee_asset: str = "quote"  # quote | base | MX


@dataclass
class Venue:
    """Prices, accounts and orders. Money never disappears: balances follow fills and fees exactly."""

    clock: ManualClock
    faults: Faults = field(default_factory=Faults)
    markets: dict[str, Market] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    orders: list[tuple[str, OrderState]] = field(default_factory=list)
    fills: list[tuple[str, Fill]] = field(default_factory=list)
    balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    locked: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # a part of `balances`
    looks: dict[str, int] = field(default_factory=dict)
    fill_looks: dict[str, int] = field(default_factory=dict)
    submissions: int = 0
    requests: list[tuple[str, OrderRequest]] = field(default_factory=list)
    transfers: list[tuple[str, Transfer]] = field(default_factory=list)  # what the venue's history shows

    def list_pair(self, symbol: str, price: str, *, step: str = "0.001", min_cost: str = "5") -> None:
        base, quote = symbol.split("/")
        self.markets[symbol] = Market(
            symbol=symbol, exchange_id=base + quote, base=base, quote=quote, status="1",
            is_scannable=True, is_api_tradable=True, tick=D("0.01"), step=D(step), min_amount=D(step),
            min_cost=D(min_cost), max_cost=D(0), maker_fee=D("0.001"), taker_fee=D("0.001"),
        )  # fmt: skip
        self.prices[symbol] = D(price)

    def deposit(self, account: str, asset: str, amount: str) -> None:
        self.balances[account, asset] = self.balances.get((account, asset), D(0)) + D(amount)

    def of(self, account: str) -> list[OrderState]:
        """Everything ever accepted on an account, hidden or not: the truth to judge by."""
        return [state for owner, state in self.orders if owner == account]

    def accept(self, account: str, request: OrderRequest) -> str:
        order_id = f"C{len(self.orders)}"
        market = self.markets[request.symbol]
        base, quote = market.base, market.quote
        price = self.prices[request.symbol]
        amount, limit = request.amount, request.price
        assert amount is not None
        assert limit is not None
        crosses = price <= limit if request.side is Side.BUY else price >= limit
        wanted = market.floor_amount(amount * self.faults.share) if crosses else D(0)
        given, taken = (quote, base) if request.side is Side.BUY else (base, quote)
        need = amount * limit if request.side is Side.BUY else amount
        if self.balances.get((account, given), D(0)) < need:
            raise InsufficientFunds(f"{given} below {need}", code=30004)
        filled = cost = D(0)
        for amount_part in _split(wanted, self.faults.parts, market):
            fill = self._fill(account, order_id, request, price, amount_part, len(self.fills))
            self.fills.append((account, fill))
            sign = 1 if request.side is Side.BUY else -1
            self.deposit(account, base, str(sign * amount_part))
            self.deposit(account, quote, str(-sign * fill.cost))
            self.deposit(account, fill.fee_asset, str(-fill.fee))
            filled, cost = filled + amount_part, cost + fill.cost
        assert taken
        is_ioc = request.type is OrderType.IOC
        status = (
            OrderStatus.FILLED if filled == amount else OrderStatus.CANCELED if is_ioc else OrderStatus.OPEN
        )
        if is_ioc and D(0) < filled < amount:
            status = OrderStatus.PARTIALLY_CANCELED
        if not is_ioc and D(0) < filled < amount:
            status = OrderStatus.PARTIAL
        state = OrderState(
            symbol=request.symbol, order_id=order_id, client_order_id=request.client_order_id,
            side=request.side, type=request.type, status=status, amount=amount, filled=filled,
            filled_cost=cost, price=limit, at=self.clock.now(),
        )  # fmt: skip
        self.orders.append((account, state))
        self.looks[order_id] = self.faults.hidden_looks
        self.fill_looks[order_id] = self.faults.late_fills
        return order_id

    def _fill(
        self, account: str, order_id: str, request: OrderRequest, price: Decimal, amount: Decimal, number: int
    ) -> Fill:
        market = self.markets[request.symbol]
        kind = self.faults.fee_asset
        cost = amount * price
        fee, asset = cost * market.taker_fee, market.quote
        if kind == "base" and request.side is Side.BUY:
            fee, asset = amount * market.taker_fee, market.base
        if kind == "MX":
            fee, asset = cost * market.taker_fee / self.prices["MX/USDT"], "MX"
        return Fill(
            symbol=request.symbol, order_id=order_id, trade_id=f"T{number}", side=request.side, price=price,
            amount=amount, cost=cost, fee=fee, fee_asset=asset, is_maker=False, at=self.clock.now(),
        )  # fmt: skip

    def replace_order(self, order_id: str, **changes: object) -> OrderState:
        for index, (account, state) in enumerate(self.orders):
            if state.order_id == order_id:
                self.orders[index] = (account, replace(state, **changes))
                return self.orders[index][1]
        raise OrderNotFound(order_id, code=-2013)


def _split(amount: Decimal, parts: int, market: Market) -> list[Decimal]:
    if amount <= 0:
        return []
    piece = market.floor_amount(amount / parts)
    if piece <= 0 or parts == 1:
        return [amount]
    return [piece] * (parts - 1) + [amount - piece * (parts - 1)]


@dataclass
class FakePublic:
    """A PublicGateway over the venue."""

    venue: Venue
    switch: KillSwitch
    source: str = "fake"

    @property
    def clock(self) -> ManualClock:
        return self.venue.clock

    async def sync_clock(self) -> None:
        self.switch.tick()

    async def markets(self) -> list[Market]:
        return list(self.venue.markets.values())

    async def tickers(self) -> pl.DataFrame:
        raise AssertionError("the engine asks for no tickers")

    async def candles(
        self, symbol: str, timeframe: str, *, since_ms: int | None = None, limit: int = 500
    ) -> pl.DataFrame:
        raise AssertionError("the engine asks for no candles")

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        self.switch.tick()
        return {
            symbol: Quote(symbol, price, price, D(1000), D(1000), self.venue.clock.now())
            for symbol, price in self.venue.prices.items()
            if symbol in symbols and price > 0
        }

    async def order_book(self, symbol: str, *, levels: int = 500) -> pl.DataFrame:
        price = float(self.venue.prices[symbol])
        rows = [("ask", price, 1000.0), ("bid", price, 1000.0)]
        return pl.DataFrame(rows, schema=["side", "price", "amount"], orient="row")

    async def close(self) -> None:
        pass


@dataclass
class FakeAccount:
    """An AccountGateway over one account of the venue; every call is two points at which to die."""

    venue: Venue
    account: str
    switch: KillSwitch

    async def balances(self) -> dict[str, Balance]:
        self.switch.tick()
        return {
            asset: Balance(asset, total - locked, locked)
            for (account, asset), total in self.venue.balances.items()
            if account == self.account
            for locked in [self.venue.locked.get((account, asset), D(0))]
        }

    async def transfers(self, since_ms: int) -> list[Transfer]:
        self.switch.tick()
        return [one for owner, one in self.venue.transfers if owner == self.account]

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        self.switch.tick()  # dies while the order waits for the limiter
        if before_wire is not None:
            await before_wire()
        self.switch.tick()  # dies between the log's SENT and the first byte
        faults, number = self.venue.faults, self.venue.submissions
        self.venue.submissions += 1
        self.venue.requests.append((self.account, request))
        if number in faults.limited:
            raise RateLimited("too many", code=429, retry_after_s=0.1)
        if number in faults.timeout_before:
            raise OutcomeUnknown("no answer")
        order_id = self.venue.accept(self.account, request)
        self.switch.tick()
        if number in faults.timeout_after:
            raise OutcomeUnknown("no answer")
        return order_id

    def _visible(self, state: OrderState) -> bool:
        left = self.venue.looks[state.order_id]
        self.venue.looks[state.order_id] = max(0, left - 1)
        return left == 0

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        self.switch.tick()
        for state in self.venue.of(self.account):
            if state.symbol == symbol and (
                state.order_id == order_id or (order_id is None and state.client_order_id == client_order_id)
            ):
                if self._visible(state):
                    return state
                break
        raise OrderNotFound("unknown order", code=-2013)

    async def open_orders(self, symbol: str) -> list[OrderState]:
        self.switch.tick()
        states = [state for state in self.venue.of(self.account) if state.symbol == symbol]
        return [state for state in states if not state.status.is_terminal and self._visible(state)]

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:
        self.switch.tick()
        states = [state for state in self.venue.of(self.account) if state.symbol == symbol]
        return [state for state in states if self._visible(state)]

    async def fills(
        self, symbol: str, *, since_ms: int | None = None, order_id: str | None = None
    ) -> list[Fill]:
        self.switch.tick()
        if order_id is not None and self.venue.fill_looks.get(order_id, 0) > 0:
            self.venue.fill_looks[order_id] -= 1
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
        self.switch.tick()
        state = await self.order(symbol, order_id=order_id, client_order_id=client_order_id)
        if state.status.is_terminal:
            raise OrderNotFound("no such open order", code=-2011)
        status = OrderStatus.CANCELED if state.filled == 0 else OrderStatus.PARTIALLY_CANCELED
        return self.venue.replace_order(state.order_id, status=status)
