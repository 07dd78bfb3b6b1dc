"""Walk-forward folds: whole days, purged and embargoed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.validation.splits import DAY_MS, purged_folds, walk_forward
from trading.market.errors import BadInput

HOUR = 3_600_000


def test_three_folds_of_eight_days_by_hand() -> None:
    """Days 0..7, one decision at noon, known 2 hours later; blocks of 2 days; a day of embargo."""
    t0 = np.arange(8) * DAY_MS + 12 * HOUR
    folds = walk_forward(t0, t0 + 2 * HOUR, folds=3, embargo_ms=24 * HOUR)
    assert [fold.test.tolist() for fold in folds] == [[2, 3], [4, 5], [6, 7]]
    # The last training day closed at 14:00 of the day before the test: inside the embargo.
    assert [fold.train.tolist() for fold in folds] == [[0], [0, 1, 2], [0, 1, 2, 3, 4]]


def test_a_label_that_reaches_into_the_test_is_purged() -> None:
    """A decision of day 0 whose outcome is known on day 5 teaches nothing about day 2."""
    t0 = np.arange(4) * DAY_MS
    t1 = t0 + HOUR
    t1[0] = 5 * DAY_MS
    assert walk_forward(t0, t1, folds=1)[0].train.tolist() == [1]


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), folds=st.integers(1, 6), embargo=st.integers(0, 3 * 24))
def test_no_fold_ever_trains_on_what_it_could_not_know(seed: int, folds: int, embargo: int) -> None:
    """Training outcomes lie before the test by the embargo; days are never split; tests never overlap."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    t0 = np.sort(rng.integers(0, 20 * DAY_MS, n))
    t1 = t0 + rng.integers(0, 3 * DAY_MS, n)
    found = walk_forward(t0, t1, folds, embargo * HOUR)
    seen: set[int] = set()
    for fold in found:
        if len(fold.train):
            assert t1[fold.train].max() < t0[fold.test].min() - embargo * HOUR
        days = set((t0[fold.test] // DAY_MS).tolist())
        assert not days & seen
        seen |= days
        assert np.isin(t0 // DAY_MS, list(days)).sum() == len(fold.test)
    assert len(found) in (0, folds)


def test_too_few_days_are_no_folds_and_bad_bounds_are_refused() -> None:
    """Five folds need six days."""
    t0 = np.arange(5) * DAY_MS
    assert walk_forward(t0, t0, folds=5) == []
    with pytest.raises(BadInput, match="folds must be at least 1"):
        walk_forward(t0, t0, folds=0)
    with pytest.raises(BadInput, match="before its decision"):
        walk_forward(t0, t0 - 1)


def test_a_rolling_window_forgets_what_is_too_old() -> None:
    """Three days of memory: day 6 learns from days 3, 4 and 5 only."""
    t0 = np.arange(8) * DAY_MS + 12 * HOUR
    last = walk_forward(t0, t0 + HOUR, folds=3, window_days=3)[-1]
    assert (last.train.tolist(), last.test.tolist()) == ([3, 4, 5], [6, 7])


def test_purged_folds_train_on_both_sides_and_keep_their_distance() -> None:
    """Days 0..8, outcomes after 1.5 days, a day of embargo: around days 3-5 remain 0, 1, 7 and 8."""
    t0 = np.arange(9) * DAY_MS + 12 * HOUR
    middle = purged_folds(t0, t0 + 36 * HOUR - 1, folds=3, embargo_ms=24 * HOUR)[1]
    assert middle.test.tolist() == [3, 4, 5]
    assert middle.train.tolist() == [0, 1, 7, 8]


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), folds=st.integers(2, 6), embargo=st.integers(0, 48))
def test_no_purged_fold_s_training_row_touches_its_test(seed: int, folds: int, embargo: int) -> None:
    """Ended before, or decided after the embargo; every row is tested exactly once."""
    rng = np.random.default_rng(seed)
    t0 = np.sort(rng.integers(0, 20 * DAY_MS, int(rng.integers(1, 200))))
    t1 = t0 + rng.integers(0, 3 * DAY_MS, len(t0))
    found = purged_folds(t0, t1, folds, embargo * HOUR)
    for fold in found:
        before = t1[fold.train] < fold.test_from_ms
        assert (before | (t0[fold.train] >= fold.test_to_ms + embargo * HOUR)).all()
    tested = np.concatenate([fold.test for fold in found]) if found else np.arange(0)
    assert not found or np.sort(tested).tolist() == list(range(len(t0)))
    with pytest.raises(BadInput, match="folds must be at least 2"):
        purged_folds(t0, t1, 1)
