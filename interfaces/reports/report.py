"""One backtest as a value that every report is made from, and the three ways to give it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from interfaces.reports.baselines import baselines
from trading.backtest.figures.curve import equity_curve, monthly, realised_curve
from trading.backtest.figures.summary import Figures, figures
from trading.backtest.figures.tables import group_table
from trading.backtest.figures.trades import closed_trades
from trading.backtest.validation.stress import break_even_cost, cost_stress
from trading.market.errors import BadInput

TABLES = ("exit_reason", "symbol", "tag")
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """A finished backtest: `closed` trades (`figures.trades.CLOSED`), equity, figures, what is said of it.

    `candles` has symbol, time and prices or is None; `modes` are figures of the same run under other fill
    models, by name; `notes` are sentences that must stand above the figures.
    """

    title: str
    figures: Figures
    closed: pl.DataFrame = field(repr=False)
    curve: pl.DataFrame = field(repr=False)
    candles: pl.DataFrame | None = field(repr=False, default=None)
    cost: float = 0.0
    modes: Mapping[str, Figures] = field(default_factory=dict)
    notes: Sequence[str] = ()
    marked: pl.DataFrame | None = field(repr=False, default=None)

    @property
    def rated(self) -> pl.DataFrame:
        """The closed trades at the candles' own prices, where those are known: rates before costs."""
        return self.closed if self.marked is None else self.marked

    def table(self, key: str) -> pl.DataFrame:
        """Return the trades grouped by `key` (`figures.tables.KEYS`)."""
        return group_table(self.closed, key, self.figures.start_balance)

    def months(self) -> pl.DataFrame:
        """Return the return of each month."""
        return monthly(self.curve)

    def stress(self) -> pl.DataFrame:
        """Return the same trades at other costs."""
        return cost_stress(self.rated, cost=self.cost)


def make_report(
    trades: pl.DataFrame,
    equity: pl.DataFrame | None = None,
    *,
    candles: pl.DataFrame | None = None,
    title: str = "Backtest",
    start_balance: float | None = None,
    fee: float = 0.0,
    cost: float | None = None,
    other_modes: Mapping[str, pl.DataFrame] | None = None,
    notes: Sequence[str] = (),
) -> BacktestReport:
    """Return the report of a trades table (columns of `sluice backtest --out`) and an equity curve.

    Parameters
    ----------
    trades : DataFrame
        See `figures.trades.closed_trades`.
    equity : DataFrame, optional
        See `figures.curve.equity_curve`; without it equity moves when trades close.
    candles : DataFrame, optional
        `symbol`, a time (`ts`, `time` or `open_time`), `open`, `high`, `low`, `close`: drawn with the trades.
    title : str
        What was tested, for people.
    start_balance, fee : float
        See `figures.summary.figures`.
    cost : float, optional
        All costs of one side, for the cost stress and the baselines; where not given what the trades paid
        beside the candles' own prices, or the fee where the table does not have those.
    other_modes : mapping of name to trades, optional
        The same run under other fill models: their figures stand beside these with the gap.
    notes : sequence of str
        Sentences that a reader must see first (rejected entries, ambiguous candles).
    """
    closed = closed_trades(trades, fee=fee)
    found = figures(trades, equity, start_balance=start_balance, fee=fee, candles=candles)
    start = found.start_balance
    is_given = equity is not None and not equity.is_empty()
    curve = equity_curve(equity) if is_given else realised_curve(closed, start, found.begin)
    modes = {
        name: figures(table, start_balance=start, fee=fee, candles=candles)
        for name, table in (other_modes or {}).items()
    }
    marked = _marked(trades)
    paid = fee if marked is None else _paid(closed, marked)
    return BacktestReport(
        title, found, closed, curve, candles, paid if cost is None else cost, modes, tuple(notes), marked
    )


def _marked(trades: pl.DataFrame) -> pl.DataFrame | None:
    """Return the closed trades with the candles' prices as rates; None where the table does not have them."""
    marks = {"open_rate": "open_mark", "close_rate": "close_mark"}
    if not {*marks, *marks.values()} <= set(trades.columns):
        return None
    return closed_trades(trades.with_columns(pl.col(mark).alias(rate) for rate, mark in marks.items()))


def _paid(closed: pl.DataFrame, marked: pl.DataFrame) -> float:
    """Return the mean cost of one side: c of 1 + net = (1 + gross) × (1 - c) / (1 + c), never below 0."""
    if closed.is_empty():
        return 0.0
    gross = marked["close_rate"].to_numpy() / marked["open_rate"].to_numpy()
    kept = (1 + closed["profit_ratio"].to_numpy()) / gross
    return max(0.0, float(np.mean((1 - kept) / (1 + kept))))


def evidence(report: BacktestReport) -> list[dict[str, Any]]:
    """Return what the statistics say: `question`, `value`, `unit`, `meaning`; empty of too few trades.

    Seeded: the same report says the same.
    """
    from trading.backtest.figures.curve import daily
    from trading.backtest.validation import bootstrap, sharpe
    from trading.backtest.validation.trade_order import redrawn, shuffled_order

    rows: list[dict[str, Any]] = []
    rng = np.random.default_rng(0)
    returns = daily(report.curve)["return"].to_numpy()
    if len(returns) >= 8 and returns.std() > 0:
        year = np.sqrt(365)
        known, span = sharpe.estimate(returns), bootstrap.sharpe_interval(returns, _DRAWS, rng)
        psr = sharpe.probabilistic_sharpe(known)
        rows += [
            _says("psr", psr, "ratio", "chance that the true Sharpe is above 0"),
            _says("sharpe_low", span.low * year, "number", "yearly Sharpe, low end of 95 % (blocks)"),
            _says("sharpe_high", span.high * year, "number", "the same, high end"),
            _says("p_value", bootstrap.mean_p_value(returns, _DRAWS, rng), "number",
                  "chance of such a daily mean without an edge (block bootstrap)"),
            _says("days_needed", _finite(sharpe.minimum_track_record(known)), "number",
                  "days that this Sharpe ratio must last to be sure at 95 %"),
        ]  # fmt: skip
    profit = report.closed["profit"].to_numpy() / report.figures.start_balance
    if len(profit) >= 8 and (profit > -1).all():
        order, luck = shuffled_order(profit, _DRAWS, rng), redrawn(profit, _DRAWS, rng)
        rows += [
            _says(
                "order_percentile", order.percentile, "ratio", "orders of the same trades that fall less deep"
            ),
            _says("drawdown_95", order.drawdown_95, "ratio", "drawdown that one order in twenty exceeds"),
            _says("loss_chance", luck.loss_probability, "ratio", "chance to lose with as many such trades"),
        ]
        even = break_even_cost(report.rated)
        rows.append(_says("break_even_cost", even, "ratio", "cost of one side that eats the mean trade"))
    return rows + baselines(report)


def as_json(report: BacktestReport) -> dict[str, Any]:
    """Return everything the page shows as one document; times ISO, ratios as fractions."""
    return {
        "title": report.title,
        "notes": list(report.notes),
        "figures": _values(report.figures),
        "modes": {name: _values(one) for name, one in report.modes.items()},
        "evidence": {row["question"]: row["value"] for row in evidence(report)},
        "months": report.months().to_dicts(),
        "cost_stress": report.stress().to_dicts(),
        **{f"by_{key}": report.table(key).to_dicts() for key in TABLES},
        "trades": report.closed.to_dicts(),
        "equity": report.curve.to_dicts(),
    }  # fmt: skip


def read_candles(path: Path) -> pl.DataFrame:
    """Return a Parquet file of candles with the columns a report draws.

    Raises
    ------
    BadInput
        If a column is missing.
    """
    frame = pl.read_parquet(path)
    missing = {"symbol", "open", "high", "low", "close"} - set(frame.columns)
    if missing:
        raise BadInput(f"{path.name} must have the columns {', '.join(sorted(missing))}")
    return frame


def _values(found: Figures) -> dict[str, object]:
    return {str(row["figure"]): row["value"] for row in found.rows()}


def _says(question: str, value: float | None, unit: str, meaning: str) -> dict[str, Any]:
    return {"question": question, "value": value, "unit": unit, "meaning": meaning}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
