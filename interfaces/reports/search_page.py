"""A search as a page and as JSON: the verdict, the best, where luck ends; then the winner's report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from interfaces.reports import drawings
from interfaces.reports import report as reports
from interfaces.reports.page import write_html
from interfaces.reports.report import BacktestReport, evidence, make_report
from interfaces.reports.wording import name, shown
from interfaces.run.report_sections import text

if TYPE_CHECKING:
    from trading.backtest.search.bench import Bench
    from trading.backtest.search.found import SearchResult
    from trading.backtest.search.verdict import Verdict

_UNITS = {
    "profit": "ratio", "max_drawdown": "ratio", "win_share": "ratio", "trades": "count",
    "configuration": "count",
}  # fmt: skip
_HIDDEN = ("configuration",)
_FIGURES = (
    "tried", "worth", "trials", "days", "sharpe", "luck_sharpe", "undeflated", "probability", "p_value",
    "overfitting", "discoveries",
)  # fmt: skip


def winner_report(
    found: "SearchResult", bench: "Bench", candles: Path, notes: Sequence[str] = ()
) -> BacktestReport:
    """Return the report of the winner's trades, replayed."""
    strategy = found.best.strategy
    fee = strategy.costs.fee if bench.fee is None else bench.fee
    return make_report(
        bench.trades(strategy),
        candles=seen(candles, bench),
        title=f"winner of {len(found.outcomes):,}: {found.strategy}",
        start_balance=strategy.wallet or (strategy.stake * bench.capital or None),
        fee=fee,
        cost=bench.side_cost(strategy),
        notes=[found.verdict.sentence, *notes],
    )


def seen(candles: Path, bench: "Bench") -> pl.DataFrame:
    """Return the candles of the file that the bench has: what lies in a holdout is not drawn either."""
    frame = reports.read_candles(candles)
    bars, symbols = bench.candles.bars, pl.Series("symbol", bench.candles.symbols)
    owner = (bars.offsets[1:] - bars.offsets[:-1]).tolist()
    known = pl.DataFrame(
        {
            "symbol": pl.concat(
                [pl.Series([s]).new_from_index(0, n) for s, n in zip(symbols, owner, strict=True)]
            ),
            "_ms": bars.open_ms,
        }
    )
    ms = pl.col("ts").cast(pl.Int64) if frame.schema["ts"].is_integer() else pl.col("ts").dt.epoch("ms")
    return frame.with_columns(ms.alias("_ms")).join(known, on=["symbol", "_ms"], how="semi").drop("_ms")


def figures(verdict: "Verdict") -> list[dict[str, Any]]:
    """Return the verdict as rows: what was asked, what came out, what it means."""

    def row(question: str, value: object, unit: str, meaning: str) -> dict[str, Any]:
        return {"question": question, "answer": shown(value, unit), "meaning": meaning}

    return [
        row("tried", verdict.tried, "count", "configurations of this search"),
        row("independent", verdict.worth, "number", "independent ones that they are worth"),
        row("with the ledger", verdict.trials, "number", "and with all that was ever tried of the strategy"),
        row("best Sharpe", verdict.sharpe, "number", "yearly, of the daily result"),
        row("luck Sharpe", verdict.luck_sharpe, "number", "what the best of as many shows without an edge"),
        row("undeflated", verdict.undeflated, "ratio", "probability of an edge, had it been the only trial"),
        row("deflated", verdict.probability, "ratio", "the same, given the trials"),
        row("by luck", verdict.p_value, "ratio", "chance that the best of this search does as well by luck"),
        row("overfitting", verdict.overfitting, "ratio", "best of one half behind in the other half (PBO)"),
        row("discoveries", verdict.discoveries, "count", "configurations by Benjamini-Hochberg at 5 %"),
    ]


def winner_rows(report: BacktestReport) -> list[dict[str, Any]]:
    """Return the winner's evidence and cost stress as rows for a terminal."""
    rows = [
        {
            "question": name(row["question"]),
            "answer": shown(row["value"], row["unit"]),
            "meaning": row["meaning"],
        }
        for row in evidence(report)
    ]
    if report.closed.is_empty():
        return rows
    return rows + [
        {
            "question": f"{row['multiple']:g}× costs",
            "answer": shown(row["mean_return"], "ratio"),
            "meaning": f"mean return of the same trades at {shown(row['cost_per_side'], 'ratio')} a side",
        }
        for row in report.stress().to_dicts()
    ]


def as_json(
    found: "SearchResult", report: BacktestReport, notes: Sequence[str], *, top: int
) -> dict[str, Any]:
    """Return everything as one document."""
    verdict = found.verdict
    return {
        "verdict": verdict.sentence,
        "is_edge": verdict.is_edge,
        "reasons": list(verdict.reasons),
        "notes": list(notes),
        "strategy": found.strategy,
        "objective": found.objective,
        **{
            key: getattr(verdict, key)
            for key in _FIGURES
        },
        "winner": dict(found.best.values),
        "best": found.table.head(top).to_dicts(),
        "report": reports.as_json(report),
    }  # fmt: skip


def write_search(found: "SearchResult", report: BacktestReport, path: Path, *, top: int = 50) -> Path:
    """Write the page and return its path."""
    first = (
        ("verdict", "Is the best more than luck?", _verdict(found)),
        ("spread", "All configurations", _spread(found)),
        ("best", f"The best {min(top, len(found.table))}", _best(found, top)),
    )
    return write_html(report, path, first=first)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: bool = False) -> str:
    """Return an HTML table; the first column names the row, with `words` the last one holds sentences."""
    last = len(head) - 1 if words else len(head)
    css = ["", *('class="n"' if place < last else "" for place in range(1, len(head)))]
    titles = "".join(f"<th {kind}>{text(one, 60)}</th>" for one, kind in zip(head, css, strict=True))
    body = "".join(
        f"<tr><th>{text(row[0], 60)}</th>"
        + "".join(f"<td {kind}>{text(one, 200)}</td>" for one, kind in zip(row[1:], css[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table class="{"all" if words else ""}"><thead><tr>{titles}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def _verdict(found: "SearchResult") -> str:
    rows = [[row["question"], row["answer"], row["meaning"]] for row in figures(found.verdict)]
    values = ", ".join(f"{key} = {value}" for key, value in found.best.values.items())
    return (
        f'<p class="lead">{text(found.verdict.sentence, 600)}</p>'
        f'<p class="lead">Winner by {text(found.objective)}: {text(values, 400)}.</p>'
        f"{table(['', 'Value', 'Meaning'], rows, words=True)}"
    )


def _spread(found: "SearchResult") -> str:
    """Yearly Sharpe ratios of all configurations, sorted, with what luck shows."""
    values = found.table["sharpe"].sort().to_list()
    if len(values) < 2:
        return ""
    luck = found.verdict.luck_sharpe or 0.0
    told = (
        f"Yearly Sharpe ratios from {values[0]:.2f} to {values[-1]:.2f}; the best of as many without an edge "
        f"is expected at {luck:.2f} (the flat line)."
    )
    vertical = drawings.around([*values, luck, 0.0])
    places = [float(k) for k in range(len(values))]
    line = drawings.line(
        "sharpes", "Sharpe ratios", told, drawings.thinned(places, values), vertical, "equity"
    )
    flat = drawings.line("luck", "Luck", told, [(0.0, luck), (places[-1], luck)], vertical, "under")
    marks = drawings.scale_marks(vertical, lambda mark: f"{mark:g}")
    return (
        f'<p class="lead">{text(told, 400)}</p><div class="plot">'
        f'<div class="y" aria-hidden="true">{marks}</div>'
        f'<div class="layers">{line}{flat}</div></div>'
    )


def _best(found: "SearchResult", top: int) -> str:
    names = [one for one in found.table.columns if one not in _HIDDEN]
    rows = [
        [str(place + 1), *(_cell(one, row[one]) for one in names)]
        for place, row in enumerate(found.table.head(top).to_dicts())
    ]
    return table(["", *(one.replace("_", " ") for one in names)], rows)


def _cell(column: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if column in _UNITS:
        return shown(value, _UNITS[column])
    return "–" if value is None else f"{value:.4g}"
