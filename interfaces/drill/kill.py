"""`sluice drill kill`: `kill -9` of a real process, again and again, with orders in flight and recovering."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from interfaces.drill.catalogue import Target
from interfaces.drill.judging import judge
from interfaces.drill.nursery import ForkedChild
from interfaces.drill.sets import thin, write_set
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.trouble import EVERYTHING
from interfaces.drill.workers import Workers
from interfaces.run.children import Child
from trading.execution.drills.figures import spread
from trading.execution.drills.moments import Moment, When, moments
from trading.execution.drills.result import DrillResult, Progress
from trading.store.order_log.records import IN_FLIGHT, IntentStatus

# Wall seconds in which all must have ended after the last kill: LOST ones are explained after 30.
SETTLE_S = 120.0
PAIRS = 8
_OUT = (*IN_FLIGHT, IntentStatus.NEW)


@dataclass(slots=True)
class _Deaths:
    """What was found at each death."""

    in_flight: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    at: float | None = None  # of the last kill, until trade goes on


def kill(
    settings: StageSettings,
    *,
    runs: int,
    what: Target = Target.ENGINE,
    say: Say,
    progress: Progress | None = None,
) -> DrillResult:
    """Kill `what` `runs` times under every kind of trouble that the venue can make, then judge."""
    result = DrillResult(f"kill {what.value}", seed=settings.seed)
    # Depth still caps entries; the share of a minute's volume would leave hardly any at this pace of time.
    fleet: dict[str, object] = {"minute_share": None}
    staged = replace(settings, is_venue_durable=what is Target.EXCHANGE, fleet=fleet)
    with Stage(staged, say) as stage:
        work = _Kill(stage, result, what)
        work.run(moments(settings.seed, runs), progress)
        stage.is_evidence = not result.passed
    return result


class _Kill:
    def __init__(self, stage: Stage, result: DrillResult, what: Target) -> None:
        self._stage = stage
        self._result = result
        self._what = what
        self._deaths = _Deaths()
        self._draw = random.Random(stage.settings.seed)
        self._sets = self._numbers()
        self._engine: Child | ForkedChild = stage.start_engine()
        self._workers: Workers | None = None
        self._other: Child | ForkedChild | None = None
        if what is Target.WORKER:
            stage.until_beating(self._engine)
            self._workers = Workers(stage, result)
            self._other = stage.start_engine()

    def run(self, plan: list[Moment], progress: Progress | None) -> None:
        stage, result = self._stage, self._result
        stage.until_beating(self._engine)
        stage.say(
            f"{len(plan)} times kill -9 of the {self._what.value}; faults of {len(EVERYTHING)} kinds are on"
        )
        stage.venue.set_faults(EVERYTHING, seed=stage.settings.seed)
        for done, moment in enumerate(plan, 1):
            self._once(moment)
            result.runs += 1
            if progress is not None:
                progress(done, len(plan))
        self._count_faults()
        stage.venue.set_faults([])
        self._settle()
        for engine in (self._engine, self._other):
            if engine is not None:
                stage.stop_engine(engine)
        judge(stage, result)
        result.figures |= self._figures()

    def _count_faults(self) -> None:
        for kind, hits in self._stage.venue.hits().items():
            self._result.inject(kind, hits)

    def _once(self, moment: Moment) -> None:
        """Bring it to the stretch of its life that is asked for, kill it, and start it again."""
        if moment.when is not When.STARTING:
            self._until_back()
        if moment.when in (When.IN_FLIGHT, When.ANY):
            self._order()
        time.sleep(moment.after_s)
        self._result.inject(f"kill {self._what.value}, {moment.when.value}")
        self._deaths.at = time.monotonic()
        self._kill_and_start()

    def _until_back(self) -> None:
        self._stage.until_beating(self._engine)
        if self._deaths.at is not None:
            self._deaths.back_s.append(time.monotonic() - self._deaths.at)
            self._deaths.at = None

    def _kill_and_start(self) -> None:
        stage, deaths = self._stage, self._deaths
        if self._workers is not None:
            self._workers.until_shared()
            self._workers.end(self._engine, hangs=self._result.runs % 3 == 2)
        elif self._what is Target.ENGINE:
            stage.kill_engine(self._engine)
        elif self._what is Target.VALKEY:
            stage.valkey.kill()
        else:
            self._count_faults()  # its count dies with it
            stage.kill_exchange()
        out = stage.log.orders.find(statuses=IN_FLIGHT)
        deaths.in_flight.append(len(out))
        deaths.held.append(len(stage.log.ledger.open_trades()))
        if self._what is Target.ENGINE:
            self._engine = stage.start_engine()
        elif self._other is not None:
            # The one that served both is the next to die.
            self._engine, self._other = self._other, stage.start_engine()
        elif self._what is Target.VALKEY:
            stage.restart_valkey()
        else:
            stage.start_exchange()
            stage.wait_for_exchange()
            stage.venue.set_faults(EVERYTHING, seed=self._draw.randrange(2**31))

    def _order(self) -> None:
        """Have entries in a few thin pairs written, and wait until an order is on its way."""
        stage = self._stage
        listed = stage.venue.pairs()
        # Thin books fill in parts and sell in slices; the others keep many users' orders on their way.
        choice = [*thin(listed, 2 * PAIRS), *listed[:PAIRS]]
        pairs = self._draw.sample(choice, PAIRS)
        write_set(stage, pairs, next(self._sets))
        stage.until(lambda: stage.log.orders.find(statuses=_OUT), 3.0, every_s=0.01)

    def _settle(self) -> None:
        stage = self._stage
        stage.say("faults are off: waiting until everything is sold and every order explained")
        settled = stage.until(self._is_settled, SETTLE_S, every_s=0.5)
        if not settled:
            left = [f"{each.coid} {each.status.value}" for each in stage.log.orders.find(statuses=_OUT)]
            held = [f"{each.user_id} {each.symbol} {each.held_up}" for each in stage.log.ledger.open_trades()]
            self._result.notes.append(f"not settled after {SETTLE_S:.0f} s: {(left + held)[:10]}")
        self._result.judge("settles_by_itself", [] if settled else ["something was left, see the notes"])

    def _is_settled(self) -> bool:
        log = self._stage.log
        unclear = (*_OUT, IntentStatus.LOST)
        return not log.orders.find(statuses=unclear) and not log.ledger.open_trades()

    def _figures(self) -> dict[str, object]:
        deaths = self._deaths
        return (self._workers.figures() if self._workers is not None else {}) | {
            "orders_in_flight_at_death": spread([float(n) for n in deaths.in_flight]),
            "kills_with_orders_in_flight": sum(n > 0 for n in deaths.in_flight),
            "kills_with_positions_held": sum(n > 0 for n in deaths.held),
            "positions_held_at_death": spread([float(n) for n in deaths.held]),
            "seconds_from_kill_to_heartbeat": spread(deaths.back_s),
        }

    @staticmethod
    def _numbers() -> Iterator[int]:
        number = 0
        while True:
            yield (number := number + 1)
