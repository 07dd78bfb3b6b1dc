"""What the best of many configurations shows without any edge: drawn from their own results, centred.

The days of all configurations are resampled together, in blocks, so that what resembles each other stays so:
a thousand thresholds next to each other are few independent tries, and this says how few.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trading.backtest.validation.bootstrap import block_length
from trading.backtest.validation.sharpe import expected_best_sharpe
from trading.market.errors import BadInput

Floats = NDArray[np.float64]
_COLUMNS = 2048  # configurations resampled together: bounds memory


@dataclass(frozen=True, slots=True)
class Luck:
    """What chance does with these configurations.

    Parameters
    ----------
    scores : array of shape (n_configurations,)
        t of the daily mean, mean / sd × √n; -inf where a column does not vary.
    p_values : array of shape (n_configurations,)
        One-sided, each by itself; 1 where a column does not vary.
    best : array of shape (draws,)
        The best t of each resampling without an edge.
    effective : float
        As many independent tries have the same expected best, each mean over its own sd: from 1 to the number
        of configurations.
    """

    scores: Floats
    p_values: Floats
    best: Floats = field(repr=False)
    effective: float

    def family_p_value(self, place: int) -> float:
        """Return the chance that the best of all of them is at least as good as number `place` by luck.

        References
        ----------
        White (2000), A reality check for data snooping, Econometrica 68(5); studentised as in Hansen (2005).
        """
        return float((1 + np.sum(self.best >= self.scores[place] - 1e-12)) / (1 + len(self.best)))


def luck(daily: Floats, rng: np.random.Generator, draws: int = 500) -> Luck:
    """Return what resamplings of `daily` without an edge show (stationary bootstrap, columns together).

    Parameters
    ----------
    daily : array of shape (n_days, n_configurations)
        Finite; at least 8 days.
    draws : int
        Resamplings, at least 100.
    """
    n, count = daily.shape
    if n < 8 or count < 1 or draws < 100:
        raise BadInput(f"must be at least 8 days, 1 configuration, 100 draws; were {n}, {count}, {draws}")
    spread = daily.std(axis=0)
    moves = spread > 1e-15
    scores = np.full(count, -np.inf)
    scores[moves] = daily[:, moves].mean(axis=0) / spread[moves] * math.sqrt(n)
    if not moves.any():
        return Luck(scores, np.ones(count), np.zeros(draws), 1.0)
    length = block_length(daily[:, moves].mean(axis=1))
    times = _drawn(n, draws, 1 / length, rng)
    hits, best, plain = np.zeros(count), np.full(draws, -np.inf), np.full(draws, -np.inf)
    places = np.flatnonzero(moves)
    for chunk in np.array_split(places, math.ceil(len(places) / _COLUMNS)):
        centred = daily[:, chunk] - daily[:, chunk].mean(axis=0)
        mean, square = times @ centred / n, times @ centred**2 / n
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        drawn = np.where(
            deviation > 1e-3 * spread[chunk], mean / np.maximum(deviation, 1e-300) * math.sqrt(n), 0.0
        )
        hits[chunk] = (drawn >= scores[chunk] - 1e-12).sum(axis=0)
        best = np.maximum(best, drawn.max(axis=1))
        # Few trades make fat tails of t; how many tries there were is a matter of likeness, not of tails.
        plain = np.maximum(plain, (mean / spread[chunk]).max(axis=1) * math.sqrt(n))
    p_values = np.where(moves, (1 + hits) / (1 + draws), 1.0)
    return Luck(scores, p_values, best, worth(float(plain.mean()), count))


def worth(best: float, most: float) -> float:
    """Return how many independent tries without skill have the expected best t `best`; from 1 to `most`."""
    if most <= 1 or best <= 0 or best >= expected_best_sharpe(most, 1.0):
        return 1.0 if best <= 0 or most <= 1 else float(most)
    low, high = 1.0, float(most)
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if expected_best_sharpe(middle, 1.0) < best else (low, middle)
    return low


@njit(cache=True)
def _drawn(n: int, draws: int, new_block: float, rng: np.random.Generator) -> Floats:
    """Return how often each day is in each resampling, shape (draws, n)."""
    times = np.zeros((draws, n))
    for draw in range(draws):
        place = int(rng.random() * n)
        for _ in range(n):
            times[draw, place] += 1.0
            place += 1
            if rng.random() < new_block:
                place = int(rng.random() * n)
            elif place == n:
                place = 0
    return times
