"""A training set straight from candles: every entry the rules wanted, and what became of it.

For markets nobody traded here: other venues' history, a search over labels. The same features, fills and
costs as the line's; no clusters or news, so what stands on them is constant.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from trading.indicators.table import indicator_table
from trading.learning.candles import candle_labels
from trading.learning.dataset import TRAINING, DatasetRules, TrainingSet, training_set
from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.market.lineage import content_hash
from trading.market.timeframes import TIMEFRAMES
from trading.risk.exits import ExitRules
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.generate import signal_rows
from trading.signals.strategy import SignalRules
from trading.xray.regime import market_regime

_MARKETS = pl.DataFrame(schema={"symbol": pl.String, "taker_fee": pl.Float64})


@dataclass(frozen=True, slots=True)
class MarketRules:
    """How candles become decisions with outcomes.

    Parameters
    ----------
    signals : SignalRules
        When the rules want in.
    exits : ExitRules
        The triple barrier: target, stop, time.
    max_age_days : float or None
        Rolling window before the last bar; None = everything.
    """

    signals: SignalRules = field(default_factory=SignalRules)
    exits: ExitRules = field(default_factory=ExitRules)
    max_age_days: float | None = None


def read_market(path: str) -> pl.DataFrame:
    """Return the candles of a Parquet file in the columns of the line; bars that are no candles are dropped.

    Raises
    ------
    BadInput
        If it cannot be read, or a column is missing.
    """
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from None
    time = next((name for name in ("open_time", "ts", "time") if name in frame.columns), None)
    needed = ("symbol", "open", "high", "low", "close", "volume")
    missing = [name for name in needed if name not in frame.columns]
    if time is None or missing:
        raise BadInput(f"{path} must have open_time or ts, and {', '.join(needed)}")
    prices = [pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close", "volume")]
    at = pl.from_epoch(time, "ms") if frame.schema[time].is_integer() else pl.col(time)
    at = at.dt.replace_time_zone("UTC") if frame.schema[time] != UTC_MS else at
    return (
        frame.select(_unified(), at.cast(UTC_MS).alias("open_time"), *prices)
        .filter((pl.min_horizontal("open", "low", "close") > 0) & (pl.col("high") >= pl.col("low")))
        .with_columns(quote_volume=pl.col("close") * pl.col("volume"))
        .sort("symbol", "open_time")
    )


def _unified() -> pl.Expr:
    """Return names like BTCUSDT with the stroke that features look for BTC by."""
    return pl.col("symbol").str.replace(r"^([^/]+)(USDT|USDC)$", "${1}/${2}")


def bar_name(candles: pl.DataFrame) -> str:
    """Return the timeframe of candles: the commonest step between two bars of a symbol."""
    steps = candles.select(pl.col("open_time").diff().over("symbol").dt.total_milliseconds().alias("step"))
    common = steps["step"].drop_nulls().mode().sort()
    known = {frame.ms: name for name, frame in TIMEFRAMES.items()}
    if common.is_empty() or int(common[0]) not in known:
        raise BadInput("candles must be of one timeframe with at least two bars of a symbol")
    return known[int(common[0])]


def decided(candles: pl.DataFrame, rules: MarketRules | None = None) -> pl.DataFrame:
    """Return every entry the rules wanted with its outcome, as `candle_labels` does.

    Parameters
    ----------
    candles : DataFrame
        As `read_market` returns them.
    """
    rules = rules or MarketRules()
    name = bar_name(candles)
    regime = market_regime(candles)
    signals = signal_rows(indicator_table(candles), rules.signals, regime=regime, timeframe=name)
    named = signals.filter("is_candidate").with_columns(
        lineage_id=pl.format("{}@{}", "symbol", pl.col("open_time").dt.epoch("ms"))
    )
    return candle_labels(candles, named, _MARKETS, rules.exits, bar_ms=TIMEFRAMES[name].ms)


def market_set(
    candles: pl.DataFrame, rules: MarketRules | None = None, *, cutoff: datetime | None = None
) -> TrainingSet:
    """Return the training set of candles: all rows of one source, so all of weight 1.

    `cutoff` is the end of the last bar where not given.
    """
    rules = rules or MarketRules()
    rows = decided(candles, rules)
    last = candles["open_time"].max()
    end = cutoff or (last + timedelta(days=1) if isinstance(last, datetime) else None)
    if end is None:
        raise BadInput("candles must hold at least one bar, were empty")
    asked = DatasetRules(
        tuple(FEATURES), FEATURE_VERSION, weights=(("candles", 1.0),), max_age_days=rules.max_age_days
    )
    found = training_set(rows.clear(), end, asked, candles=rows)
    return replace(found, frame=found.frame.with_columns(weight=pl.lit(1.0)))


def stored_set(path: str) -> TrainingSet:
    """Return a training set that was written as Parquet: the columns of `TRAINING`, and features `f_*`."""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from None
    missing = [name for name in TRAINING if name not in frame.columns]
    if missing:
        raise BadInput(f"{path} is no training set; it lacks {', '.join(missing)}")
    features = tuple(name for name in frame.columns if name.startswith("f_"))
    return TrainingSet(f"ds-{content_hash(frame)[:16]}", frame, features, FEATURE_VERSION, {})
