"""Running statistics that read the past only: the value at column t depends on columns 0..t."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ewma(values: Floats, half_life: int) -> Floats:
    """Return the exponentially weighted mean along axis 1; same shape.

    Weights are normalised, so the start is the plain mean and not a guess. NaN is skipped and carries
    the last mean on; NaN before the first value.
    """
    decay = 0.5 ** (1 / half_life)
    total: Floats = np.zeros(values.shape[0])
    weight: Floats = np.zeros(values.shape[0])
    out = np.full(values.shape, np.nan)
    for t in range(values.shape[1]):
        present = ~np.isnan(values[:, t])
        total = np.where(present, decay * total + np.where(present, values[:, t], 0.0), total)
        weight = np.where(present, decay * weight + 1.0, weight)
        np.divide(total, weight, out=out[:, t], where=weight > 0)
    return out


def rolling_mean(values: Floats, bars: int) -> Floats:
    """Return the mean of the last `bars` columns, NaN where fewer than half of them are present."""
    present = ~np.isnan(values)
    # Sums start from each row's first value, so that a price of 60,000 loses no digits to the total.
    first = np.where(present.any(axis=1), values[np.arange(len(values)), present.argmax(axis=1)], 0.0)
    sums = _windows(np.where(present, values - first[:, None], 0.0), bars)
    count = _windows(present.astype(np.float64), bars)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / count + first[:, None]
    return np.asarray(np.where(count * 2 >= bars, means, np.nan))


def _windows(values: Floats, bars: int) -> Floats:
    total = np.cumsum(values, axis=1)
    total[:, bars:] = total[:, bars:] - total[:, :-bars]
    return total


def trailing_percentile(values: Floats, history: int, least: int) -> Floats:
    """Return the share of the last `history` values (its own among them) below each value, 0..1.

    Ties count half. NaN where the value is missing or fewer than `least` values are known.
    """
    out = np.full(len(values), np.nan)
    for t, value in enumerate(values.tolist()):
        past = values[max(0, t - history + 1) : t + 1]
        past = past[~np.isnan(past)]
        if len(past) >= least and value == value:  # noqa: PLR0124 - the NaN test without a call per bar
            out[t] = ((past < value).sum() + 0.5 * (past == value).sum()) / len(past)
    return out


def trailing_median(values: Floats, history: int, least: int) -> Floats:
    """Return the median of the last `history` values (its own among them); NaN before `least` of them."""
    out = np.full(len(values), np.nan)
    for t in range(len(values)):
        past = values[max(0, t - history + 1) : t + 1]
        past = past[~np.isnan(past)]
        if len(past) >= least:
            out[t] = np.median(past)
    return out


def ratio_to_median(values: Floats, history: int, least: int) -> Floats:
    """Return each value over its `trailing_median`; NaN where that is missing or not above 0."""
    middle = trailing_median(values, history, least)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(middle > 0, values / middle, np.nan)
