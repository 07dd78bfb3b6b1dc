"""Approving every night spends a declared budget of error: each night tests at a level of its own.

Thirty nights at 5 % each are not 5 %. Two schedules, each with its proof: `batch_level` for nights on which
many symbols are tested together, `lord_levels` for single decisions one after another (a strategy or a
model a night).
"""

import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trading.market.errors import BadInput
from trading.store.lines import append_lines, read_lines

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """How much error a period may cost, and how it is spread over its nights.

    Parameters
    ----------
    rate : float
        Expected share of false approvals among all approvals of a period, in (0, 1).
    exponent : float
        Night k gets a share proportional to k^-exponent; above 1, so that the shares add up to 1 however
        long the period. 1.6 gives 44 % to the first night.
    period_days : int
        The budget is new every so many days of market time; the promise is per period.
    """

    rate: float = 0.05
    exponent: float = 1.6
    period_days: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise BadInput(f"rate must lie between 0 and 1, was {self.rate}")
        if self.exponent <= 1:
            raise BadInput(f"exponent must be above 1, was {self.exponent}")
        if self.period_days < 1:
            raise BadInput(f"period_days must be at least 1, was {self.period_days}")

    def share(self, night: int) -> float:
        """Return the share of the budget of the `night`-th night that tests, counted from 1."""
        if night < 1:
            raise BadInput(f"night must be at least 1, was {night}")
        return float(night**-self.exponent) / _zeta(self.exponent)

    def period(self, night: date) -> int:
        """Return the number of the period that holds `night`."""
        return (night - _EPOCH).days // self.period_days


def batch_level(budget: ErrorBudget, night: int, tested: int, earlier_approvals: int) -> float:
    """Return the Benjamini-Hochberg level of one night: its share of the budget, and more after approvals.

    rate × share × (tested + approvals of earlier nights) / tested, at most `rate`. Controls the false
    discovery rate over all nights where the p-values of a night are positively dependent and the nights
    independent; nights that share candles are neither quite, which the block-shuffled runs measure.

    References
    ----------
    Zrnic, Jiang, Ramdas & Jordan (2020), The power of batching in multiple hypothesis testing, AISTATS,
    the procedure BatchPRDS.
    """
    if tested < 0 or earlier_approvals < 0:
        raise BadInput(
            f"tested and earlier_approvals must not be negative, were {tested}, {earlier_approvals}"
        )
    if tested == 0:
        return 0.0
    return min(budget.rate, budget.rate * budget.share(night) * (tested + earlier_approvals) / tested)


class NightBook:
    """What each night tested and approved, as JSON lines: tonight's level follows from the nights before.

    All passes of one UTC day are one night: they share nearly all of their candles. Asking again gives the
    same level. Of several passes the one with the fewest approvals counts, which never gives more budget.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def level(self, budget: ErrorBudget, night: date, tested: int) -> float:
        """Return the level at which `tested` symbols may be tested on `night`."""
        before = self._nights(budget.period(night), budget)
        earlier = {day: count for day, count in before.items() if day < night.isoformat()}
        return batch_level(budget, len(earlier) + 1, tested, sum(earlier.values()))

    def record(self, night: date, *, tested: int, approved: int, level: float, at: datetime) -> None:
        """Append one pass durably. A pass that tested nothing spends nothing and is not written."""
        if not 0 <= approved <= tested:
            raise BadInput(f"must be 0 <= approved <= tested, were {approved} and {tested}")
        if tested:
            row = {"night": night.isoformat(), "tested": tested, "approved": approved, "level": level}
            append_lines(self._path, [row | {"at": at.isoformat()}])

    def spent(self, budget: ErrorBudget, night: date) -> float:
        """Return the share of the period's budget that its nights up to `night` have used."""
        used = [day for day in self._nights(budget.period(night), budget) if day <= night.isoformat()]
        return sum(budget.share(k) for k in range(1, len(used) + 1))

    def _nights(self, period: int, budget: ErrorBudget) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in read_lines(self._path):
            if budget.period(date.fromisoformat(row["night"])) == period:
                found[row["night"]] = min(row["approved"], found.get(row["night"], row["approved"]))
        return found


def lord_levels(p_values: Floats, rate: float, wealth: float | None = None) -> tuple[Bools, Floats]:
    """Return which of a stream of hypotheses are rejected, and the level of each (LORD++).

    Each level depends on the rejections before it only: γ(t) × wealth, plus what earlier rejections give
    back, α(t) = γ(t) w + (α - w) γ(t - τ1) + α Σ γ(t - τj), with γ(k) ∝ ln(max(k, 2)) / (k e^√ln k).
    Controls the false discovery rate at `rate` for independent p-values.

    Parameters
    ----------
    p_values : array of shape (n,)
        In the order in which they were asked.
    wealth : float, optional
        What the stream begins with, in (0, rate]; half the rate where not given.

    References
    ----------
    Ramdas, Yang, Wainwright & Jordan (2017), Online control of the false discovery rate with decaying
    memory, NeurIPS.
    """
    if not 0 < rate < 1:
        raise BadInput(f"rate must lie between 0 and 1, was {rate}")
    start = rate / 2 if wealth is None else wealth
    if not 0 < start <= rate:
        raise BadInput(f"wealth must lie in (0, rate], was {start}")
    n = len(p_values)
    gamma = _lord_gamma(n)
    levels, rejected = np.zeros(n), np.zeros(n, np.bool_)
    given_back = np.zeros(n + 1)
    first = True
    for t in range(n):
        levels[t] = gamma[t] * start + given_back[t]
        if p_values[t] <= levels[t]:
            rejected[t] = True
            given_back[t + 1 : n] += (rate - start if first else rate) * gamma[: n - t - 1]
            first = False
    return rejected, levels


def _lord_gamma(n: int) -> Floats:
    k = np.arange(1, n + 1, dtype=np.float64)
    # The constant makes the infinite series sum to at most 1 (Javanmard & Montanari 2018).
    gamma: Floats = 0.0722 * np.log(np.maximum(k, 2)) / (k * np.exp(np.sqrt(np.log(k))))
    return gamma


@cache
def _zeta(exponent: float) -> float:
    """Return Σ k^-exponent: a partial sum and the Euler-Maclaurin remainder."""
    last = 1000
    head = math.fsum(k**-exponent for k in range(1, last))
    tail = last ** (1 - exponent) / (exponent - 1) + 0.5 * last**-exponent
    return float(head + tail + exponent * last ** (-exponent - 1) / 12)
