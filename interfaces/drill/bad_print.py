"""`sluice drill bad-print`: a price that is nobody's price sells nothing; one that stays does."""

import time
from dataclasses import replace
from decimal import Decimal

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, fill, sales, still, until_sold
from interfaces.drill.sets import Exits
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.venue import Pair
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress

# Inside the bound that doubts a print (2 % a minute), beyond it, and beyond the one that suspends (25 %).
PRINTS = (0.982, 0.90, 0.50)
STOP = Exits(Decimal("0.015"), None, 30 * 86_400)
# How long each stands in the book. Inside the bound a stop sells on its second look, at most 0.1 s later;
# beyond it, on one a second later.
STANDS_S = (0.06, 0.7, 0.7)
# A wrong price inside the bound that stands for two looks sells; how many is measured, not judged.
LONG_S = 0.3
TIMES = 6
# What stays.
FALL = 0.97


def _answer(stage: Stage, pair: Pair, factor: float) -> int:
    """Let the next answer about quotes show an absurd price; return how many did within two seconds."""
    rule = {"kind": "bad_print", "route": "GET ticker/bookTicker", "symbol": pair.wire, "factor": factor}
    stage.venue.set_faults([rule | {"max_hits": 1}])
    stage.until(lambda: stage.venue.hits().get("bad_print", 0), 2.0)
    return stage.venue.hits().get("bad_print", 0)


def bad_print(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Let each pair show an absurd price to one look, `TIMES` times, then let all fall for good."""
    result = DrillResult("bad-print", seed=settings.seed)
    staged = replace(settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED))
    with Stage(staged, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()[: len(PRINTS)]
        held = fill(stage, pairs, 1, exits=STOP)
        began = time.time()
        for number in range(1, TIMES + 1):
            for pair, factor, stands_s in zip(pairs, PRINTS, STANDS_S, strict=True):
                stage.venue.spike(pair.wire, factor, stands_s)
                result.inject(f"price times {factor:g} for {stands_s:g} s")
                still(engine, 1.3)
                result.inject(f"one answer with the price times {factor:g}", _answer(stage, pair, factor))
                still(engine, 0.5)
            result.runs += 1
            if progress is not None:
                progress(number, TIMES)
        early = sales(stage, began)
        sold = [f"{s.intent.user_id} {s.intent.symbol}: {s.intent.exit_reason} on a bad print" for s in early]
        result.judge("nothing_is_sold_on_a_bad_print", sold, checked=TIMES * len(held))
        long = time.time()
        stage.venue.spike(pairs[0].wire, PRINTS[0], LONG_S)
        result.inject(f"price times {PRINTS[0]:g} for {LONG_S:g} s: may sell")
        still(engine, 3.0)
        result.figures["sold_on_a_wrong_price_of_0.3_s"] = len(
            {sale.intent.trade_id for sale in sales(stage, long)}
        )
        real = time.time()
        for pair in pairs:
            stage.venue.move(pair.wire, FALL)
        result.inject(f"fall to {FALL:.0%} that stays", len(pairs))
        say(f"{len(sold)} sold on bad prints; now a fall to {FALL:.0%} that stays")
        until_sold(stage, result, 120)
        result.figures["seconds_from_fall_to_exit"] = spread([s.wall_s - real for s in sales(stage, real)])
        result.figures["positions"] = len(held)
        stage.stop_engine(engine)
        judge(stage, result)
        stage.is_evidence = not result.passed
    return result
