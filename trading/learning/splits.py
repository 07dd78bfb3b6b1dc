"""Folds in time: train on what was known, test on later days, nothing shared between them."""

from dataclasses import dataclass

import numpy as np

from trading.learning.dataset import DAY_MS, Ints
from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one fold; `test_from_ms` (inclusive) and `test_to_ms` (exclusive) are UTC midnights."""

    train: Ints
    test: Ints
    test_from_ms: int
    test_to_ms: int


def walk_forward(t0: Ints, t1: Ints, folds: int = 5, embargo_ms: int = 0) -> list[Fold]:
    """Return expanding walk-forward folds in whole UTC days.

    The days that have rows are cut into `folds` + 1 blocks of (nearly) equal numbers of days; block
    k + 1 is tested after training on all before it. A training row whose outcome was not known
    `embargo_ms` before the test begins is dropped (purge and embargo): its label overlaps the test.
    All symbols of a day are in one block, so no decision of a moment teaches about another of the same.

    Parameters
    ----------
    t0, t1 : arrays of shape (n,)
        Decision and outcome times in ms; t1 >= t0.
    folds : int
        At least 1.
    embargo_ms : int
        Not negative.

    Returns
    -------
    list of Fold
        Empty when there are fewer than `folds` + 1 different days. A fold may have no training rows.

    Raises
    ------
    BadInput
        If a bound is broken.
    """
    if folds < 1 or embargo_ms < 0:
        raise BadInput(f"folds must be at least 1 and embargo_ms not negative, were {folds} and {embargo_ms}")
    if (t1 < t0).any():
        raise BadInput("an outcome cannot be known before its decision (t1 < t0)")
    day = t0 // DAY_MS
    days = np.unique(day)
    if len(days) <= folds:
        return []
    blocks = np.array_split(days, folds + 1)
    found = []
    for block in blocks[1:]:
        begin, end = int(block[0]) * DAY_MS, (int(block[-1]) + 1) * DAY_MS
        train = np.flatnonzero(t1 < begin - embargo_ms)
        test = np.flatnonzero((t0 >= begin) & (t0 < end))
        found.append(Fold(train, test, begin, end))
    return found
