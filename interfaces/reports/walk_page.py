"""A walk-forward as a page and as JSON: folds inside and outside, then the report of the days outside."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from interfaces.reports import drawings
from interfaces.reports import report as reports
from interfaces.reports.page import write_html
from interfaces.reports.report import BacktestReport, make_report
from interfaces.reports.search_page import seen, table
from interfaces.reports.wording import shown
from interfaces.run.report_sections import text

if TYPE_CHECKING:
    from trading.backtest.search.bench import Bench
    from trading.backtest.search.walk_forward import WalkResult


def outside_report(
    found: "WalkResult",
    bench: "Bench",
    candles: Path,
    notes: Sequence[str] = (),
    *,
    stake: float = 0.0,
    cost: float = 0.0,
) -> BacktestReport:
    """Return the report of the trades outside, all folds in a row; `stake` of one trade, 0 = unknown."""
    begin = found.folds[0].row()["test_from"]
    drawn = seen(candles, bench)
    time = pl.from_epoch("ts", "ms") if drawn.schema["ts"].is_integer() else pl.col("ts")
    # What was open at a test's end was valued there: outside, that is its end.
    ended = found.trades.with_columns(is_open=pl.lit(False))
    return make_report(
        ended,
        candles=drawn.filter(time.dt.replace_time_zone("UTC") >= begin),
        title=f"{found.strategy}, walked forward",
        start_balance=stake * bench.capital if stake else None,
        fee=bench.fee or 0.0,
        cost=cost,
        notes=[found.sentence, *notes],
    )


def as_json(found: "WalkResult", report: BacktestReport, notes: Sequence[str]) -> dict[str, Any]:
    """Return everything as one document."""
    return {
        "verdict": found.sentence,
        "notes": list(notes),
        "strategy": found.strategy,
        "folds": [fold.row() for fold in found.folds],
        "efficiency": found.efficiency,
        "probability": found.probability,
        "walks": found.walks,
        "profit": found.outside.profit,
        "sharpe": found.outside.sharpe * 365**0.5,
        "stability": found.stability.to_dicts(),
        "report": reports.as_json(report),
    }


def write_walk(found: "WalkResult", report: BacktestReport, path: Path) -> Path:
    """Write the page and return its path."""
    first = (
        ("folds", "Inside and outside", _folds(found)),
        ("steady", "How steady the choice was", _stability(found)),
    )
    return write_html(report, path, first=first)


def _folds(found: "WalkResult") -> str:
    rows, inside, outside = [], [], []
    for number, fold in enumerate(found.folds):
        row = fold.row()
        inside.append((float(number), row["profit_in_day"]))
        outside.append((float(number), row["profit_out_day"]))
        values = ", ".join(f"{key} = {value}" for key, value in fold.values.items())
        rows.append(
            [
                f"{row['test_from']:%Y-%m-%d}", values, shown(row["trades_in"], "count"),
                shown(row["profit_in_day"], "ratio"), f"{row['sharpe_in']:.2f}",
                shown(row["trades_out"], "count"), shown(row["profit_out_day"], "ratio"),
                f"{row['sharpe_out']:.2f}",
            ]
        )  # fmt: skip
    head = [
        "Test from",
        "Chosen",
        "Trades in",
        "A day in",
        "Sharpe in",
        "Trades out",
        "A day out",
        "Sharpe out",
    ]
    return f'<p class="lead">{text(found.sentence, 600)}</p>{_chart(inside, outside)}{table(head, rows)}'


def _chart(inside: drawings.Points, outside: drawings.Points) -> str:
    if len(inside) < 2:
        return ""
    vertical = drawings.around([0.0, *(value for _, value in [*inside, *outside])])
    told = "Profit a day of what was chosen, fold by fold: green on the days searched, red on those after."
    lines = drawings.line("inside", "Inside", told, inside, vertical, "equity") + drawings.line(
        "outside", "Outside", told, outside, vertical, "under"
    )
    marks = drawings.scale_marks(vertical, lambda mark: shown(mark, "ratio"))
    return (
        f'<p class="lead">{told}</p><div class="plot"><div class="y" aria-hidden="true">{marks}</div>'
        f'<div class="layers">{lines}</div></div>'
    )


def _stability(found: "WalkResult") -> str:
    rows = [
        [
            row["parameter"],
            row["most_often"],
            shown(row["share"], "ratio"),
            str(row["values"]),
            str(row["changes"]),
        ]
        for row in found.stability.to_dicts()
    ]
    return table(["", "Most often", "In folds", "Different values", "Changes"], rows)
