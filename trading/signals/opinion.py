"""What a model, and what the blend of it and the rules, says of each row; and what made it say so.

A row that closed before the model was there has no opinion: it has learnt from what came after.
"""

import json

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.market.timeframes import to_ms
from trading.signals.features import FEATURES
from trading.signals.predictor import Predictor

# Columns of `signals` that tell the opinion; null without one.
OPINION: dict[str, pl.DataType | type[pl.DataType]] = {
    "model_threshold": pl.Float64,  # probability asked for in this regime; null with weight 0
    "model_threshold_why": pl.String,
    "expected_return": pl.Float64,  # net, as rules and model together see it
    "model_weight": pl.Float64,  # 0 = the rules alone
    "top_features": pl.String,  # JSON: feature, value, contribution in log-odds; largest first
}
# Whether the row looks like anything the model was taught: a novel one gets no opinion, the rules go on.
NOVELTY: dict[str, pl.DataType | type[pl.DataType]] = {
    "is_novel": pl.Boolean,  # null where no model was asked, or it was saved without a veto
    "novelty": pl.Float64,  # distance from its training rows; 1 = the bound, 1000 = as far as is counted
    "novel_why": pl.String,  # what is strange; null unless novel
}
# What a policy expects of the entry; null without one that earned a weight, and where no model answered.
ADVICE: dict[str, pl.DataType | type[pl.DataType]] = {
    "policy_return": pl.Float64,  # net
    "policy_weight": pl.Float64,
    "policy_id": pl.String,
    "policy_size": pl.Float64,  # part of the rules' stake, in [0, 1]; null: the whole, 0: no entry
}
# What a person let in against the model: which pair, from when to before when, who and why.
FORCED = {"symbol": pl.String, "since": UTC_MS, "until": UTC_MS, "by": pl.String, "why": pl.String}
TOP = 5


# An entry that the model stops: its probability is below the bound; one without a probability is the rules'.
IS_BELOW = (pl.col("probability") < pl.col("model_threshold")).fill_null(value=False)


def with_opinion(rows: pl.DataFrame, model: Predictor | None) -> pl.DataFrame:
    """Add `probability`, `model_id`, `OPINION` and `NOVELTY`, and blend `score` with the probability.

    `rows` need `is_candidate`, `decided_ms`, `regime`, `score` and the features; only candidates are asked.
    """
    if model is None:
        place, nothing = np.zeros(0, np.int64), OPINION | ADVICE
        named = pl.lit(None, pl.String).alias("model_id")
        found = rows.with_columns(*answered(rows, place, None), named)
        return found.with_columns(pl.lit(None, kind).alias(name) for name, kind in nothing.items())
    found = judged(rows, model)
    told = found.with_columns(top_features(found, model))
    is_told = pl.col("probability").is_not_null()
    kept = [pl.when(is_told).then(pl.col(name)).otherwise(None).alias(name) for name in OPINION]
    weight = pl.col("model_weight")
    blended = (1 - weight) * pl.col("score") + weight * pl.col("probability")
    return told.with_columns(kept).with_columns(pl.coalesce(blended, "score").alias("score"))


def judged(rows: pl.DataFrame, model: Predictor) -> pl.DataFrame:
    """Add `probability`, `model_id`, `NOVELTY`, `ADVICE`, the bounds of the blend: what is entered and why.

    The one path from features to an entry (`IS_BELOW`): signals are made by it, and models are evaluated by
    it (`trading.learning.traded`).
    """
    place, asked = np.flatnonzero(rows["is_candidate"].to_numpy()), pl.Series(is_known(rows, model))
    named = pl.when(asked).then(pl.lit(model.model_id, pl.String)).otherwise(None)
    found = rows.with_columns(*answered(rows, place, model), model_id=named)
    return found.with_columns(advised(found, model)).with_columns(_figures(model))


def is_known(rows: pl.DataFrame, model: Predictor | None) -> NDArray[np.bool_]:
    """Return per row whether the model was there when the bar closed; false without a model."""
    if model is None or model.known_at is None:
        return np.full(len(rows), model is not None)
    found: NDArray[np.bool_] = rows["decided_ms"].to_numpy() >= to_ms(model.known_at)
    return found


def answered(rows: pl.DataFrame, place: NDArray[np.int64], model: Predictor | None) -> list[pl.Series]:
    """Return the columns `probability` and `NOVELTY`: of the rows of `place`, null elsewhere and without one.

    Null too at bars that closed before the model was there: it has learnt from what came after them. A row
    that is novel to the model gets no probability.

    Raises
    ------
    BadInput
        If it answers with something that is no probability.
    """
    values = np.full(len(rows), np.nan)
    place = place[is_known(rows, model)[place]]
    told = pl.DataFrame(schema=NOVELTY)
    if model is not None and len(place):
        features = _features(rows)[place]
        said = model.novelty(features)
        is_usual = np.ones(len(place), np.bool_)
        if said is not None:
            told, is_usual = said, ~said["is_novel"].to_numpy()
        given = model.predict(features.filter(is_usual)) if is_usual.any() else np.zeros(0)
        values[place[is_usual]] = given
        if not ((given >= 0) & (given <= 1)).all():
            raise BadInput(f"model {model.model_id} must answer probabilities in [0, 1]")
    return [pl.Series("probability", values).fill_nan(None), *_spread(told, place, len(rows))]


def _features(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the features in their order; of a stored training set with others, whatever features it has."""
    is_ours = FEATURES.keys() <= set(rows.columns)
    return rows.select(FEATURES.keys()) if is_ours else rows.select(pl.col("^f_.*$"))


def _spread(told: pl.DataFrame, place: NDArray[np.int64], count: int) -> list[pl.Series]:
    """Return `NOVELTY` for `count` rows, known at those of `place`."""
    if told.is_empty():
        return [pl.Series(name, [None] * count, dtype=kind) for name, kind in NOVELTY.items()]
    known = told.with_columns(place_=pl.Series(place))
    rows = pl.DataFrame({"place_": np.arange(count)}).join(
        known, on="place_", how="left", maintain_order="left"
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in NOVELTY.items()).get_columns()


def predicted(rows: pl.DataFrame, place: NDArray[np.int64], model: Predictor | None) -> pl.Series:
    """Return the column `probability` alone, as `answered` gives it."""
    return answered(rows, place, model)[0]


def advised(rows: pl.DataFrame, model: Predictor) -> list[pl.Series]:
    """Return the columns `ADVICE`: known where the model answered and the policy was there already."""
    policy, values, sizes = model.policy, np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    if policy is not None and model.blend is not None:
        is_asked = rows["probability"].is_not_null().to_numpy()
        is_asked &= rows["decided_ms"].to_numpy() >= to_ms(policy.known_at)
        asked = rows.filter(is_asked)
        given = _features(asked), asked["probability"].to_numpy()
        if len(asked) and policy.weight > 0:
            values[is_asked] = policy.expected(*given)
        if len(asked) and policy.is_sizing:
            sizes[is_asked] = _bounded(policy.sizes(*given), policy.policy_id)
    is_said = ~np.isnan(values)
    share = 0.0 if policy is None or model.blend is None else model.blend.beside(policy.weight).policy_weight
    named = None if policy is None else policy.policy_id
    return [
        pl.Series("policy_return", values).fill_nan(None),
        pl.Series("policy_weight", np.where(is_said, share, np.nan)).fill_nan(None),
        pl.Series(
            "policy_id", [named if said else None for said in is_said | ~np.isnan(sizes)], dtype=pl.String
        ),
        pl.Series("policy_size", sizes).fill_nan(None),
    ]


def _bounded(sizes: NDArray[np.float64], policy_id: str) -> NDArray[np.float64]:
    """Return `sizes`; a policy never takes more than the rules would."""
    if not ((sizes >= 0) & (sizes <= 1)).all():
        raise BadInput(f"policy {policy_id} must answer sizes in [0, 1]")
    return sizes


def top_features(rows: pl.DataFrame, model: Predictor) -> pl.Series:
    """Return the column `top_features` of the rows with a probability, null elsewhere."""
    words: list[str | None] = [None] * len(rows)
    place = np.flatnonzero(rows["probability"].is_not_null().to_numpy())
    table = model.explain(_features(rows)[place]) if len(place) else pl.DataFrame()
    if table.width:
        names, shares = table.columns, table.to_numpy()
        values = rows.select(names)[place].to_numpy()
        order = np.argsort(-np.abs(shares), axis=1, kind="stable")[:, :TOP]
        for row, at in enumerate(place):
            told = [
                {
                    "feature": names[k],
                    "value": _figure(values[row, k]),
                    "contribution": _figure(shares[row, k]),
                }
                for k in order[row]
            ]
            words[at] = json.dumps(told, separators=(",", ":"))
    return pl.Series("top_features", words, dtype=pl.String)


def with_forced(rows: pl.DataFrame, forced: pl.DataFrame | None) -> pl.DataFrame:
    """Add `forced_by`: who let this pair in at this moment against the model, and why; else null."""
    if forced is None or forced.is_empty():
        return rows.with_columns(forced_by=pl.lit(None, pl.String))
    said = pl.concat_str(pl.col("by"), pl.col("why"), separator=": ")
    held = forced.select("symbol", pl.col("since", "until").dt.epoch("ms"), said.alias("forced_by"))
    asked = rows.select("symbol", "decided_ms").with_row_index("row_").join(held, on="symbol")
    now = asked.filter(pl.col("decided_ms").is_between("since", "until", closed="left"))
    first = now.unique("row_", keep="last", maintain_order=True).select("row_", "forced_by")
    return rows.with_row_index("row_").join(first, on="row_", how="left", maintain_order="left").drop("row_")


def _figures(model: Predictor) -> list[pl.Expr]:
    blend = model.blend
    if blend is None:
        bound = pl.lit(model.threshold)
        return [
            bound.alias("model_threshold"),
            pl.lit("break-even of its training set").alias("model_threshold_why"),
            pl.lit(None, pl.Float64).alias("expected_return"),
            pl.lit(1.0).alias("model_weight"),
        ]
    words = blend.words()
    why = pl.col("regime").replace_strict(words, default=words["normal"], return_dtype=pl.String)
    told = pl.lit(blend.weight).alias("model_weight")
    if model.policy is None or model.policy.weight == 0:
        return [*blend.columns(), why.alias("model_threshold_why"), told]
    three = blend.beside(model.policy.weight)
    columns = three.columns(policy="policy_return")
    said = pl.format(
        "{}; policy {} expects {}% at weight {}: {}",
        why,
        "policy_id",
        (pl.col("policy_return") * 100).round(2),
        pl.col("policy_weight").round(3),
        columns[1].round(3).cast(pl.String).fill_null("nothing is asked for"),
    )
    # Without the policy's word on a row `said` is null: the bound is that of rules and model.
    return [*columns, pl.coalesce(said, why).alias("model_threshold_why"), told]


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
