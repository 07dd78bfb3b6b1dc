"""Ranks of each symbol's returns among its own bars. No correlation is computed here."""

import numpy as np

from trading.xray.returns import Floats


def ranks(values: Floats) -> Floats:
    """Return ranks along axis 1, counted from 1; ties share their mean rank, NaN stays NaN.

    The same numbers as scipy.stats.rankdata of each row without its NaN.
    """
    if values.shape[1] == 0:
        return values.copy()
    order = np.argsort(values, axis=1)  # NaN goes to the end
    ordered = np.take_along_axis(values, order, axis=1)
    place = np.arange(values.shape[1], dtype=np.float64)
    begins = np.ones(values.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=begins[:, 1:])
    ends = np.ones(values.shape, dtype=bool)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, place, 0.0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, np.inf)[:, ::-1], axis=1)[:, ::-1]
    out = np.empty(values.shape)
    np.put_along_axis(out, order, (first + last) / 2 + 1, axis=1)
    out[np.isnan(values)] = np.nan
    return out
