"""What all users hold and are about to: read from the log, kept up to date in memory as entries are planned.

One worker serves a user (`leases`), and an entry counts from the decision on, before its row is on disk:
two users who are planned at once cannot both take the last of a cap. A restart reads it all again.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import sqlalchemy as sa

from trading.execution.shared_capacity import Claim
from trading.market.clock import Clock
from trading.market.timeframes import MINUTE_MS
from trading.risk.fleet import BETA, NO_CLUSTER, ZERO, Taken, Wanted
from trading.store.order_log import OrderLog, fleet_rows, takes
from trading.store.order_log.records import Intent
from trading.store.order_log.takes import Take

MOST_OF_CORE = 200  # a read is repeated after so many times what it cost
KEPT_MS = 1000  # wall time for which what was read is good enough: entries and refusals are added at once


@dataclass(slots=True)
class _Sums:
    """Money in quote units, all users together."""

    held: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    out: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    minute: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cluster: defaultdict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    beta: Decimal = ZERO
    places: set[tuple[str, str]] = field(default_factory=set)

    def add(self, user_id: str, wanted: Wanted, *, sign: int = 1) -> None:
        """Count an entry that is out, or take it back."""
        cost = wanted.cost * sign
        self.out[wanted.symbol] += cost
        self.minute[wanted.symbol] += cost
        self.hold(user_id, wanted, cost)
        if sign < 0:
            self.places.discard((user_id, wanted.symbol))

    def hold(self, user_id: str, wanted: Wanted, cost: Decimal) -> None:
        """Count what is held."""
        self.held[wanted.symbol] += cost
        self.beta += cost * wanted.beta
        if wanted.cluster != NO_CLUSTER:
            self.cluster[wanted.cluster] += cost
        self.places.add((user_id, wanted.symbol))


class FleetBook:
    """The fleet's sums."""

    def __init__(self, log: OrderLog, wall: Clock) -> None:
        self._log = log
        self._wall = wall
        self._read_ms: int | None = None
        self._sums = _Sums()
        self._capital = ZERO
        self._traits: dict[tuple[str, str], tuple[int, Decimal]] = {}  # of signals: cluster, beta
        self._claims: dict[str, Intent] = {}  # on their way to the disk
        self._keep_ms = KEPT_MS
        self.seen = 0  # the last take of other workers that is counted
        self.drawdown = ZERO

    def refresh(self, now_ms: int, *, force: bool = False) -> None:
        """Read the log again if what is known is older than `KEPT_MS`. `now_ms` is market time."""
        wall_ms = self._wall.now_ms()
        if not force and self._read_ms is not None and 0 <= wall_ms - self._read_ms < self._keep_ms:
            return
        began_s = time.thread_time()
        self._read_ms = wall_ms
        sums = _Sums()
        with self._log.database.read() as connection:
            self.seen = takes.last(connection)
            self._capital = fleet_rows.capital(connection)
            rows = fleet_rows.entries(connection, since_ms=now_ms - MINUTE_MS)
            held = fleet_rows.holdings(connection)
            keys = [(each.signal_set_id, each.signal_id) for each in rows]
            self._learn(connection, keys + [(each.signal_set_id, each.signal_id) for each in held])
        for trade in held:
            key = trade.signal_set_id, trade.signal_id
            sums.hold(trade.user_id, self._wanted(trade.symbol, trade.cost, *key), trade.cost)
        for entry in rows:
            if entry.is_out:
                key = entry.signal_set_id, entry.signal_id
                sums.out[entry.symbol] += entry.cost
                sums.hold(entry.user_id, self._wanted(entry.symbol, entry.cost, *key), entry.cost)
            if entry.is_recent:
                sums.minute[entry.symbol] += entry.cost + entry.spent
        written = {entry.coid for entry in rows}
        for coid, intent in self._claims.items():
            if coid not in written:
                sums.add(intent.user_id, self.of(intent))
        self._sums = sums
        # What is taken is added at once; only what was given back waits, so that a large fleet's read may.
        self._keep_ms = max(KEPT_MS, int((time.thread_time() - began_s) * 1000 * MOST_OF_CORE))

    def news(self) -> list[Take]:
        """Count what other workers took since the last look, and return it."""
        worker_id = self._log.leases.worker_id
        if worker_id is None:
            return []
        rows = self._log.database.rows(takes.OF_OTHERS, since=self.seen, worker_id=worker_id)
        found = [Take(**row) for row in rows]
        for take in found:
            wanted = self._wanted(take.symbol, take.cost, take.signal_set_id, take.signal_id)
            self._sums.add(take.user_id, wanted)
            self.seen = take.seq
        return found

    def taken(self, wanted: Wanted, drafted: Iterable[Wanted] = ()) -> Taken:
        """Return what is taken beside `wanted`, entries of the same plan (`drafted`) counted in."""
        sums, mine = self._sums, list(drafted)
        same = sum((each.cost for each in mine if each.symbol == wanted.symbol), ZERO)
        group = sum((each.cost for each in mine if each.cluster == wanted.cluster), ZERO)
        return Taken(
            capital=self._capital,
            symbol_held=sums.held.get(wanted.symbol, ZERO) + same,
            symbol_out=sums.out.get(wanted.symbol, ZERO) + same,
            symbol_minute=sums.minute.get(wanted.symbol, ZERO) + same,
            cluster_held=sums.cluster.get(wanted.cluster, ZERO) + group,
            beta_held=sums.beta + sum((each.cost * each.beta for each in mine), ZERO),
            positions=len(sums.places) + len(mine),
            drawdown=self.drawdown,
        )

    @contextmanager
    def claim(self, intents: Iterable[Intent]) -> Iterator[Claim]:
        """Count entries while they are being written down; given back unless the block says `is_kept`."""
        mine = {intent.coid: intent for intent in intents}
        claim = Claim()
        self._claims |= mine
        for intent in mine.values():
            self._sums.add(intent.user_id, self.of(intent))
        try:
            yield claim
        finally:
            for coid, intent in mine.items():
                del self._claims[coid]
                if not claim.is_kept:
                    self.remove(intent)

    def remove(self, intent: Intent) -> None:
        """Give back what an entry took that will never be sent."""
        self._sums.add(intent.user_id, self.of(intent), sign=-1)

    def of(self, intent: Intent) -> Wanted:
        """Return an intent as the caps see it."""
        return self._wanted(intent.symbol, intent.reserved, intent.signal_set_id, intent.signal_id)

    def _wanted(self, symbol: str, cost: Decimal, signal_set_id: str, signal_id: str) -> Wanted:
        key = (signal_set_id, signal_id)
        if key not in self._traits:
            with self._log.database.read() as connection:
                self._learn(connection, [key])
        cluster, beta = self._traits[key]
        return Wanted(symbol, cost, cluster, beta)

    def _learn(self, connection: sa.Connection, keys: Iterable[tuple[str, str]]) -> None:
        unknown = {key for key in keys if key not in self._traits}
        if not unknown:
            return
        found = fleet_rows.traits(connection, {signal_set_id for signal_set_id, _ in unknown})
        self._traits |= {key: (cluster, beta_of(json.loads(text))) for key, (cluster, text) in found.items()}
        for key in unknown:
            self._traits.setdefault(key, (NO_CLUSTER, Decimal(1)))


def beta_of(features: dict[str, float]) -> Decimal:
    """Return a signal's market beta; 1 where it does not say, and never below 0: a hedge is no room."""
    beta = features.get(BETA)
    return Decimal(1) if beta is None else max(ZERO, Decimal(repr(beta)))
