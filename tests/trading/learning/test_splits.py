"""Walk-forward folds: whole days, purged and embargoed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.learning.dataset import DAY_MS
from trading.learning.splits import walk_forward
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
