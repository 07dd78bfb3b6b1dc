"""The gate: each rule alone, and the whole line on markets with and without an edge."""

import polars as pl
import pytest

from trading.backtest.approval import APPROVAL_RULES, APPROVALS, approve
from trading.backtest.engine import TRADES, BacktestRules, run_backtest
from trading.backtest.metrics import METRICS
from trading.backtest.rules import ApprovalRules
from trading.indicators.table import indicator_table
from trading.market.errors import BadInput
from trading.signals.generate import signal_rows

GOOD = {
    "symbol": "GOOD/USDT",
    "trades": 20,
    "distinct_days": 8,
    "total_return": 0.3,
    "total_return_2x_costs": 0.2,
    "profit_factor": 2.0,
    "max_drawdown": 0.1,
    "market_excess": 0.01,
    "random_percentile": 1.0,
    "p_value": 0.0001,
    "mean_return": 0.015,
    "buy_and_hold": 0.05,
    "fragility": 0.01,
}
NO_TRADES = pl.DataFrame(schema=TRADES)


def metrics_of(*changes: dict) -> pl.DataFrame:
    rows = [GOOD | change for change in changes]
    return pl.DataFrame(rows, schema_overrides=METRICS).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in METRICS.items() if name not in rows[0]
    )


@pytest.mark.parametrize(
    ("change", "rule", "reason"),
    [
        ({"trades": 7}, "min_trades", "min_trades 7.0, must be >= 8.0"),
        ({"distinct_days": 3}, "min_days", "min_days 3.0, must be >= 4.0"),
        ({"total_return": 0.0}, "total_return", "total_return 0.0, must be > 0.0"),
        (
            {"total_return_2x_costs": -0.1},
            "total_return_2x_costs",
            "total_return_2x_costs -0.1, must be > 0.0",
        ),
        ({"profit_factor": 1.29}, "profit_factor", "profit_factor 1.29, must be >= 1.3"),
        ({"max_drawdown": 0.26}, "max_drawdown", "max_drawdown 0.26, must be <= 0.25"),
        ({"market_excess": -0.001}, "market_excess", "market_excess -0.001, must be > 0.0"),
        ({"buy_and_hold": 0.4}, "hold_excess", "hold_excess -0.1, must be > 0.0"),
        ({"random_percentile": 0.9}, "random_percentile", "random_percentile 0.9, must be >= 0.95"),
        ({"p_value": 0.021}, "false_discovery", "false_discovery 0.021, must be <= 0.02"),
        (
            {"trades": 0, "total_return": None, "p_value": None},
            "min_trades",
            "min_trades 0.0, must be >= 8.0",
        ),
    ],
)
def test_each_rule_alone_refuses_and_says_value_and_bound(change: dict, rule: str, reason: str) -> None:
    """Everything else is good; the first rule that fails is named."""
    row = approve(metrics_of(change), NO_TRADES).symbols.row(0, named=True)
    assert (row["is_approved"], row["failed_rule"], row["reason"]) == (False, rule, reason)


def test_a_symbol_that_meets_every_bound_is_approved_with_all_rules_on_record() -> None:
    """Eleven rules, eleven verdicts; ids of the backtest row are kept."""
    metrics = metrics_of({}).with_columns(lineage_id=pl.lit("bt-1-1"))
    found = approve(metrics, NO_TRADES)
    assert found.approved == ["GOOD/USDT"]
    assert found.rules["is_passed"].to_list() == [True] * 11
    assert found.symbols["backtest_id"].to_list() == ["bt-1-1"]
    assert (dict(found.symbols.schema), dict(found.rules.schema)) == (APPROVALS, APPROVAL_RULES)


def test_no_losing_trade_passes_the_profit_factor_and_no_trade_does_not() -> None:
    """Undefined means infinite only where something was won."""
    won = approve(metrics_of({"profit_factor": None}), NO_TRADES)
    assert won.approved == ["GOOD/USDT"]
    none = approve(metrics_of({"profit_factor": None, "trades": 0}), NO_TRADES)
    assert not none.rules.filter(pl.col("rule") == "profit_factor")["is_passed"].item()


def test_false_discovery_counts_only_symbols_with_enough_trades() -> None:
    """p = 0.015 is enough among one tested symbol, and not among two; the untested one does not count."""
    other = {"symbol": "B/USDT", "p_value": 0.9}
    few = {"symbol": "B/USDT", "p_value": 0.9, "trades": 3}
    assert approve(metrics_of({"p_value": 0.015}, few), NO_TRADES).approved == ["GOOD/USDT"]
    assert approve(metrics_of({"p_value": 0.015}, other), NO_TRADES).approved == []


def test_scores_shrink_toward_the_pool_and_rank_the_approved() -> None:
    """8 trades of 3 % shrink more than 80 of 2 %: (8 x 0.03 + 10 x 0) / 18 < (80 x 0.02) / 90."""
    found = approve(
        metrics_of(
            {"symbol": "F/USDT", "trades": 8, "mean_return": 0.03}, {"trades": 80, "mean_return": 0.02}
        ),
        NO_TRADES,
    )
    assert found.approved == ["GOOD/USDT", "F/USDT"]
    assert found.symbols["score"].to_list() == pytest.approx([1.6 / 90, 0.24 / 18])


def test_what_an_engine_measures_beside_is_asked_about_and_a_gap_in_it_refuses() -> None:
    """Fragility within a tenth either way; capacity of at least the fleet's stake; null is not measured."""
    good = metrics_of({}).with_columns(fragility=pl.lit(-0.05), capacity_quote=500.0, fleet_stake_quote=500.0)
    found = approve(good, NO_TRADES)
    assert found.approved == ["GOOD/USDT"]
    assert {"fragility", "fleet_stake"} < set(found.rules["rule"])
    for change, rule, reason in (
        ({"fragility": -0.2}, "fragility", "fragility 0.2, must be <= 0.1"),
        ({"fragility": None}, "fragility", "fragility: not measured"),
        ({"capacity_quote": 499.0}, "fleet_stake", "fleet_stake 499.0, must be >= 500.0"),
    ):
        bad = good.with_columns(pl.lit(value, pl.Float64).alias(name) for name, value in change.items())
        row = approve(bad, NO_TRADES).symbols.row(0, named=True)
        assert (row["failed_rule"], row["reason"]) == (rule, reason)


def test_the_night_s_level_tightens_the_test_and_never_loosens_it() -> None:
    """p = 0.01 passes at 0.02 and not at 0.005; a level of 0.5 leaves the rate at 0.02."""
    asked = []
    metrics = metrics_of({"p_value": 0.01}, {"symbol": "F/USDT", "trades": 2})

    def level(tested: int) -> float:
        asked.append(tested)
        return 0.005

    tight = approve(metrics, NO_TRADES, level=level)
    assert (tight.approved, tight.level, tight.tested, asked) == ([], 0.005, 1, [1])
    loose = approve(metrics, NO_TRADES, level=lambda _: 0.5)
    assert (loose.approved, loose.level) == (["GOOD/USDT"], 0.02)


def test_symbols_that_hardly_differ_are_scored_like_the_pool() -> None:
    """Four symbols whose means scatter no more than their trades: all scores nearly the pool's mean."""
    names = [f"{letter}/USDT" for letter in "ABCD"]
    means = [0.010, 0.011, 0.009, 0.010]
    metrics = metrics_of(*({"symbol": n, "mean_return": m} for n, m in zip(names, means, strict=True)))
    rows = [{"symbol": n, "profit_ratio": m + d, "is_open": False} for n, m in zip(names, means, strict=True)
            for d in (-0.05, 0.05) * 10]  # fmt: skip
    trades = pl.DataFrame(rows, schema_overrides=TRADES)
    scores = approve(metrics, trades).symbols["score"].to_list()
    assert scores == pytest.approx([0.01] * 4, abs=3e-5)


def test_nothing_to_approve_is_a_table_without_rows_and_bad_bounds_are_refused() -> None:
    """An empty day is no error; a rate of 1 is."""
    found = approve(pl.DataFrame(schema=METRICS), NO_TRADES)
    assert found.approved == []
    assert found.summary().is_empty()
    with pytest.raises(BadInput, match="false_discovery_rate must lie between 0 and 1, was 1"):
        ApprovalRules(false_discovery_rate=1.0)


def _approve(market, frame: pl.DataFrame):
    signals = signal_rows(indicator_table(frame))
    found = run_backtest(frame, signals, market.markets_of(frame), rules=BacktestRules(random_draws=200))
    return approve(found.metrics, found.trades)


def test_a_market_without_edge_is_approved_in_at_most_one_run_of_twenty(market) -> None:
    """24 seeds of 60 random walks, half of them with a strong common factor, all else by default."""
    runs = [_approve(market, market.walk(seed, beta=float(seed % 2))).approved for seed in range(24)]
    assert sum(bool(found) for found in runs) <= 1


def test_most_of_a_planted_edge_is_approved_on_a_thousand_bars(market) -> None:
    """Six of sixty symbols swing by 2 to 3 % every few hours: at least half are found, and little else."""
    approved = [set(_approve(market, market.walk(seed, planted=6)).approved) for seed in (1, 2, 3)]
    planted = {f"S{k:03d}/USDT" for k in range(6)}
    assert sum(len(found & planted) for found in approved) >= 9
    assert sum(len(found - planted) for found in approved) <= 2


def test_a_refused_run_says_why(market) -> None:
    """The summary counts each symbol once, under the first rule that dropped it."""
    found = _approve(market, market.walk(99, symbols=10))
    assert found.approved == []
    assert found.summary()["dropped"].sum() == 10
