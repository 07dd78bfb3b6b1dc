"""The shadow period: fixed length, fixed limits, looked at once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.scoring import Predictions
from trading.learning.shadow import Shadow, ShadowRules, limits, seen, verdict, watched
from trading.market.errors import BadInput

START = datetime(2026, 6, 1, tzinfo=UTC)
UTC_MS = pl.Datetime("ms", "UTC")
SHADOW = Shadow("mdl-a", START, 10, worst_brier=0.25, worst_return=0.0)


def outcomes(net: list[float | None], p: float = 0.6, model: str = "mdl-a", first: int = 0) -> pl.DataFrame:
    """One decision an hour, all taken, `p` said of each."""
    return pl.DataFrame(
        {
            "model_id": [model] * len(net),
            "symbol": ["A/USDT"] * len(net),
            "decided_at": [START + timedelta(hours=first + n) for n in range(len(net))],
            "probability": [p] * len(net),
            "is_taken": [True] * len(net),
            "net_return": pl.Series(net, dtype=pl.Float64),
        }
    ).with_columns(pl.col("decided_at").cast(UTC_MS))


LATE = START + timedelta(days=3)


def test_nothing_is_told_before_the_last_outcome_is_known() -> None:
    """Nine of ten are known, and perfect: no verdict. Nine of ten are known, and ruinous: no verdict."""
    for net in (0.05, -0.5):
        rows = outcomes([net] * 9 + [None])
        assert seen(SHADOW, rows, LATE) == 9
        assert verdict(SHADOW, rows, LATE) is None


def test_decisions_after_the_declared_length_change_nothing() -> None:
    """Ten gains pass; a hundred losses that follow change nothing, nor do gains save ten losses."""
    passed = verdict(SHADOW, outcomes([0.01] * 10), LATE)
    assert passed is not None
    assert passed.is_passed
    assert verdict(SHADOW, outcomes([0.01] * 10 + [-0.5] * 100), LATE + timedelta(days=9)) == passed
    failed = verdict(SHADOW, outcomes([-0.01] * 10), LATE)
    assert not failed.is_passed
    assert verdict(SHADOW, outcomes([-0.01] * 10 + [0.5] * 100), LATE + timedelta(days=9)) == failed


def test_an_early_outcome_does_not_jump_the_queue() -> None:
    """Decisions count by when they were made: the eleventh ended, the third has not, so ten are not seen."""
    net: list[float | None] = [0.01] * 12
    net[2] = None
    assert seen(SHADOW, outcomes(net), LATE) == 9
    assert verdict(SHADOW, outcomes(net), LATE) is None


def test_a_decision_that_never_ends_is_left_out_after_a_week() -> None:
    """Decided at hour 2: at seven days and two hours it counts, a minute later the next takes its place."""
    net: list[float | None] = [0.01] * 11
    net[2] = None
    until = START + timedelta(hours=2, days=7)
    assert verdict(SHADOW, outcomes(net), until) is None
    assert verdict(SHADOW, outcomes(net), until + timedelta(minutes=1)).is_passed


def test_only_its_own_decisions_since_its_start_count() -> None:
    """What another model said, and what was decided before, is no part of it."""
    rows = pl.concat(
        [outcomes([0.01] * 5, first=-5), outcomes([0.01] * 9), outcomes([0.01] * 9, model="mdl-b")]
    )
    assert len(watched(SHADOW, rows, LATE)) == 9
    assert verdict(SHADOW, rows, LATE) is None


def test_the_limits_themselves_pass() -> None:
    """p 0.5: Brier is 0.25 whatever happens; gains and losses of equal size: mean 0."""
    found = verdict(SHADOW, outcomes([0.01, -0.01] * 5, p=0.5), LATE)
    assert (found.brier, found.net_return, found.is_passed) == (0.25, 0.0, True)


def made(days: int, per_day: int, seed: int) -> Predictions:
    """A calibrated model: it says p, and p of them gain."""
    rng = np.random.default_rng(seed)
    n = days * per_day
    p = rng.uniform(0.3, 0.7, n)
    y = (rng.random(n) < p).astype(np.int64)
    net = np.where(y == 1, 0.01, -0.01)
    day = np.repeat(np.arange(days), per_day)
    return Predictions(p, np.full(n, 0.5), np.full(n, 0.5), y, net, np.zeros(n), day, day // 10)


def test_a_model_as_good_as_its_evaluation_is_sent_back_at_most_as_often_as_declared() -> None:
    """400 live periods of a calibrated model against its evaluation's limits: about 5 % fail, never 10 %."""
    allowed = limits(made(60, 12, seed=1), ShadowRules(decisions=100, draws=1000))
    assert allowed.decisions == 100
    failed = 0
    for seed in range(400):
        live = made(10, 10, seed=seed + 10)
        brier = np.mean((live.probability - live.y) ** 2)
        taken = live.net_return[live.is_taken].mean()
        failed += brier > allowed.brier or taken < allowed.net_return
    assert failed / 400 < 0.10


def test_a_model_that_is_wrong_live_is_sent_back() -> None:
    """The same answers, outcomes turned round: every one of 50 periods fails."""
    allowed = limits(made(60, 12, seed=1), ShadowRules(decisions=100, draws=1000))
    for seed in range(50):
        live = made(10, 10, seed=seed)
        brier = np.mean((live.probability - (1 - live.y)) ** 2)
        assert brier > allowed.brier or -live.net_return[live.is_taken].mean() < allowed.net_return


def test_what_no_period_can_be_is_refused() -> None:
    """Value and bound are named."""
    with pytest.raises(BadInput, match="decisions must not be negative, was -1"):
        ShadowRules(decisions=-1)
    with pytest.raises(BadInput, match="error_rate"):
        ShadowRules(error_rate=1.0)


def test_a_shadow_travels_through_json() -> None:
    """As the journal keeps it."""
    assert Shadow.from_dict(SHADOW.to_dict()) == SHADOW
