"""The judge: order log and exchange held against each other. Pure; `venue_audit` reads what it is given.

*Lost*: the venue accepted it and the log does not hold it, or holds less of it than was executed.
*Doubled*: for one intent, executed plus still live quantity is above the intended one. A second accepted
order under one client order id counts with its whole amount, even if it was cancelled since: it was live.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trading.execution.account_orders import looks_like_ours
from trading.execution.invariants import Invariant, Judgement
from trading.execution.projection import closed_view, position_view
from trading.market.orders import OrderState, OrderStatus
from trading.store.cache import TRADES_KEPT
from trading.store.order_log import OrderLog
from trading.store.order_log.audit import breaks_by_kind
from trading.store.order_log.entries import OWNED
from trading.store.order_log.records import IN_FLIGHT, ZERO, Intent, IntentStatus, Leg

# Which kinds of break of the log's own audit speak of which promise.
_OF_KIND = {
    Invariant.TRANSACTIONS_SUM_TO_ZERO: ("unbalanced",),
    Invariant.RESERVATIONS_RELEASED: ("reservations",),
    Invariant.FILLS_BOOKED_ONCE: ("fills",),
    Invariant.POSITION_IS_BALANCE: ("positions",),
}


@dataclass(frozen=True, slots=True)
class AtVenue:
    """What the exchange itself says of one account: all its orders, and free + locked of each asset.

    `totals` None = balances were not read; then they are not judged.
    """

    user_id: str
    orders: Sequence[OrderState]
    totals: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Cached:
    """What the users' cache shows of one user: symbol -> position, and closed trades."""

    positions: Mapping[str, Mapping[str, object]]
    trades: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Tenure:
    """How long one process owned a shard, in one clock's ms; `until_ms` None = it still does."""

    shard: str
    token: int
    since_ms: int
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What neither log nor exchange can tell. What is None is not judged.

    Parameters
    ----------
    is_settled : bool
        Whether the run is over: then nothing may be on its way any more.
    is_exclusive : bool
        Whether nobody but us trades on the accounts: then any order that the log does not know is lost, else
        only one whose client order id has the form of ours.
    opening : mapping, optional
        (user, asset) -> units that came from outside, in all: then every balance must agree exactly, and not
        only those whose outside part the log has seen.
    refusals_429 : int, optional
        How often a venue that counts said "too many".
    armed_s, armed_within_s : mapping, float
        Trade id -> seconds from the start to its first watched price; open trades that are missing are not
        watched.
    cached : mapping, optional
        User -> what the cache shows.
    tenures, stale_sends : sequence, int
        Who owned each shard when, and how many orders left under a token that was no longer the newest.
    digests : sequence, optional
        Of runs of one seed.
    """

    is_settled: bool = True
    is_exclusive: bool = True
    opening: Mapping[tuple[str, str], Decimal] | None = None
    refusals_429: int | None = None
    armed_s: Mapping[str, float] | None = None
    armed_within_s: float = 30.0
    cached: Mapping[str, Cached] | None = None
    tenures: Sequence[Tenure] | None = None
    stale_sends: int = 0
    digests: Sequence[str] | None = None


def judge(log: OrderLog, accounts: Iterable[AtVenue], evidence: Evidence | None = None) -> Judgement:
    """Return what is lost, doubled or broken, and the verdict of every invariant.

    Parameters
    ----------
    log : OrderLog
        The log after the run; only read.
    accounts : iterable of AtVenue
        Every account, as the exchange has it.
    evidence : Evidence, optional
        What else is known of the run.
    """
    evidence = evidence or Evidence()
    by_kind = breaks_by_kind(log.database)
    verdict = Judgement(ledger_breaks=[said for found in by_kind.values() for said in found])
    found: dict[Invariant, list[str] | None] = dict.fromkeys(Invariant)
    for name in (
        *_OF_KIND,
        Invariant.NEVER_DOUBLED,
        Invariant.EVERY_INTENT_ENDS,
        Invariant.INTENT_BEFORE_REQUEST,
        Invariant.OWN_KEY_ONLY,
    ):
        found[name] = [said for kind in _OF_KIND.get(name, ()) for said in by_kind.get(kind, ())]
    verdict.invariants = found
    intents = {intent.coid: intent for intent in log.orders.find()}
    orders = _Orders(intents, evidence, verdict)
    for account in accounts:
        verdict.accounts += 1
        for state in account.orders:
            orders.take(account.user_id, state)
        if account.totals is not None:
            _say(verdict, Invariant.POSITION_IS_BALANCE, _balances(log, account, evidence.opening))
    orders.end()
    if evidence.is_settled:
        _say(verdict, Invariant.EVERY_INTENT_ENDS, _unended(log, intents.values()))
    _from_evidence(log, evidence, verdict)
    return verdict


@dataclass(slots=True)
class _Orders:
    """Orders of the venue against intents of the log."""

    intents: Mapping[str, Intent]
    evidence: Evidence
    verdict: Judgement
    accepted: dict[str, list[OrderState]] = field(default_factory=lambda: defaultdict(list))

    def take(self, user_id: str, state: OrderState) -> None:
        if state.status is OrderStatus.REJECTED:
            return
        self.verdict.orders += 1
        intent = self.intents.get(state.client_order_id or "")
        if intent is None:
            if self.evidence.is_exclusive or looks_like_ours(state.client_order_id):
                said = f"order {state.order_id} of {user_id} in {state.symbol} is not in the log"
                self.verdict.lost.append(said)
            return
        self.accepted[intent.coid].append(state)
        if intent.user_id != user_id:
            said = f"{intent.coid} of {intent.user_id} is on the account of {user_id}"
            _say(self.verdict, Invariant.OWN_KEY_ONLY, [said])
        if intent.status in (IntentStatus.NEW, IntentStatus.VOID) or intent.sent_wall_ms is None:
            said = f"{intent.coid} is at the venue and {intent.status.value}, never SENT, in the log"
            _say(self.verdict, Invariant.INTENT_BEFORE_REQUEST, [said])
        if intent.status not in (IntentStatus.DONE, *IN_FLIGHT):
            said = f"{intent.coid} is {intent.status.value} in the log, the venue has it"
            self.verdict.lost.append(said)

    def end(self) -> None:
        of_entry: dict[str, Decimal] = defaultdict(Decimal)
        for coid, states in self.accepted.items():
            intent = self.intents[coid]
            executed = sum((state.filled for state in states), ZERO)
            live = sum((state.amount for state in states if not state.status.is_terminal), ZERO)
            live -= sum((state.filled for state in states if not state.status.is_terminal), ZERO)
            whole = sum((state.amount for state in states), ZERO)
            most = max(executed + live, whole if len(states) > 1 else ZERO)
            if most > intent.amount:
                self._doubled(f"{coid}: {most:f} at the venue, {intent.amount:f} intended")
            elif intent.leg is Leg.OPEN:
                of_entry[intent.trade_id] += executed + live
            is_behind = executed > intent.filled and self.evidence.is_settled
            if is_behind or (intent.status is IntentStatus.DONE and executed != intent.filled):
                said = f"{coid}: venue executed {executed:f}, log has {intent.filled:f}"
                self.verdict.lost.append(said)
                _say(self.verdict, Invariant.FILLS_BOOKED_ONCE, [said])
        self._entries(of_entry)

    def _entries(self, of_entry: Mapping[str, Decimal]) -> None:
        """An entry that is tried or priced again is still one intent to buy: its attempts count together."""
        intended: dict[str, Decimal] = defaultdict(Decimal)
        for intent in self.intents.values():
            if intent.leg is Leg.OPEN:
                intended[intent.trade_id] = max(intended[intent.trade_id], intent.amount)
        for trade_id, amount in of_entry.items():
            if amount > intended[trade_id]:
                wanted = f"{intended[trade_id]:f} intended"
                self._doubled(f"entry of {trade_id}: {amount:f} at the venue in all attempts, {wanted}")

    def _doubled(self, said: str) -> None:
        self.verdict.doubled.append(said)
        _say(self.verdict, Invariant.NEVER_DOUBLED, [said])


def _say(verdict: Judgement, name: Invariant, wrongs: Iterable[str]) -> None:
    before = verdict.invariants.get(name) or []
    verdict.invariants[name] = [*before, *wrongs]


def _unended(log: OrderLog, intents: Iterable[Intent]) -> list[str]:
    frozen = {(halt.subject or "") for halt in log.halts.active()}
    return [
        f"{intent.coid} of {intent.user_id} is still {intent.status.value}"
        for intent in intents
        if not intent.status.is_terminal
        and intent.status is not IntentStatus.LOST
        # A halt may keep an entry from leaving. What has left must end all the same.
        and not (intent.status is IntentStatus.NEW and frozen & {intent.user_id, intent.symbol, ""})
    ]


def _balances(
    log: OrderLog, account: AtVenue, opening: Mapping[tuple[str, str], Decimal] | None
) -> list[str]:
    """Hold the venue's balances against the ledger's own accounts, asset by asset."""
    booked = log.ledger.entries.balances(account.user_id)
    totals = account.totals or {}
    found = []
    for asset in sorted({asset for _, asset in booked} | set(totals)):
        mine = sum((booked.get((name, asset), ZERO) for name in OWNED), ZERO)
        outside = -booked.get(("external", asset), ZERO)
        at_venue = totals.get(asset, ZERO)
        if opening is not None:
            wanted = mine - outside + opening.get((account.user_id, asset), ZERO)
            is_wrong = at_venue != wanted
        elif ("external", asset) in booked:
            wanted, is_wrong = mine, at_venue != mine
        else:  # nobody knows what the user brought: only a shortage is certain
            wanted = booked.get(("base", asset), ZERO) + booked.get(("dust", asset), ZERO)
            is_wrong = at_venue < wanted
        if is_wrong:
            found.append(f"{account.user_id} {asset}: ledger {wanted:f}, venue {at_venue:f}")
    return found


def _from_evidence(log: OrderLog, evidence: Evidence, verdict: Judgement) -> None:
    if evidence.refusals_429 is not None:
        count = evidence.refusals_429
        _say(verdict, Invariant.LIMITS_KEPT, [f"the venue answered 429 {count} times"] if count else [])
    if evidence.armed_s is not None:
        _say(verdict, Invariant.OPEN_POSITIONS_WATCHED, _unwatched(log, evidence))
    if evidence.cached is not None:
        wrongs = [said for user in evidence.cached.items() for said in _uncached(log, *user)]
        _say(verdict, Invariant.CACHE_IS_PROJECTION, wrongs)
    if evidence.tenures is not None:
        _say(verdict, Invariant.ONE_OWNER_PER_SHARD, _overlaps(evidence))
    if evidence.digests is not None:
        kinds = len(set(evidence.digests))
        wrongs = [f"{len(evidence.digests)} runs of one seed, {kinds} outcomes"] if kinds > 1 else []
        _say(verdict, Invariant.SAME_SEED_SAME_RUN, wrongs)


def _unwatched(log: OrderLog, evidence: Evidence) -> list[str]:
    armed = evidence.armed_s or {}
    missing = [trade.trade_id for trade in log.ledger.open_trades() if trade.trade_id not in armed]
    late = {name: after for name, after in armed.items() if after > evidence.armed_within_s}
    found = [f"open position {name} is not watched" for name in missing]
    return found + [f"position {name} was watched only after {after:.1f} s" for name, after in late.items()]


def _uncached(log: OrderLog, user_id: str, cached: Cached) -> list[str]:
    """Return how the cache differs from SQL; what still waits in the outbox is not due yet."""
    waiting = {event.payload.get("trade_id") for event in log.outbox.waiting("cached", limit=100_000)}
    trades = [trade for trade in log.ledger.all_trades(user_id) if trade.trade_id not in waiting]
    open_now = {trade.symbol: position_view(trade) for trade in trades if not trade.is_closed}
    shown = {
        symbol: dict(held) for symbol, held in cached.positions.items() if held.get("trade_id") not in waiting
    }
    found = []
    if shown != open_now:
        names = sorted(name for name in {*shown, *open_now} if shown.get(name) != open_now.get(name))
        found.append(f"cache of {user_id} shows other positions than SQL in {', '.join(names)}")
    closed = {trade.trade_id: closed_view(trade) for trade in trades if trade.is_closed}
    listed = {str(trade["trade_id"]): dict(trade) for trade in cached.trades}
    wrong = [name for name, trade in listed.items() if name in closed and trade != closed[name]]
    wrong += [name for name in listed if name not in closed and name not in waiting]
    if len(closed) <= TRADES_KEPT:
        wrong += [name for name in closed if name not in listed]
    return found + [f"cache of {user_id}: trade {name} is not as SQL has it" for name in wrong]


def _overlaps(evidence: Evidence) -> list[str]:
    found = []
    if evidence.stale_sends:
        found.append(f"{evidence.stale_sends} orders left under a stale token")
    by_shard: dict[str, list[Tenure]] = defaultdict(list)
    for tenure in evidence.tenures or ():
        by_shard[tenure.shard].append(tenure)
    for shard, owners in by_shard.items():
        owners.sort(key=lambda owner: owner.since_ms)
        for one, next_one in itertools.pairwise(owners):
            if one.until_ms is None or one.until_ms > next_one.since_ms:
                found.append(f"shard {shard} had two owners: tokens {one.token} and {next_one.token}")
            if next_one.token <= one.token:
                found.append(f"shard {shard}: token {next_one.token} came after {one.token}")
    return found
