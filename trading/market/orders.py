"""Orders, fills and signal sets: immutable messages with exact numbers."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.market.exit_terms import ExitTerms

PLAIN = ExitTerms()


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order meets the book."""

    LIMIT = "limit"
    MARKET = "market"
    LIMIT_MAKER = "limit_maker"
    IOC = "ioc"
    FOK = "fok"


class OrderStatus(StrEnum):
    """What the venue says of an order."""

    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELED = "canceled"
    PARTIALLY_CANCELED = "partially_canceled"
    REJECTED = "rejected"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more can fill."""
        return self not in (OrderStatus.OPEN, OrderStatus.PARTIAL)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What we ask of the venue. `amount` in base units; a market buy may give `cost` in quote instead."""

    symbol: str
    side: Side
    type: OrderType
    client_order_id: str
    amount: Decimal | None = None
    price: Decimal | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderState:
    """What the venue knows of an order. `filled` in base, `filled_cost` in quote units."""

    symbol: str
    order_id: str
    client_order_id: str | None
    side: Side
    type: OrderType
    status: OrderStatus
    amount: Decimal
    filled: Decimal
    filled_cost: Decimal
    price: Decimal | None
    at: datetime

    @property
    def average(self) -> Decimal | None:
        """Average fill price, or None before the first fill."""
        return None if self.filled == 0 else self.filled_cost / self.filled


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution as the venue reports it. `fee` is in units of `fee_asset`."""

    symbol: str
    order_id: str
    trade_id: str
    side: Side
    price: Decimal
    amount: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """Coins that came to an account (`amount` above 0) or left it, as the venue's history has it."""

    transfer_id: str
    asset: str
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """Free and locked units of one asset."""

    asset: str
    free: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class TradeSignal:
    """One symbol's entry inside a signal set, with its exits and the ids it rests on.

    `limit_price` bounds the entry; `stop_loss` and `take_profit` are fractions of the entry price (0.02 =
    2 %), None = not used; `max_hold_s` is in market seconds; `exits` are the other rules that end the trade.
    `signal_id` and `approval_id` are lineage ids. `capacity_quote`: what all users together may stake on it,
    None = not measured.
    """

    symbol: str
    signal_id: str
    approval_id: str
    limit_price: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None
    max_hold_s: int
    score: float = 0.0
    cluster: int = -1
    features: dict[str, float] = field(default_factory=dict)
    capacity_quote: Decimal | None = None
    exits: ExitTerms = PLAIN


@dataclass(frozen=True, slots=True)
class ExitWord:
    """What research says of one held symbol at the close of a bar.

    `signal_id` is the row of `signals` that says leave; None = it was looked at and may stay.
    """

    symbol: str
    signal_id: str | None


@dataclass(frozen=True, slots=True)
class SignalSet:
    """An immutable, expiring batch: the one thing that crosses from Dagster to the engine.

    A set of entries has `signals`. A set of exits has `words`, one for each symbol that is held under the
    strategy whose exit signals `exit_source` names; it is offered to nobody, trades are left on it.

    `bar_time` is the open time of the closed bar the signals come from; `created_at` and
    `expires_at` are market time. Nothing in an expired set is ever traded. `rests_on` names what the
    approvals rest on: ids of `data`, `code`, `parameters` and `universe`. A set of `is_exploration` holds
    entries that were rejected and are drawn to be traded on paper all the same, never for money.
    """

    signal_set_id: str
    created_at: datetime
    expires_at: datetime
    bar_time: datetime
    timeframe: str
    signals: tuple[TradeSignal, ...]
    versions: tuple[str, ...] = ()
    strategy_id: str = ""
    rests_on: dict[str, str] = field(default_factory=dict)
    words: tuple[ExitWord, ...] = ()
    exit_source: str = ""
    is_exploration: bool = False
