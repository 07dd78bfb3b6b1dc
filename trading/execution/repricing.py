"""Entries priced again: what one left unexecuted is meant once more while its signal set lives.

A further order is planned only after the one before has ended at the venue and all of it is booked
(`trading.store.order_log.remainders`); it is an attempt of the same entry, never above the set's limit, and
bought only by a user who could still enter. What forbids entries voids it at the wire like any other.
"""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog

from trading.exchange.gateway import Quote
from trading.exchange.throttle import Priority, priority
from trading.execution.coid import client_order_id, intent_id
from trading.execution.desk import Desk
from trading.execution.entries import closed_gate
from trading.execution.entry_price import entry_price
from trading.execution.pace import Pace
from trading.execution.reconcile import Reconcile
from trading.market.symbols import Market
from trading.market.timeframes import DAY_MS
from trading.risk.limits import refusal
from trading.store.order_log.records import Intent, IntentStatus, Leg
from trading.users.user import User

_log = structlog.get_logger("execution.repricing")
STEP_S = 1.0
_READ_AGAIN_S = 30.0
_AT_ONCE = 200  # further orders planned in one look
_FIRST_S, _MOST_S = 1.0, 30.0  # wall seconds between two looks at a price that is still above the limit


class Repricing:
    """Plans further attempts; `Intake` sends them."""

    def __init__(self, desk: Desk, reconcile: Reconcile) -> None:
        self._desk = desk
        self._reconcile = reconcile
        self._pace = Pace(desk.wall, _FIRST_S, _MOST_S)
        self._left: dict[str, Intent] = {}  # what entries left, by client order id, as it was read last
        self._read: tuple[frozenset[int] | None, tuple[str, ...], int] | None = None  # None = read it anew

    def ended(self, intent: Intent) -> None:
        """Note an order that is DONE: what it left is looked at with the next step."""
        if intent.leg is Leg.OPEN and intent.filled < intent.amount:
            self._read = None

    def _refresh(self, live: tuple[str, ...]) -> None:
        """Read what was left where it may have changed; now and then besides: reconciliation books, too."""
        now_ms, shards = self._desk.wall.now_ms(), self._desk.log.scope.shards
        read = self._read
        if read is not None and read[:2] == (shards, live) and now_ms - read[2] < _READ_AGAIN_S * 1000:
            return
        found = self._desk.log.remainders.find(live, self._desk.settings.entry_reprices + 1)
        self._left = {intent.coid: intent for intent in found}
        self._read = shards, live, now_ms

    async def step(self) -> int:
        """Look at what live sets' entries left; return how many further orders were planned."""
        settings, now_ms = self._desk.settings, self._desk.now_ms()
        live = self._desk.log.sets.live(now_ms) if settings.entry_reprices > 0 else []
        if not live:
            return 0
        self._refresh(tuple(live))
        if not self._left:
            return 0
        users = {user.user_id: user for user in self._desk.mine()}
        left = self._left.values()
        due = [each for each in left if self._is_due(each, users.get(each.user_id), now_ms)]
        return await self._plan(due[:_AT_ONCE]) if due else 0

    async def _plan(self, due: list[Intent]) -> int:
        limits = self._limits({intent.signal_set_id for intent in due})
        with priority(Priority.ENTRY):
            quotes = await self._desk.quotes({intent.symbol for intent in due})
        planned = 0
        for intent in due:
            self._pace.put_off(intent.coid)
            again = self._again(intent, quotes.get(intent.symbol), limits.get(intent.signal_id))
            if again is None or not self._fits(again):
                continue
            if await self._desk.durably(partial(self._desk.log.remainders.plan, again, after=intent.coid)):
                self._pace.forget(intent.coid)
                self._left.pop(intent.coid, None)
                self._tell(again)
                planned += 1
        return planned

    def _limits(self, signal_set_ids: set[str]) -> dict[str, Decimal]:
        """Return the most that each signal of these sets lets be paid, by signal id."""
        sets = [self._desk.log.get_signal_set(name) for name in signal_set_ids]
        return {signal.signal_id: signal.limit_price for batch in sets for signal in batch.signals}

    def _is_due(self, intent: Intent, user: User | None, now_ms: int) -> bool:
        waited_ms = now_ms - intent.created_ms
        is_time = waited_ms >= self._desk.settings.entry_reprice_after_market_s * 1000
        is_due = is_time and user is not None and self._pace.is_due(intent.coid)
        return is_due and user is not None and self._may_enter(intent, user)

    def _may_enter(self, intent: Intent, user: User) -> bool:
        """Whether the user would still be let in; what only the wire asks is asked there."""
        desk = self._desk
        if user.is_paused or user.user_id not in self._reconcile.ready:
            return False
        return (
            user.refuses(intent.symbol) is None
            and desk.gates.closed(user) is None
            and desk.fleet.refusal(user.user_id, intent.symbol, intent.signal_set_id) is None
            and desk.canary.refusal(user.user_id, intent.signal_set_id) is None
            and desk.prices.suspended(intent.symbol) is None
        )

    def _again(self, intent: Intent, quote: Quote | None, limit: Decimal | None) -> Intent | None:
        """Return the order for the rest; None if nothing is to be had now, or the rest could not be sold."""
        market = self._desk.markets.get(intent.symbol)
        if quote is None or limit is None or market is None or not market.is_api_tradable:
            return None
        attempt, limit = intent.attempt + 1, market.price_down(limit)
        if quote.ask > limit:
            return None
        price = entry_price(self._desk.settings, limit, quote, market, is_last=self._is_last(attempt))
        amount = market.floor_amount(intent.amount - intent.filled)
        if amount < market.min_amount or amount <= 0 or not _survives(amount, price, intent, market):
            return None
        key = (intent.user_id, intent.signal_set_id, intent.symbol, intent.leg, attempt)
        return replace(
            intent,
            coid=client_order_id(*key),
            intent_id=intent_id(*key),
            attempt=attempt,
            type=self._desk.settings.entry_type,
            amount=amount,
            price=price,
            reserved=amount * limit * (1 + market.taker_fee),
            status=IntentStatus.NEW,
            created_ms=self._desk.now_ms(),
            order_id=None,
            filled=Decimal(0),
            filled_cost=Decimal(0),
            reason=None,
            sent_wall_ms=None,
        )

    def _fits(self, again: Intent) -> bool:
        """Whether the user's bounds bear it now: others may have been entered since the first attempt."""
        log, user = self._desk.log, self._desk.users.get(again.user_id)
        since_ms = self._desk.now_ms() - DAY_MS
        standing = log.accounts.standing(user.user_id, recent_since_ms=since_ms)
        if again.symbol in standing.frozen or closed_gate(user, standing) is not None:
            return False
        held, cost = dict(standing.held), again.reserved
        if any(trade.trade_id == again.trade_id for trade in log.ledger.open_trades(user.user_id)):
            cost += held.pop(again.symbol, Decimal(0))  # its own first part; anything else there is another's
        equity = user.capital + standing.realised
        limits = self._desk.settings.limits(user.max_positions)
        return refusal(again.symbol, cost, held, equity, limits) is None

    def _is_last(self, attempt: int) -> bool:
        return attempt > self._desk.settings.entry_reprices

    def _tell(self, intent: Intent) -> None:
        _log.info(
            "entry_priced_again", user=intent.user_id, symbol=intent.symbol, coid=intent.coid,
            attempt=intent.attempt, amount=f"{intent.amount:f}", price=f"{intent.price:f}",
        )  # fmt: skip


def _survives(amount: Decimal, price: Decimal, intent: Intent, market: Market) -> bool:
    """Whether what is bought can be sold at its stop after the fee: a smaller rest would be dust."""
    kept = amount * (1 - market.taker_fee)
    return kept * price * (1 - intent.stop_loss) >= market.min_cost
