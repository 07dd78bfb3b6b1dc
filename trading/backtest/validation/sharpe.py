"""How sure a Sharpe ratio is, given its length, its tails and the number of tries it was picked from.

Sharpe ratios here are per observation (of daily returns: a day), never annualised.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]
_NORMAL = NormalDist()
_EULER = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class SharpeEstimate:
    """A Sharpe ratio per observation with what its error depends on; `kurtosis` of the normal is 3."""

    sharpe: float
    observations: int
    skew: float = 0.0
    kurtosis: float = 3.0

    def __post_init__(self) -> None:
        if self.observations < 2:
            raise BadInput(f"observations must be at least 2, was {self.observations}")

    @property
    def standard_error(self) -> float:
        """Mertens (2002): √((1 - skew × SR + (kurtosis - 1) / 4 × SR²) / (n - 1))."""
        spread = 1 - self.skew * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2
        return math.sqrt(max(spread, 1e-12) / (self.observations - 1))


def estimate(returns: Floats) -> SharpeEstimate:
    """Return the Sharpe ratio of `returns` (ddof 1) with skew and kurtosis.

    Raises
    ------
    BadInput
        With fewer than 2 returns, or returns that are not finite or do not vary.
    """
    if len(returns) < 2 or not np.isfinite(returns).all():
        raise BadInput(f"returns must be at least 2 finite numbers, were {len(returns)}")
    off = returns - returns.mean()
    deviation = float(off.std())
    if deviation <= 1e-15:
        raise BadInput("returns must vary: a Sharpe ratio of equal returns has no meaning")
    skew, kurtosis = float(np.mean(off**3)) / deviation**3, float(np.mean(off**4)) / deviation**4
    return SharpeEstimate(float(returns.mean()) / float(returns.std(ddof=1)), len(returns), skew, kurtosis)


def probabilistic_sharpe(found: SharpeEstimate, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio lies above `benchmark` (per observation).

    References
    ----------
    Bailey & López de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2).
    """
    return _NORMAL.cdf((found.sharpe - benchmark) / found.standard_error)


def expected_best_sharpe(trials: float, sharpe_variance: float) -> float:
    """Return the Sharpe ratio that the best of `trials` independent ones without skill is expected to show.

    Parameters
    ----------
    trials : float
        Independent trials, at least 1; correlated ones count for less (`effective_trials`).
    sharpe_variance : float
        Variance of the Sharpe ratios over the trials, per observation.

    References
    ----------
    Bailey & López de Prado (2014), The deflated Sharpe ratio, Journal of Portfolio Management 40(5).
    """
    if trials < 1:
        raise BadInput(f"trials must be at least 1, was {trials}")
    if sharpe_variance < 0:
        raise BadInput(f"sharpe_variance must not be negative, was {sharpe_variance}")
    if trials == 1:
        return 0.0
    high = _NORMAL.inv_cdf(1 - 1 / trials)
    higher = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(sharpe_variance) * max(0.0, (1 - _EULER) * high + _EULER * higher)


def deflated_sharpe(found: SharpeEstimate, trials: float, sharpe_variance: float | None = None) -> float:
    """Return the probability that the true Sharpe ratio is above 0, given the trials it was picked from.

    Parameters
    ----------
    found : SharpeEstimate
        Of the trial that was picked.
    trials : float
        All that were ever run, the discarded ones above all (`trials.TrialLedger`).
    sharpe_variance : float, optional
        Over the trials; where it is not known, that of `found` under no skill, 1 / (n - 1).

    References
    ----------
    Bailey & López de Prado (2014), equation 2.
    """
    variance = 1 / (found.observations - 1) if sharpe_variance is None else sharpe_variance
    return probabilistic_sharpe(found, expected_best_sharpe(trials, variance))


def minimum_track_record(found: SharpeEstimate, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Return how many observations it takes to call `found` better than `benchmark`; infinite if it is not.

    References
    ----------
    Bailey & López de Prado (2012), equation 11.
    """
    if not 0 < confidence < 1:
        raise BadInput(f"confidence must lie between 0 and 1, was {confidence}")
    ahead = found.sharpe - benchmark
    if ahead <= 0:
        return math.inf
    spread = found.standard_error**2 * (found.observations - 1)
    return 1 + spread * (_NORMAL.inv_cdf(confidence) / ahead) ** 2


def effective_trials(returns: Floats) -> float:
    """Return how many independent trials the columns of `returns` are worth: 1 (all alike) to their number.

    The participation ratio of the correlation matrix's eigenvalues, n² / Σ λ². Columns that do not vary
    are left out.

    Parameters
    ----------
    returns : array of shape (n_observations, n_trials)
    """
    moving = returns[:, returns.std(axis=0) > 1e-15]
    if moving.shape[1] == 0:
        return 0.0
    correlation = np.atleast_2d(np.corrcoef(moving, rowvar=False))
    return float(moving.shape[1] ** 2 / np.sum(correlation**2))
