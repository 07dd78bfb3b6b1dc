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
BAN_S = 5
CRASH = 0.93


def storm_429(
    settings: StageSettings, *, seconds: float = SECONDS, say: Say, progress: Progress | None = None
) -> DrillResult:
    """Refuse half of all requests for `seconds`, then ban for a moment; stops are crossed meanwhile."""
    result = DrillResult("storm-429", seed=settings.seed)
    staged = replace(
        settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED), is_one_address=True
    )
    with Stage(staged, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()
        held = fill(stage, pairs[:2], 1)
        write_set(stage, pairs[2:4], 2)
        began = time.time()
        storm = {"kind": "rate_limit", "route": "*", "probability": 0.5, "retry_after_s": RETRY_S}
        stage.venue.set_faults([storm], seed=settings.seed)
        stage.venue.move(pairs[0].wire, CRASH)
        say(f"429 on half of all requests; {len(held) // 2} stops are crossed, a new set wants entries")
        still(engine, seconds * 2 / 3)
        result.inject("429 with Retry-After", sum(stage.venue.hits().values()))
        ban = {"kind": "rate_limit", "route": "*", "banned": 1, "retry_after_s": BAN_S, "max_hits": 1}
        stage.venue.set_faults([ban])
        still(engine, seconds / 3)
        result.inject("418: banned", sum(stage.venue.hits().values()))
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
    found = [each for each in requests(stage.request_log) if began <= each.wall_s <= ended]
    asked = [each for each in found if each.path.startswith("/api/")]
    # One address pays for everything, so a refusal of any request is a refusal to all.
    for status, wait_s in ((429, RETRY_S), (418, BAN_S)):
        early = knocks_too_early([(each.wall_s, each.status == status) for each in asked], wait_s)
        refused = sum(each.status == status for each in asked)
        result.judge(f"nobody_asks_while_told_to_wait_{status}", early, checked=refused)
    banned = [each for each in asked if each.status == 418 and each.fault is None]
    result.judge(
        "the_venue_bans_nobody", [f"at {each.wall_s:.1f}" for each in banned[:3]], checked=len(asked)
    )
    inside = [(each, intent) for each, intent in orders(stage, began) if each.wall_s <= ended]
    exits = [sale for sale in sales(stage, began) if sale.intent.symbol == crossed]
    done = [sale.wall_s - began for sale in exits if sale.intent.filled > 0]
    held = [trade.user_id for trade in stage.log.ledger.open_trades() if trade.symbol == crossed]
    result.judge(
        "exits_leave", [f"{user}: still held 120 s after the storm" for user in held], checked=len(done)
    )
    result.figures |= {
        "requests_in_storm": len(asked),
        "seconds_from_crossing_to_sale": spread(done),
        "sold_while_it_raged": sum(began + at <= ended for at in done),
        "exit_orders_in_storm": sum(intent.leg is Leg.CLOSE for _, intent in inside),
        "entry_orders_in_storm": sum(intent.leg is Leg.OPEN for _, intent in inside),
    }
