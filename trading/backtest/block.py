"""Between frames and kernels: checked, flat arrays of candles and the signals that belong to them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.backtest.candle_file import PLAIN_MARKET, MarketRules
from trading.backtest.walk import Bars, Bools
from trading.market.errors import InvalidBars
from trading.market.ticks import Grid
from trading.risk.exit_machine import MOST_TICKS

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Block:
    """Candles of many symbols as arrays.

    `candles` is the frame in row order (sorted by symbol and time), `symbols` one name per block of
    rows, `bars` the arrays, `bar_ms` the bar length in ms, `markets` what each symbol's market asks.
    """

    candles: pl.DataFrame
    symbols: pl.Series
    bars: Bars
    bar_ms: int
    markets: list[MarketRules]


def candle_block(
    candles: pl.DataFrame, bar_ms: int | None = None, markets: pl.DataFrame | None = None
) -> Block:
    """Return `candles` sorted, checked and flattened.

    Parameters
    ----------
    candles : DataFrame
        Columns of `trading.market.frames.CANDLES` (others are ignored), any order, closed bars only.
    bar_ms : int, optional
        Bar length in ms; the smallest step between two bars of one symbol where not given.
    markets : DataFrame, optional
        `symbol` and, where known, `tick`, `step`, `min_amount`, `min_cost`. A symbol without a tick, or whose
        prices are no whole numbers below 2^52 of it, gets a decimal tick at the fourteenth digit of its first
        price.

    Raises
    ------
    InvalidBars
        On nulls, NaN, prices that are not positive, high < low, or two bars of one symbol at one time.
    """
    frame = candles.select("symbol", "open_time", *_PRICES, "volume").sort("symbol", "open_time")
    _check(frame)
    runs = frame.select(pl.col("symbol").rle().struct.unnest())
    lengths = runs["len"].to_numpy().astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    open_ms = frame["open_time"].dt.epoch("ms").to_numpy().astype(np.int64)
    steps = np.diff(open_ms)
    inside = np.ones(len(steps), bool)
    inside[offsets[1:-1] - 1] = False
    if (steps[inside] <= 0).any():
        raise InvalidBars("candles must have one bar per symbol and open_time, found a repeated open_time")
    found_ms = int(steps[inside].min()) if inside.any() else 1
    arrays = {name: frame[name].to_numpy().astype(np.float64) for name in (*_PRICES, "volume")}
    bars = Bars(offsets, open_ms, **arrays, per_unit=np.empty(0))
    rules = _market_rules(runs["value"], bars, markets)
    per_unit = np.array([each.tick.denominator / each.tick.numerator for each in rules])
    return Block(frame, runs["value"], bars._replace(per_unit=per_unit), bar_ms or found_ms, rules)


_RULES = ("tick", "step", "min_amount", "min_cost")


def _market_rules(symbols: pl.Series, bars: Bars, markets: pl.DataFrame | None) -> list[MarketRules]:
    if not len(symbols):
        return []
    listed: dict[str, tuple[float | None, ...]] = {}
    if markets is not None:
        known = [pl.col(name) if name in markets.columns else pl.lit(None).alias(name) for name in _RULES]
        for name, *values in markets.select("symbol", *known).iter_rows():
            listed.setdefault(name, tuple(values))
    least, most = (
        np.minimum.reduceat(bars.low, bars.offsets[:-1]),
        np.maximum.reduceat(bars.high, bars.offsets[:-1]),
    )
    first = bars.high[bars.offsets[:-1]]
    found = []
    for k, symbol in enumerate(symbols):
        tick, step, min_amount, min_cost = listed.get(symbol, (None,) * 4)
        grid = None if not _is_given(tick) else Grid.of(tick, f"tick of {symbol}")
        if grid is None or not _fits(grid, least[k], most[k]):
            grid = _finest(first[k])
        steps = PLAIN_MARKET.step if not _is_given(step) else Grid.of(step, f"step of {symbol}")
        found.append(MarketRules(grid, steps, min_amount or 0.0, min_cost or 0.0))
    return found


def _is_given(size: float | None) -> bool:
    return size is not None and size > 0


def _fits(tick: Grid, least: float, most: float) -> bool:
    per_unit = tick.denominator / tick.numerator
    return bool(least * per_unit >= 1 and most * per_unit < MOST_TICKS)


def _finest(high: float) -> Grid:
    """Return a decimal tick at the fourteenth digit of a price, 1e-18 at the finest.

    Of a symbol's first price, not of its highest: what is known of a bar must not hang on bars after it.
    """
    return Grid(1, 10 ** int(np.clip(13 - np.floor(np.log10(high)), 0, 18)))


def _check(frame: pl.DataFrame) -> None:
    values = [pl.col(name) for name in (*_PRICES, "volume")]
    is_bad = pl.any_horizontal(
        *(~value.is_finite() | value.is_null() for value in values),
        *(pl.col(name) <= 0 for name in _PRICES),
        pl.col("high") < pl.max_horizontal("open", "close", "low"),
        pl.col("low") > pl.min_horizontal("open", "close", "high"),
        pl.col("volume") < 0,
        pl.col("open_time").is_null(),
    )
    bad = frame.filter(is_bad.fill_null(True)).head(1)
    if not bad.is_empty():
        row = bad.row(0, named=True)
        raise InvalidBars(f"a bar must have 0 < low <= open, close <= high and volume >= 0, was {row}")


def signal_masks(block: Block, signals: pl.DataFrame) -> tuple[Bools, Bools]:
    """Return per candle row whether its close says entry, and exit.

    Signals without a candle are ignored (their symbol may have left the universe).
    """
    marks = signals.filter(pl.col("is_entry") | pl.col("is_exit")).select(
        "symbol", pl.col("open_time").dt.cast_time_unit("ms"), "is_entry", "is_exit"
    )
    marks = marks.group_by("symbol", "open_time").agg(pl.col("is_entry").any(), pl.col("is_exit").any())
    times = block.candles.select("symbol", pl.col("open_time").dt.cast_time_unit("ms"))
    joined = times.join(marks, on=["symbol", "open_time"], how="left", maintain_order="left")
    return (
        joined["is_entry"].fill_null(False).to_numpy().astype(np.bool_),
        joined["is_exit"].fill_null(False).to_numpy().astype(np.bool_),
    )


def member_mask(block: Block, members: pl.DataFrame | None) -> Bools:
    """Return per candle row whether the symbol was in the universe at its close; without `members` all."""
    if members is None:
        return np.ones(len(block.candles), np.bool_)
    times = block.candles.select("symbol", pl.col("open_time").dt.cast_time_unit("ms"))
    known = members.select("symbol", pl.col("open_time").dt.cast_time_unit("ms"), "is_member")
    joined = times.join(known, on=["symbol", "open_time"], how="left", maintain_order="left")
    return joined["is_member"].fill_null(False).to_numpy().astype(np.bool_)
