"""Long bars made of short ones: 1m to 5m ... 1M, complete bars only, and a comparison with another's.

The value of a long bar over its short bars in order of time:

- open = the first open, close = the last close, high = max, low = min: exact, bit for bit;
- volume and quote_volume = Float64 sums in an order that only the bars themselves decide, so the same bars
  give the same bits on every machine. Against the true sum the error is at most (n - 1) x 2^-53 relative for
  n bars (volumes are never negative): below 5e-12 for a month of minutes. An exchange that adds decimals and
  rounds once differs by that much and by its own rounding; `aggregate_mismatches` takes a tolerance for it.

Not here: reading and storing candles.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import CANDLES, UTC_MS, conform, empty
from trading.market.timeframes import Timeframe, from_ms
from trading.market.timeframes import timeframe as find_timeframe

Places = npt.NDArray[np.integer[Any]]

_KEY = ["symbol", "open_time"]
MISMATCHES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_time": UTC_MS,
    "column": pl.String,
    "ours": pl.Float64,
    "theirs": pl.Float64,
    "difference": pl.Float64,
}


def aggregate(
    candles: pl.DataFrame, timeframe: str, *, source: str = "1m", quiet: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the bars of `timeframe` that `candles` holds completely.

    Parameters
    ----------
    candles : DataFrame
        `trading.market.frames.CANDLES` of length `source`, any order, each (symbol, open_time) once.
    timeframe : str
        Unified name of the longer bars.
    source : str
        Unified name of the shorter bars.
    quiet : DataFrame, optional
        Short bars that are known not to exist: columns symbol, start, end (`GAPS` rows that are
        confirmed); every bar with `start <= open < end` counts as there, without a price. A long bar with
        no short bar at all is left out.

    Returns
    -------
    DataFrame
        `CANDLES`, sorted by (symbol, open_time).

    Raises
    ------
    BadInput
        If `timeframe` is not made of whole `source` bars, a bar is off its grid, or a key comes twice.
    """
    short, long = find_timeframe(source), find_timeframe(timeframe)
    _check_lengths(short, long)
    rows = conform(candles, CANDLES)
    if rows.is_empty():
        return rows
    keyed = rows.with_columns(bucket=_bucket(pl.col("open_time"), long)).sort(_KEY)
    _check_rows(keyed, short)
    run = (pl.col("symbol") != pl.col("symbol").shift()) | (pl.col("bucket") != pl.col("bucket").shift())
    firsts = keyed.select(run.fill_null(value=True).arg_true()).to_series().to_numpy()
    lasts = np.append(firsts[1:], keyed.height) - 1
    bars = _reduced(keyed, firsts, lasts)
    there = pl.Series(lasts - firsts + 1, dtype=pl.Int64)
    wanted = bars.select(_length(long) // short.ms).to_series()
    if quiet is not None and quiet.height:
        there += _quiet_slots(bars, keyed, quiet, short, long)
    return bars.filter(there == wanted)


def aggregate_mismatches(ours: pl.DataFrame, theirs: pl.DataFrame, *, rel: float = 1e-9) -> pl.DataFrame:
    """Return where two sets of candles disagree: our aggregate and the exchange's own bars.

    Parameters
    ----------
    ours, theirs : DataFrame
        `CANDLES` of one timeframe. A bar that only `theirs` has is no mismatch: ours may be incomplete.
    rel : float
        Largest difference that counts as equal, as a fraction of the larger of the two values.

    Returns
    -------
    DataFrame
        One row per bar and column that differs: symbol, open_time, column, ours, theirs, difference
        (a fraction; infinite where one side has no value). A bar of ours that they lack shows as column
        "missing". Sorted by (symbol, open_time).

    Raises
    ------
    BadInput
        If `rel` is negative or not a number.
    """
    if not rel >= 0:
        raise BadInput(f"rel must be at least 0, was {rel}")
    values = list(CANDLES)[2:]
    both = conform(ours, CANDLES).join(
        conform(theirs, CANDLES).with_columns(there=True), on=_KEY, how="left", suffix="_theirs"
    )
    found = [empty(MISMATCHES)]
    for name in values:
        mine, other = pl.col(name), pl.col(f"{name}_theirs")
        size = pl.max_horizontal(mine.abs(), other.abs())
        apart = pl.when(mine == other).then(0.0).otherwise((mine - other).abs() / size)
        known = apart.fill_null(float("inf")).fill_nan(float("inf"))
        line = both.filter("there").select(
            *_KEY, pl.lit(name).alias("column"), ours=mine, theirs=other, difference=known
        )
        found.append(line.filter(pl.col("difference") > rel))
    lost = both.filter(pl.col("there").is_null()).select(
        *_KEY,
        pl.lit("missing").alias("column"),
        ours=pl.col("close"),
        theirs=pl.lit(None, dtype=pl.Float64),
        difference=pl.lit(float("inf")),
    )
    return pl.concat([*found, lost]).sort(*_KEY, maintain_order=True)


def _check_lengths(short: Timeframe, long: Timeframe) -> None:
    whole = long.ms % short.ms == 0 and short.name not in ("1w", "1M")
    if long.ms <= short.ms or not whole:
        raise BadInput(f"{long.name} bars cannot be made of {short.name} bars: choose a longer timeframe")


def _check_rows(keyed: pl.DataFrame, short: Timeframe) -> None:
    repeated = keyed.filter(
        (pl.col("symbol") == pl.col("symbol").shift()) & (pl.col("open_time") == pl.col("open_time").shift())
    )
    if repeated.height:
        raise BadInput(f"each bar must come once; {repeated.select(_KEY).row(0)} came twice")
    off = keyed.filter(pl.col("open_time").dt.epoch("ms") % short.ms != 0)
    if off.height:
        raise BadInput(f"{short.name} bars must open on their grid; {off.select(_KEY).row(0)} does not")


def _bucket(opened: pl.Expr, long: Timeframe) -> pl.Expr:
    if long.name == "1M":
        return opened.dt.truncate("1mo")
    # The offset puts weeks on Mondays; for all other lengths it is a multiple of the length.
    offset = from_ms(long.floor_ms(0)).timestamp() * 1000
    floored = (opened.dt.epoch("ms") - int(offset)) // long.ms * long.ms + int(offset)
    return pl.from_epoch(floored, "ms").cast(UTC_MS)


def _length(long: Timeframe) -> pl.Expr:
    """Return the end of the bar that opens at `open_time`, in ms after it."""
    opened = pl.col("open_time")
    end = opened.dt.offset_by("1mo") if long.name == "1M" else opened + pl.duration(milliseconds=long.ms)
    return (end - opened).dt.total_milliseconds()


def _ms(name: str) -> pl.Expr:
    return pl.col(name).dt.epoch("ms")


def _quiet_slots(
    bars: pl.DataFrame, keyed: pl.DataFrame, quiet: pl.DataFrame, short: Timeframe, long: Timeframe
) -> pl.Series:
    """Return, for each row of `bars`, how many of its short bars are absent and known not to exist."""
    slots = (
        quiet.lazy()
        .select("symbol", start=pl.int_ranges(_ms("start"), _ms("end"), short.ms))
        .explode("start")
        .drop_nulls()
        .select("symbol", open_time=pl.from_epoch("start", "ms").cast(UTC_MS))
        .unique()
        .join(keyed.lazy().select(_KEY), on=_KEY, how="anti")
        .select("symbol", open_time=_bucket(pl.col("open_time"), long))
        .group_by(_KEY)
        .len("slots")
    )
    joined = bars.lazy().select(_KEY).join(slots, on=_KEY, how="left", maintain_order="left")
    return joined.select(pl.col("slots").cast(pl.Int64).fill_null(0)).collect().to_series()


def _reduced(keyed: pl.DataFrame, firsts: Places, lasts: Places) -> pl.DataFrame:
    column = {name: keyed[name].to_numpy() for name in list(CANDLES)[2:]}
    return pl.DataFrame(
        {
            "symbol": keyed["symbol"].gather(firsts),
            "open_time": keyed["bucket"].gather(firsts),
            "open": column["open"][firsts],
            "high": np.maximum.reduceat(column["high"], firsts),
            "low": np.minimum.reduceat(column["low"], firsts),
            "close": column["close"][lasts],
            "volume": np.add.reduceat(column["volume"], firsts),
            "quote_volume": np.add.reduceat(column["quote_volume"], firsts),
        },
        schema=CANDLES,
    )
