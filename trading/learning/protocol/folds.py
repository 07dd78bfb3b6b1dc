"""Folds in whole UTC days across all symbols; the rows of one market decision are never parted."""

from dataclasses import dataclass

import numpy as np

from trading.backtest.validation.splits import Fold, walk_forward
from trading.learning.dataset import Ints, TrainingSet
from trading.learning.protocol.rules import EvaluationRules
from trading.market.timeframes import DAY_MS


@dataclass(frozen=True, slots=True)
class Clock:
    """When each row was decided and known, the same for all rows of one decision (its first and last)."""

    t0: Ints
    t1: Ints

    @property
    def day(self) -> Ints:
        """UTC day of the decision."""
        return self.t0 // DAY_MS


def clock(training: TrainingSet) -> Clock:
    """Return the times that folds are cut by; rows of one decision (paper, candles) share theirs."""
    frame = training.frame
    if frame.is_empty():
        return Clock(np.zeros(0, np.int64), np.zeros(0, np.int64))
    _, place = np.unique(frame["group"].to_numpy(), return_inverse=True)
    count = int(place.max()) + 1
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(first, place, training.t0)
    np.maximum.at(last, place, training.t1)
    return Clock(first[place], last[place])


def outer_folds(times: Clock, rules: EvaluationRules, *, test_from_ms: int | None = None) -> list[Fold]:
    """Return the walk-forward folds; those that begin before `test_from_ms` are left out.

    With `fold_days` the blocks begin at fixed dates (days since 1970 that it divides) and the first one only
    teaches: a later week adds a block and moves none.
    """
    if rules.fold_days:
        found = _calendar(times, rules.fold_days, rules.embargo_ms)
    elif test_from_ms is not None:
        # The days before are for training and for the search; the days after are cut into the folds.
        found = _after(times, rules, test_from_ms)
    else:
        found = walk_forward(times.t0, times.t1, rules.folds, rules.embargo_ms)
    return [fold for fold in found if test_from_ms is None or fold.test_from_ms >= test_from_ms]


def _calendar(times: Clock, length: int, embargo_ms: int) -> list[Fold]:
    blocks = np.unique(times.day // length)
    return [
        _fold(times, int(block) * length * DAY_MS, int(block + 1) * length * DAY_MS, embargo_ms)
        for block in blocks[1:]
    ]


def _after(times: Clock, rules: EvaluationRules, test_from_ms: int) -> list[Fold]:
    days = np.unique(times.day[times.t0 >= test_from_ms])
    if len(days) < rules.folds:
        return []
    return [
        _fold(times, int(block[0]) * DAY_MS, (int(block[-1]) + 1) * DAY_MS, rules.embargo_ms)
        for block in np.array_split(days, rules.folds)
    ]


def _fold(times: Clock, begin: int, end: int, embargo_ms: int) -> Fold:
    train = np.flatnonzero(times.t1 < begin - embargo_ms)
    return Fold(train, np.flatnonzero((times.t0 >= begin) & (times.t0 < end)), begin, end)
