"""The lesson of a world: decisions at their own bars, as decided upon; nothing said by who knew the end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from trading.learning.dataset import DatasetRules, TrainingSet, training_set
from trading.learning.deep.line_lesson import line_lesson, said_before
from trading.market.frames import CANDLES
from trading.risk.exits import ExitRules

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = DatasetRules(("f_a", "f_b"), "f1", max_age_days=None)
MARKETS = pl.DataFrame({"symbol": ["A/USDT", "B/USDT"], "taker_fee": [0.001, 0.0], "tick": [0.01, 0.01]})
DECISIONS = 300


def learnt() -> TrainingSet:
    """A decision each hour, by turns of A and B; f_a says what became of it, known four hours later."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(DECISIONS):
        bar, f_a = START + n * HOUR, float(rng.normal())
        row = {"signal_id": f"sig-{n:03d}", "symbol": "AB"[n % 2] + "/USDT", "source": "paper"}
        row |= {"bar_time": bar, "decided_at": bar + HOUR, "closed_at": bar + 4 * HOUR, "fee_ratio": 0.002}
        rows.append(row | {"net_return": 0.01 if f_a > 0 else -0.01, "f_a": f_a, "f_b": float(n)})
    times = pl.col("bar_time", "decided_at", "closed_at").cast(pl.Datetime("ms", "UTC"))
    frame = pl.DataFrame(rows).with_columns(times, score=pl.lit(0.5))
    return training_set(frame, START + 1000 * HOUR, RULES)


def candles() -> pl.DataFrame:
    rows = [(s, START + n * HOUR, 100.0, 100.5, 99.5, 100.0, 1e4, 1e6)
            for s in ("B/USDT", "A/USDT") for n in range(DECISIONS + 40)]  # fmt: skip
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def test_each_decision_stands_at_its_bar_with_the_row_it_was_decided_on() -> None:
    """f_b is the decision's number: hour n of A or B; all other rows know nothing."""
    lesson = line_lesson(candles(), learnt(), MARKETS, ExitRules(), bar_ms=3_600_000)
    where = {n: (0 if n % 2 == 0 else DECISIONS + 40) + n for n in range(DECISIONS)}
    known = np.flatnonzero(~np.isnan(lesson.features[:, 1]))
    assert sorted(where.values()) == known.tolist()
    assert all(lesson.features[row, 1] == n for n, row in where.items())
    assert set(lesson.signals) <= set(known)
    assert len(lesson.signals) == DECISIONS - 60  # before the second tenth fewer than 50 had ended


def test_a_probability_is_said_by_what_had_ended_before_and_later_outcomes_change_none() -> None:
    """The last hundred outcomes turned round: every probability said before them is the same number."""
    one, order = learnt(), np.arange(DECISIONS)
    said = said_before(one, order)
    is_gain = np.where(order < 200, one.y, 1 - one.y).astype(bool)
    other = said_before(replace(one, frame=one.frame.with_columns(is_gain=pl.Series(is_gain))), order)
    assert np.isnan(said[:60]).all()
    assert np.array_equal(said[60:210], other[60:210])
    assert not np.array_equal(said[240:], other[240:])
    gains = one.y[60:] == 1
    assert said[60:][gains].mean() > 0.7
    assert said[60:][~gains].mean() < 0.3
