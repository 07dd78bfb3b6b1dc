"""`sluice drill bad-print`: a price that is nobody's price sells nothing; one that stays does."""

import time
from dataclasses import replace
from decimal import Decimal

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, fill, sales, still, until_sold
from interfaces.drill.sets import Exits
from interfaces.drill.stage import Say, Stage, StageSettings
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress

# Inside the bound that doubts a print (2 % a minute), beyond it, and beyond the one that suspends (25 %).
PRINTS = (0.982, 0.90, 0.50)
STOP = Exits(Decimal("0.015"), None, 30 * 86_400)
# How long an absurd price stands: shorter than the second look that must confirm it.
STANDS_S = 0.3
TIMES = 5
# What stays.
FALL = 0.97


def bad_print(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Let each pair show an absurd price `TIMES` times for a moment, then let all fall for good."""
    result = DrillResult("bad-print", seed=settings.seed)
    staged = replace(settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED))
    with Stage(staged, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()[: len(PRINTS)]
        held = fill(stage, pairs, 1, exits=STOP)
        began = time.time()
        for number in range(1, TIMES + 1):
            for pair, factor in zip(pairs, PRINTS, strict=True):
                stage.venue.move(pair.wire, factor)
                time.sleep(STANDS_S)
                stage.venue.move(pair.wire, 1 / factor)
                result.inject(f"price times {factor:g} for {STANDS_S:g} s")
                still(engine, 1.3)
            result.runs += 1
            if progress is not None:
                progress(number, TIMES)
        early = sales(stage, began)
        sold = [f"{s.intent.user_id} {s.intent.symbol}: {s.intent.exit_reason} on a bad print" for s in early]
        result.judge("nothing_is_sold_on_a_bad_print", sold, checked=TIMES * len(held))
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
