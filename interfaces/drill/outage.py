"""`sluice drill outage`: the venue is gone while prices fall; what happens to open positions afterwards."""

import time
from collections import Counter
from dataclasses import replace

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, fill, sales, sell_all, still
from interfaces.drill.stage import Say, Stage, StageSettings
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress

SECONDS = 20.0
# How far the price falls meanwhile: through the stop of 5 %, and far below it.
FALLS = (0.93, 0.80, 1.0)


def outage(
    settings: StageSettings, *, seconds: float = SECONDS, say: Say, progress: Progress | None = None
) -> DrillResult:
    """Cut every connection for `seconds`; one pair falls through its stop, one far below, one not at all."""
    result = DrillResult("outage", seed=settings.seed)
    with Stage(
        replace(settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED)), say
    ) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()[: len(FALLS)]
        held = fill(stage, pairs, 1)
        stage.venue.set_faults([{"kind": "drop_before", "route": "*"}], seed=settings.seed)
        result.inject("seconds without the venue", round(seconds))
        say(f"the venue is gone for {seconds:.0f} s")
        still(engine, seconds / 2)
        for pair, fall in zip(pairs, FALLS, strict=True):
            if fall < 1:
                stage.venue.move(pair.wire, fall)
                result.inject(f"fall to {fall:.0%} meanwhile")
        still(engine, seconds / 2)
        result.inject("connections cut", sum(stage.venue.hits().values()))
        stage.venue.set_faults([])
        back = time.time()
        say("the venue is back")
        fallen = {pair.symbol for pair, fall in zip(pairs, FALLS, strict=True) if fall < 1}
        stage.until(lambda: not [t for t in stage.log.ledger.open_trades() if t.symbol in fallen], 120)
        if progress is not None:
            progress(1, 1)
        _judge_exits(stage, result, held_symbols=fallen, back=back)
        result.runs = 1
        sell_all(stage, result)
        stage.stop_engine(engine)
        judge(stage, result)
        result.figures["positions"] = len(held)
        stage.is_evidence = not result.passed
    return result


def _judge_exits(stage: Stage, result: DrillResult, *, held_symbols: set[str], back: float) -> None:
    after = sales(stage, back)
    left = {trade.symbol for trade in stage.log.ledger.open_trades()}
    result.judge(
        "exits_leave_after_an_outage",
        [f"{symbol} is below its stop and still held 120 s later" for symbol in sorted(held_symbols & left)],
        checked=len(held_symbols),
    )
    early = [sale.intent.coid for sale in after if sale.intent.symbol not in held_symbols]
    result.judge("nothing_else_is_sold", [f"{coid} was sold above its stop" for coid in early])
    reasons = Counter(f"{sale.intent.symbol} {sale.intent.exit_reason}" for sale in after)
    result.figures |= {
        "seconds_from_back_to_exit": spread([sale.wall_s - back for sale in after]),
        "exit_reasons": dict(reasons),
        "fetched_over_entry": _fetched(stage),
    }


def _fetched(stage: Stage) -> dict[str, float]:
    shares: dict[str, float] = {}
    for trade in stage.log.ledger.all_trades():
        if trade.close_price is not None:
            shares[trade.symbol] = round(float(trade.close_price / trade.open_price), 4)
    return shares
