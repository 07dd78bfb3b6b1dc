"""Folds in time: train on what was known, test on other days, nothing shared between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.market.errors import BadInput

Ints = NDArray[np.int64]
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one fold; `test_from_ms` (inclusive) and `test_to_ms` (exclusive) are UTC midnights."""

    train: Ints
    test: Ints
    test_from_ms: int
    test_to_ms: int


def walk_forward(
    t0: Ints, t1: Ints, folds: int = 5, embargo_ms: int = 0, *, window_days: int | None = None
) -> list[Fold]:
    """Return walk-forward folds in whole UTC days, expanding, or rolling over `window_days`.

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
    window_days : int, optional
        Training rows were decided at most this many days before the test begins; at least 1.

    Returns
    -------
    list of Fold
        Empty when there are fewer than `folds` + 1 different days. A fold may have no training rows.

    Raises
    ------
    BadInput
        If a bound is broken.
    """
    _check(t0, t1, folds, embargo_ms)
    if window_days is not None and window_days < 1:
        raise BadInput(f"window_days must be at least 1, was {window_days}")
    found = []
    for begin, end in _blocks(t0, folds + 1)[1:]:
        is_known = t1 < begin - embargo_ms
        if window_days is not None:
            is_known &= t0 >= begin - window_days * DAY_MS
        test = np.flatnonzero((t0 >= begin) & (t0 < end))
        found.append(Fold(np.flatnonzero(is_known), test, begin, end))
    return found


def purged_folds(t0: Ints, t1: Ints, folds: int = 5, embargo_ms: int = 0) -> list[Fold]:
    """Return folds that train on both sides of the test: more to learn from, later days among it.

    For choosing among configurations, never for a figure that is shown as what would have been earned.
    Dropped from training: rows whose span from decision to outcome touches the test block, and rows
    decided less than `embargo_ms` after it. López de Prado (2018), Advances in financial machine learning,
    ch. 7.

    Returns
    -------
    list of Fold
        Empty when there are fewer than `folds` different days.
    """
    _check(t0, t1, folds, embargo_ms)
    if folds < 2:
        raise BadInput(f"folds must be at least 2 to train on other days, was {folds}")
    found = []
    for begin, end in _blocks(t0, folds):
        train = np.flatnonzero((t1 < begin) | (t0 >= end + embargo_ms))
        found.append(Fold(train, np.flatnonzero((t0 >= begin) & (t0 < end)), begin, end))
    return found


def _blocks(t0: Ints, count: int) -> list[tuple[int, int]]:
    days = np.unique(t0 // DAY_MS)
    if len(days) < count:
        return []
    blocks = np.array_split(days, count)
    return [(int(block[0]) * DAY_MS, (int(block[-1]) + 1) * DAY_MS) for block in blocks]


def _check(t0: Ints, t1: Ints, folds: int, embargo_ms: int) -> None:
    if folds < 1 or embargo_ms < 0:
        raise BadInput(f"folds must be at least 1 and embargo_ms not negative, were {folds} and {embargo_ms}")
    if (t1 < t0).any():
        raise BadInput("an outcome cannot be known before its decision (t1 < t0)")
