"""An exchange in memory that helps nobody, and that can be copied between two operations.

It never de-duplicates client order ids, lets a request arrive after its sender died, hides orders for a
while, lists executions twice or late, fills in parts and out of thin books, loses answers before and after
accepting, takes fees in any asset, refuses for definite reasons, and moves prices by market time alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from trading.market.clock import ManualClock
from trading.market.errors import BelowMinimum, InsufficientFunds, OrderNotFound, OrderRefused
from trading.market.orders import Fill, OrderRequest, OrderState, OrderStatus, OrderType, Side
from trading.market.symbols import Market

D = Decimal
ZERO, ONE = D(0), D(1)
FEE = D("0.001")
FEE_COIN = "MX"
TICK, STEP, MIN_COST = D("0.01"), D("0.001"), D(5)


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, by the number of the submission (0 = first over all accounts); immutable."""

    timeout_before: frozenset[int] = frozenset()  # never accepted, no answer
    timeout_after: frozenset[int] = frozenset()  # accepted, no answer
    late: frozenset[int] = frozenset()  # no answer, accepted `late_ms` later whatever became of the sender
    limited: frozenset[int] = frozenset()  # 429: certainly not accepted
    refused: frozenset[int] = frozenset()  # a definite refusal (price band)
    late_ms: int = 1_200  # wall time; below the engine's patience
    hidden_looks: int = 0  # an accepted order is not found this many times
    hidden_ms: int = 0  # ... nor for so long, however often it is looked for: longer than a restart takes
    parts: int = 1  # executions per fill
    shares: tuple[Decimal, ...] = (ONE,)  # of what an order finds at its price, by its number, in turn
    repeat_fills: bool = False  # the list of executions holds each twice
    late_fills: int = 0  # the list of executions is empty this many times
    fee_asset: str = "quote"  # quote | base | MX
    deaf_reads: int = 0  # every so many-th read gets no answer; 0 = never

    @property
    def last(self) -> int:
        """The number of the first submission after which nothing of this kind happens any more."""
        every = self.timeout_before | self.timeout_after | self.late | self.limited | self.refused
        return max(every, default=-1) + 1


@dataclass(frozen=True, slots=True)
class Path:
    """A symbol's price by market time: (ms since the start, price), flat between; None = not listed then."""

    turns: tuple[tuple[int, Decimal | None], ...]

    def at(self, since_ms: int) -> Decimal | None:
        """Return the price then."""
        price: Decimal | None = None
        for at_ms, value in self.turns:
            if at_ms > since_ms:
                break
            price = value
        return price


@dataclass(slots=True)
class Venue:
    """Prices, accounts and orders. Money never disappears: balances follow executions and fees exactly."""

    clock: ManualClock
    wall: ManualClock
    start_ms: int
    paths: dict[str, Path]
    faults: Faults = field(default_factory=Faults)
    orders: list[tuple[str, OrderState]] = field(default_factory=list)
    fills: list[tuple[str, Fill]] = field(default_factory=list)
    balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    shown_ms: dict[str, int] = field(default_factory=dict)  # order -> wall time from which it can be found
    fill_looks: dict[str, int] = field(default_factory=dict)
    arriving: list[tuple[int, str, OrderRequest]] = field(default_factory=list)
    submissions: int = 0
    reads: int = 0
    requests: tuple[tuple[str, OrderRequest], ...] = ()
    changes: int = 0  # grows with everything that a process which dies now leaves behind here

    def copy(self) -> "Venue":
        """Return a venue of its own in the same state; what is immutable is shared."""
        return replace(
            self,
            clock=ManualClock(self.clock.at_ms),
            wall=ManualClock(self.wall.at_ms),
            orders=list(self.orders),
            fills=list(self.fills),
            balances=dict(self.balances),
            looks=dict(self.looks),
            shown_ms=dict(self.shown_ms),
            fill_looks=dict(self.fill_looks),
            arriving=list(self.arriving),
        )

    def key(self) -> object:
        """Return what decides what happens here from now on, besides the time, in a form to compare."""
        faults = self.faults
        return (
            [(account, _told(state)) for account, state in self.orders],
            len(self.fills),
            sorted((name, amount) for name, amount in self.balances.items() if amount),
            sorted(item for item in self.looks.items() if item[1]),
            sorted(
                (name, at - self.wall.at_ms) for name, at in self.shown_ms.items() if at > self.wall.at_ms
            ),
            sorted(item for item in self.fill_looks.items() if item[1]),
            [(at - self.wall.at_ms, name, request.client_order_id) for at, name, request in self.arriving],
            min(self.submissions, faults.last),
            self.reads % faults.deaf_reads if faults.deaf_reads else 0,
        )

    # --- the market -----------------------------------------------------------------------------

    def price(self, symbol: str) -> Decimal | None:
        """Return what one base unit costs now, None if the symbol does not trade."""
        if symbol == f"{FEE_COIN}/USDT":
            return D(2)
        path = self.paths.get(symbol)
        return None if path is None else path.at(self.clock.at_ms - self.start_ms)

    def markets(self) -> list[Market]:
        """Return what is listed; a symbol that stopped trading still is."""
        return [_market(symbol) for symbol in (*self.paths, f"{FEE_COIN}/USDT")]

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Move money in (out if below 0)."""
        self.balances[account, asset] = self.balances.get((account, asset), ZERO) + amount

    def advance(self, wall_ms: int, market_ms: int) -> None:
        """Let time pass: requests on their way arrive, resting orders meet the price."""
        self.wall.advance(wall_ms)
        self.clock.advance(market_ms)
        due = [item for item in self.arriving if item[0] <= self.wall.at_ms]
        self.arriving = [item for item in self.arriving if item[0] > self.wall.at_ms]
        for _, account, request in due:
            try:
                self.accept(account, request)
            except OrderRefused:
                continue
        for number, (account, state) in enumerate(self.orders):
            if not state.status.is_terminal:
                self._meet(number, account, state)

    # --- orders ---------------------------------------------------------------------------------

    def of(self, account: str) -> Iterable[OrderState]:
        """Return everything ever accepted on an account, hidden or not: the truth to judge by."""
        return (state for owner, state in self.orders if owner == account)

    def locked(self, account: str, asset: str) -> Decimal:
        """Return what resting orders hold back."""
        held = ZERO
        for state in self.of(account):
            if state.status.is_terminal:
                continue
            base, quote = state.symbol.split("/")
            left, price = state.amount - state.filled, state.price or ZERO
            if state.side is Side.BUY and asset == quote:
                held += left * price
            if state.side is Side.SELL and asset == base:
                held += left
        return held

    def accept(self, account: str, request: OrderRequest) -> str:
        """Take an order, or refuse it for sure; return its id."""
        amount, limit = request.amount, request.price
        assert amount is not None
        assert limit is not None
        if self.price(request.symbol) is None:
            raise OrderRefused(f"{request.symbol} does not trade", code=30_016)
        if amount * limit < MIN_COST:
            raise BelowMinimum(f"{amount * limit} is below {MIN_COST}", code=30_002)
        base, quote = request.symbol.split("/")
        given, need = (quote, amount * limit) if request.side is Side.BUY else (base, amount)
        if self.balances.get((account, given), ZERO) - self.locked(account, given) < need:
            raise InsufficientFunds(f"{given} below {need}", code=30_004)
        number = len(self.orders)
        order_id = f"C{number}"
        state = OrderState(
            symbol=request.symbol, order_id=order_id, client_order_id=request.client_order_id,
            side=request.side, type=request.type, status=OrderStatus.OPEN, amount=amount, filled=ZERO,
            filled_cost=ZERO, price=limit, at=self.clock.now(),
        )  # fmt: skip
        self.orders.append((account, state))
        self.looks[order_id], self.fill_looks[order_id] = self.faults.hidden_looks, self.faults.late_fills
        if self.faults.hidden_ms:
            self.shown_ms[order_id] = self.wall.at_ms + self.faults.hidden_ms
        self._meet(number, account, state)
        if request.type is OrderType.IOC:
            self.end(order_id)
        self.changes += 1
        return order_id

    def end(self, order_id: str) -> OrderState:
        """Cancel what is left of an order; a filled one stays filled."""
        number = int(order_id[1:])
        account, state = self.orders[number]
        if not state.status.is_terminal:
            status = OrderStatus.CANCELED if state.filled == 0 else OrderStatus.PARTIALLY_CANCELED
            state = replace(state, status=status)
            self.orders[number] = (account, state)
            self.changes += 1
        return state

    def _meet(self, number: int, account: str, state: OrderState) -> None:
        """Execute what the order finds at today's price."""
        price, limit = self.price(state.symbol), state.price or ZERO
        if price is None or (price > limit if state.side is Side.BUY else price < limit):
            return
        shares = self.faults.shares
        left = state.amount - state.filled
        share = shares[(number + len(self.fills)) % len(shares)]
        wanted = left if share == ONE else left * share // STEP * STEP
        for part in _split(wanted, self.faults.parts):
            fill = self._fill(state, price, part)
            self.fills.append((account, fill))
            base, quote = state.symbol.split("/")
            sign = 1 if state.side is Side.BUY else -1
            self.deposit(account, base, sign * part)
            self.deposit(account, quote, -sign * fill.cost)
            self.deposit(account, fill.fee_asset, -fill.fee)
            filled = state.filled + part
            status = OrderStatus.FILLED if filled == state.amount else OrderStatus.PARTIAL
            cost = state.filled_cost + fill.cost
            state = replace(state, filled=filled, filled_cost=cost, status=status)
        if wanted > 0:
            self.orders[number] = (account, state)
            self.changes += 1

    def _fill(self, state: OrderState, price: Decimal, amount: Decimal) -> Fill:
        base, quote = state.symbol.split("/")
        cost = amount * price
        fee, asset = cost * FEE, quote
        if self.faults.fee_asset == "base" and state.side is Side.BUY:
            fee, asset = amount * FEE, base
        if self.faults.fee_asset == FEE_COIN:
            fee, asset = cost * FEE / 2, FEE_COIN
        return Fill(
            symbol=state.symbol, order_id=state.order_id, trade_id=f"T{len(self.fills)}", side=state.side,
            price=price, amount=amount, cost=cost, fee=fee, fee_asset=asset, is_maker=False,
            at=self.clock.now(),
        )  # fmt: skip

    def find(self, account: str, symbol: str, *, order_id: str | None, coid: str | None) -> OrderState:
        """Return one order if it can be seen already. OrderNotFound else."""
        for state in self.of(account):
            is_it = state.order_id == order_id if order_id is not None else state.client_order_id == coid
            if is_it and state.symbol == symbol:
                if self.is_visible(state):
                    return state
                break
        raise OrderNotFound("unknown order", code=-2013)

    def is_visible(self, state: OrderState) -> bool:
        """Whether a look finds the order; each look in vain brings that nearer, and time does."""
        if self.shown_ms.get(state.order_id, 0) > self.wall.at_ms:
            return False
        left = self.looks[state.order_id]
        if left:
            self.looks[state.order_id] = left - 1
            self.changes += 1
        return left == 0


def _told(state: OrderState) -> tuple[str, str, str, Decimal, Decimal]:
    return (state.order_id, state.client_order_id or "", state.status.value, state.amount, state.filled)


def _split(amount: Decimal, parts: int) -> list[Decimal]:
    piece = amount / parts // STEP * STEP
    if amount <= 0:
        return []
    if piece <= 0 or parts == 1:
        return [amount]
    return [piece] * (parts - 1) + [amount - piece * (parts - 1)]


_MARKETS: dict[str, Market] = {}


def _market(symbol: str) -> Market:
    if symbol not in _MARKETS:
        base, quote = symbol.split("/")
        _MARKETS[symbol] = Market(
            symbol=symbol, exchange_id=base + quote, base=base, quote=quote, status="1", is_scannable=True,
            is_api_tradable=True, tick=TICK, step=STEP, min_amount=STEP, min_cost=MIN_COST, max_cost=ZERO,
            maker_fee=FEE, taker_fee=FEE,
        )  # fmt: skip
    return _MARKETS[symbol]
