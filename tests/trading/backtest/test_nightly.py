"""Approval night after night: the level falls, the passes of one day share theirs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.backtest.engine import TRADES
from trading.backtest.metrics import METRICS
from trading.backtest.nightly import approve_tonight
from trading.backtest.rules import ApprovalRules
from trading.backtest.validation.budget import NightBook

FIRST = datetime(2025, 12, 27, 6, tzinfo=UTC)
NO_TRADES = pl.DataFrame(schema=TRADES)


def night_of(p_value: float) -> pl.DataFrame:
    row = {
        "symbol": "A/USDT",
        "trades": 20,
        "distinct_days": 8,
        "total_return": 0.3,
        "mean_return": 0.015,
        "total_return_2x_costs": 0.2,
        "profit_factor": 2.0,
        "max_drawdown": 0.1,
        "market_excess": 0.01,
        "random_percentile": 1.0,
        "buy_and_hold": 0.05,
        "fragility": 0.01,
        "p_value": p_value,
    }
    return pl.DataFrame([row], schema_overrides=METRICS).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in METRICS.items() if name not in row
    )


def test_a_p_value_that_was_enough_on_the_first_night_is_not_on_the_second(tmp_path: Path) -> None:
    """0.015 lies under 0.02; the second night's level is 5 % × 2^-1.6 / ζ(1.6) = 0.0072."""
    rules, nights = ApprovalRules(), NightBook(tmp_path / "nights.jsonl")
    assert approve_tonight(night_of(0.9), NO_TRADES, rules, nights, FIRST).approved == []
    later = approve_tonight(night_of(0.015), NO_TRADES, rules, nights, FIRST + timedelta(hours=12))
    assert (later.approved, later.level) == (["A/USDT"], 0.02)
    tomorrow = FIRST + timedelta(days=1)
    second = approve_tonight(night_of(0.015), NO_TRADES, rules, nights, tomorrow)
    assert second.approved == []
    assert second.level == pytest.approx(0.05 * 2**-1.6 / 2.2857657, rel=1e-6)
    assert approve_tonight(night_of(0.005), NO_TRADES, rules, nights, tomorrow).approved == ["A/USDT"]
    assert nights.spent(rules.budget, tomorrow.date()) == pytest.approx((1 + 2**-1.6) / 2.2857657)


def test_a_night_without_a_tested_symbol_spends_nothing(tmp_path: Path) -> None:
    """The next one is still the first."""
    rules, nights = ApprovalRules(), NightBook(tmp_path / "nights.jsonl")
    few = night_of(0.9).with_columns(trades=pl.lit(3, pl.Int64))
    approve_tonight(few, NO_TRADES, rules, nights, FIRST)
    assert nights.spent(rules.budget, FIRST.date()) == 0.0
    tomorrow = approve_tonight(night_of(0.015), NO_TRADES, rules, nights, FIRST + timedelta(days=1))
    assert tomorrow.level == 0.02
