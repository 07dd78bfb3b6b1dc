"""Training sets: immutable, named by their content, made of decisions whose outcome is known.

Features come as they were decided upon. Where the rows come from: the trade pool, and optionally
entries labelled on candles (`candle_labels`), which count less and say so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.market.lineage import content_hash, digest, params_json
from trading.market.timeframes import DAY_MS, to_ms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# One row per market decision. `bar_time` is the closed bar's open, `group` the decision (pair and bar): rows
# of one group are never split across folds. `propensity`: how likely it was that this was traded at all.
# `is_decided`: written when it was decided; else a bar of the backtest's history, decided by nobody in time.
TRAINING: dict[str, pl.DataType | type[pl.DataType]] = {
    "signal_id": pl.String,
    "symbol": pl.String,
    "bar_time": UTC_MS,
    "source": pl.String,
    "decided_at": UTC_MS,
    "closed_at": UTC_MS,
    "net_return": pl.Float64,
    "fee_ratio": pl.Float64,
    "is_gain": pl.Boolean,
    "weight": pl.Float64,
    "group": pl.String,
    "propensity": pl.Float64,
    "is_decided": pl.Boolean,
}
# What stands where a source does not say.
_DERIVED = ("is_gain", "weight", "group", "propensity", "is_decided")


@dataclass(frozen=True, slots=True)
class DatasetRules:
    """What may enter a training set.

    Parameters
    ----------
    features : tuple of str
        Columns to learn from, in this order.
    feature_version : str
        Of the code that wrote them.
    weights : tuple of (str, float)
        Weight per source; a source that is not named is left out.
    max_age_days : float or None
        Rolling window before the cut-off; None = everything.
    most_inverse : float
        Most that a row counts for others that were as unlikely to be traded: its weight is its source's
        times min(1 / propensity, this).
    """

    features: tuple[str, ...]
    feature_version: str
    weights: tuple[tuple[str, float], ...] = (("live", 1.0), ("paper", 0.7), ("candles", 0.2))
    max_age_days: float | None = 180.0
    most_inverse: float = 10.0

    def __post_init__(self) -> None:
        if not self.most_inverse >= 1:
            raise BadInput(f"most_inverse must be at least 1, was {self.most_inverse}")
        if not self.features:
            raise BadInput("features must name at least one column, was empty")
        for source, weight in self.weights:
            if not 0 < weight <= 1:
                raise BadInput(f"the weight of {source} must lie in (0, 1], was {weight}")


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """An immutable training set.

    `frame` has the columns of `TRAINING` and the features, oldest decision first; `dataset_id` is a
    pure function of rows and rules; `manifest` is JSON-ready.
    """

    dataset_id: str
    frame: pl.DataFrame = field(repr=False)
    features: tuple[str, ...]
    feature_version: str
    manifest: Mapping[str, object] = field(repr=False)

    @property
    def x(self) -> Floats:
        """Features, shape (n, f); NaN where a feature was null."""
        return np.ascontiguousarray(self.frame.select(self.features).to_numpy().astype(np.float64))

    @property
    def y(self) -> Ints:
        """1 where the net return was above zero, shape (n,)."""
        return self.frame["is_gain"].to_numpy().astype(np.int64)

    @property
    def weight(self) -> Floats:
        """Weight of each row, shape (n,)."""
        return self.frame["weight"].to_numpy().astype(np.float64)

    @property
    def net_return(self) -> Floats:
        """Net return of each row, shape (n,)."""
        return self.frame["net_return"].to_numpy().astype(np.float64)

    @property
    def t0(self) -> Ints:
        """Decision times in ms, shape (n,)."""
        return self.frame["decided_at"].dt.epoch("ms").to_numpy().astype(np.int64)

    @property
    def t1(self) -> Ints:
        """Times at which the outcome was known, in ms, shape (n,)."""
        return self.frame["closed_at"].dt.epoch("ms").to_numpy().astype(np.int64)

    @property
    def day(self) -> Ints:
        """UTC day of each decision, counted from the epoch, shape (n,): blocks of evaluation are days."""
        days: Ints = self.t0 // DAY_MS
        return days

    @property
    def group(self) -> Ints:
        """Market decision of each row as a number, shape (n,): rows of one group share a fold."""
        names = self.frame["group"].to_numpy().astype(str)
        numbers: Ints = np.unique(names, return_inverse=True)[1].astype(np.int64)
        return numbers

    @property
    def days(self) -> int:
        """Different UTC days with a decision."""
        return len(np.unique(self.day))


def training_set(
    pool: pl.DataFrame, cutoff: datetime, rules: DatasetRules, *, candles: pl.DataFrame | None = None
) -> TrainingSet:
    """Return the decisions whose outcome was known at `cutoff`, labelled and weighted.

    Parameters
    ----------
    pool : DataFrame
        As `trade_pool.build_pool` returns it; may be empty.
    cutoff : datetime
        Aware UTC; a row that closed later is not used.
    rules : DatasetRules
        Features, weights, window.
    candles : DataFrame, optional
        Rows labelled on candles (`candle_labels`), same columns. A decision that was really traded
        wins over its candle label, money over paper: one decision is one row, of the source that weighs most.

    Returns
    -------
    TrainingSet
        Possibly without rows.

    Raises
    ------
    BadInput
        If a column is missing, or a feature or return is NaN or infinite (null features are allowed:
        they were unknown when the decision was made).
    """
    rows = [_rows(pool, rules, is_decided=True)]
    if candles is not None and not candles.is_empty():
        rows.append(_rows(candles, rules, is_decided=False))
    cutoff_ms = to_ms(cutoff)
    # Known first, then chosen: a trade that is still open must not take the place of what is known already.
    frame = _chosen(pl.concat(rows).filter(pl.col("closed_at").dt.epoch("ms") <= cutoff_ms), rules)
    if rules.max_age_days is not None:
        since = cutoff_ms - int(rules.max_age_days * DAY_MS)
        frame = frame.filter(pl.col("decided_at").dt.epoch("ms") >= since)
    frame = frame.sort("decided_at", "signal_id", "source")
    _refuse_nonsense(frame, rules.features)
    config = {
        "features": list(rules.features),
        "feature_version": rules.feature_version,
        "weights": dict(rules.weights),
        "max_age_days": rules.max_age_days,
        "most_inverse": rules.most_inverse,
        "label": "net_return > 0",
    }
    name = f"ds-{digest(content_hash(frame), params_json(config))}"
    return TrainingSet(
        name, frame, rules.features, rules.feature_version, _manifest(name, frame, cutoff, config)
    )


def _chosen(rows: pl.DataFrame, rules: DatasetRules) -> pl.DataFrame:
    """Return one row per market decision: of the source that weighs most, decided in time, first written.

    By symbol and bar, not by id: research that ran twice gave one decision two ids.
    """
    weighs = pl.col("source").replace_strict(dict(rules.weights), return_dtype=pl.Float64, default=0.0)
    ordered = rows.with_row_index("order_").sort(
        weighs, "is_decided", "order_", descending=[True, True, False]
    )
    return ordered.unique("group", keep="first", maintain_order=True).drop("order_")


def _rows(source: pl.DataFrame, rules: DatasetRules, *, is_decided: bool) -> pl.DataFrame:
    weights = dict(rules.weights)
    needed = [name for name in TRAINING if name not in _DERIVED]
    missing = [name for name in needed if name not in source.columns]
    if missing:
        raise BadInput(f"the pool must have columns {', '.join(needed)}; missing: {', '.join(missing)}")
    unknown = [pl.lit(None, pl.Float64).alias(name) for name in rules.features if name not in source.columns]
    has = set(source.columns)
    propensity = pl.col("propensity").fill_null(1.0) if "propensity" in has else pl.lit(1.0)
    decided = pl.col("is_decided").fill_null(value=is_decided) if "is_decided" in has else pl.lit(is_decided)
    weight = pl.col("source").replace_strict(weights, return_dtype=pl.Float64, default=None)
    # 0 is no likelihood of something that happened: nothing was drawn there, so it stands for itself.
    likely = pl.when(propensity > 0).then((1 / propensity).clip(1.0, rules.most_inverse)).otherwise(1.0)
    return (
        source.filter(pl.col("source").is_in(list(weights)))
        .with_columns(
            *unknown,
            (pl.col("net_return") > 0).alias("is_gain"),
            propensity.alias("propensity"),
            decided.alias("is_decided"),
            (weight * likely).alias("weight"),
            pl.format("{}@{}", "symbol", pl.col("bar_time").dt.epoch("ms")).alias("group"),
        )
        .select(
            *(pl.col(name).cast(dtype) for name, dtype in TRAINING.items()),
            *(pl.col(name).cast(pl.Float64) for name in rules.features),
        )
    )


def _refuse_nonsense(frame: pl.DataFrame, features: tuple[str, ...]) -> None:
    for name in ("net_return", "fee_ratio", *features):
        is_bad = ~pl.col(name).is_finite()
        if name == "net_return":
            is_bad |= pl.col(name).is_null()
        bad = frame.filter(is_bad).head(1)
        if not bad.is_empty():
            row = bad.row(0, named=True)
            raise BadInput(f"{name} must be a finite number, was {row[name]} in decision {row['signal_id']}")


def _manifest(
    name: str, frame: pl.DataFrame, cutoff: datetime, config: Mapping[str, object]
) -> dict[str, object]:
    is_empty = frame.is_empty()
    by_source = frame.group_by("source").len().sort("source").rows()
    return {
        "dataset_id": name,
        "config": config,
        "cutoff": cutoff.isoformat(),
        "rows": len(frame),
        "symbols": frame["symbol"].n_unique(),
        "symbol_list": frame["symbol"].unique().sort().to_list(),
        "days": int(frame["decided_at"].dt.date().n_unique()),
        "decided_in_time": int(frame["is_decided"].sum()),
        "gains": int(frame["is_gain"].sum()),
        "losses": int((~frame["is_gain"]).sum()),
        "weight_by_source": {
            # fsum: a sum over groups may add in another order next time, and the file's bytes with it.
            name: math.fsum(frame.filter(pl.col("source") == name)["weight"].to_list())
            for name, _ in by_source
        },
        "by_source": dict(by_source),
        "gain_share": None if is_empty else float(frame["is_gain"].cast(pl.Float64).mean() or 0.0),  # type: ignore[arg-type]  # Float64
        "first": None if is_empty else frame["decided_at"].dt.to_string("iso").min(),
        "last": None if is_empty else frame["decided_at"].dt.to_string("iso").max(),
    }
