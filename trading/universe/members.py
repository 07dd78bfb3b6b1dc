"""On which bars a series was in the universe, and what told so: how a backtest reads the past."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from trading.market.frames import UTC_MS
from trading.market.instruments import symbol_of
from trading.market.timeframes import Timeframe
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.looks import PastRules
from trading.universe.over import universe_over

# One row per bar of the series asked for.
MEMBERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,  # the series: a symbol, or the id of an earlier instrument
    "open_time": UTC_MS,
    "is_member": pl.Boolean,  # existed, and passed the pre-filter, as of the bar's close
    "rule": pl.String,  # the rule that dropped it, "passed", or null where it did not exist
    "source": pl.String,  # recorded | rebuilt; null where it did not exist
}


def members_of(
    lake: Lake,
    candles: CandleStore,
    bars: pl.DataFrame,
    rules: ScreeningRules,
    *,
    bar: Timeframe,
    listed: Mapping[str, datetime] | None = None,
    past: PastRules | None = None,
) -> pl.DataFrame:
    """Return whether each of `bars` closed while its series was in the universe.

    Parameters
    ----------
    bars : DataFrame
        `symbol` (series names of `trading.market.instruments.as_series`), `open_time`.
    rules : ScreeningRules
        Thresholds of the pre-filter.
    bar : Timeframe
        Of `bars`.
    listed : mapping, optional
        Symbol -> its first bar, where that is known.

    Returns
    -------
    DataFrame of MEMBERS
        In the order of `bars`.
    """
    asked = bars.select(
        "symbol",
        pl.col("open_time").cast(UTC_MS),
        symbol_of().alias("plain"),
        (pl.col("open_time") + pl.duration(milliseconds=bar.ms)).cast(UTC_MS).alias("at"),
    )
    over = universe_over(
        lake,
        candles,
        asked["at"].unique().to_list(),
        rules,
        timeframe=bar.name,
        listed=listed,
        symbols=asked["plain"].unique().to_list(),
        past=past,
    )
    joined = asked.join(
        over, left_on=["plain", "at"], right_on=["symbol", "at"], how="left", maintain_order="left"
    )
    return joined.with_columns(pl.col("is_member").fill_null(value=False)).select(list(MEMBERS))


def with_sources(metrics: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Return `metrics` (one row per series) with `universe_source` and `universe_share`.

    `universe_source` is recorded, rebuilt, or mixed; null where the series was never seen to exist.
    `universe_share` is the share of its bars at which it was in the universe.
    """
    told = members.group_by("symbol").agg(
        pl.col("source").drop_nulls().n_unique().alias("kinds"),
        pl.col("source").drop_nulls().first().alias("only"),
        pl.col("is_member").mean().alias("universe_share"),
    )
    source = pl.when(pl.col("kinds") > 1).then(pl.lit("mixed")).otherwise("only").alias("universe_source")
    named = told.select("symbol", source, "universe_share")
    return metrics.join(named, on="symbol", how="left", maintain_order="left")
