"""What models said of which decision, and what became of it: tables that grow with every pass."""

from datetime import datetime, timedelta

import polars as pl

from resources.learning import Learning
from resources.settings import load_settings
from resources.store import Store
from trading.learning.drift import DRIFTS, drift_rows
from trading.market.errors import SluiceError
from trading.market.frames import UTC_MS
from trading.market.timeframes import timeframe
from trading.signals.features import FEATURES

KEPT_DAYS = 90
# One row per model and decision, as first said. `role`: champion (it was asked), shadow (it only watched).
PREDICTIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "model_id": pl.String,
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
OUTCOMES = PREDICTIONS | {"closed_at": UTC_MS, "net_return": pl.Float64, "source": pl.String}
# What counts first where a decision has several outcomes.
_SOURCES = ("live", "paper", "candles")
_DECISION = ("symbol", "open_time")


def predictions(store: Store, learning: Learning, at: datetime) -> pl.DataFrame:
    """Return everything that was said within the last 90 days; the first word on a decision stands."""
    said = [_known(store, "predictions", PREDICTIONS)]
    if store.lake.latest("signals") is not None:
        bar = timeframe(load_settings(store.world).timeframe)
        rows = store.lake.read("signals").filter("is_candidate").with_columns(
            (pl.col("open_time") + bar.delta).cast(UTC_MS).alias("decided_at"),
            pl.col("lineage_id").alias("signal_id"),
        )  # fmt: skip
        said += [_by_champion(rows), _by_shadow(rows, learning)]
    frame = pl.concat(said).filter(pl.col("decided_at") >= at - timedelta(days=KEPT_DAYS))
    first = frame.unique(["model_id", *_DECISION], keep="first", maintain_order=True)
    return first.sort("decided_at", "symbol", "model_id")


def prediction_outcomes(store: Store) -> pl.DataFrame:
    """Return every prediction with what became of its decision, null until known; known ones never change."""
    asked, before = store.lake.read("predictions"), _known(store, "prediction_outcomes", OUTCOMES)
    order = pl.col("source").replace_strict({name: n for n, name in enumerate(_SOURCES)}, default=9)
    found = store.lake.read("training_set").with_columns(pl.col("bar_time").alias("open_time"))
    first = found.sort(order).unique(_DECISION, keep="first", maintain_order=True)
    ends = ("closed_at", "net_return", "source")
    now = first.select(*_DECISION, *ends)
    then = before.filter(pl.col("net_return").is_not_null()).select("model_id", *_DECISION, *ends)
    joined = (
        asked.select(PREDICTIONS.keys())
        .join(now, on=_DECISION, how="left")
        .join(then, on=["model_id", *_DECISION], how="left", suffix="_then")
    )
    stands = [pl.coalesce(f"{name}_then", name).alias(name) for name in ends]
    frame = joined.with_columns(stands).select(pl.col(name).cast(kind) for name, kind in OUTCOMES.items())
    return frame.sort("decided_at", "symbol", "model_id")


def drifted(store: Store, learning: Learning) -> pl.DataFrame:
    """Return the figures of the champion's drift; none without a champion that can be used."""
    model = learning.champion(store)
    terms = getattr(model, "terms", None)
    if model is None or terms is None:
        return pl.DataFrame(schema=DRIFTS)
    outcomes = store.lake.read("prediction_outcomes").filter(pl.col("model_id") == model.model_id)
    return drift_rows(terms.reference, outcomes, model.model_id)


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


def _by_champion(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what the champion said when it was asked: as the signals have it, never computed again."""
    if "model_threshold" not in rows.columns:
        rows = rows.with_columns(model_threshold=pl.lit(None, pl.Float64))
    asked = rows.filter(pl.col("model_id").is_not_null() & pl.col("probability").is_not_null())
    taken = (pl.col("probability") >= pl.col("model_threshold")).fill_null(True)
    return _shaped(asked, "champion", pl.col("probability"), pl.col("model_threshold"), taken)


def _by_shadow(rows: pl.DataFrame, learning: Learning) -> pl.DataFrame:
    shadow = learning.registry.journal.standing().shadow
    empty = pl.DataFrame(schema=PREDICTIONS)
    if shadow is None:
        return empty
    watched = rows.filter(pl.col("decided_at") >= shadow.started_at)
    if watched.is_empty():
        return empty
    try:
        model = learning.registry.load(shadow.model_id)
    except (SluiceError, ImportError):
        return empty  # altered meanwhile: it says nothing, its period does not end
    strange = model.novelty(watched.select(FEATURES.keys()))
    if strange is not None:  # as the champion: a row unlike all it was taught gets no answer
        watched = watched.filter(~strange["is_novel"])
    if watched.is_empty():
        return empty
    told = watched.with_columns(
        pl.Series("probability", model.predict(watched.select(FEATURES.keys()))),
        pl.lit(model.model_id).alias("model_id"),
    )
    if model.blend is None or model.blend.weight == 0:
        bound = pl.lit(model.threshold)
    else:
        told = told.with_columns(model.blend.columns())
        bound = pl.col("model_threshold")
    return _shaped(told, "shadow", pl.col("probability"), bound, pl.col("probability") >= bound)


def _shaped(rows: pl.DataFrame, role: str, p: pl.Expr, bound: pl.Expr, taken: pl.Expr) -> pl.DataFrame:
    told = rows.with_columns(
        pl.lit(role).alias("role"), p.alias("probability"), bound.alias("threshold"), taken.alias("is_taken")
    )
    return told.select(pl.col(name).cast(kind) for name, kind in PREDICTIONS.items())


def _known(store: Store, asset: str, schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    if store.lake.latest(asset) is None:
        return pl.DataFrame(schema=schema)
    frame = store.lake.read(asset)
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())
