"""Two runs beside each other: their figures, and the difference of their profit explained trade by trade."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from interfaces.cli.output import print_table
from interfaces.reports.report import BacktestReport
from interfaces.reports.wording import name, shown
from trading.backtest.figures.compare import compare_trades, summary

_MOST_ROWS = 40
FIGURES = (
    "trades", "total_return", "profit", "max_drawdown", "sharpe", "profit_factor", "win_rate",
    "mean_profit_ratio", "mean_duration_s", "exposure",
)  # fmt: skip


def comparison(a: BacktestReport, b: BacktestReport, *, slots: int | None = None) -> pl.DataFrame:
    """Return the trades of both runs with what became of each in the other (`DIFFERENCES`)."""
    return compare_trades(a.closed, b.closed, slots=slots)


def print_comparison(a: BacktestReport, b: BacktestReport, *, slots: int | None = None) -> None:
    """Print figures side by side, the reasons for the difference, and the trades that differ."""
    found = comparison(a, b, slots=slots)
    print_table(_side_by_side(a, b), title="figures")
    print_table(
        [
            {
                "kind": name(row["kind"]),
                "reason": row["reason"],
                "trades": row["trades"],
                "profit a": shown(row["profit_a"], "quote"),
                "profit b": shown(row["profit_b"], "quote"),
                "difference": shown(row["difference"], "quote"),
            }
            for row in summary(found).to_dicts()
        ],
        title=f"b earned {shown(found['difference'].sum(), 'quote')} more than a, because",
        empty="neither run has a trade",
    )
    other = found.filter(pl.col("kind") != "same").sort(pl.col("difference").abs(), descending=True)
    rest = len(other) - _MOST_ROWS
    print_table(
        [_trade(row) for row in other.head(_MOST_ROWS).to_dicts()],
        title="trades that differ, the dearest first" + (f"; {rest:,} more with --json" if rest > 0 else ""),
        empty="every trade is the same",
    )


def as_json(a: BacktestReport, b: BacktestReport, *, slots: int | None = None) -> dict[str, Any]:
    """Return the comparison as one document with every trade."""
    found = comparison(a, b, slots=slots)
    return {"figures": _values(a, b), "reasons": summary(found).to_dicts(), "trades": found.to_dicts()}


def _values(a: BacktestReport, b: BacktestReport) -> list[dict[str, Any]]:
    ours, theirs = ({str(row["figure"]): row for row in one.figures.rows()} for one in (a, b))
    return [
        {"figure": key, "a": ours[key]["value"], "b": theirs[key]["value"], "unit": ours[key]["unit"]}
        for key in FIGURES
    ]


def _side_by_side(a: BacktestReport, b: BacktestReport) -> Sequence[dict[str, str]]:
    return [
        {"figure": name(row["figure"]), "a": shown(row["a"], row["unit"]), "b": shown(row["b"], row["unit"])}
        for row in _values(a, b)
    ]


def _trade(row: dict[str, Any]) -> dict[str, str]:
    opened = row["open_time_a"] if row["open_time_a"] is not None else row["open_time_b"]
    return {
        "symbol": row["symbol"],
        "opened": shown(opened, "time"),
        "kind": name(row["kind"]),
        "reason": row["reason"],
        "profit a": shown(row["profit_a"], "quote") if row["open_time_a"] is not None else "–",
        "profit b": shown(row["profit_b"], "quote") if row["open_time_b"] is not None else "–",
    }
