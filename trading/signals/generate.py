"""Rows of entries and exits for all symbols at once. Nothing at a bar knows of a later one."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from trading.market.errors import BadInput
from trading.market.timeframes import timeframe as timeframe_named
from trading.signals.features import FEATURES, feature_columns, with_cluster, with_history, with_market
from trading.signals.news_gate import with_news
from trading.signals.predictor import Predictor
from trading.signals.strategy import SignalRules

# One row per symbol and bar that says something. `open_time` is the closed bar's open. `is_candidate`:
# the rule wanted in; `is_entry`: and nothing stopped it. `threshold` is the RSI bound that the bar was held
# against, `threshold_why` how the regime moved it there, `is_bounded` whether floor or ceiling stopped it.
SIGNALS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_time": pl.Datetime("ms", "UTC"),
    "is_entry": pl.Boolean,
    "is_exit": pl.Boolean,
    "is_candidate": pl.Boolean,
    "close": pl.Float64,
    "score": pl.Float64,  # in [0, 1]; 0 for exits
    "probability": pl.Float64,  # null without a model
    "threshold": pl.Float64,
    "threshold_why": pl.String,
    "is_bounded": pl.Boolean,
    "regime": pl.String,
    "regime_why": pl.String,  # null where the market's regime is unknown
    "reason": pl.String,
    "screening_id": pl.String,
    "model_id": pl.String,
    **dict.fromkeys(FEATURES, pl.Float64),
}


def signal_rows(
    indicators: pl.DataFrame,
    rules: SignalRules | None = None,
    *,
    regime: pl.DataFrame | None = None,
    clusters: pl.DataFrame | None = None,
    news: pl.DataFrame | None = None,
    model: Predictor | None = None,
    screening_ids: Mapping[str, str] | None = None,
    timeframe: str = "15m",
) -> pl.DataFrame:
    """Return every entry, exit and vetoed entry in the history: one row per symbol and bar.

    Parameters
    ----------
    indicators : DataFrame
        As `indicator_table` returns it: closed bars only, nulls during warm-up (which never signal).
    rules : SignalRules, optional
        Thresholds and gates; the defaults where not given.
    regime : DataFrame, optional
        Columns of the table `market_regime` (`regime` at least); one row per bar of the same timeframe.
    clusters : DataFrame, optional
        `symbol`, `cluster`, `strength`, and `known_at` where rows are of more than one moment.
    news : DataFrame, optional
        `first_seen`, `symbols`, `event`, `sentiment`.
    model : Predictor, optional
        A promoted model; entries below its threshold stay as rows with `is_entry` false.
    screening_ids : mapping of str to str, optional
        Lineage id of each symbol's screening row.
    timeframe : str
        Bar length: a decision is made when the bar has closed.

    Returns
    -------
    DataFrame
        Columns of `SIGNALS`, sorted by symbol and time.

    Raises
    ------
    BadInput
        If an indicator column is missing, or the model answers with something that is no probability.
    UnknownTimeframe
        If there is no such timeframe.
    """
    rules = rules or SignalRules()
    bar_ms = timeframe_named(timeframe).ms
    rows = _rule_rows(with_market(with_history(indicators), regime), rules)
    rows = rows.with_columns((pl.col("open_time").dt.epoch("ms") + bar_ms).alias("decided_ms"))
    rows = with_news(rows, news, blocking=rules.blocking_events, half_life_hours=rules.news_half_life_hours)
    rows = with_cluster(rows, clusters).with_columns(feature_columns())
    rows = _with_probability(_with_rule_score(rows), model)
    ids = dict(screening_ids or {})
    names = (
        pl.col("symbol").replace_strict(ids, default=None, return_dtype=pl.String) if ids else pl.lit(None)
    )
    done = _decided(rows, rules, model).with_columns(screening_id=names)
    return done.select(pl.col(name).cast(dtype) for name, dtype in SIGNALS.items())


def _rule_rows(frame: pl.DataFrame, rules: SignalRules) -> pl.DataFrame:
    """Keep the bars on which the rule fires, with the threshold it met, `is_candidate` and `is_exit`."""
    rsi, close = pl.col("rsi_14"), pl.col("close")
    multiplier = "threshold_multiplier" if rules.follows_market else None
    wants_in = rsi < pl.col("threshold")
    if rules.use_lower_band:
        wants_in &= close < pl.col("bb_middle") - rules.band_share * (
            pl.col("bb_middle") - pl.col("bb_lower")
        )
    wants_out = rsi > rules.rsi_exit
    if rules.use_middle_band:
        wants_out |= close > pl.col("bb_middle")
    wants_out = wants_out.fill_null(False)
    before = pl.when(pl.col("bar_no") > 0).then(wants_out.shift(1)).otherwise(False)
    return (
        frame.lazy()
        .with_columns(rules.entry_threshold.columns(multiplier=multiplier))
        .with_columns(
            (wants_in.fill_null(False) & ~wants_out).alias("is_candidate"),
            (wants_out & ~before).alias("is_exit"),
        )
        .filter(pl.col("is_candidate") | pl.col("is_exit"))
        .with_columns(rules.entry_threshold.why_column(multiplier=multiplier))
        .collect()
    )


def _with_rule_score(rows: pl.DataFrame) -> pl.DataFrame:
    """Half from how far RSI is below its bound, half from how many ATR the close is below the band."""
    depth = ((pl.col("threshold") - pl.col("rsi_14")) / pl.col("threshold")).clip(0.0, 1.0)
    distance = pl.col("f_below_band").fill_null(0.0).clip(0.0, 1.0)
    score = pl.when(pl.col("is_candidate")).then((depth + distance) / 2).otherwise(0.0)
    return rows.with_columns(score.alias("score"))


def _with_probability(rows: pl.DataFrame, model: Predictor | None) -> pl.DataFrame:
    empty = pl.Series("probability", [None] * len(rows), dtype=pl.Float64)
    if model is None:
        return rows.with_columns(empty, model_id=pl.lit(None, pl.String))
    place = np.flatnonzero(rows["is_candidate"].to_numpy())
    values = np.full(len(rows), np.nan)
    if len(place):
        values[place] = model.predict(rows.select(FEATURES.keys())[place])
        if not ((values[place] >= 0) & (values[place] <= 1)).all():
            raise BadInput(f"model {model.model_id} must answer probabilities in [0, 1]")
    return rows.with_columns(
        pl.Series("probability", values).fill_nan(None), model_id=pl.lit(model.model_id)
    ).with_columns(pl.coalesce("probability", "score").alias("score"))


def _decided(rows: pl.DataFrame, rules: SignalRules, model: Predictor | None) -> pl.DataFrame:
    """Apply the gates in a fixed order (regime, peg, news, model); the first that blocks gives the reason."""
    in_panic = (pl.col("regime") == "turbulent") & rules.is_turbulent_blocked
    off_peg = pl.col("is_depegged") & rules.is_depeg_blocked
    in_news = (pl.col("block_age_hours") < rules.news_block_hours).fill_null(False)
    bound = 0.0 if model is None else model.threshold
    is_doubted = (pl.col("probability") < bound).fill_null(False)
    is_in = pl.col("is_candidate")
    reason = (
        pl.when(~is_in)
        .then(pl.format("exit: RSI {}, close {} the middle band", _shown("rsi_14", 1), _side("bb_middle")))
        .when(in_panic)
        .then(pl.lit("regime: turbulent market, no entries"))
        .when(off_peg)
        .then(pl.lit("peg: a dollar coin is off its peg, no entries"))
        .when(in_news)
        .then(pl.format("news: {} {} h ago, no entries", "block_event", _shown("block_age_hours", 1)))
        .when(is_doubted)
        .then(pl.format("model: {} < {}", _shown("probability", 3), pl.lit(str(round(bound, 3)))))
        .otherwise(
            pl.format(
                "entry: RSI {} < {}, close {} the middle band, {} market",
                _shown("rsi_14", 1),
                _shown("threshold", 1),
                _side("bb_middle"),
                "regime",
            )
        )
    )
    return rows.with_columns(
        (is_in & ~in_panic & ~off_peg & ~in_news & ~is_doubted).alias("is_entry"), reason.alias("reason")
    )


def _shown(name: str, digits: int) -> pl.Expr:
    return pl.col(name).round(digits).cast(pl.String).fill_null("unknown")


def _side(band: str) -> pl.Expr:
    is_below = (pl.col("close") < pl.col(band)).fill_null(False)
    return pl.when(is_below).then(pl.lit("below")).otherwise(pl.lit("above"))
