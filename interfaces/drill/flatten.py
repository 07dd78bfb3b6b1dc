"""`sluice drill flatten`: `kill -9` of `sluice flatten` in the middle of selling, with no engine alive."""

import random
import time
from dataclasses import replace
from functools import partial

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
SENT_AT_MOST = 3  # orders after which a run is killed: with ten kills, fewer than there are positions
DONE_S = 240.0
# Weight per second of the one address on which the runs that are killed sell: slow enough that a kill finds
# positions unsold. Each run spends about 30 on listing, time and quotes before it sells.
SLOWLY = {"SLUICE_EXCHANGE__RATE_PER_S": "20", "SLUICE_EXCHANGE__SIGNED_ON_ADDRESS": "true"}
FIRST_S = 30.0  # a run that sent nothing in so long is killed all the same, and counted


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
        silent = 0
        for number in range(1, runs + 1):
            before, wanted = _sent(stage), draw.randint(1, SENT_AT_MOST)
            child = stage.start("flatten", [*command, "--for-seconds", "600"], **slowly)
            # After so many orders of its own: it may first look for what its predecessor left.
            has_sent = partial(_has_sent, stage, before + wanted)
            silent += not stage.until(has_sent, FIRST_S, every_s=0.01)
            time.sleep(0.1 * draw.random())
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
            "runs_that_sent_too_little_in_30_s": silent,
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


def _has_sent(stage: Stage, number: int) -> bool:
    return _sent(stage) >= number


def _sent(stage: Stage) -> int:
    return sum(intent.sent_wall_ms is not None for intent in stage.log.orders.find())


def _exits_sent(stage: Stage) -> int:
    """Return of how many positions an exit was ever on the wire."""
    exits = stage.log.orders.find(leg=Leg.CLOSE)
    return len({intent.trade_id for intent in exits if intent.sent_wall_ms is not None})
