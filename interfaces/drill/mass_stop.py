"""`sluice drill mass-stop`: every position of every user crosses its stop in the same second."""

import time
from dataclasses import replace

from interfaces.drill.judging import judge
from interfaces.drill.scene import HOLD, UNCAPPED, Sale, bids, fill, orders, sales, sell_all
from interfaces.drill.sets import write_set
from interfaces.drill.stage import Say, Stage, StageSettings
from trading.execution.drills.figures import by_place
from trading.execution.drills.result import DrillResult, Progress
from trading.store.order_log.records import Leg

POSITIONS = 3
CRASH = 0.93  # stops stand 5 % below the entry
# Weight per second of one address: what MEXC's demo allows.
RATE = 50.0


def mass_stop(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Let `settings.users` × 3 positions cross their stops at once, entries of a new set behind them."""
    result = DrillResult("mass-stop", seed=settings.seed)
    settings = replace(
        settings,
        speed=1.0,
        rate=400.0,
        venue_rate=800.0,
        is_one_address=True,
        fleet=dict(UNCAPPED),
        impact=0.1,
    )
    with Stage(settings, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()
        held = fill(stage, pairs[:POSITIONS], 1)
        stage.stop_engine(engine)
        # Another engine, on a budget of its own: the rate that one address really has.
        engine = stage.start_engine(
            SLUICE_EXCHANGE__RATE_PER_S=str(RATE), SLUICE_EXCHANGE__LIMITER_PATH=str(stage.home / "slow")
        )
        stage.until_beating(engine)
        stage.until(lambda: stage.heartbeat().get("reconciled", 0) >= settings.users, 120)
        began = time.time()
        for pair in pairs[:POSITIONS]:
            stage.venue.move(pair.wire, CRASH)
        write_set(stage, pairs[POSITIONS : 2 * POSITIONS], 2, exits=HOLD)
        result.inject(f"stops crossed by a fall to {CRASH:.0%}", len(held))
        result.inject("entries wanted behind them", POSITIONS * settings.users)
        say(f"{len(held)} stops are crossed at once, a new set wants {POSITIONS * settings.users} entries")
        before = bids(stage, {trade.symbol for trade in held})
        _follow(stage, {trade.trade_id for trade in held}, progress)
        result.runs = 1
        stage.say("all stops are out: selling what the new set bought, then judging")
        stage.stop_engine(engine)
        engine = stage.start_engine()
        sell_all(stage, result)
        stage.stop_engine(engine)
        judge(stage, result)
        ids = {trade.trade_id for trade in held}
        left = [sale for sale in sales(stage, began) if sale.intent.trade_id in ids]
        _judge_queue(stage, result, left, began)
        fetched = [
            (
                sale.wall_s - began,
                float(sale.intent.filled_cost / sale.intent.filled / before[sale.intent.symbol]),
            )
            for sale in left
            if sale.intent.filled > 0
        ]
        result.figures["by_place_in_the_queue"] = by_place(fetched)
        stage.is_evidence = not result.passed
    return result


def _follow(stage: Stage, ids: set[str], progress: Progress | None) -> None:
    def closed() -> bool:
        left = sum(trade.trade_id in ids for trade in stage.log.ledger.open_trades())
        if progress is not None:
            progress(len(ids) - left, len(ids))
        return left == 0

    stage.until(closed, 600, every_s=0.5)


def _judge_queue(stage: Stage, result: DrillResult, left: list[Sale], began: float) -> None:
    """Floor: so many orders of weight 1 at the limiter's rate, less what its burst lets go at once."""
    first = {sale.intent.trade_id: sale for sale in reversed(left)}  # the first attempt of each
    times = sorted(sale.wall_s - began for sale in first.values())
    floor_s = max(0.0, (len(times) - RATE / 4) / RATE)
    span_s = times[-1] - times[0]
    # An entry that was already marked SENT when the first exit was may be overtaken on the way.
    sent_ms = min(sale.intent.sent_wall_ms or 0 for sale in first.values())
    ahead = [
        f"entry {intent.coid} left {each.wall_s - began:.2f} s after the crossing"
        for each, intent in orders(stage, began)
        if intent.leg is Leg.OPEN
        and times[0] < each.wall_s - began < times[-1]
        and (intent.sent_wall_ms or 0) > sent_ms
    ]
    result.judge("no_entry_ahead_of_an_exit", ahead, checked=len(times))
    result.figures |= {
        "stops": len(times),
        "first_exit_s": round(times[0], 3),
        "last_exit_s": round(times[-1], 3),
        "limiter_floor_s": round(floor_s, 3),
        "first_to_last_over_floor": round(span_s / floor_s, 3) if floor_s else None,
        "exit_attempts": len(left),
    }
