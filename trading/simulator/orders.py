"""Orders and trades as the exchange keeps them, and where to find them again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from trading.simulator.accounts import FeeAsset


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"


class Kind(StrEnum):
    """Order types MEXC spot takes."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    IOC = "IMMEDIATE_OR_CANCEL"
    FOK = "FILL_OR_KILL"


class Status(StrEnum):
    """Where an order stands, in MEXC's words."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PARTIALLY_CANCELED = "PARTIALLY_CANCELED"


# Kinds that may wait in the book; the others are done before the answer is sent.
PATIENT = frozenset({Kind.LIMIT, Kind.LIMIT_MAKER})
NO_PRICE = 2**63
OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A checked wish to trade.

    `price` in ticks (0 for MARKET: its protection price is made later), `quantity` in steps or None,
    `budget` in quote atoms or None; exactly one of the two is set.
    """

    symbol: str
    side: Side
    kind: Kind
    price: int
    quantity: int | None
    budget: int | None
    client_order_id: str | None


@dataclass(slots=True)
class Order:
    """One accepted order. Prices in ticks, amounts in steps, `spent` and `locked` in atoms.

    `locked` is what is still reserved in `account_key`'s wallet for it: quote for a buy, base for a
    sell. `budget` is the quoteOrderQty of a market order that was given by cost. `fee_asset` is the
    account's choice at the time of the order. `era` is the trading stretch whose ticks and steps these
    are. `most` is how many steps may ever fill (None: all): a
    fault on purpose.
    """

    order_id: str
    sequence: int
    account_key: str
    symbol: str
    side: Side
    kind: Kind
    price: int
    quantity: int
    budget: int | None
    client_order_id: str | None
    created_ms: int
    updated_ms: int
    fee_asset: FeeAsset = FeeAsset.QUOTE
    status: Status = Status.NEW
    executed: int = 0
    spent: int = 0
    locked: int = 0
    era: int = 0
    most: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still fill."""
        return self.status in OPEN

    @property
    def remaining(self) -> int:
        """Steps not yet filled."""
        return self.quantity - self.executed

    @property
    def fillable(self) -> int:
        """Steps that may still fill."""
        return self.remaining if self.most is None else max(0, self.most - self.executed)


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill. `cost` quote atoms, `fee` atoms of `fee_asset`."""

    trade_id: str
    order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    price: int
    quantity: int
    cost: int
    fee: int
    fee_asset: str
    is_maker: bool
    at_ms: int


def order_id(at_ms: int, sequence: int) -> str:
    """Return an id of the form recorded from MEXC: ``C02__`` and 21 digits; never repeats."""
    return f"C02__{at_ms:013d}{sequence % 10**8:08d}"


def trade_id(order: str, executed: int) -> str:
    """Return the id of the fill that brought an order to `executed` steps: 32 hex digits."""
    return blake2b(f"{order}|{executed}".encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Resting:
    """The open orders of one symbol, with the outermost prices at which any of them can fill.

    The bounds may be wider than the truth after an order has gone, never narrower.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    highest_buy: int = -1
    lowest_sell: int = NO_PRICE
    is_loose: bool = False

    def add(self, order: Order) -> None:
        """Take an open order in (again)."""
        self.orders[order.order_id] = order
        if order.side is Side.BUY:
            self.highest_buy = max(self.highest_buy, order.price)
        else:
            self.lowest_sell = min(self.lowest_sell, order.price)

    def remove(self, order: Order) -> None:
        """Let an order go."""
        if self.orders.pop(order.order_id, None) is not None:
            self.is_loose = self.is_loose or order.price in (self.highest_buy, self.lowest_sell)

    def may_cross(self, low: int, high: int) -> bool:
        """Return whether a path between `low` and `high` can reach any of the orders."""
        if self.is_loose:
            self._tighten()
        return low <= self.highest_buy or high >= self.lowest_sell

    def _tighten(self) -> None:
        buys = (order.price for order in self.orders.values() if order.side is Side.BUY)
        sells = (order.price for order in self.orders.values() if order.side is Side.SELL)
        self.highest_buy, self.lowest_sell = max(buys, default=-1), min(sells, default=NO_PRICE)
        self.is_loose = False


@dataclass(slots=True)
class _Shelf:
    by_id: dict[str, Order] = field(default_factory=dict)
    by_client: dict[str, list[Order]] = field(default_factory=lambda: defaultdict(list))
    by_symbol: dict[str, list[Order]] = field(default_factory=lambda: defaultdict(list))
    open: dict[str, Order] = field(default_factory=dict)
    trades: dict[str, list[Trade]] = field(default_factory=lambda: defaultdict(list))


class OrderStore:
    """All orders and trades, per account, and the resting orders per symbol.

    A client order id is no key: the same one may stand on any number of orders, as MEXC allows.
    """

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = defaultdict(_Shelf)
        self.resting: dict[str, Resting] = defaultdict(Resting)
        self.sequence = 0
        self.changes = 0
        # For whoever saves: accounts with something new, and rows that will never change again.
        self.dirty: set[str] = set()
        self.journal: list[tuple[str, Order | Trade]] | None = None

    def add(self, order: Order) -> None:
        """File a new order."""
        shelf = self._shelves[order.account_key]
        shelf.by_id[order.order_id] = order
        shelf.by_symbol[order.symbol].append(order)
        if order.client_order_id is not None:
            shelf.by_client[order.client_order_id].append(order)
        self.note(order)

    def note(self, order: Order) -> None:
        """Take notice of an order's new status."""
        self.touch(order.account_key)
        shelf = self._shelves[order.account_key]
        if order.is_open:
            shelf.open[order.order_id] = order
            if order.kind in PATIENT:
                self.resting[order.symbol].add(order)
            return
        shelf.open.pop(order.order_id, None)
        if self.journal is not None:
            self.journal.append((order.account_key, order))
        resting = self.resting.get(order.symbol)
        if resting is not None:
            resting.remove(order)
            if not resting.orders:
                del self.resting[order.symbol]

    def touch(self, account_key: str) -> None:
        """Take notice that something about an account has changed."""
        self.changes += 1
        self.dirty.add(account_key)

    def start_journal(self) -> None:
        """Write down from now on what will never change again, beginning with all there is."""
        self.journal = []
        for key, orders, trades in self.everything():
            self.journal += [(key, order) for order in orders if not order.is_open]
            self.journal += [(key, trade) for trade in trades]

    def add_trade(self, account_key: str, trade: Trade) -> None:
        """File a fill."""
        self.touch(account_key)
        if self.journal is not None:
            self.journal.append((account_key, trade))
        self._shelves[account_key].trades[trade.symbol].append(trade)

    def find(
        self, account_key: str, symbol: str, *, order_id: str | None, client_order_id: str | None
    ) -> Order | None:
        """Return an account's order by id, or the newest (open ones first) of a client order id."""
        shelf = self._shelves.get(account_key)
        if shelf is None:
            return None
        if order_id is not None:
            order = shelf.by_id.get(order_id)
            return order if order is not None and order.symbol == symbol else None
        same = [o for o in shelf.by_client.get(client_order_id or "", ()) if o.symbol == symbol]
        return next((o for o in reversed(same) if o.is_open), same[-1] if same else None)

    def era_of(self, account_key: str, order_id: str) -> int:
        """Return the trading stretch in whose units an account's order (and its fills) stand."""
        order = self._shelves[account_key].by_id.get(order_id)
        return 0 if order is None else order.era

    def open_orders(self, account_key: str, symbol: str | None = None) -> list[Order]:
        """Return an account's open orders, newest first."""
        shelf = self._shelves.get(account_key)
        orders = () if shelf is None else shelf.open.values()
        return [o for o in reversed(list(orders)) if symbol is None or o.symbol == symbol]

    def open_count(self, account_key: str) -> int:
        """Return how many orders of an account are open."""
        shelf = self._shelves.get(account_key)
        return 0 if shelf is None else len(shelf.open)

    def orders(self, account_key: str, symbol: str) -> list[Order]:
        """Return all orders of an account in a symbol, oldest first."""
        shelf = self._shelves.get(account_key)
        return [] if shelf is None else shelf.by_symbol.get(symbol, [])

    def trades(self, account_key: str, symbol: str) -> list[Trade]:
        """Return all fills of an account in a symbol, oldest first."""
        shelf = self._shelves.get(account_key)
        return [] if shelf is None else shelf.trades.get(symbol, [])

    def everything(self) -> Iterator[tuple[str, Iterable[Order], Iterable[Trade]]]:
        """Yield (account key, its orders, its trades) for all accounts: for saving."""
        for key, shelf in self._shelves.items():
            yield key, shelf.by_id.values(), (t for trades in shelf.trades.values() for t in trades)
