"""Bars that no market can have printed, counted by kind: what an asset check fails on."""

from datetime import datetime

import polars as pl

from trading.market.timeframes import timeframe as find_timeframe


def impossible_bars(bars: pl.DataFrame, timeframe: str, as_of: datetime) -> dict[str, int]:
    """Count impossible bars by kind.

    Parameters
    ----------
    bars : DataFrame
        `trading.market.frames.CANDLES`.
    timeframe : str
        Unified name of their bar length.
    as_of : datetime
        Market time of the look; a bar that closes later than this is from the future.

    Returns
    -------
    dict of str to int
        ``future``, ``high_below_low``, ``outside_range``, ``not_positive``, ``negative_volume``,
        ``missing_value``, ``repeated``; all 0 for sound candles.
    """
    close_time = pl.col("open_time") + pl.duration(milliseconds=find_timeframe(timeframe).ms)
    prices = pl.col("open", "high", "low", "close")
    body = pl.col("open", "close")
    rules = {
        "future": close_time > as_of,
        "high_below_low": pl.col("high") < pl.col("low"),
        "outside_range": pl.any_horizontal((body > pl.col("high")) | (body < pl.col("low"))),
        "not_positive": pl.any_horizontal(prices <= 0),
        "negative_volume": pl.col("volume") < 0,
        "missing_value": pl.any_horizontal(pl.all().is_null())
        | pl.any_horizontal(pl.col(pl.Float64).is_nan()),
    }
    counts = bars.select(rule.fill_null(value=False).sum().alias(name) for name, rule in rules.items())
    return counts.row(0, named=True) | {
        "repeated": int(bars.select("symbol", "open_time").is_duplicated().sum())
    }
