"""`sluice drill restore`: backup, trade on, kill, restore: the venue tells what the log has lost."""

import random
import time
from dataclasses import replace

from interfaces.drill.judging import early, judge
from interfaces.drill.nursery import ForkedChild
from interfaces.drill.scene import HOLD, UNCAPPED, fill, orders, sell_all
from interfaces.drill.sets import write_set
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.venue import requests
from interfaces.run.children import Child
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress
from trading.execution.invariants import Invariant
from trading.market.errors import SluiceError
from trading.store.order_log.records import IN_FLIGHT, PENDING, Leg

# A command of ours has ended by then.
COMMAND_S = 60.0
REPLAYED_S = 180.0


def restore(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Back up while users hold positions, trade on, kill the engine mid-flight, restore, and start again."""
    result = DrillResult("restore", seed=settings.seed)
    staged = replace(settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED))
    with Stage(staged, say) as stage:
        work = _Restore(stage, result)
        work.run()
        if progress is not None:
            progress(1, 1)
        stage.is_evidence = not result.passed
    return result


class _Restore:
    def __init__(self, stage: Stage, result: DrillResult) -> None:
        self._stage = stage
        self._result = result
        self._pairs = stage.venue.pairs()
        self._draw = random.Random(stage.settings.seed)

    def run(self) -> None:
        stage, result, pairs = self._stage, self._result, self._pairs
        engine = stage.start_engine()
        stage.until_beating(engine)
        fill(stage, pairs[:2], 1)
        folder = str(stage.home / "backup")
        self._command("backup", folder)
        known = {intent.coid for intent in stage.log.orders.find()}
        # After the backup: one pair is sold, two are bought, and a set is on its way when the engine dies.
        stage.venue.move(pairs[0].wire, 0.93)
        stage.until(
            lambda: not [t for t in stage.log.ledger.open_trades() if t.symbol == pairs[0].symbol], 60
        )
        fill(stage, pairs[2:3], 2)
        write_set(stage, pairs[3:4], 3, exits=HOLD)
        stage.until(lambda: stage.log.orders.find(statuses=IN_FLIGHT), 10, every_s=0.01)
        time.sleep(self._draw.uniform(0, 0.3))
        stage.kill_engine(engine)
        since = [intent for intent in stage.log.orders.find() if intent.coid not in known]
        result.inject("orders that the backup does not hold", len(since))
        result.inject("kill of the engine with orders in flight", 1)
        # The log that is about to be lost is the only one that knows when each of these was SENT.
        intents = {intent.coid: intent for intent in stage.log.orders.find()}
        sent = [each for each in requests(stage.request_log) if each.is_order and each.coid]
        result.judge(Invariant.INTENT_BEFORE_REQUEST.value, early(sent, intents), checked=len(sent))
        stage.say(f"{len(since)} orders were made after the backup; putting the backup back")
        stage.log.close()
        self._command("restore", folder)
        stage.open_log()
        self._after(stage.start_engine())

    def _after(self, engine: Child | ForkedChild) -> None:
        """It starts frozen; the venue is replayed before anything leaves; then a person lifts."""
        stage, result, pairs = self._stage, self._result, self._pairs
        began = time.time()
        result.judge("epoch_grows", [] if stage.log.restores.epoch() == 1 else ["the epoch is not 1"])
        held = stage.log.halts.active()
        result.judge("starts_frozen", [] if held else ["no halt holds after the restore"])
        is_read = stage.until(lambda: stage.log.restores.pending() is None, REPLAYED_S)
        result.judge("venue_is_replayed", [] if is_read else [f"not within {REPLAYED_S:.0f} s"])
        replayed_s = time.time() - began
        write_set(stage, pairs[4:6], 4, exits=HOLD)
        time.sleep(3.0)
        entered = [intent.coid for _, intent in orders(stage, began) if intent.leg is Leg.OPEN]
        result.judge("no_entry_while_frozen", [f"{coid} was sent" for coid in entered])
        for halt in stage.log.halts.active():
            stage.log.halts.lift(halt.halt_id, by="drill", why="the restore was looked at")
        lifted = time.time()
        result.inject("freeze lifted", len(held))
        fill(stage, pairs[6:8], 5)
        void = [
            f"{intent.coid} of {intent.signal_set_id}"
            for _, intent in orders(stage, lifted)
            if intent.leg is Leg.OPEN and not intent.signal_set_id.endswith(f"{5:012x}")
        ]
        result.judge("sets_from_before_are_void", void)
        sell_all(stage, result)
        stage.stop_engine(engine)
        result.runs = 1
        judge(stage, result)
        result.figures |= {
            "seconds_from_start_to_replayed": round(replayed_s, 2),
            "adopted": sum("restore" in (i.reason or "") for i in stage.log.orders.find()),
            "in_flight_left": len(stage.log.orders.find(statuses=PENDING)),
            "exits_after": spread(
                [r.wall_s - lifted for r, i in orders(stage, lifted) if i.leg is Leg.CLOSE]
            ),
        }

    def _command(self, name: str, folder: str) -> None:
        child = self._stage.start(name, [name, folder])
        code = self._stage.finish(child, COMMAND_S)
        if code != 0:
            raise SluiceError(f"sluice {name} ended with {code}: {child.log.read_text()[-400:]}")
