"""What the order log hands out: intents, open trades, skips and outbox events as immutable values."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.market.exit_terms import ExitTerms
from trading.market.orders import PLAIN, OrderRequest, OrderType, Side

ZERO = Decimal(0)


class Leg(StrEnum):
    """Which end of a round trip an order is."""

    OPEN = "open"
    CLOSE = "close"


class IntentStatus(StrEnum):
    """How far an intended order has come. See docs/explanation/order-path.md for the picture."""

    NEW = "NEW"  # written down; never on the wire
    SENT = "SENT"  # may be on the wire from here on: outcome unknown until something tells
    ACKED = "ACKED"  # the venue has it; not all of it is booked yet
    UNKNOWN = "UNKNOWN"  # sent, no usable answer; being looked for
    LOST = "LOST"  # looked for long enough in vain; a late fill is still accepted
    DONE = "DONE"  # terminal at the venue and every execution booked
    REJECTED = "REJECTED"  # definitely refused, or proven never executed; nothing was accepted
    VOID = "VOID"  # never sent and never will be

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more is expected (LOST is not: it may still turn up)."""
        return self in (IntentStatus.DONE, IntentStatus.REJECTED, IntentStatus.VOID)


# May be at the venue, outcome not booked.
IN_FLIGHT = (IntentStatus.SENT, IntentStatus.ACKED, IntentStatus.UNKNOWN)
# Holds a reservation and a position slot.
PENDING = (IntentStatus.NEW, *IN_FLIGHT)


@dataclass(frozen=True, slots=True)
class Intent:
    """One order we mean to place, with everything needed to place, find and protect it after a crash.

    `amount` in base units, `price` the limit in quote units (None = market), `reserved` in quote units.
    `stop_loss` and `take_profit` are fractions of the entry price, `max_hold_s` market seconds, `exits` the
    other rules that end the trade.
    """

    coid: str
    intent_id: str
    trade_id: str
    user_id: str
    signal_set_id: str
    signal_id: str
    approval_id: str
    symbol: str
    leg: Leg
    attempt: int
    side: Side
    type: OrderType
    amount: Decimal
    price: Decimal | None
    reserved: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None
    max_hold_s: int
    expires_ms: int
    created_ms: int
    exit_reason: str | None = None
    status: IntentStatus = IntentStatus.NEW
    order_id: str | None = None
    filled: Decimal = ZERO
    filled_cost: Decimal = ZERO
    reason: str | None = None
    sent_wall_ms: int | None = None
    exits: ExitTerms = PLAIN

    def request(self) -> OrderRequest:
        """Return the order as the venue is asked for it."""
        return OrderRequest(
            symbol=self.symbol,
            side=self.side,
            type=self.type,
            client_order_id=self.coid,
            amount=self.amount,
            price=self.price,
        )


@dataclass(frozen=True, slots=True)
class Skip:
    """A signal that a user did not follow; `rule` is short and countable, `reason` a sentence.

    `value` is what the rule measured, `bound` the most it may be; None where the rule counts nothing.
    """

    signal_set_id: str
    signal_id: str
    user_id: str
    symbol: str
    rule: str
    reason: str
    value: Decimal | None = None
    bound: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """One round trip of one user, as its booked fills say. Amounts in base, costs in quote units."""

    trade_id: str
    user_id: str
    signal_id: str
    approval_id: str
    signal_set_id: str
    symbol: str
    mode: str
    is_closed: bool
    version: int
    bought: Decimal
    bought_cost: Decimal
    sold: Decimal
    sold_cost: Decimal
    base_fees: Decimal
    fees_quote: Decimal
    fees_unpriced: int
    dust: Decimal
    pnl_quote: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None
    stop_price: Decimal
    target_price: Decimal | None
    deadline_ms: int
    opened_ms: int
    closed_ms: int | None
    exit_reason: str | None
    held_up: str | None
    exits: ExitTerms = PLAIN

    @property
    def held(self) -> Decimal:
        """Base units still held: bought less base fees, sold and dust."""
        return self.bought - self.base_fees - self.sold - self.dust

    @property
    def open_price(self) -> Decimal:
        """Average entry price in quote units."""
        return self.bought_cost / self.bought

    @property
    def close_price(self) -> Decimal | None:
        """Average exit price in quote units; None before the first sale."""
        return None if self.sold == 0 else self.sold_cost / self.sold


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person or a cache should hear of, at least once; `event_id` makes repeats harmless."""

    event_id: str
    user_id: str
    kind: str
    payload: dict[str, object]
    at_ms: int
    seq: int = 0
