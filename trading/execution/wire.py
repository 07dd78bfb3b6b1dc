"""The one place from which orders leave: marked SENT, durably, before the first byte; never twice.

An order that waits for the limiter is still NEW; it becomes SENT at the last moment, so that a crash
leaves as few orders as possible of which nobody knows whether they left.

What came of a send is settled here only where the venue's answer is definite; everything else is left
as UNKNOWN for `follow`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import structlog

from trading.exchange.gateway import AccountGateway
from trading.execution.coid import client_order_id, intent_id
from trading.execution.desk import ENTRY_HAS_S, Desk
from trading.market.errors import (
    BadCredentials,
    BadInput,
    ClockSkew,
    ExchangeError,
    OrderNotFound,
    OrderRefused,
    RateLimited,
    StoreError,
    Timeout,
    Unreachable,
)
from trading.market.orders import OrderType
from trading.risk.refusal import Refusal
from trading.store.order_log.records import PENDING, Intent, IntentStatus, Leg, Skip

_log = structlog.get_logger("execution.wire")

# Certainly nothing was accepted (AccountGateway.submit's contract); BadInput never left this machine.
_DEFINITE = (OrderRefused, RateLimited, BadCredentials, ClockSkew, Unreachable, BadInput)
# ... and for a reason that may have passed in a moment.
_PASSING = (RateLimited, ClockSkew, Unreachable)

EXITS_FIRST_S = 0.02  # an entry looks so often whether exits still wait
EXPIRED = "the signal set expired before it was sent"


class _NotOursError(Exception):
    """The order must not leave: it has left before, or its time is over."""


class _ExitsFirstError(Exception):
    """An exit came to be due while this entry stood in the limiter's line: it goes back and waits."""


async def _not_told(_intent: Intent) -> bool:
    return False


class Wire:
    """Sends intents that are NEW.

    `busy` holds those whose answer this process still waits for, `unwanted` resting entries that
    should be cancelled because their position is being left. While `exits_wait` says so, entries do;
    `exit_left` is told the trade whose exit is leaving. `finished` books an order, with its acknowledgement,
    whose end was told before the venue's answer came; False if nothing was told.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._orders = desk.log.orders
        self.busy: set[str] = set()
        self.unwanted: set[str] = set()
        self.exits_wait: Callable[[], bool] = lambda: False
        self.exit_left: Callable[[str], None] = lambda _trade_id: None
        self.finished: Callable[[Intent], Awaitable[bool]] = _not_told
        self._slots = asyncio.Semaphore(desk.settings.entry_slots)

    async def send_new(self, leg: Leg) -> int:
        """Send every NEW intent of `leg`, or void it if its set has expired; return how many were sent."""
        waiting = self._orders.find(statuses=[IntentStatus.NEW], leg=leg)
        now_ms = self._desk.now_ms()
        fresh = [intent for intent in waiting if intent.expires_ms > now_ms]
        for intent in waiting:
            if intent.expires_ms <= now_ms:
                await self._void(intent, EXPIRED)
        await self._desk.together([partial(self.send, intent) for intent in fresh])
        return len(fresh)

    async def send(self, intent: Intent) -> None:
        """Put one order on the wire, unless somebody did before."""
        if intent.coid in self.busy:
            return
        self.busy.add(intent.coid)
        try:
            await self._send(intent)
        except StoreError:
            # Before the wire: nothing left, it stays NEW. After it: it stays SENT, and `follow` looks for it.
            return
        finally:
            self.busy.discard(intent.coid)

    async def _send(self, intent: Intent) -> None:
        gateway = self._desk.account(intent.user_id)
        try:
            async with self._slots if intent.leg is Leg.OPEN else nullcontext():
                order_id = await self._submit(gateway, intent)
        except _NotOursError:
            return
        except (ExchangeError, BadInput) as error:
            await self._answer(intent, error)
        else:
            if not await self.finished(intent):
                has_s = ENTRY_HAS_S if intent.leg is Leg.OPEN else 0.0
                acknowledge = partial(self._orders.acknowledge, intent.coid, order_id)
                await self._desk.durably(acknowledge, within_s=has_s)

    async def _submit(self, gateway: AccountGateway, intent: Intent) -> str:
        while True:
            if intent.leg is Leg.OPEN:
                await self._let_exits_go()
            try:
                return await gateway.submit(intent.request(), before_wire=partial(self._claim, intent))
            except _ExitsFirstError:
                continue  # costs its turn at the limiter, not its place among the entries

    async def _let_exits_go(self) -> None:
        while self.exits_wait():  # noqa: ASYNC110 - what is waited for depends on time, nothing sets an event
            await asyncio.sleep(EXITS_FIRST_S)

    async def _claim(self, intent: Intent) -> None:
        """Write down that the order may be out; refuse if it is too late or somebody did before."""
        if intent.expires_ms <= self._desk.now_ms():
            await self._void(intent, EXPIRED)
            raise _NotOursError
        if intent.leg is Leg.OPEN:
            await self._ask_again(intent)
            if self.exits_wait():
                raise _ExitsFirstError
        if not await self._desk.durably(partial(self._orders.mark_sent, intent.coid)):
            raise _NotOursError
        if intent.leg is Leg.CLOSE:
            self.exit_left(intent.trade_id)

    async def _void(self, intent: Intent, reason: str) -> None:
        await self._desk.durably(partial(self._orders.void, intent.coid, reason))

    async def _ask_again(self, intent: Intent) -> None:
        """Void an entry that something forbids since it was planned."""
        suspended = self._desk.prices.suspended(intent.symbol)
        refusal = self._desk.fleet.at_the_wire(intent, self._desk.now_ms()) or self._crossing(intent)
        if suspended is not None:
            refusal = Refusal("suspended", suspended)
        if refusal is None:
            now_ms = self._desk.now_ms()
            refusal = self._desk.protections.refusal(intent.user_id, intent.symbol, now_ms)
        if refusal is None:
            return
        skip = Skip(
            intent.signal_set_id,
            intent.signal_id,
            intent.user_id,
            intent.symbol,
            refusal.rule,
            f"not sent: {refusal.reason}",
            refusal.value,
            refusal.bound,
        )
        refuse = partial(self._orders.refuse, intent.coid, skip, at_ms=self._desk.now_ms())
        await self._desk.durably(refuse)
        raise _NotOursError

    def _crossing(self, intent: Intent) -> Refusal | None:
        """Return why an entry that may rest must not leave now: somebody here is selling the same symbol."""
        if intent.type is not OrderType.LIMIT:
            return None
        if intent.symbol in self._orders.symbols(PENDING, Leg.CLOSE):
            return Refusal(
                "crosses_exit", f"an exit in {intent.symbol} is out: it must not meet our own entry"
            )
        return None

    async def _answer(self, intent: Intent, error: ExchangeError | BadInput) -> None:
        said = f"{type(error).__name__}: {error}"
        await self._desk.told.note(intent.user_id, error)
        if isinstance(error, ExchangeError) and not isinstance(error, OrderRefused) and self._is_new(intent):
            return  # something before the wire failed: it stays NEW and is sent later, or voided
        bound = _log.bind(user=intent.user_id, symbol=intent.symbol, coid=intent.coid)
        # "Not found" says nothing of an order just sent, and a time-out is no refusal.
        if not isinstance(error, _DEFINITE) or isinstance(error, OrderNotFound | Timeout):
            await self._desk.durably(partial(self._orders.doubt, intent.coid, said))
            bound.warning("order_outcome_unknown", said=said)
            return
        event = self._desk.told.refusal(intent, error)
        await self._desk.durably(partial(self._orders.reject, intent.coid, said, event=event))
        bound.info("order_rejected", said=said)
        if isinstance(error, _PASSING) and intent.leg is Leg.OPEN:
            await self._try_again(intent)

    def _is_new(self, intent: Intent) -> bool:
        return self._orders.get(intent.coid).status is IntentStatus.NEW

    async def _try_again(self, intent: Intent) -> None:
        attempt = intent.attempt + 1
        if attempt > self._desk.settings.entry_attempts:
            return
        key = (intent.user_id, intent.signal_set_id, intent.symbol, intent.leg, attempt)
        again = replace(
            intent,
            coid=client_order_id(*key),
            intent_id=intent_id(*key),
            attempt=attempt,
            status=IntentStatus.NEW,
            created_ms=self._desk.now_ms(),
        )
        await self._desk.durably(partial(self._orders.plan_again, again, after=intent.coid))
