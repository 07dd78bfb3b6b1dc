"""The ledger of every trial ever run: what was tried and dropped counts against what was kept.

A trial is one strategy with one set of parameters on one symbol and one set of data. A nightly rerun on
new data is a new trial; the very same one again is not. One line per strategy, parameters and data, with
the number of symbols in it, so that a night of 2,600 symbols × 500 configurations is 500 lines.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.market.errors import BadInput
from trading.market.lineage import digest
from trading.store.lines import append_lines, read_lines

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrialBatch:
    """One configuration over many symbols.

    Parameters
    ----------
    strategy, params_id, data_id : str
        What was tried on what; together they are the batch's identity.
    symbols : int
        Trials in it, at least 1.
    sharpes : int
        How many of them have a Sharpe ratio.
    sharpe_mean, sharpe_square : float
        Mean, and sum of squared deviations, of those ratios, per observation.
    at : datetime
        Market time of the run, with its zone.
    """

    strategy: str
    params_id: str
    data_id: str
    symbols: int
    sharpes: int
    sharpe_mean: float
    sharpe_square: float
    at: datetime

    def __post_init__(self) -> None:
        if self.symbols < 1 or not 0 <= self.sharpes <= self.symbols:
            raise BadInput(
                f"must be symbols >= 1 and 0 <= sharpes <= symbols, were {self.symbols} and {self.sharpes}"
            )
        if self.at.tzinfo is None:
            raise BadInput(f"at must carry its time zone, was {self.at.isoformat()}")

    @property
    def trial_id(self) -> str:
        """The identity of the batch, made from what was tried on what."""
        return digest(self.strategy, self.params_id, self.data_id)


def trial_batch(strategy: str, params_id: str, data_id: str, sharpes: Floats, *, at: datetime) -> TrialBatch:
    """Return the batch of one configuration; `sharpes` has one value per symbol, NaN where undefined."""
    known = sharpes[np.isfinite(sharpes)]
    mean = float(known.mean()) if len(known) else 0.0
    square = float(np.sum((known - mean) ** 2))
    return TrialBatch(strategy, params_id, data_id, len(sharpes), len(known), mean, square, at)


def metrics_batch(
    strategy: str, params: object, data_id: str, metrics: pl.DataFrame, *, at: datetime
) -> TrialBatch:
    """Return the batch of a backtest: one trial per row of `metrics` (`metrics.METRICS`), each on its symbol.

    `params` are made into an id by their representation: frozen dataclasses of thresholds have one. Sharpe
    ratios there are yearly; the ledger keeps them per day.
    """
    daily = metrics["sharpe"].cast(pl.Float64).fill_null(float("nan")).to_numpy() / math.sqrt(365)
    return trial_batch(strategy, digest(repr(params)), data_id, daily, at=at)


@dataclass(frozen=True, slots=True)
class Trials:
    """How many trials there were, and the variance of their Sharpe ratios (None of fewer than 2)."""

    count: int
    batches: int
    sharpe_variance: float | None


class TrialLedger:
    """An append-only file of JSON lines, written by several processes, whole after a crash."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, batches: Iterable[TrialBatch]) -> int:
        """Append `batches` durably and return how many lines were written."""
        return append_lines(self._path, [_row(batch) for batch in batches])

    def record_backtest(
        self, strategy: str, params: object, data_id: str, metrics: pl.DataFrame, *, at: datetime
    ) -> int:
        """Append the trials of one backtest (`metrics_batch`); none of an empty one."""
        if metrics.is_empty():
            return 0
        return self.record([metrics_batch(strategy, params, data_id, metrics, at=at)])

    def total(self, strategy: str | None = None) -> Trials:
        """Count every trial ever recorded, of one strategy or of all; the same batch again counts once."""
        found = {row["trial_id"]: row for row in read_lines(self._path)}
        rows = [row for row in found.values() if strategy is None or row["strategy"] == strategy]
        n, mean, square = 0, 0.0, 0.0
        for row in rows:
            # Chan, Golub & LeVeque (1983): two means and squares become one.
            both = n + row["sharpes"]
            if both == 0:
                continue
            gap = row["sharpe_mean"] - mean
            mean += gap * row["sharpes"] / both
            square += row["sharpe_square"] + gap**2 * n * row["sharpes"] / both
            n = both
        variance = square / (n - 1) if n > 1 else None
        return Trials(sum(row["symbols"] for row in rows), len(rows), variance)


def _row(batch: TrialBatch) -> dict[str, object]:
    if not (math.isfinite(batch.sharpe_mean) and math.isfinite(batch.sharpe_square)):
        raise BadInput(f"sharpe_mean and sharpe_square must be finite, was {batch}")
    return {
        "trial_id": batch.trial_id,
        "strategy": batch.strategy,
        "params_id": batch.params_id,
        "data_id": batch.data_id,
        "symbols": batch.symbols,
        "sharpes": batch.sharpes,
        "sharpe_mean": batch.sharpe_mean,
        "sharpe_square": batch.sharpe_square,
        "at": batch.at.isoformat(),
    }
