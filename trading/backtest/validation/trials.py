"""The ledger of every trial ever run: what was tried and dropped counts against what was kept.

A trial is one strategy with one set of parameters on one symbol and one set of data. A nightly rerun on
new data is a new trial; the very same one again is not. One line per strategy, parameters and data, with
the number of symbols in it, so that a night of 2,600 symbols × 500 configurations is 500 lines.

Trials that resemble each other are worth fewer independent ones. What a search's configurations are worth is
told by who ran it (`weight`), what reruns over a window that moves on are worth is counted here
(`TrialLedger.total`, `Trials.effective`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.market.errors import BadInput
from trading.market.lineage import digest
from trading.store.lines import append_lines, damaged_lines, read_lines

Floats = NDArray[np.float64]
# Without these a line of the ledger is no trial; weight and window came later.
_KEYS = {"trial_id", "strategy", "symbols", "sharpes", "sharpe_mean", "sharpe_square", "at"}
# A rerun whose window moved on by a share s of its length is worth min(1, 4 s) of a new trial. By simulation
# (scores of white noise over windows of 10 and 30 days, a day apart, 2 to 300 of them): the expected best of
# them is that of 1 + 2.4 s to 1 + 3.9 s independent ones, so 4 is on the safe side.
_RERUN_WORTH = 4.0
_DAY_S = 86_400


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
    weight : float
        Independent trials that the configuration is worth among those of its search, in (0, 1].
    window_days : float, optional
        Length of the data, where it is the window of a nightly rerun that moves on; None: it stands alone.
    """

    strategy: str
    params_id: str
    data_id: str
    symbols: int
    sharpes: int
    sharpe_mean: float
    sharpe_square: float
    at: datetime
    weight: float = 1.0
    window_days: float | None = None

    def __post_init__(self) -> None:
        if self.symbols < 1 or not 0 <= self.sharpes <= self.symbols:
            raise BadInput(
                f"must be symbols >= 1 and 0 <= sharpes <= symbols, were {self.symbols} and {self.sharpes}"
            )
        if self.at.tzinfo is None:
            raise BadInput(f"at must carry its time zone, was {self.at.isoformat()}")
        if not 0 < self.weight <= 1:
            raise BadInput(f"weight must lie in (0, 1], was {self.weight}")

    @property
    def trial_id(self) -> str:
        """The identity of the batch, made from what was tried on what."""
        return digest(self.strategy, self.params_id, self.data_id)


def trial_batch(
    strategy: str,
    params_id: str,
    data_id: str,
    sharpes: Floats,
    *,
    at: datetime,
    weight: float = 1.0,
    window_days: float | None = None,
) -> TrialBatch:
    """Return the batch of one configuration; `sharpes` has one value per symbol, NaN where undefined."""
    known = sharpes[np.isfinite(sharpes)]
    mean = float(known.mean()) if len(known) else 0.0
    square = float(np.sum((known - mean) ** 2))
    return TrialBatch(
        strategy, params_id, data_id, len(sharpes), len(known), mean, square, at, weight, window_days
    )


def metrics_batch(
    strategy: str, params: object, data_id: str, metrics: pl.DataFrame, *, at: datetime
) -> TrialBatch:
    """Return the batch of a backtest: one trial per row of `metrics` (`metrics.METRICS`), each on its symbol.

    `params` are made into an id by their representation: frozen dataclasses of thresholds have one. Sharpe
    ratios there are yearly; the ledger keeps them per day.
    """
    daily = metrics["sharpe"].cast(pl.Float64).fill_null(float("nan")).to_numpy() / math.sqrt(365)
    return trial_batch(
        strategy, digest(repr(params)), data_id, daily, at=at, window_days=_window_days(metrics)
    )


def _window_days(metrics: pl.DataFrame) -> float | None:
    if not {"first_bar", "last_bar"} <= set(metrics.columns):
        return None
    span: timedelta | None = metrics.select(pl.col("last_bar").max() - pl.col("first_bar").min()).item()
    return None if span is None or not span else span / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Trials:
    """How many trials there were, and the variance of their Sharpe ratios (None of fewer than 2).

    `count` counts symbols, `batches` configurations on data, `effective` how many independent configurations
    those are worth: at least 1, the figure to deflate a result by that was not picked among symbols.
    """

    count: int
    batches: int
    sharpe_variance: float | None
    effective: float = 1.0
    strategy: str = ""
    first_at: datetime | None = None
    last_at: datetime | None = None


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
        """Count every trial ever recorded, of one strategy or of all; the same batch again counts once.

        `effective` sums the weights; of reruns of one configuration over a window that moves on, each counts
        in full only when the window moved on by a quarter.
        """
        rows = [row for row in self._rows() if strategy is None or row["strategy"] == strategy]
        return _counted(rows, strategy or "")

    def strategies(self) -> list[Trials]:
        """Return the count of each strategy, in the order in which they were first tried."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows():
            found.setdefault(row["strategy"], []).append(row)
        return [_counted(rows, name) for name, rows in found.items()]

    def damaged(self) -> int:
        """Return how many lines cannot be read as trials: so many are missing from every count."""
        return damaged_lines(self._path) + sum(not row.keys() >= _KEYS for row in read_lines(self._path))

    def _rows(self) -> list[dict[str, Any]]:
        whole = (row for row in read_lines(self._path) if row.keys() >= _KEYS)
        return list({row["trial_id"]: row for row in whole}.values())


def _counted(rows: list[dict[str, Any]], strategy: str) -> Trials:
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
    times = [datetime.fromisoformat(row["at"]) for row in rows]
    return Trials(
        count=sum(row["symbols"] for row in rows),
        batches=len(rows),
        sharpe_variance=square / (n - 1) if n > 1 else None,
        effective=max(1.0, _effective(rows)),
        strategy=strategy,
        first_at=min(times, default=None),
        last_at=max(times, default=None),
    )


def _effective(rows: list[dict[str, Any]]) -> float:
    total = 0.0
    last: dict[tuple[str, str], datetime] = {}
    for row in sorted(rows, key=lambda row: datetime.fromisoformat(row["at"])):
        key, at = (row["strategy"], row["params_id"]), datetime.fromisoformat(row["at"])
        window, worth = row.get("window_days"), 1.0
        if window and key in last:
            moved = (at - last[key]).total_seconds() / _DAY_S
            worth = min(1.0, _RERUN_WORTH * moved / window)
        if window:
            last[key] = at
        total += worth * row.get("weight", 1.0)
    return total


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
        "weight": batch.weight,
        "window_days": batch.window_days,
    }
