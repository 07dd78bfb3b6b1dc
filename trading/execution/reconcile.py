"""When which account is checked against the venue: after a start, after an outage, on a timer, when asked.

Until an account at risk (something open or unclear) is checked, its *entries* wait; its exits do not.
Accounts at risk go first, as fast as the limiter lets them; the full pass over all accounts is spread over
time within a declared weight budget (`EngineSettings.reconcile_share` of the rate).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

import structlog

from trading.execution.account_check import FAILED, FROZEN, AccountCheck, AtRisk
from trading.execution.desk import Desk
from trading.execution.differences import Kind
from trading.execution.pace import Pace
from trading.market.errors import SluiceError
from trading.store.order_log import OrderLog
from trading.store.order_log.reconciliations import Check
from trading.store.order_log.records import IN_FLIGHT, IntentStatus
from trading.store.order_log.shards import shard_of

_log = structlog.get_logger("execution.reconcile")
_MOST_S = 30.0
# A venue whose time nobody could read for so long was away: what happened meanwhile is not known.
OUTAGE_S = 15.0
# Between two looks at an account that is frozen, or that always has something on its way.
_FROZEN_S = 120.0
# What the budget may save up: a burst of so many seconds.
_SAVED_S = 60.0
_RATE = 20.0  # weight a second, where nobody said what the venue allows

START, RECONNECT, TIMER, ASKED = "start", "reconnect", "timer", "asked"


@dataclass(slots=True)
class _Budget:
    """Weight that checks nobody waits for may still spend."""

    per_s: float
    left: float = 0.0
    at_ms: int | None = None

    def gain(self, now_ms: int) -> None:
        since_ms = self.at_ms if self.at_ms is not None else now_ms
        self.left = min(self.left + self.per_s * (now_ms - since_ms) / 1000, self.per_s * _SAVED_S)
        self.at_ms = now_ms


class Reconcile:
    """Decides who is checked next; `ready` holds accounts whose entries need not wait."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._check = AccountCheck(desk)
        self._pace = Pace(desk.wall, 0.5, _MOST_S)
        rate = _RATE if desk.exit_rate_per_s is None else float(desk.exit_rate_per_s)
        self._budget = _Budget(rate * desk.settings.reconcile_share)
        self._checked: dict[str, int] = {}  # user -> wall ms of the last check of this process
        self._cause: dict[str, str] = {}
        self._cut = False
        self.ready: set[str] = set()
        self._aside: set[str] = set()  # were ready when the lease of their shard was lost
        # Whose private stream came back since this was asked last: their accounts are read again.
        self.returned: Callable[[], Iterable[str]] = tuple
        self.findings = Counter(dict.fromkeys((kind.value for kind in Kind), 0))  # since the start

    def doubt(self, cause: str = RECONNECT) -> None:
        """Take no account's agreement with the log for granted any more: all are read again."""
        for user_id in self._checked:
            self._cause[user_id] = cause
        self.ready.clear()
        self._aside.clear()
        self._checked.clear()
        _log.warning("accounts_in_doubt", cause=cause)

    def _doubt_returned(self) -> None:
        """Read accounts again whose private stream was away: it may have kept something to itself."""
        for user_id in self.returned():
            self._cause[user_id] = RECONNECT
            self._drop(user_id)

    def set_aside(self, shards: frozenset[int]) -> None:
        """Other processes may look after these users now: nobody is ready until it is known who did."""
        gone = {name for name in self.ready if shard_of(name) in shards}
        self._aside |= gone
        self.ready -= gone

    def resume(self, shards: frozenset[int]) -> None:
        """These users are ours again; whom nobody else served meanwhile (`forget`) is as ready as before."""
        back = {name for name in self._aside if shard_of(name) in shards}
        self._aside -= back
        self.ready |= back

    def forget(self, shards: frozenset[int]) -> None:
        """Somebody else may have served these users: they are read before they are ready again."""
        known = self.ready | self._aside | self._checked.keys()
        for user_id in [name for name in known if shard_of(name) in shards]:
            self._drop(user_id)

    def _drop(self, user_id: str) -> None:
        self.ready.discard(user_id)
        self._aside.discard(user_id)
        self._checked.pop(user_id, None)

    async def step(self) -> int:
        """Check every account at risk that is due, then others as the budget allows; return how many wait."""
        self._notice_outage()
        self._doubt_returned()
        self._desk.fleet.freezes.refresh()
        users = [user.user_id for user in self._desk.mine()]
        waiting = [user_id for user_id in users if user_id not in self.ready]
        if waiting:
            await self._first(waiting)
        await self._others(users)
        return len([user_id for user_id in waiting if user_id not in self.ready])

    async def _first(self, waiting: list[str]) -> None:
        at_risk = self._at_risk()
        due = [name for name in waiting if self._pace.is_due(name)]
        flat = {name for name in due if name not in at_risk and name not in self._desk.unreplayed}
        self.ready |= flat
        due = [name for name in due if name not in flat]
        due.sort(key=lambda name: -len(at_risk.get(name, ())))
        await self._desk.together(partial(self._guarded, name, at_risk.get(name, AtRisk())) for name in due)

    async def _others(self, users: Iterable[str]) -> None:
        """Spend the budget: asked for first, then accounts at risk, then whoever was checked longest ago."""
        now_ms = self._desk.wall.now_ms()
        self._budget.gain(now_ms)
        asked = self._desk.log.reconciliations.asked() & set(users)
        due = [name for name in self._longest_ago(users, now_ms, asked) if self._pace.is_due(name)]
        if not due or (self._budget.left < AtRisk().floor and not asked):
            return
        at_risk = self._users_at_risk()
        due.sort(key=lambda name: (name not in asked, name not in at_risk))
        for name in due:
            if name not in asked and self._budget.left < AtRisk().floor:
                return
            risk = at_risk_of(self._desk.log, name).get(name, AtRisk())
            if name not in asked and self._budget.left < risk.floor:
                return
            cause = ASKED if name in asked else None
            self._budget.left -= await self._run(name, risk, cause)

    def _longest_ago(self, users: Iterable[str], now_ms: int, asked: set[str]) -> list[str]:
        """Return who may be checked again: those asked for, then never checked, then longest ago first.

        `_checked` is kept in the order of its times, so that nobody's time is compared who is not due.
        """
        oldest_ms = now_ms - self._desk.settings.reconcile_every_s * 1000
        mine = self.ready.intersection(users)
        stale = list(takewhile(lambda name: self._checked[name] < oldest_ms, self._checked))
        never = [name for name in users if name not in self._checked]
        return [name for name in dict.fromkeys((*sorted(asked), *never, *stale)) if name in mine]

    async def _guarded(self, user_id: str, at_risk: AtRisk) -> None:
        await self._run(user_id, at_risk)

    async def _run(self, user_id: str, at_risk: AtRisk, cause: str | None = None) -> int:
        """Check one account; return the weight it cost."""
        cause = cause or self._cause.get(user_id, START)
        began_wall_ms = self._desk.wall.now_ms()
        try:
            check = await self._check.run(user_id, at_risk, cause)
        except SluiceError as error:
            self._pace.put_off(user_id)
            _log.warning("reconcile_failed", user=user_id, error=f"{error!r}")
            await self._note_failure(user_id, cause, began_wall_ms, error)
            return at_risk.floor
        self.findings.update(str(found["kind"]) for found in check.differences)
        is_sure = self._check.is_sure(user_id)
        if not is_sure or (check.is_whole and check.outcome != FROZEN):
            self._pace.forget(user_id)
        if not is_sure:
            self._pace.put_off(user_id)  # once more, in a moment
        elif not check.is_whole or check.outcome == FROZEN:
            self._pace.put_off(user_id, most_s=_FROZEN_S)
        if is_sure:
            self._settled(user_id, is_whole=check.is_whole and check.outcome != FROZEN)
        return check.weight

    def _settled(self, user_id: str, *, is_whole: bool) -> None:
        self.ready.add(user_id)
        if is_whole:
            self._checked.pop(user_id, None)
            self._checked[user_id] = self._desk.wall.now_ms()
            self._cause[user_id] = TIMER

    async def _note_failure(self, user_id: str, cause: str, began_wall_ms: int, error: SluiceError) -> None:
        said = f"{type(error).__name__}: {error}"
        check = Check(user_id, cause, FAILED, began_wall_ms, None, 0, error=said)
        try:
            await self._desk.durably(partial(self._desk.log.reconciliations.note, check))
        except SluiceError:
            return  # the log itself refuses; the desk has told

    def _notice_outage(self) -> None:
        """Doubt everything once a venue that was away for a while answers again."""
        age_s = float(getattr(self._desk.public.clock, "age_s", 0.0))
        if not math.isfinite(age_s):
            return
        if age_s > OUTAGE_S:
            self._cut = True
        elif self._cut:
            self._cut = False
            self.doubt(RECONNECT)

    def _at_risk(self) -> dict[str, AtRisk]:
        return at_risk_of(self._desk.log)

    def _users_at_risk(self) -> set[str]:
        """Return who has something at stake, without reading what: few of them are checked at a time."""
        unclear = self._desk.log.orders.find(statuses=(*IN_FLIGHT, IntentStatus.LOST))
        return {*self._desk.log.ledger.holders(), *(intent.user_id for intent in unclear)}


def at_risk_of(log: OrderLog, user_id: str | None = None) -> dict[str, AtRisk]:
    """Return what every user, or the one named, has at stake; users with nothing are not in it."""
    found: dict[str, AtRisk] = {}
    for trade in log.ledger.open_trades(user_id):
        before = found.get(trade.user_id, AtRisk())
        found[trade.user_id] = AtRisk((*before.trades, trade), before.unclear)
    for intent in log.orders.find(statuses=(*IN_FLIGHT, IntentStatus.LOST), user_id=user_id):
        before = found.get(intent.user_id, AtRisk())
        found[intent.user_id] = AtRisk(before.trades, (*before.unclear, intent))
    return found
