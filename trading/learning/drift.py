"""Is the champion's world still the one it learnt from: PSI per feature, ADWIN on live loss.

An alarm starts a candidate; it never swaps a champion.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.learning.dataset import Floats
from trading.learning.psi import Reference, drift
from trading.market.errors import BadInput

# One row per figure. `is_alarm` where `value` is beyond `bound`.
DRIFTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "model_id": pl.String,
    "figure": pl.String,  # psi | live_loss
    "feature": pl.String,  # null but for psi
    "value": pl.Float64,
    "bound": pl.Float64,
    "is_alarm": pl.Boolean,
    "rows": pl.Int64,
    "said": pl.String,
}
_WORST_LOSS = 3.0  # log loss of p = 0.05; beyond it one answer would outshout a hundred


@dataclass(frozen=True, slots=True)
class DriftRules:
    """What counts as drift.

    Parameters
    ----------
    psi : float
        Population stability index of one feature.
    psi_rows : int
        Newest decisions that PSI is taken of; below a third of it, none is.
    delta : float
        ADWIN's chance of a false alarm, per look at a split.
    """

    psi: float = 0.25
    psi_rows: int = 300
    delta: float = 0.002

    def __post_init__(self) -> None:
        if self.psi <= 0 or self.psi_rows < 3:
            raise BadInput(f"psi must be above 0, psi_rows at least 3, were {self.psi} and {self.psi_rows}")
        if not 0 < self.delta < 1:
            raise BadInput(f"delta must lie between 0 and 1, was {self.delta}")


def adwin(values: Floats, delta: float = 0.002, least: int = 10) -> list[int]:
    """Return the places (number of values seen) at which the mean of a stream in [0, 1] had changed.

    After each value every split of the window into an older and a newer part, each at least `least` long, is
    held against the bound; where the means differ by more, the older part is dropped. This looks at every
    split, where ADWIN2 looks at exponentially spaced ones to save memory: it finds a change no later.

    References
    ----------
    Bifet & Gavaldà (2007), Learning from time-changing data with adaptive windowing, SDM, eq. 3.1 with
    the variance bound of section 3.2.
    """
    if len(values) and not (np.nanmin(values) >= 0 and np.nanmax(values) <= 1):
        raise BadInput("adwin needs values in 0..1")
    found, start = [], 0
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(np.square(values))])
    for end in range(1, len(values) + 1):
        is_cut = False
        while (place := _cut(sums, squares, start, end, delta, least)) is not None:
            start, is_cut = place, True
        if is_cut:
            found.append(end)
    return found


def _cut(sums: Floats, squares: Floats, start: int, end: int, delta: float, least: int) -> int | None:
    """Return the split whose parts differ most beyond the bound, None if none does."""
    count = end - start
    if count < 2 * least:
        return None
    splits = np.arange(start + least, end - least + 1)
    older, newer = splits - start, end - splits
    gap = np.abs((sums[splits] - sums[start]) / older - (sums[end] - sums[splits]) / newer)
    mean = (sums[end] - sums[start]) / count
    variance = max((squares[end] - squares[start]) / count - mean**2, 0.0)
    harmonic = 1 / (1 / older + 1 / newer)
    logs = math.log(2 * math.log(count) / delta)
    bound = np.sqrt(2 / harmonic * variance * logs) + 2 / (3 * harmonic) * logs
    beyond = gap - bound
    best = int(np.argmax(beyond))
    return int(splits[best]) if beyond[best] > 0 else None


def drift_rows(
    reference: Reference, outcomes: pl.DataFrame, model_id: str, rules: DriftRules | None = None
) -> pl.DataFrame:
    """Return the figures of one model's drift (`DRIFTS`), alarms first.

    Parameters
    ----------
    outcomes : DataFrame
        Its predictions: `decided_at`, `probability`, `net_return` (null until known) and the features.
    """
    rules = rules or DriftRules()
    ordered = outcomes.sort("decided_at", "symbol")
    newest = ordered.tail(rules.psi_rows)
    rows: list[tuple[object, ...]] = []
    if len(newest) * 3 >= rules.psi_rows:
        for one in drift(reference, newest).iter_rows(named=True):
            said = f"{one['outside']:.1%} outside the training range, {one['unknown']:.1%} unknown"
            is_alarm = one["psi"] > rules.psi
            rows.append((model_id, "psi", one["feature"], one["psi"], rules.psi, is_alarm, len(newest), said))
    ended = ordered.filter(pl.col("net_return").is_not_null()).sort("closed_at", "symbol")
    if not ended.is_empty():
        rows.append((model_id, *_live_loss(ended, rules)))
    frame = pl.DataFrame(rows, schema=DRIFTS, orient="row")
    return frame.sort("is_alarm", "value", descending=[True, True])


def in_words(rows: pl.DataFrame) -> dict[str, float | str | None]:
    """Return the largest PSI of `DRIFTS`, None where none was measured, and a sentence about it."""
    measured = rows.filter(pl.col("figure") == "psi").sort("value", descending=True)
    if measured.is_empty():
        said = "no champion that can be used, or too few decisions since: PSI was not measured"
        return {"largest PSI": None, "PSI": said}
    worst = measured.row(0, named=True)
    said = f"{worst['feature']} moved most: {worst['value']:.3g} over {worst['rows']} decisions"
    return {"largest PSI": float(worst["value"]), "PSI": said}


def _live_loss(ended: pl.DataFrame, rules: DriftRules) -> tuple[object, ...]:
    p = np.clip(ended["probability"].to_numpy(), 1e-6, 1 - 1e-6)
    gain = ended["net_return"].to_numpy() > 0
    loss = np.minimum(-np.log(np.where(gain, p, 1 - p)), _WORST_LOSS) / _WORST_LOSS
    alarms = adwin(loss, rules.delta)
    # A loss that fell is a change too, and no reason to worry.
    risen = [place for place in alarms if loss[:place][-10:].mean() > loss[: max(place - 10, 1)].mean()]
    said = f"log loss {loss.mean() * _WORST_LOSS:.4f} over {len(loss)} outcomes"
    said += f"; rose at outcome {risen[-1]}" if risen else "; no change found"
    return "live_loss", None, float(len(risen)), 0.0, bool(risen), len(loss), said
