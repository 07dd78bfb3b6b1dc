"""Rows of entries and exits for all symbols at once. Nothing at a bar knows of a later one."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from trading.market.timeframes import timeframe as timeframe_named
from trading.signals.conditions import (
    DEFAULT,
    Declared,
    columns_of,
    is_across,
    shipped_conditions,
    wanted,
    with_catalogue,
)
from trading.signals.features import (
    FEATURES,
    feature_columns,
    require_columns,
    with_age,
    with_cluster,
    with_history,
    with_market,
)
from trading.signals.line_columns import LINE_COLUMNS
from trading.signals.news_gate import with_news
from trading.signals.opinion import ADVICE, IS_BELOW, NOVELTY, OPINION, predicted, with_forced, with_opinion
from trading.signals.peers import with_relative
from trading.signals.predictor import Predictor
from trading.signals.strategy import SignalRules
from trading.signals.windows import with_windows

# One row per symbol and bar that says something. `open_time` is the closed bar's open. `is_candidate`:
# the strategy wanted in; `is_entry`: and nothing stopped it. `threshold` is the RSI bound that the default
# strategy holds the bar against (others may), `threshold_why` how the regime moved it there, `is_bounded`
# whether floor or ceiling stopped it.
SIGNALS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_time": pl.Datetime("ms", "UTC"),
    "strategy": pl.String,
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
    **OPINION,
    **NOVELTY,
    **ADVICE,
    **dict.fromkeys(FEATURES, pl.Float64),
}


def signal_rows(
    indicators: pl.DataFrame,
    rules: SignalRules | None = None,
    *,
    strategy: Declared | None = None,
    members: pl.DataFrame | None = None,
    regime: pl.DataFrame | None = None,
    clusters: pl.DataFrame | None = None,
    news: pl.DataFrame | None = None,
    model: Predictor | None = None,
    screening_ids: Mapping[str, str] | None = None,
    timeframe: str = "15m",
    market: pl.DataFrame | None = None,
    instruments: pl.DataFrame | None = None,
    forced: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return every entry, exit and vetoed entry in the history: one row per symbol and bar.

    Parameters
    ----------
    indicators : DataFrame
        As `indicator_table` returns it: closed bars only, nulls during warm-up (which never signal).
    rules : SignalRules, optional
        Thresholds and gates; the defaults where not given.
    strategy : Declared, optional
        When to get in and out; the line's default where not given. Columns of the catalogue that
        `indicators` lacks are computed, those of `line_columns` are what the other tables say.
    members : DataFrame of `trading.universe.members.MEMBERS`, optional
        On which bars a symbol was in the universe: only members have a place where symbols are compared.
    regime : DataFrame, optional
        Columns of the table `market_regime` (`regime` at least); one row per bar of the same timeframe.
    clusters : DataFrame, optional
        `symbol`, `cluster`, `strength`, and `known_at` where rows are of more than one moment.
    news : DataFrame, optional
        `first_seen`, `symbols`, `event`, `sentiment`.
    model : Predictor, optional
        A promoted model; entries below its threshold stay as rows with `is_entry` false. It is not asked
        about bars that closed before it was there (`known_at`), nor about rows unlike all it was taught
        (`is_novel`): there the rules decide as without it.
    screening_ids : mapping of str to str, optional
        Lineage id of each symbol's screening row.
    timeframe : str
        Bar length: a decision is made when the bar has closed.
    market : DataFrame, optional
        `symbol`, `open_time`, `close` of the whole market, for features that compare with others; those of
        `indicators` where not given.
    instruments : DataFrame, optional
        `symbol`, `start`: since when each instrument is known.
    forced : DataFrame of `opinion.FORCED`, optional
        Pairs whose entries no model may veto for a time; gates hold all the same.

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
    rules, strategy = rules or SignalRules(), strategy or shipped_conditions()
    bar_ms = timeframe_named(timeframe).ms

    def told(rows: pl.DataFrame) -> pl.DataFrame:
        """Add what news and clusters say, and the features."""
        rows = rows.with_columns((pl.col("open_time").dt.epoch("ms") + bar_ms).alias("decided_ms"))
        half_life = rules.news_half_life_hours
        rows = with_news(rows, news, blocking=rules.blocking_events, half_life_hours=half_life)
        rows = with_windows(with_age(with_cluster(rows, clusters), instruments), history, closes)
        return with_relative(rows, closes, clusters, bar_ms).with_columns(feature_columns())

    require_columns(indicators)
    asked = columns_of(strategy)
    kept = [name for name in asked if name not in LINE_COLUMNS]
    history = with_history(with_catalogue(indicators, strategy), kept)
    closes = (indicators if market is None else market).select("symbol", "open_time", "close")
    frame = with_market(history, regime)
    multiplier = "threshold_multiplier" if rules.follows_market else None
    frame = frame.with_columns(rules.entry_threshold.columns(multiplier=multiplier))
    is_deep = not _DEEP.isdisjoint(asked)
    if is_deep:
        frame = told(frame)
    said = wanted(_line_table(frame, asked, rules, model, members if is_across(strategy) else None), strategy)
    rows = frame.with_columns(said.get_columns()).filter(pl.col("is_candidate") | pl.col("is_exit"))
    rows = rows.with_columns(rules.entry_threshold.why_column(multiplier=multiplier))
    rows = with_opinion(_with_score(rows if is_deep else told(rows), strategy), model)
    ids = dict(screening_ids or {})
    names = (
        pl.col("symbol").replace_strict(ids, default=None, return_dtype=pl.String) if ids else pl.lit(None)
    )
    done = _decided(with_forced(rows, forced), rules, strategy).with_columns(
        screening_id=names, strategy=pl.lit(strategy.name)
    )
    return done.select(pl.col(name).cast(dtype) for name, dtype in SIGNALS.items())


# What is known of every bar only at the cost of news, clusters and features on every bar.
_DEEP = frozenset({"cluster_strength", "news_score", "block_age_hours", "probability"})


def _line_table(
    frame: pl.DataFrame,
    asked: tuple[str, ...],
    rules: SignalRules,
    model: Predictor | None,
    members: pl.DataFrame | None,
) -> pl.DataFrame:
    """Return `frame` with those of `LINE_COLUMNS` that are asked, and `is_member` if `members` are given."""
    computed = {
        "is_calm": pl.col("regime") == "calm",
        "is_turbulent": pl.col("regime") == "turbulent",
        "cluster_strength": pl.col("f_cluster"),
        **{
            name: pl.lit(float(getattr(rules, name)))
            for name in ("rsi_entry", "rsi_exit", "band_share", "use_lower_band", "use_middle_band")
        },
    }
    table = frame.with_columns(**{name: computed[name] for name in asked if name in computed})
    if "probability" in asked:
        table = table.with_columns(predicted(frame, np.arange(len(frame)), model))
    if members is None:
        return table
    known = members.select("symbol", pl.col("open_time").cast(frame.schema["open_time"]), "is_member")
    joined = table.join(known, on=["symbol", "open_time"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("is_member").fill_null(value=False))


def _with_score(rows: pl.DataFrame, strategy: Declared) -> pl.DataFrame:
    """The default's depth below its bound; else the place by merit among entries of the bar; exits have 0."""
    if strategy.name == DEFAULT:
        return _with_rule_score(rows)
    moment = ["open_time", "is_candidate"]
    place = pl.col("merit").rank("max").over(moment) / pl.col("merit").count().over(moment)
    return rows.with_columns(score=pl.when("is_candidate").then(place.fill_null(0.5)).otherwise(0.0))


def _with_rule_score(rows: pl.DataFrame) -> pl.DataFrame:
    """Half from how far RSI is below its bound, half from how many ATR the close is below the band."""
    depth = ((pl.col("threshold") - pl.col("rsi_14")) / pl.col("threshold")).clip(0.0, 1.0)
    distance = pl.col("f_below_band").fill_null(0.0).clip(0.0, 1.0)
    score = pl.when(pl.col("is_candidate")).then((depth + distance) / 2).otherwise(0.0)
    return rows.with_columns(score.alias("score"))


def _decided(rows: pl.DataFrame, rules: SignalRules, strategy: Declared) -> pl.DataFrame:
    """Apply the gates in order (regime, peg, news, model, policy); the first that blocks gives the reason."""
    in_panic = (pl.col("regime") == "turbulent") & rules.is_turbulent_blocked
    off_peg = pl.col("is_depegged") & rules.is_depeg_blocked
    in_news = (pl.col("block_age_hours") < rules.news_block_hours).fill_null(False)
    is_forced = pl.col("forced_by").is_not_null()
    is_doubted = IS_BELOW & ~is_forced
    is_skipped = (pl.col("policy_size") == 0).fill_null(value=False) & ~is_forced
    said = pl.format("{} < {}", _shown("probability", 3), _shown("model_threshold", 3))
    is_in = pl.col("is_candidate")
    entered, left = _words(strategy)
    unlike = pl.format("{}; model not asked, novel: {}", entered, "novel_why")
    reason = (
        pl.when(~is_in)
        .then(left)
        .when(in_panic)
        .then(pl.lit("regime: turbulent market, no entries"))
        .when(off_peg)
        .then(pl.lit("peg: a dollar coin is off its peg, no entries"))
        .when(in_news)
        .then(pl.format("news: {} {} h ago, no entries", "block_event", _shown("block_age_hours", 1)))
        .when(is_doubted)
        .then(pl.format("model: {}", said))
        .when(is_skipped)
        .then(pl.format("policy: {} takes nothing of it", "policy_id"))
        .when(IS_BELOW)
        .then(pl.format("{}; model overridden ({}) by {}", entered, said, "forced_by"))
        .when(pl.col("is_novel").fill_null(value=False))
        .then(unlike)
        .otherwise(entered)
    )
    return rows.with_columns(
        (is_in & ~in_panic & ~off_peg & ~in_news & ~is_doubted & ~is_skipped).alias("is_entry"),
        reason.alias("reason"),
    )


def _words(strategy: Declared) -> tuple[pl.Expr, pl.Expr]:
    """Return what is said of an entry and of an exit."""
    if strategy.name == DEFAULT:
        entered = pl.format(
            "entry: RSI {} < {}, close {} the middle band, {} market",
            _shown("rsi_14", 1),
            _shown("threshold", 1),
            _side("bb_middle"),
            "regime",
        )
        left = pl.format("exit: RSI {}, close {} the middle band", _shown("rsi_14", 1), _side("bb_middle"))
        return entered, left
    said = "" if strategy.exit_ is None else " ".join(strategy.exit_.text.split())
    entry = " ".join(strategy.entry.text.split())
    entered = pl.format("entry: {}: {}, {} market", pl.lit(strategy.name), pl.lit(entry), "regime")
    return entered, pl.lit(f"exit: {strategy.name}: {said}")


def _shown(name: str, digits: int) -> pl.Expr:
    return pl.col(name).round(digits).cast(pl.String).fill_null("unknown")


def _side(band: str) -> pl.Expr:
    is_below = (pl.col("close") < pl.col(band)).fill_null(False)
    return pl.when(is_below).then(pl.lit("below")).otherwise(pl.lit("above"))
