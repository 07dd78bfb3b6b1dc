"""Many symbols at once: which p-values are discoveries, with the share of false ones under control."""

import numpy as np
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def adjusted_p_values(p_values: Floats, method: str = "bh") -> Floats:
    """Return each p-value as the smallest rate at which it would be a discovery; null hypotheses stay at 1.

    Parameters
    ----------
    p_values : array of shape (m,)
        In [0, 1].
    method : str
        ``bh``: Benjamini & Hochberg (1995), for independent or positively dependent tests. ``by``:
        Benjamini & Yekutieli (2001), for any dependence, at the price of a factor of Σ 1/k.
    """
    if method not in ("bh", "by"):
        raise BadInput(f"method must be bh or by, was {method}")
    if len(p_values) and not ((p_values >= 0) & (p_values <= 1)).all():
        raise BadInput("p_values must lie in [0, 1]")
    m = len(p_values)
    if m == 0:
        return np.zeros(0)
    order = np.argsort(p_values, kind="stable")[::-1]
    ranks = np.arange(m, 0, -1)
    factor = 1.0 if method == "bh" else float(np.sum(1 / np.arange(1, m + 1)))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum.accumulate(p_values[order] * m / ranks * factor)
    return np.minimum(adjusted, 1.0)


def discoveries(p_values: Floats, rate: float, method: str = "bh") -> Bools:
    """Return which hypotheses are rejected with a false discovery rate of at most `rate`."""
    if not 0 < rate < 1:
        raise BadInput(f"rate must lie between 0 and 1, was {rate}")
    found: Bools = adjusted_p_values(p_values, method) <= rate
    return found
