"""`sluice drill flatten`: `kill -9` of `sluice flatten` in the middle of selling, with no engine alive."""

import random
import time
from dataclasses import replace

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, fill, until_sold
from interfaces.drill.sets import thin
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.trouble import EVERYTHING
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress
from trading.store.order_log.records import IN_FLIGHT, Leg

KILLS = 10
PAIRS = 4
DONE_S = 240.0
# Weight per second of the one address on which the runs that are killed sell: slow enough that a kill finds
# positions unsold.
SLOWLY = {"SLUICE_EXCHANGE__RATE_PER_S": "60", "SLUICE_EXCHANGE__SIGNED_ON_ADDRESS": "true"}


def flatten(
    settings: StageSettings, *, runs: int = KILLS, say: Say, progress: Progress | None = None
) -> DrillResult:
    """Let users hold thin pairs, kill the engine, and kill `sluice flatten` `runs` times while it sells."""
    result = DrillResult("flatten", seed=settings.seed)
    staged = replace(settings, speed=20.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED))
    with Stage(staged, say) as stage:
        draw = random.Random(settings.seed)
        engine = stage.start_engine()
        stage.until_beating(engine)
        held = fill(stage, thin(stage.venue.pairs(), PAIRS), 1)
        stage.kill_engine(engine)
        result.inject("kill of the engine")
        stage.venue.set_faults(EVERYTHING, seed=settings.seed)
        command = ["flatten", "--why", "a drill", "--yes", "--seed", str(settings.seed)]
        slowly = SLOWLY | {"SLUICE_EXCHANGE__LIMITER_PATH": str(stage.home / "slow")}
        in_flight: list[float] = []
        unsold: list[float] = []
        for number in range(1, runs + 1):
            before = _sent(stage)
            child = stage.start("flatten", [*command, "--for-seconds", "600"], **slowly)
            # Not before it has sent something of its own: it may first look for what its predecessor left.
            stage.until(lambda before=before: _sent(stage) > before, 15, every_s=0.01)  # type: ignore[misc]
            time.sleep(draw.choice((0.15, 0.5, 2.0)) * draw.random())
            child.kill()
            result.inject("kill of sluice flatten")
            in_flight.append(float(len(stage.log.orders.find(statuses=IN_FLIGHT))))
            unsold.append(float(len(held) - _exits_sent(stage)))
            result.runs += 1
            if progress is not None:
                progress(number, runs)
        left = len(stage.log.ledger.open_trades())
        say(f"{left} of {len(held)} positions are left; once more, to the end")
        for kind, hits in stage.venue.hits().items():
            result.inject(kind, hits)
        stage.venue.set_faults([])
        child = stage.start("flatten", [*command, "--for-seconds", str(DONE_S)])
        code = stage.finish(child, DONE_S + 30)
        result.judge("flatten_ends_flat", [] if code == 0 else [f"the last run ended with {code}"])
        result.figures |= {
            "positions": len(held),
            "kills_in_the_middle_of_the_sale": sum(0 < n < len(held) for n in unsold),
            "positions_without_an_exit_at_death": spread(unsold),
            "orders_in_flight_at_death": spread(in_flight),
        }
        # What stayed LOST sold nothing or is found: the engine goes on looking, the halt holds.
        engine = stage.start_engine()
        until_sold(stage, result, 120)
        stage.stop_engine(engine)
        judge(stage, result)
        halts = stage.log.halts.active()
        result.judge("halt_survives", [] if halts else ["no halt holds after the flatten"])
        stage.is_evidence = not result.passed
    return result


def _sent(stage: Stage) -> int:
    return sum(intent.sent_wall_ms is not None for intent in stage.log.orders.find())


def _exits_sent(stage: Stage) -> int:
    """Return of how many positions an exit was ever on the wire."""
    exits = stage.log.orders.find(leg=Leg.CLOSE)
    return len({intent.trade_id for intent in exits if intent.sent_wall_ms is not None})
