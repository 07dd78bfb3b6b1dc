"""How well probabilities rank and how far they mean what they say, with errors over whole days."""

import math

import numpy as np
import polars as pl

from trading.learning.dataset import Floats, Ints
from trading.learning.protocol.money import told
from trading.learning.scoring import Predictions, auc, brier_skill

BINS = 10
_FLOOR_DRAWS = 200
_LEAST_A_DAY = 5

CALIBRATION: dict[str, pl.DataType | type[pl.DataType]] = {
    "bin": pl.Int64,
    "decisions": pl.Int64,
    "said": pl.Float64,  # mean probability
    "seen": pl.Float64,  # share of gains
    "error": pl.Float64,  # standard error of `seen`
}


def figures(predictions: Predictions, rng: np.random.Generator) -> dict[str, float | None]:
    """Return AUC with its error, Brier, log-loss against the base rate, calibration error, IC per day."""
    share, base, y = predictions.probability, predictions.base_rate, predictions.y
    raw, floor = calibration_error(share, y, rng)
    found = {
        "auc": auc(share, y),
        "auc_error": auc_error(share, y, predictions.day),
        "brier": float(np.mean((share - y) ** 2)),
        "brier_base_rate": float(np.mean((base - y) ** 2)),
        "brier_skill": brier_skill(predictions),
        "log_loss": _log_loss(share, y),
        "log_loss_base_rate": _log_loss(base, y),
        "calibration_error": raw,
        "calibration_floor": floor,
        "calibration_excess": max(0.0, raw - floor),
    }
    return told(found | _information(predictions))


def auc_error(share: Floats, y: Ints, day: Ints) -> float:
    """Return the standard error of the AUC where the rows of a day hang together; NaN of one class.

    Each row's part in the AUC (its placement value) is summed per day, and the days are taken as the sample.

    References
    ----------
    Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53(2).
    """
    gains, losses = share[y == 1], share[y == 0]
    if len(gains) == 0 or len(losses) == 0:
        return math.nan
    area = auc(share, y)
    part = np.empty(len(y))
    part[y == 1] = (_below(losses, gains) - area) / len(gains)
    part[y == 0] = (1 - _below(gains, losses) - area) / len(losses)
    sums = np.bincount(np.unique(day, return_inverse=True)[1], part)
    n = len(sums)
    return math.sqrt(n / (n - 1) * float(np.sum(sums**2))) if n > 1 else math.nan


def _below(others: Floats, values: Floats) -> Floats:
    """Return for each value the share of `others` below it, ties half."""
    ordered = np.sort(others)
    low = np.searchsorted(ordered, values, side="left")
    high = np.searchsorted(ordered, values, side="right")
    out: Floats = (low + high) / 2 / len(others)
    return out


def calibration_table(predictions: Predictions) -> pl.DataFrame:
    """Return the reliability diagram as rows: bins of equal numbers, by probability; `CALIBRATION`."""
    order = np.argsort(predictions.probability, kind="stable")
    rows = []
    for place, part in enumerate(np.array_split(order, BINS)):
        if len(part) == 0:
            continue
        seen = float(predictions.y[part].mean())
        error = math.sqrt(max(seen * (1 - seen), 0.0) / len(part))
        rows.append((place, len(part), float(predictions.probability[part].mean()), seen, error))
    return pl.DataFrame(rows, schema=CALIBRATION, orient="row")


def calibration_error(share: Floats, y: Ints, rng: np.random.Generator) -> tuple[float, float]:
    """Return the expected calibration error, and what it would be of perfect probabilities by chance.

    Bins of equal numbers. Few decisions make gaps of chance (0.05 with 60 a bin): the second figure, the mean
    over outcomes drawn from the probabilities themselves, says how large.
    """
    order = np.argsort(share, kind="stable")
    edges = np.array([part[0] for part in np.array_split(np.arange(len(share)), BINS) if len(part)])
    said = np.add.reduceat(share[order], edges)
    seen = np.add.reduceat(y[order].astype(np.float64), edges)
    drawn = rng.random((_FLOOR_DRAWS, len(share))) < share[order]
    chance = np.abs(np.add.reduceat(drawn.astype(np.float64), edges, axis=1) - said).sum(axis=1)
    return float(np.abs(seen - said).sum() / len(share)), float(chance.mean() / len(share))


def _log_loss(share: Floats, y: Ints) -> float:
    kept = np.clip(share, 1e-6, 1 - 1e-6)
    return -float(np.mean(np.where(y == 1, np.log(kept), np.log1p(-kept))))


def _information(predictions: Predictions) -> dict[str, float]:
    """Return mean and t of the daily correlation of probability and net return, plain and by ranks."""
    frame = pl.DataFrame(
        {"day": predictions.day, "said": predictions.probability, "net": predictions.net_return}
    )
    days = (
        frame.group_by("day")
        .agg(
            pl.len().alias("n"),
            pl.corr("said", "net").alias("ic"),
            pl.corr(pl.col("said").rank(), pl.col("net").rank()).alias("rank_ic"),
        )
        .filter(pl.col("n") >= _LEAST_A_DAY)
        .sort("day")
    )
    found: dict[str, float] = {}
    for name in ("ic", "rank_ic"):
        values = days[name].fill_nan(None).drop_nulls().to_numpy()
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        found[name] = float(values.mean()) if len(values) else math.nan
        found[f"{name}_t"] = found[name] / spread * math.sqrt(len(values)) if spread > 0 else math.nan
    return found
