"""Controls of the whole chain: what is there is found, what is not there is refused, what leaks is caught.

The long run, 200 markets: ``pytest -m slow tests/trading/learning/test_controls.py`` or
``sluice models power``; its latest figures are in docs/models-power.md.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.indicators.table import indicator_table
from trading.learning.evaluation import fit_all
from trading.learning.protocol.answers import Recipe
from trading.learning.protocol.gate import Verdict, judge
from trading.learning.protocol.leaks import truncation_test
from trading.learning.protocol.power import World, planted, power
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import run_protocol
from trading.signals.generate import signal_rows
from trading.signals.strategy import SignalRules

SMALL = World(days=48, a_day=24, mean=0.001)
RULES = EvaluationRules(draws=200, seeds=2, is_thorough=False)


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_a_planted_edge_is_found_and_promoted(kind: str) -> None:
    """1.5 % per deviation of one feature of eight: each kind alone finds it and passes every rule."""
    found = judge(
        run_protocol(planted(World(60, 40), 0.015, 1), EvaluationRules(kinds=(kind,), draws=200, seeds=5))
    )
    assert found.verdict is Verdict.PROMOTED, found.reason
    assert found.kind == kind


def test_without_an_edge_nothing_is_promoted_and_auc_is_a_half() -> None:
    """Twenty markets that rise by themselves, whole days shuffled: none is promoted, AUC 0.5 within 3 SE."""
    lean = EvaluationRules(kinds=("logistic",), draws=100, seeds=1, is_thorough=False)
    promoted, areas = 0, []
    for seed in range(20):
        report = run_protocol(planted(SMALL, 0.0, seed, is_shuffled=True), lean)
        promoted += judge(report).verdict is Verdict.PROMOTED
        areas.append(
            (report.of("logistic").figures["auc"] - 0.5) / report.of("logistic").figures["auc_error"]
        )
    assert promoted == 0
    assert float(np.max(np.abs(areas))) < 4
    assert abs(float(np.mean(areas))) < 3 / 20**0.5


@pytest.mark.slow
def test_at_most_a_twentieth_of_200_shuffled_markets_is_promoted() -> None:
    """Both kinds, the first challenger's share of the budget, a market that rises by itself."""
    found = power((0.0,), 200, world=World(mean=0.001), level=0.0109).row(0, named=True)
    assert found["promoted"] <= 10


def test_a_larger_edge_is_promoted_more_often() -> None:
    """The curve rises: none of four without an edge, all of four with a large one."""
    found = power((0.0, 0.02), 4, world=World(48, 40), rules=EvaluationRules(kinds=("logistic",), draws=100))
    assert found["promoted"].to_list() == [0, 4]
    # 1.96² / (4 + 1.96²) of Wilson's formula with no hit; the other way round with all four.
    assert found["low"].to_list() == [0.0, pytest.approx(4 / (4 + 1.96**2), abs=1e-4)]
    assert found["high"].to_list() == [pytest.approx(1.96**2 / (4 + 1.96**2), abs=1e-4), 1.0]


def candles() -> pl.DataFrame:
    rng = np.random.default_rng(8)
    start, bars = datetime(2026, 3, 1, tzinfo=UTC), 420
    parts = []
    for name in ("BTC/USDT", "AAA/USDT", "BBB/USDT"):
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
        opened = np.concatenate([[50.0], close[:-1]])
        parts.append(
            pl.DataFrame(
                {
                    "symbol": [name] * bars,
                    "open_time": [start + timedelta(minutes=15 * k) for k in range(bars)],
                    "open": opened,
                    "high": np.maximum(opened, close) * 1.002,
                    "low": np.minimum(opened, close) * 0.998,
                    "close": close,
                    "volume": rng.uniform(1e3, 2e3, bars),
                    "quote_volume": rng.uniform(5e4, 1e5, bars),
                }
            )
        )
    return pl.concat(parts).with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))


def test_the_line_s_own_features_know_no_future_and_a_leaky_one_is_caught() -> None:
    """Every feature of every row, at two cuts, to the last digit; one that looks 4 bars ahead is named."""
    rules = SignalRules(rsi_entry=60.0, rsi_exit=90.0, rsi_ceiling=70.0, use_lower_band=False)

    def made(frame: pl.DataFrame) -> pl.DataFrame:
        rows = signal_rows(indicator_table(frame), rules)
        features = [name for name in rows.columns if name.startswith("f_")]
        ahead = frame.sort("symbol", "open_time").select(
            "symbol", "open_time", f_leaky=(pl.col("close").shift(-4) / pl.col("close")).over("symbol")
        )
        return rows.select("symbol", "open_time", *features).join(ahead, on=["symbol", "open_time"])

    frame = candles()
    times = frame["open_time"].unique().sort()
    found = truncation_test(frame, made, [times[300], times[380]])
    assert set(found["column"]) == {"f_leaky"}
    assert found["rows"].min() >= 1


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_training_twice_gives_the_same_bytes(kind: str) -> None:
    """Every file of the candidate, calibration among them."""
    training = planted(SMALL, 0.01, 3)
    one, two = (fit_all(training, Recipe(kind), 0).classifier.to_files() for _ in range(2))
    assert one == two
    assert "calibration.json" in one
