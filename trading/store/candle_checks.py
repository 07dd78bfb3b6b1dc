"""Bars that no market can have printed: counted by kind for an asset check, or parted from the sound ones."""

from datetime import datetime

import polars as pl

from trading.market.frames import CANDLES, QUARANTINE, conform, empty
from trading.market.timeframes import Timeframe
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


def sift(bars: pl.DataFrame, timeframe: str, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part believable closed bars from the rest: the last look before they are stored.

    Parameters
    ----------
    bars : DataFrame
        `trading.market.frames.CANDLES`, any order.
    timeframe : str
        Unified name of their bar length.
    as_of : datetime
        Market time of the look. A bar that is still forming then is left out of both results: it is
        normal, and comes again when it has closed.

    Returns
    -------
    tuple of DataFrame
        The sound bars (`CANDLES`, in the order they came), and the others as `QUARANTINE` rows with the
        first reason that fits: not_a_number (also null and infinite), non_positive_price, high_below_low,
        outside_high_low, negative_volume, off_grid, future, duplicate (the first of equal keys is kept).
    """
    rows = conform(bars, CANDLES)
    bar = find_timeframe(timeframe)
    faults = _faults(bar, as_of)
    is_bad = pl.any_horizontal(faults.values()) | _is_forming(bar, as_of)
    symbol, opened = pl.col("symbol"), pl.col("open_time")
    after = (symbol > symbol.shift()) | ((symbol == symbol.shift()) & (opened > opened.shift()))
    bad, in_order = rows.select(is_bad.any(), after.all().alias("in_order")).row(0)
    if not bad and in_order:
        return rows, empty(QUARANTINE)
    faults["duplicate"] = (
        pl.struct("symbol", "open_time").is_duplicated()
        & ~pl.struct("symbol", "open_time").is_first_distinct()
    )
    reason = pl.lit(None, dtype=pl.String)
    for name, rule in reversed(faults.items()):
        reason = pl.when(rule.fill_null(value=True)).then(pl.lit(name)).otherwise(reason)
    judged = rows.with_columns(reason=reason, is_forming=_is_forming(bar, as_of).fill_null(value=False))
    sound = judged.filter(pl.col("reason").is_null() & ~pl.col("is_forming")).select(list(CANDLES))
    unsound = judged.filter(pl.col("reason").is_not_null())
    return sound, _set_aside(unsound, bar, as_of)


def on_grid(bar: Timeframe) -> pl.Expr:
    """Whether `open_time` is a time at which a bar of this length opens."""
    opened = pl.col("open_time")
    if bar.name == "1M":
        return opened == opened.dt.truncate("1mo")
    return (opened.dt.epoch("ms") - bar.floor_ms(0)) % bar.ms == 0


def _faults(bar: Timeframe, as_of: datetime) -> dict[str, pl.Expr]:
    numbers = pl.col("open", "high", "low", "close", "volume", "quote_volume")
    body = pl.col("open", "close")
    return {
        "not_a_number": pl.any_horizontal(~numbers.is_finite().fill_null(value=False)),
        "non_positive_price": pl.any_horizontal(pl.col("open", "high", "low", "close") <= 0),
        "high_below_low": pl.col("high") < pl.col("low"),
        "outside_high_low": pl.any_horizontal((body > pl.col("high")) | (body < pl.col("low"))),
        "negative_volume": pl.any_horizontal(pl.col("volume", "quote_volume") < 0),
        "off_grid": pl.any_horizontal(~on_grid(bar), pl.col("symbol").is_null()).fill_null(value=True),
        "future": pl.col("open_time") > as_of,
    }


def _is_forming(bar: Timeframe, as_of: datetime) -> pl.Expr:
    opened = pl.col("open_time")
    end = opened.dt.offset_by("1mo") if bar.name == "1M" else opened + pl.duration(milliseconds=bar.ms)
    return (opened <= as_of) & (end > as_of)


def _set_aside(rows: pl.DataFrame, bar: Timeframe, as_of: datetime) -> pl.DataFrame:
    raw = pl.struct(list(CANDLES)[2:]).struct.json_encode().str.head(300)
    found = rows.select(
        "symbol", "open_time", "reason", timeframe=pl.lit(bar.name), raw=raw, seen_at=pl.lit(as_of)
    )
    return conform(found, QUARANTINE)
