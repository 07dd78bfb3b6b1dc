"""One account's orders and executions against the log: what is ours is booked, the rest is named.

An order is ours if the log knows its client order id. One that only looks like ours (26 letters of base32)
is the one thing here that nobody can explain.
"""

import re
from dataclasses import dataclass, field
from functools import partial

from trading.exchange.gateway import AccountGateway
from trading.exchange.weights import weight_of
from trading.execution.coid import LENGTH
from trading.execution.desk import Desk
from trading.execution.differences import Difference, Kind
from trading.execution.settle import Settler
from trading.market.errors import OrderNotFound
from trading.market.orders import Fill, OrderState, OrderStatus, Side
from trading.market.timeframes import HOUR_MS
from trading.store.order_log.records import Intent, IntentStatus

# The venue stamps orders with its own clock, and lists some of them late.
MARGIN_MS = HOUR_MS
_OURS = re.compile(rf"[a-z2-7]{{{LENGTH}}}")


@dataclass(slots=True)
class Reading:
    """One account while it is being read: what was found, what it cost, and executions of other people."""

    user_id: str
    gateway: AccountGateway
    differences: list[Difference] = field(default_factory=list)
    foreign: dict[tuple[str, str, str], Fill] = field(default_factory=dict)  # symbol, order, trade id
    accepted: set[tuple[str, str, str]] = field(default_factory=set)  # kind, subject, amount: a person looked
    weight: int = 0
    is_whole: bool = True

    def pay(self, method: str, path: str) -> None:
        """Count one request."""
        self.weight += weight_of(method, path)


class AccountOrders:
    """Reads orders and executions, symbol by symbol."""

    def __init__(self, desk: Desk, settler: Settler) -> None:
        self._desk = desk
        self._settler = settler
        self._named: dict[tuple[str, str], str | None] = {}  # (user, order id) -> its client order id

    async def read(self, reading: Reading, symbol: str, since_ms: int, *, is_unclear: bool) -> None:
        """Hold one symbol's orders and trades since `since_ms` (market time) against the log.

        A symbol with an order that is not clear is asked for all orders, also those that ended unfilled;
        any other for the open ones.
        """
        gateway = reading.gateway
        if is_unclear:
            reading.pay("GET", "allOrders")
            states = await gateway.orders_since(symbol, since_ms - MARGIN_MS)
        else:
            reading.pay("GET", "openOrders")
            states = await gateway.open_orders(symbol)
        for state in states:
            await self._order(reading, state)
        await self.trades(reading, symbol, since_ms)

    async def trades(self, reading: Reading, symbol: str, since_ms: int) -> None:
        """Read one symbol's executions since `since_ms`: ours are booked, others are kept as foreign."""
        reading.pay("GET", "myTrades")
        fills = await reading.gateway.fills(symbol, since_ms=since_ms - MARGIN_MS)
        booked = self._desk.log.reconciliations.booked_ids(reading.user_id, symbol)
        unknown: dict[str, list[Fill]] = {}
        for fill in fills:
            if (fill.order_id, fill.trade_id) not in booked:
                unknown.setdefault(fill.order_id, []).append(fill)
        for order_id, executions in unknown.items():
            await self._unbooked(reading, order_id, executions)

    async def _unbooked(self, reading: Reading, order_id: str, fills: list[Fill]) -> None:
        """Find out whose order these executions are of."""
        symbol, key = fills[0].symbol, (reading.user_id, order_id)
        coid = self._named.get(key)
        is_known = key in self._named and not looks_like_ours(coid)
        if not is_known:
            reading.pay("GET", "order")
            try:
                state = await reading.gateway.order(symbol, order_id=order_id)
            except OrderNotFound:  # hidden for a moment: the next check asks again
                reading.is_whole = False
                return
            self._named[key] = state.client_order_id
            await self._order(reading, state)
        coid = self._named[key]
        is_riddle = looks_like_ours(coid) and not _is_accepted(reading, order_id)
        if self._intent(reading.user_id, coid) is None and not is_riddle:
            reading.foreign.update({(symbol, order_id, fill.trade_id): fill for fill in fills})

    def _intent(self, user_id: str, coid: str | None) -> Intent | None:
        intent = self._desk.log.orders.lookup(coid) if coid else None
        return intent if intent is not None and intent.user_id == user_id else None

    async def _order(self, reading: Reading, state: OrderState) -> None:
        if state.status is OrderStatus.REJECTED:
            return
        intent = self._intent(reading.user_id, state.client_order_id)
        if intent is None:
            self._named[reading.user_id, state.order_id] = state.client_order_id
            found = _nobodys(reading, state)
            # One that did nothing is nobody's business; what a foreign one executed is told as a trade.
            if not state.status.is_terminal or (state.filled > 0 and found.kind is Kind.UNKNOWN):
                reading.differences.append(found)
            return
        if intent.status is IntentStatus.DONE and state.filled <= intent.filled:
            return
        orders = self._desk.log.orders
        await self._desk.durably(partial(orders.acknowledge, intent.coid, state.order_id))
        booking = await self._settler.settle(reading.gateway, intent, state)
        kind = Kind.LATE_FILL if intent.status is IntentStatus.DONE else Kind.TAKEN_OVER
        if booking.intent.filled > intent.amount:
            text = f"{intent.coid} executed {booking.intent.filled:f}, {intent.amount:f} was intended"
            over = booking.intent.filled - intent.amount
            reading.differences.append(Difference(Kind.UNKNOWN, state.symbol, state.order_id, over, text))
        elif intent.status is not IntentStatus.ACKED:
            text = f"order {intent.coid} was {intent.status.value} in the log; {state.filled:f} executed"
            found = Difference(kind, state.symbol, intent.coid, state.filled - intent.filled, text)
            reading.differences.append(found)


def looks_like_ours(coid: str | None) -> bool:
    """Whether a client order id has the form of ours."""
    return _OURS.fullmatch(coid or "") is not None


def _is_accepted(reading: Reading, order_id: str) -> bool:
    return any(kind == Kind.UNKNOWN and subject == order_id for kind, subject, _ in reading.accepted)


def _nobodys(reading: Reading, state: OrderState) -> Difference:
    sign = 1 if state.side is Side.BUY else -1
    what = f"{state.side.value} of {state.amount:f} ({state.status.value})"
    kind, said = Kind.FOREIGN_ORDER, "is somebody else's"
    if looks_like_ours(state.client_order_id) and not _is_accepted(reading, state.order_id):
        kind, said = Kind.UNKNOWN, "looks like ours and is not in the log"
    text = f"order {state.order_id}, a {what}, {said}"
    return Difference(kind, state.symbol, state.order_id, sign * state.amount, text)
