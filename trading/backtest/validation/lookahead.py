"""Does a table know what it could not have known? Cut the candles, compute again, compare.

Two tests of whatever makes rows from candles, by doing and not by reading code. *Look-ahead*: candles are cut
off after a bar; each row up to it must come out as it did with the candles that followed. *Warm-up*: the
first candles are taken away; a value that depends on them by more than a tolerance was shown too early. What
is sampled for it, and where the other tables come from, is the caller's matter.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from trading.market.frames import UTC_MS

# One row per cut, column and symbol that differs: the first row of it, and how many.
FINDINGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "cut": UTC_MS,  # open of the last bar that was left (look-ahead), or of the first (warm-up)
    "symbol": pl.String,
    "column": pl.String,  # "(row)": the row itself is there on one side only
    "at": UTC_MS,
    "rows": pl.Int64,
    "published": pl.String,
    "again": pl.String,
}
ROW = "(row)"
EXACT = 1e-9  # of floats: what sums in another order may change
WARM = 0.01  # ten times what the warm-up of an indicator promises
# What counts from the first bar on purpose, and is compared by nobody across histories.
ANCHORED = ("obv",)

# What only the end of a trade tells.
_ENDS = (
    *("close_time", "close_mark", "close_price", "profit_ratio", "profit_ratio_2x_costs", "bars_held"),
    *("exit_reason", "is_ambiguous", "is_resolved"),
)

type Make = Callable[[pl.DataFrame, datetime], pl.DataFrame]


def sample(symbols: Sequence[str], count: int, seed: int) -> list[str]:
    """Return at most `count` of `symbols`, sorted, the same for the same seed."""
    known = sorted(set(symbols))
    if len(known) <= count:
        return known
    chosen = np.random.default_rng([seed, len(known)]).choice(len(known), count, replace=False)
    return sorted(known[k] for k in chosen)


def cut_times(
    times: pl.Series, count: int, seed: int, *, after: float = 0.5, before: float = 1.0
) -> list[datetime]:
    """Return `count` bars (open times) of a part of `times` at which to cut, oldest first.

    `after` and `before` are shares of the bars; the newest bar is never a cut, nothing would be cut off.
    """
    bars = times.unique().sort()
    first, last = int(len(bars) * after), min(int(len(bars) * before), len(bars) - 1)
    if last <= first:
        return []
    places = np.random.default_rng([seed, len(bars)]).choice(
        np.arange(first, last), min(count, last - first), replace=False
    )
    return [bars[int(place)] for place in sorted(places)]


def looks_ahead(
    published: pl.DataFrame,
    candles: pl.DataFrame,
    make: Make,
    cuts: Sequence[datetime],
    *,
    time: str = "open_time",
    skip: Sequence[str] = (),
) -> pl.DataFrame:
    """Return where rows made from cut candles differ from `published`; empty where nothing looks ahead.

    Parameters
    ----------
    published : DataFrame
        `symbol`, the column `time`, others; one row per symbol and time, made from all of `candles`.
    candles : DataFrame
        `symbol`, `open_time`, prices.
    make : callable
        Takes the candles up to a cut and the cut (open of the last bar left); returns rows like `published`.
        It must give other inputs as they were known then.
    cuts : sequence of datetime
        Opens of bars.
    skip : sequence of str
        Columns that are not compared (ids of versions, say).

    Returns
    -------
    DataFrame of FINDINGS
        Rows of `published` after the cut are not compared.
    """
    found = []
    for cut in cuts:
        again = make(candles.filter(pl.col("open_time") <= cut), cut)
        then = published.filter(pl.col(time) <= cut)
        found.append(differences(then, again, cut, time=time, skip=skip, tolerance=EXACT))
    return _stacked(found)


def needs_older_bars(
    published: pl.DataFrame,
    candles: pl.DataFrame,
    make: Make,
    firsts: Sequence[datetime],
    *,
    skip: Sequence[str] = ANCHORED,
) -> pl.DataFrame:
    """Return where values change by more than 1 % when bars before `firsts` are taken away.

    A value that is null with fewer bars was not shown, and is no finding. Relative to the larger of the
    value and the root mean square of its column over the symbol: figures that cross zero have no size of
    their own.

    Parameters
    ----------
    published, candles, make
        As of `looks_ahead`; `make` gets the candles from a first bar on.
    firsts : sequence of datetime
        Opens of the first bars that are left.
    """
    found = []
    for first in firsts:
        again = make(candles.filter(pl.col("open_time") >= first), first)
        keys = again.select("symbol", "open_time")
        then = published.join(keys, on=["symbol", "open_time"], how="semi")
        found.append(differences(then, again, first, skip=skip, tolerance=WARM, is_warm_up=True))
    return _stacked(found)


def settled(trades: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    """Return the trades opened up to `cut` as they stood then: what only a later end tells is null."""
    told = [name for name in _ENDS if name in trades.columns]
    is_over = ~pl.col("is_open") & (pl.col("close_time") <= cut)
    return trades.filter(pl.col("open_time") <= cut).with_columns(
        *(pl.when(is_over).then(pl.col(name)).alias(name) for name in told), is_open=~is_over
    )


def differences(
    published: pl.DataFrame,
    again: pl.DataFrame,
    cut: datetime,
    *,
    time: str = "open_time",
    skip: Sequence[str] = (),
    tolerance: float = EXACT,
    is_warm_up: bool = False,
) -> pl.DataFrame:
    """Return where two tables of one key (symbol and `time`) differ, as FINDINGS."""
    key = ["symbol", time]
    columns = [name for name in published.columns if name in again.columns and name not in (*key, *skip)]
    left = published.select(*key, *columns, here_=pl.lit(value=True))
    right = again.select(
        *key, *(pl.col(name).alias(f"{name}_2") for name in columns), there_=pl.lit(value=True)
    )
    both = left.join(right, on=key, how="full", coalesce=True).sort(key)
    found = [_one(both, ROW, pl.col("here_").is_null() | pl.col("there_").is_null(), cut, time)]
    same = both.drop_nulls(["here_", "there_"])
    found += [
        _one(same, name, _differs(same.schema[name], name, tolerance, is_warm_up=is_warm_up), cut, time)
        for name in columns
    ]
    return _stacked(found)


def _differs(kind: pl.DataType, name: str, tolerance: float, *, is_warm_up: bool) -> pl.Expr:
    a, b = pl.col(name), pl.col(f"{name}_2")
    if not kind.is_float():
        return a.is_not_null() & b.is_not_null() & (a != b) if is_warm_up else a.ne_missing(b)
    size = pl.max_horizontal(a.abs(), b.abs())
    if is_warm_up:
        size = pl.max_horizontal(size, (a * a).mean().sqrt().over("symbol"))
        return ((a - b).abs() > tolerance * size).fill_null(value=False)
    apart = ((a - b).abs() > tolerance * size).fill_null(value=False) | (a.is_nan() != b.is_nan())
    return (a.is_null() != b.is_null()) | apart.fill_null(value=False)


def _one(both: pl.DataFrame, column: str, differs: pl.Expr, cut: datetime, time: str) -> pl.DataFrame:
    shown = ("here_", "there_") if column == ROW else (column, f"{column}_2")
    return (
        both.filter(differs)
        .group_by("symbol", maintain_order=True)
        .agg(
            pl.lit(cut).cast(UTC_MS).alias("cut"),
            pl.lit(column).alias("column"),
            pl.col(time).first().cast(UTC_MS).alias("at"),
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col(shown[0]).first().cast(pl.String).alias("published"),
            pl.col(shown[1]).first().cast(pl.String).alias("again"),
        )
        .select(list(FINDINGS))
    )


def _stacked(found: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=FINDINGS), *found])
