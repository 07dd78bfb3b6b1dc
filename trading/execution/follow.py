"""Orders in flight: what became of each, until it is terminal and booked, or LOST, and even after that.

An order without a usable answer is looked for by client order id, among the open orders and among the
orders since it was made. Not being found proves nothing at once; only time and repeated looks make it
LOST, and a LOST one is still looked for, ever more rarely, and taken over if it turns up.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from trading.exchange.gateway import AccountGateway
from trading.execution.account_streams import AccountStreams
from trading.execution.desk import Desk
from trading.execution.pace import Pace
from trading.execution.settle import Settler
from trading.execution.wire import Wire
from trading.market.errors import OrderNotFound, OrderRefused, SluiceError
from trading.market.orders import OrderState, OrderType
from trading.market.timeframes import HOUR_MS, to_ms
from trading.store.order_log.entries import OWNED
from trading.store.order_log.positions import assets
from trading.store.order_log.records import IN_FLIGHT, ZERO, Event, Intent, IntentStatus, Leg, Trade

_log = structlog.get_logger("execution.follow")

MOST_S = 2.0  # between two looks at one order in flight
# So long after it was sent, what became of an order is left to a stream that serves to tell.
STREAM_S = 2.0
MOST_LOST_S = 60.0  # between two looks for one that is LOST
# The venue stamps orders with its own clock; ours may be a little ahead of it.
MARGIN_MS = HOUR_MS


class Follow:
    """Looks after every order that may be at the venue. `booked` is told of each order that was booked."""

    def __init__(self, desk: Desk, wire: Wire, streams: AccountStreams | None = None) -> None:
        self._desk = desk
        self._wire = wire
        self._streams = streams
        self._settler = Settler(desk)
        self._pace = Pace(desk.wall, desk.settings.follow_s, MOST_S)
        wire.finished = self.finish
        self.booked: Callable[[Intent, Trade | None], None] = lambda _intent, _trade: None
        self.ended: Callable[[Intent], None] = lambda _intent: None  # told of each order that is DONE

    async def step(self) -> int:
        """Look once at every order that is due, exits first; return how many were looked at."""
        in_flight = self._desk.log.orders.find(statuses=(*IN_FLIGHT, IntentStatus.LOST))
        due = [intent for intent in in_flight if intent.coid not in self._wire.busy and self._is_due(intent)]
        await self._desk.together([partial(self._look, intent) for intent in due])
        return len(due)

    def _is_due(self, intent: Intent) -> bool:
        if self._streams is None:
            return self._pace.is_due(intent.coid)
        if self._streams.outcomes.told(intent) is not None:
            return True
        waited_ms = self._desk.wall.now_ms() - (intent.sent_wall_ms or 0)
        is_awaited = intent.status is IntentStatus.ACKED and waited_ms < STREAM_S * 1000
        # The stream is about to tell; asking costs what exits need.
        if is_awaited and self._streams.is_streaming(intent.user_id):
            return False
        return self._pace.is_due(intent.coid)

    async def _look(self, intent: Intent) -> None:
        try:
            await self.look(intent)
        except SluiceError as error:
            self._pace.put_off(intent.coid)
            await self._desk.told.note(intent.user_id, error)
            _log.info("look_failed", user=intent.user_id, coid=intent.coid, error=f"{error!r}")

    async def finish(self, intent: Intent) -> bool:
        """Book an order that was just answered if its stream has told its end; False if not, or in vain."""
        told = None if self._streams is None else self._streams.outcomes.told(intent)
        if told is None or not told.state.status.is_terminal:
            return False
        try:
            await self.look(replace(intent, status=IntentStatus.SENT))
        except SluiceError as error:  # it stays SENT, and is looked for as any other
            _log.info("look_failed", user=intent.user_id, coid=intent.coid, error=f"{error!r}")
            return False
        return True

    async def look(self, intent: Intent) -> None:
        """Find out what the venue knows of one order and book it."""
        gateway = self._desk.account(intent.user_id)
        told = None if self._streams is None else self._streams.outcomes.told(intent)
        state = await self._find(gateway, intent) if told is None else told.state
        if state is None:
            await self._not_found(intent)
            if intent.status is IntentStatus.LOST:
                await self._explain(gateway, intent)
            return
        is_over = told is not None and state.status.is_terminal
        # What is booked to its end is acknowledged by the booking.
        if intent.status is not IntentStatus.ACKED and not (is_over and intent.status in IN_FLIGHT):
            await self._desk.durably(partial(self._desk.log.orders.acknowledge, intent.coid, state.order_id))
        if intent.status is IntentStatus.LOST:
            event = self._event("order_found", intent)
            await self._desk.durably(partial(self._desk.log.outbox.post, event))
        fills = None if told is None else told.fills
        booking = await self._settler.settle(gateway, intent, state, fills)
        if booking.trade is not None or booking.intent.status is IntentStatus.DONE:
            self.booked(intent, booking.trade)
        if booking.intent.status is IntentStatus.DONE:
            self.ended(booking.intent)
            self._pace.forget(intent.coid)
            self._wire.unwanted.discard(intent.coid)
            if self._streams is not None:
                self._streams.outcomes.forget(intent)
            return
        self._pace.put_off(intent.coid)
        if not state.status.is_terminal and intent.type is OrderType.LIMIT:
            await self._end_rest(gateway, intent, state)

    async def _end_rest(self, gateway: AccountGateway, intent: Intent, state: OrderState) -> None:
        """Cancel a resting order that nobody wants, or whose time is over; the latter may be priced again."""
        is_unwanted = self._is_unwanted(intent)
        if not is_unwanted and self._has_rested(state):
            await self._desk.durably(partial(self._desk.log.remainders.rested, intent.coid))
        elif not is_unwanted:
            return
        await self.cancel(gateway, intent, state.order_id)

    async def cancel(self, gateway: AccountGateway, intent: Intent, order_id: str) -> None:
        """Ask the venue to cancel; what came of it is seen at the next look, never assumed."""
        try:
            await gateway.cancel(intent.symbol, order_id=order_id)
        except OrderRefused as error:  # filled or gone meanwhile
            _log.info("cancel_refused", user=intent.user_id, coid=intent.coid, error=f"{error!r}")

    def _is_unwanted(self, intent: Intent) -> bool:
        """Whether a resting order is to end whatever its time: an exit, or a forbidden entry."""
        if intent.leg is Leg.CLOSE or intent.coid in self._wire.unwanted:
            return True
        # A resting entry is an entry still to come.
        if self._desk.prices.suspended(intent.symbol) is not None:
            return True
        return self._desk.fleet.refusal(intent.user_id, intent.symbol, intent.signal_set_id) is not None

    def _has_rested(self, state: OrderState) -> bool:
        rested_ms = self._desk.now_ms() - to_ms(state.at)
        return rested_ms >= self._desk.settings.entry_timeout_market_s * 1000

    async def _find(self, gateway: AccountGateway, intent: Intent) -> OrderState | None:
        try:
            if intent.order_id is not None:
                return await gateway.order(intent.symbol, order_id=intent.order_id)
            return await gateway.order(intent.symbol, client_order_id=intent.coid)
        except OrderNotFound:
            pass
        for state in await gateway.open_orders(intent.symbol):
            if state.client_order_id == intent.coid:
                return state
        for state in await gateway.orders_since(intent.symbol, intent.created_ms - MARGIN_MS):
            if state.client_order_id == intent.coid:
                return state
        return None

    async def _not_found(self, intent: Intent) -> None:
        if intent.status is IntentStatus.LOST:
            self._pace.put_off(intent.coid, most_s=MOST_LOST_S)
            return
        self._pace.put_off(intent.coid)
        settings = self._desk.settings
        sent_ms = intent.sent_wall_ms or 0
        waited_s = (self._desk.wall.now_ms() - sent_ms) / 1000
        looks = self._pace.tries(intent.coid)
        patience_s = settings.lost_after_s if intent.leg is Leg.OPEN else settings.lost_exit_after_s
        if waited_s < patience_s or looks < settings.lost_looks:
            return
        reason = f"not found in {looks} looks, {waited_s:.0f} s after it was sent"
        event = self._event("order_lost", intent, reason)
        await self._desk.durably(partial(self._desk.log.orders.lose, intent.coid, reason, event=event))
        _log.warning("order_lost", user=intent.user_id, symbol=intent.symbol, coid=intent.coid)

    async def _explain(self, gateway: AccountGateway, intent: Intent) -> None:
        """Close the case of a LOST order if nothing of it can exist: it does not rest, no balance moved.

        Until then the symbol of a LOST entry stays closed to new entries of this user. What the user holds
        besides is in the ledger, too; a coin that is not yet there keeps the case open.
        """
        waited_s = (self._desk.wall.now_ms() - (intent.sent_wall_ms or 0)) / 1000
        if waited_s < self._desk.settings.explain_after_s:
            return
        held, (base, quote) = await gateway.balances(), assets(intent.symbol)
        if intent.type is not OrderType.IOC:
            pays = held.get(quote if intent.leg is Leg.OPEN else base)
            if pays is not None and pays.locked > 0:  # this order may be what locks it
                return
        found = held.get(base)
        at_venue = ZERO if found is None else found.free + found.locked
        booked = self._desk.log.ledger.entries.balances(intent.user_id)
        ours = sum((booked.get((name, base), ZERO) for name in OWNED), ZERO)
        agrees = at_venue <= ours if intent.leg is Leg.OPEN else at_venue >= ours
        if agrees or await self._never_traded(gateway, intent):
            reason = f"never executed: not found for {waited_s:.0f} s, does not rest, no balance moved"
            await self._desk.durably(partial(self._desk.log.orders.explain, intent.coid, reason))
            self._pace.forget(intent.coid)

    async def _never_traded(self, gateway: AccountGateway, intent: Intent) -> bool:
        """Whether the venue lists no unknown execution, asked where the ledger does not know the account yet.

        Coins that were there before the first check are not in the ledger, and are not booked while an
        order of their symbol is in doubt.
        """
        checks = self._desk.log.reconciliations
        if intent.leg is not Leg.OPEN or checks.whole_ms(intent.user_id) is not None:
            return False
        fills = await gateway.fills(intent.symbol, since_ms=intent.created_ms - MARGIN_MS)
        booked = checks.booked_ids(intent.user_id, intent.symbol)
        return all((fill.order_id, fill.trade_id) in booked for fill in fills)

    def _event(self, kind: str, intent: Intent, reason: str = "") -> Event:
        payload: dict[str, object] = {"symbol": intent.symbol, "coid": intent.coid, "reason": reason}
        return Event(f"{kind}:{intent.coid}", intent.user_id, kind, payload, self._desk.now_ms())
