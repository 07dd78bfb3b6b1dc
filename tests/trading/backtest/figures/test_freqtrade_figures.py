"""Figures of freqtrade's own 200 trades are those that freqtrade 2026.9 printed for them.

`plain.figures.json` was written by scripts/freqtrade_run.py (`--wallet 10000 --fee 0.001`) on the data set
`plain` of scripts/freqtrade_expected.py, in an environment of its own.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from trading.backtest.figures.summary import Figures, figures

HERE = Path(__file__).parents[1] / "freqtrade"
THEIRS = json.loads((HERE / "plain.figures.json").read_text())
SAME = {
    "trades": "total_trades",
    "days": "backtest_days",
    "total_return": "profit_total",
    "profit": "profit_total_abs",
    "cagr": "cagr",
    "trade_sharpe": "sharpe",
    "trade_sortino": "sortino",
    "trade_calmar": "calmar",
    "profit_factor": "profit_factor",
    "expectancy": "expectancy",
    "expectancy_ratio": "expectancy_ratio",
    "max_drawdown": "max_drawdown_account",
    "max_drawdown_amount": "max_drawdown_abs",
    "max_drawdown_fall_s": "drawdown_duration_s",
    "best_day": "backtest_best_day_abs",
    "worst_day": "backtest_worst_day_abs",
    "days_won": "winning_days",
    "days_drawn": "draw_days",
    "days_lost": "losing_days",
    "win_streak": "max_consecutive_wins",
    "loss_streak": "max_consecutive_losses",
    "wins": "wins",
    "draws": "draws",
    "losses": "losses",
    "win_rate": "winrate",
    "mean_profit_ratio": "profit_mean",
    "median_profit_ratio": "profit_median",
}


def when(name: str) -> datetime:
    return datetime.fromtimestamp(THEIRS[name] / 1000, UTC)


@pytest.fixture(scope="module")
def ours() -> Figures:
    kept = json.loads((HERE / "plain.json").read_text())
    trades = pl.DataFrame(kept["trades"], schema=kept["columns"], orient="row").rename({"pair": "symbol"})
    trades = trades.with_columns(pl.col("open_date", "close_date").str.to_datetime(time_zone="UTC"))
    span = pl.DataFrame(
        {
            "symbol": ["A", "A"],
            "ts": [when("backtest_start_ts"), when("backtest_end_ts")],
            "close": [1.0, 1.0],
        }
    )
    return figures(trades, start_balance=THEIRS["starting_balance"], fee=0.001, candles=span)


@pytest.mark.parametrize(("name", "theirs"), SAME.items())
def test_a_figure_is_the_one_that_freqtrade_prints(ours: Figures, name: str, theirs: str) -> None:
    """freqtrade keeps money to eight decimals, so seven digits agree."""
    assert getattr(ours, name) == pytest.approx(THEIRS[theirs], rel=1e-7)


def test_what_freqtrade_rounds_agrees_within_its_rounding(ours: Figures) -> None:
    """SQN to four decimals, mean times to a minute; the dates of the drawdown are exact."""
    assert ours.sqn == pytest.approx(THEIRS["sqn"], abs=5e-5)
    for name, theirs in (
        ("mean_duration_s", "holding_avg_s"),
        ("mean_duration_wins_s", "winner_holding_avg_s"),
    ):
        assert getattr(ours, name) == pytest.approx(THEIRS[theirs], abs=30.5)
    assert (ours.max_drawdown_from, ours.max_drawdown_to) == (
        when("drawdown_start_ts"),
        when("drawdown_end_ts"),
    )
