"""What models said of which decision, and what became of it: one row per model and decision, as first said.

Rows stand on decision snapshots (`trading.trade_pool.snapshots`): what was decided in time, with exactly the
feature row it was decided on. Nothing is read from a table of signals that is made again each pass.
"""

from datetime import datetime, timedelta

import polars as pl

from trading.learning.predictor import ModelPredictor
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import Shadow
from trading.market.errors import SluiceError
from trading.market.frames import UTC_MS
from trading.signals.features import FEATURES

type _Schema = dict[str, pl.DataType | type[pl.DataType]]

KEPT_DAYS = 90
# `role`: champion (it was asked), shadow (it only watched). `open_time`: of the bar that was decided on.
PREDICTIONS: _Schema = {
    "model_id": pl.String,
    "decision_id": pl.String,
    "role": pl.String,
    "signal_id": pl.String,
    "symbol": pl.String,
    "open_time": UTC_MS,
    "decided_at": UTC_MS,
    "probability": pl.Float64,
    "threshold": pl.Float64,
    "is_taken": pl.Boolean,
    "regime": pl.String,
    **dict.fromkeys(FEATURES, pl.Float64),
}
OUTCOMES: _Schema = PREDICTIONS | {"closed_at": UTC_MS, "net_return": pl.Float64, "source": pl.String}
KEY = ("model_id", "decision_id")
# What counts first where a decision has several outcomes.
_SOURCES = ("live", "paper", "candles")
_ENDS = ("closed_at", "net_return", "source")


def predictions(
    decisions: pl.DataFrame, before: pl.DataFrame | None, registry: ModelRegistry, at: datetime
) -> pl.DataFrame:
    """Return everything that was said within the last 90 days (`PREDICTIONS`); the first word stands.

    Parameters
    ----------
    decisions : DataFrame
        As `Snapshots.read` returns them; may be empty.
    before : DataFrame or None
        The table of the pass before. Rows of a table without decision ids are told anew from the ledger.
    """
    said = [conformed(before, PREDICTIONS).filter(pl.col("decision_id").is_not_null())]
    missing = [pl.lit(None, pl.Float64).alias(name) for name in FEATURES if name not in decisions.columns]
    rows = decisions.with_columns(*missing, open_time=pl.col("bar_time"))
    said += [_by_champion(rows), _by_shadow(rows, registry)]
    frame = pl.concat(said).filter(pl.col("decided_at") >= at - timedelta(days=KEPT_DAYS))
    return frame.unique(KEY, keep="first", maintain_order=True).sort("decided_at", "symbol", "model_id")


def unread_since(before: pl.DataFrame | None, at: datetime) -> datetime:
    """Return from when on decisions are read: a day before the newest told, at most 90 days back."""
    first = at - timedelta(days=KEPT_DAYS)
    told = conformed(before, PREDICTIONS).filter(pl.col("decision_id").is_not_null())["decided_at"].max()
    return max(first, told - timedelta(days=1)) if isinstance(told, datetime) else first


def with_outcomes(asked: pl.DataFrame, ended: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Return every prediction with what became of its decision (`OUTCOMES`), null until known.

    Parameters
    ----------
    asked : DataFrame
        `predictions`.
    ended : DataFrame
        `decision_outcomes`: one row per decision and source; money counts before paper before candles.
    before : DataFrame or None
        The table of the pass before: an outcome that it knows never changes.
    """
    order = pl.col("source").replace_strict({name: n for n, name in enumerate(_SOURCES)}, default=9)
    now = ended.sort(order).unique("decision_id", keep="first", maintain_order=True)
    known = conformed(before, OUTCOMES).drop_nulls(["decision_id", "net_return"])
    joined = (
        asked.select(PREDICTIONS.keys())
        .join(now.select("decision_id", *_ENDS), on="decision_id", how="left")
        .join(known.select(*KEY, *_ENDS), on=KEY, how="left", suffix="_then")
    )
    frame = joined.with_columns(pl.coalesce(f"{name}_then", name).alias(name) for name in _ENDS)
    return conformed(frame, OUTCOMES).sort("decided_at", "symbol", "model_id")


def novel_rows(signals: pl.DataFrame) -> pl.DataFrame:
    """Return per model how many candidates it knew of, and how many of them were novel to it.

    `signals` as published; of a table or model of before there were vetoes nothing is told.
    """
    if "is_novel" not in signals.columns:
        signals = signals.with_columns(is_novel=pl.lit(None, pl.Boolean))
    told = signals.filter(pl.col("is_novel").is_not_null())
    counts = told.group_by("model_id").agg(
        pl.len().alias("candidates"),
        pl.col("is_novel").sum().cast(pl.Int64).alias("novel"),
        pl.col("novelty").median().alias("median_novelty"),
    )
    return counts.sort("model_id")


def conformed(frame: pl.DataFrame | None, schema: _Schema) -> pl.DataFrame:
    """Return `frame` in the columns of `schema`, unknown where it has none; None is no row."""
    if frame is None:
        return pl.DataFrame(schema=schema)
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())


def _by_champion(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what the champion said when it was asked: as decisions have it, never computed again."""
    asked = rows.filter(pl.col("model_id").is_not_null() & pl.col("probability").is_not_null())
    taken = (pl.col("probability") >= pl.col("model_threshold")).fill_null(value=True)
    return _shaped(asked, "champion", pl.col("model_threshold"), taken)


def _by_shadow(rows: pl.DataFrame, registry: ModelRegistry) -> pl.DataFrame:
    """Return what the watched model says of the decisions since its start that its features are of.

    One that cannot be loaded says nothing: `succession.shadow_trouble` says why, and its period fails.
    """
    shadow = registry.journal.standing().shadow
    try:
        model = None if shadow is None else registry.load(shadow.model_id)
        version = "" if shadow is None else registry.manifest(shadow.model_id)["core"]["feature_version"]
    except (SluiceError, ImportError):
        model = None
    if model is None or shadow is None:
        return pl.DataFrame(schema=PREDICTIONS)
    watched = _answerable(rows.filter(pl.col("feature_version") == version), shadow, model)
    if watched.is_empty():
        return pl.DataFrame(schema=PREDICTIONS)
    told = watched.with_columns(
        pl.Series("probability", model.predict(watched.select(FEATURES.keys()))),
        pl.lit(model.model_id).alias("model_id"),
    )
    bound = pl.lit(model.threshold)
    if model.blend is not None and model.blend.weight > 0:
        told, bound = told.with_columns(model.blend.columns()), pl.col("model_threshold")
    return _shaped(told, "shadow", bound, pl.col("probability") >= bound)


def _answerable(rows: pl.DataFrame, shadow: Shadow, model: ModelPredictor) -> pl.DataFrame:
    watched = rows.filter(pl.col("decided_at") >= shadow.started_at)
    strange = None if watched.is_empty() else model.novelty(watched.select(FEATURES.keys()))
    # As the champion: a row unlike all it was taught gets no answer.
    return watched if strange is None else watched.filter(~strange["is_novel"])


def _shaped(rows: pl.DataFrame, role: str, bound: pl.Expr, taken: pl.Expr) -> pl.DataFrame:
    told = rows.with_columns(role=pl.lit(role), threshold=bound, is_taken=taken)
    return conformed(told, PREDICTIONS)
