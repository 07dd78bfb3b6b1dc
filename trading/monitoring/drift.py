"""Is live worse than the backtest by more than chance? A test that may be asked again every day.

Decisions of one market day rise and fall together, and a thousand users on one signal are one decision; so
one observation is a day: the mean over its decisions of live less expected. Asked daily, a t test finds
something in any series sooner or later. Used instead: an asymptotic confidence sequence, valid at all looks
together (Robbins' normal mixture; Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, "Time-uniform central
limit theory and asymptotic confidence sequences", one-sided). With mean m and deviation s of n days,

    m < - s * sqrt(2 (n r^2 + 1) / (n^2 r^2) * ln(1 + sqrt(n r^2 + 1) / (2 alpha)))

is seen at any n with a probability of about alpha at most where live is as expected. `r` sets at how many
days the bound is tightest; here 30.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

ALPHA = 0.01
LEAST_DAYS = 10  # before, a standard deviation of days is not worth its name
LEAST_DECISIONS = 20
_TIGHTEST_AT = 30.0


@dataclass(frozen=True, slots=True)
class Drift:
    """What the test says.

    `difference` is the mean of days, live less expected, `bound` the least that chance gives; both in the
    unit of what was compared, None where it cannot be told. `state`: `too few`, `as expected` or `drift`.
    """

    state: str
    days: int
    decisions: int
    difference: float | None
    bound: float | None

    @property
    def in_words(self) -> str:
        """One sentence."""
        if self.state == "too few":
            need = f"{LEAST_DAYS} days and {LEAST_DECISIONS} decisions"
            return f"too few: {self.decisions} decisions on {self.days} days, needs {need}"
        found = f"live less expected is {self.difference:+.4f} over {self.days} days"
        sign = "below" if self.state == "drift" else "not below"
        return (
            f"{self.state}: {found}, {sign} the bound of {self.bound:+.4f} (alpha {ALPHA:g} over all looks)"
        )


def drift(days: pl.Series, differences: pl.Series, *, alpha: float = ALPHA) -> Drift:
    """Return whether `differences` (one a decision, live less expected) are below 0 by more than chance.

    Parameters
    ----------
    days : Series
        The market day of each decision, any hashable type.
    differences : Series of Float64
        Nulls are left out.
    """
    frame = pl.DataFrame({"day": days, "difference": differences}).drop_nulls()
    means = frame.group_by("day").agg(pl.col("difference").mean())["difference"].to_numpy()
    count = len(means)
    if count < LEAST_DAYS or frame.height < LEAST_DECISIONS:
        mean = float(means.mean()) if count else None
        return Drift("too few", count, frame.height, mean, None)
    mean, bound = float(means.mean()), -width(count, float(np.std(means, ddof=1)), alpha)
    return Drift("drift" if mean < bound else "as expected", count, frame.height, mean, bound)


def width(days: int, deviation: float, alpha: float = ALPHA) -> float:
    """Return how far below 0 the mean of `days` may fall by chance, at any of all looks."""
    twice = -2 * math.log(2 * alpha)
    rho2 = (twice + math.log(twice) + 1) / _TIGHTEST_AT
    scaled = days * rho2 + 1
    return deviation * math.sqrt(
        2 * scaled / (days**2 * rho2) * math.log(1 + math.sqrt(scaled) / (2 * alpha))
    )
