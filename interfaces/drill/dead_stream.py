"""`sluice drill dead-stream`: connections stay open and say nothing; exits go by asking instead."""

import time
from dataclasses import replace

from interfaces.drill.judging import judge
from interfaces.drill.scene import UNCAPPED, fill, sales, sell_all, still
from interfaces.drill.stage import Say, Stage, StageSettings
from interfaces.drill.venue import requests
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress
from trading.store.order_log.records import Trade

CRASH = 0.93
# A quiet stream of quotes is called silent after 15 s (`trading.exchange.feed.bounds`), then polled; a stop
# needs two looks.
WITHIN_S = 30.0
SILENT = (
    {"kind": "ws_silent", "route": "WS *"},
    {"kind": "ws_cut", "route": "WS *", "probability": 0.2},
)


def dead_stream(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Cross stops while streams serve, while they are silent, and after they are back."""
    result = DrillResult("dead-stream", seed=settings.seed)
    staged = replace(settings, speed=1.0, rate=400.0, venue_rate=800.0, fleet=dict(UNCAPPED))
    with Stage(staged, say) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        pairs = stage.venue.pairs()[:3]
        held = fill(stage, pairs, 1)
        still(engine, 3.0)
        for number, (pair, name) in enumerate(zip(pairs, ("serving", "silent", "back"), strict=True), 1):
            if name == "silent":
                stage.venue.set_faults(list(SILENT), seed=settings.seed)
                say("from now on every stream is silent, its connection open")
                still(engine, 2.0)
            elif name == "back":
                result.inject("messages kept back or connections cut", sum(stage.venue.hits().values()))
                stage.venue.set_faults([])
                still(engine, 8.0)
            _cross(stage, result, name, pair.wire, [t for t in held if t.symbol == pair.symbol])
            result.runs += 1
            if progress is not None:
                progress(number, len(pairs))
        sell_all(stage, result)
        stage.stop_engine(engine)
        judge(stage, result)
        stage.is_evidence = not result.passed
    return result


def _cross(stage: Stage, result: DrillResult, name: str, wire: str, trades: list[Trade]) -> None:
    """Let one pair fall through its stops; note how long exits took and how often quotes were asked for."""
    began = time.time()
    stage.venue.move(wire, CRASH)
    result.inject(f"stops crossed, streams {name}", len(trades))
    ids = {trade.trade_id for trade in trades}
    stage.until(lambda: not ids & {t.trade_id for t in stage.log.ledger.open_trades()}, 60, every_s=0.1)
    mine = [sale for sale in sales(stage, began) if sale.intent.trade_id in ids]
    first = {sale.intent.trade_id: sale.wall_s - began for sale in reversed(mine)}
    late = [f"{trade}: {at:.1f} s" for trade, at in first.items() if at > WITHIN_S]
    never = [f"{trade}: no exit within 60 s" for trade in sorted(ids - first.keys())]
    result.judge(f"exits_leave_with_streams_{name}", late + never, checked=len(ids))
    polls = sum(
        each.wall_s >= began and each.path.endswith(("bookTicker", "depth"))
        for each in requests(stage.request_log)
    )
    result.figures[f"streams_{name}"] = {
        "seconds_from_crossing_to_exit": spread(list(first.values())),
        "quotes_asked_for": polls,
    }
