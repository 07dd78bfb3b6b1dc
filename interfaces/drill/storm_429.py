"""`sluice drill storm-429`: the venue answers 429 and 418 for a while; nobody may knock on."""

import time
from dataclasses import replace

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, fill, orders, sales, sell_all, still
from interfaces.drill.sets import write_set
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.venue import requests
from trading.execution.drills.figures import spread
from trading.execution.drills.knocking import knocks_too_early
from trading.execution.drills.result import DrillResult, Progress
from trading.store.order_log.records import Leg

SECONDS = 30.0
RETRY_S = 2
CRASH = 0.93


def storm_429(
    settings: StageSettings, *, seconds: float = SECONDS, say: Say, progress: Progress | None = None
) -> DrillResult:
    """Refuse half of all requests for `seconds`, the last third with 418; stops are crossed meanwhile."""
    result = DrillResult("storm-429", seed=settings.seed)
    staged = replace(
        settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED), is_one_address=True
    )
    with Stage(staged, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()
        held = fill(stage, pairs[:2], 1)
        began = time.time()
        stage.venue.set_faults(
            [{"kind": "rate_limit", "route": "*", "probability": 0.5, "retry_after_s": RETRY_S}],
            seed=settings.seed,
        )
        write_set(stage, pairs[2:4], 2)
        stage.venue.move(pairs[0].wire, CRASH)
        say(f"429 on half of all requests; {len(held) // 2} stops are crossed, a new set wants entries")
        still(engine, seconds * 2 / 3)
        result.inject("429 with Retry-After", sum(stage.venue.hits().values()))
        stage.venue.set_faults(
            [{"kind": "error", "route": "*", "probability": 0.5, "status": 418, "code": 418}],
            seed=settings.seed,
        )
        still(engine, seconds / 3)
        result.inject("418", sum(stage.venue.hits().values()))
        stage.venue.set_faults([])
        ended = time.time()
        say("the storm is over")
        stage.until(
            lambda: not [t for t in stage.log.ledger.open_trades() if t.symbol == pairs[0].symbol], 120
        )
        if progress is not None:
            progress(1, 1)
        result.runs = 1
        _judge_storm(stage, result, began=began, ended=ended, crossed=pairs[0].symbol)
        sell_all(stage, result)
        stage.stop_engine(engine)
        judge(stage, result)
        stage.is_evidence = not result.passed
    return result


def _judge_storm(stage: Stage, result: DrillResult, *, began: float, ended: float, crossed: str) -> None:
    asked = [each for each in requests(stage.request_log) if began <= each.wall_s <= ended]
    paced = [each for each in asked if each.key_end is not None]
    refusals = [each.wall_s for each in paced if each.status == 429]
    early = knocks_too_early([(each.wall_s, each.status == 429) for each in paced], RETRY_S)
    result.judge("retry_after_is_kept", early, checked=len(refusals))
    banned = [each for each in asked if each.status == 418 and each.fault is None]
    result.judge("no_ban", [f"banned at {each.wall_s:.1f}" for each in banned[:3]], checked=len(asked))
    inside = [(each, intent) for each, intent in orders(stage, began) if each.wall_s <= ended]
    exits = [sale for sale in sales(stage, began) if sale.intent.symbol == crossed]
    done = [sale.wall_s - began for sale in exits if sale.intent.filled > 0]
    held = [trade.user_id for trade in stage.log.ledger.open_trades() if trade.symbol == crossed]
    result.judge(
        "exits_leave", [f"{user}: still held 120 s after the storm" for user in held], checked=len(done)
    )
    result.figures |= {
        "requests_in_storm": len(asked),
        "refused_429": len(refusals),
        "seconds_from_crossing_to_sale": spread(done),
        "sold_while_it_raged": sum(began + at <= ended for at in done),
        "exit_orders_in_storm": sum(intent.leg is Leg.CLOSE for _, intent in inside),
        "entry_orders_in_storm": sum(intent.leg is Leg.OPEN for _, intent in inside),
    }
