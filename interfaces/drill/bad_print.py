"""`sluice drill bad-print`: a price that is nobody's price sells nothing; one that stays does."""

import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from interfaces.drill.judging import judge
from interfaces.drill.nursery import ForkedChild
from interfaces.drill.scene import UNCAPPED, fill, sales, still, until_sold
from interfaces.drill.sets import Exits
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.venue import Pair
from interfaces.run.children import Child
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress

# Inside the bound that doubts a print (2 % a minute), beyond it, and beyond the one that suspends (25 %).
PRINTS = (0.982, 0.90, 0.50)
STOP = Exits(Decimal("0.015"), None, 30 * 86_400)
# How long each stands in the book. A step has to stand a second before a stop sells on it.
STANDS_S = (0.3, 0.7, 0.7)
TIMES = 6
# The whole market is looked at every 5 s, held pairs that no stream serves several times a second.
ASKED_WITHIN_S = 8.0
SILENT = {"kind": "ws_silent", "route": "WS *"}
SILENT_WITHIN_S = 40.0
# What stays: a fall at once, and one by moves as quotes bring them.
FALL = 0.97
CREEP, CREEP_EVERY_S, CREEPS = 0.9965, 0.1, 8


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
                still(engine, 2.0)
            result.runs += 1
            if progress is not None:
                progress(number, TIMES)
        given = _answers(stage, pairs, engine, result, times=1, beside=())
        say("streams fall silent, so that held pairs are asked for")
        stage.venue.set_faults([SILENT])
        is_polled = stage.until(lambda: not _streamed(stage), SILENT_WITHIN_S)
        given += _answers(stage, pairs, engine, result, times=TIMES, beside=(SILENT,))
        stage.venue.set_faults([])
        asked = len(pairs) * (TIMES + 1)
        short = [f"{asked - given} of {asked} absurd answers were asked of nobody"] if given < asked else []
        short += [] if is_polled else [f"streams still served {SILENT_WITHIN_S:.0f} s after they fell silent"]
        result.judge("every_absurd_answer_was_given", short, checked=asked)
        early = sales(stage, began)
        sold = [f"{s.intent.user_id} {s.intent.symbol}: {s.intent.exit_reason} on a bad print" for s in early]
        result.judge("nothing_is_sold_on_a_bad_print", sold, checked=TIMES * len(held))
        say(f"{len(sold)} sold on bad prints; now falls that stay")
        stage.until(lambda: _streamed(stage) >= len(pairs), SILENT_WITHIN_S)
        _fall(stage, pairs, engine, result)
        result.figures["positions"] = len(held)
        stage.stop_engine(engine)
        judge(stage, result)
        stage.is_evidence = not result.passed
    return result


def _answers(
    stage: Stage,
    pairs: Sequence[Pair],
    engine: Child | ForkedChild,
    result: DrillResult,
    *,
    times: int,
    beside: Sequence[dict[str, str]],
) -> int:
    """Let answers about quotes show absurd prices, one at a time; return how many did."""
    given = 0
    for _ in range(times):
        for pair, factor in zip(pairs, PRINTS, strict=True):
            rule = {"kind": "bad_print", "route": "GET ticker/bookTicker", "symbol": pair.wire}
            stage.venue.set_faults([*beside, rule | {"factor": factor, "max_hits": 1}])
            stage.until(lambda: stage.venue.hits().get("bad_print", 0), ASKED_WITHIN_S)
            hits = stage.venue.hits().get("bad_print", 0)
            who = "to a poll of held pairs" if beside else "to the look at the whole market"
            result.inject(f"one answer {who} with the price times {factor:g}", hits)
            given += hits
            stage.venue.set_faults(list(beside))
            still(engine, 1.5)
    return given


def _streamed(stage: Stage) -> int:
    """Return how many symbols the engine says that streams serve."""
    streams = stage.heartbeat().get("streams") or {}
    return int(streams.get("quotes_streamed", 0))


def _fall(stage: Stage, pairs: Sequence[Pair], engine: Child | ForkedChild, result: DrillResult) -> None:
    """Let the first pair creep through its stops and all others fall at once, for good."""
    crept, *fell = pairs
    levels = [trade.stop_price for trade in stage.log.ledger.open_trades() if trade.symbol == crept.symbol]
    bid = next(pair.bid for pair in stage.venue.pairs() if pair.symbol == crept.symbol)
    crossed: float | None = None
    for _ in range(CREEPS):
        bid *= Decimal(repr(CREEP))
        stage.venue.move(crept.wire, CREEP)
        if crossed is None and levels and bid <= max(levels):
            crossed = time.time()
        time.sleep(CREEP_EVERY_S)
    still(engine, 1.0)
    real = time.time()
    for pair in fell:
        stage.venue.move(pair.wire, FALL)
    result.inject(f"fall to {FALL:.0%} at once that stays", len(fell))
    result.inject(f"fall by {1 - CREEP:.2%} every {CREEP_EVERY_S:g} s", 1)
    until_sold(stage, result, 120)
    sold = sales(stage, crossed or real)
    for name, since, mine in (("creeping", crossed or real, [crept]), ("sudden", real, fell)):
        symbols = {pair.symbol for pair in mine}
        waits = [each.wall_s - since for each in sold if each.intent.symbol in symbols]
        result.figures[f"seconds_from_{name}_fall_to_exit"] = spread(waits)
