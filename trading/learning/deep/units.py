"""Features in the units of a training fold: unknown becomes its median, then mean 0 and deviation 1."""

import numpy as np

from trading.learning.dataset import Floats
from trading.learning.deep.networks import Parameters

_WIDEST = 6.0  # deviations: further out a feature says no more than "far"


def units_of(x: Floats) -> Parameters:
    """Return median, mean and deviation per feature; one never known or never changing is 0 afterwards."""
    median, mean, scale = np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.ones(x.shape[1])
    for place, column in enumerate(x.T):
        known = column[~np.isnan(column)]
        if len(known):
            median[place] = np.median(known)
            filled = np.where(np.isnan(column), median[place], column)
            mean[place], scale[place] = filled.mean(), filled.std() or 1.0
    return {"x.median": median, "x.mean": mean, "x.scale": scale}


def standard(x: Floats, units: Parameters) -> Floats:
    """Return `x`, shape (n, f), in those units, held to ±6."""
    filled = np.where(np.isnan(x), units["x.median"], x)
    values: Floats = np.clip((filled - units["x.mean"]) / units["x.scale"], -_WIDEST, _WIDEST)
    return values
