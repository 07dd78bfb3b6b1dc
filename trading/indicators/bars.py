"""Candles of many symbols as contiguous arrays, checked once. Nothing here computes an indicator."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.market.errors import InvalidBars
from trading.market.frames import CANDLES, conform

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Bars:
    """A frame of CANDLES sorted by (symbol, open_time) with the row ranges of its symbols.

    `starts` has one more entry than there are symbols: symbol i owns rows starts[i]:starts[i + 1].
    """

    frame: pl.DataFrame
    starts: Ints

    @property
    def symbols(self) -> list[str]:
        """Symbols in row order."""
        return self.frame["symbol"].gather(self.starts[:-1]).to_list()

    def column(self, name: str) -> Floats:
        """Return one price or volume column as a contiguous array of shape (n_rows,)."""
        return np.ascontiguousarray(self.frame[name].to_numpy(), dtype=np.float64)


def sorted_bars(candles: pl.DataFrame) -> Bars:
    """Return `candles` sorted and cut by symbol.

    Raises
    ------
    BadInput
        If a column of CANDLES is missing.
    InvalidBars
        If a price is null, NaN, infinite or not above 0, if high < low, if a volume is not a finite
        number from 0 on, or if one symbol has the same open_time twice. The message names the first such bar.
    """
    frame = conform(candles, CANDLES)
    starts = _starts(frame)
    if starts is None:
        frame = frame.sort("symbol", "open_time")
        starts = _starts(frame)
    if starts is None:
        twice = frame.filter(frame.select("symbol", "open_time").is_duplicated()).row(0)
        raise InvalidBars(f"a symbol has one bar per open_time, {twice[0]} has two at {twice[1]}")
    bars = Bars(frame, starts)
    _check(bars)
    return bars


def _starts(frame: pl.DataFrame) -> Ints | None:
    """Row ranges of the symbols, or None when the frame is not strictly sorted by (symbol, open_time)."""
    if frame.is_empty():
        return np.zeros(1, dtype=np.int64)
    if frame["symbol"].null_count() or frame["open_time"].null_count():
        raise InvalidBars("symbol and open_time must not be null")
    # Run lengths first: comparing 2,600 names is cheap, comparing a million strings is not.
    runs = frame["symbol"].rle().struct.unnest()
    names = runs["value"]
    if len(names) > 1 and not (names.slice(1) > names.slice(0, len(names) - 1)).all():
        return None
    starts = np.concatenate(([0], np.cumsum(runs["len"].to_numpy().astype(np.int64))))
    steps = np.diff(frame["open_time"].to_physical().to_numpy()) > 0
    steps[starts[1:-1] - 1] = True
    return starts if bool(steps.all()) else None


def _check(bars: Bars) -> None:
    """Refuse what no market prints. Nine reductions that propagate NaN find out; only then is it named."""
    if bars.frame.is_empty():
        return
    opened, high, low, close, volume = (bars.column(name) for name in (*_PRICES, "volume"))
    lowest = np.min([opened.min(), low.min(), close.min()])
    highest = np.max([opened.max(), high.max(), close.max(), volume.max()])
    if not (lowest > 0 and np.isfinite(highest) and volume.min() >= 0 and (high >= low).all()):
        _name_what_is_wrong(bars.frame)


def _name_what_is_wrong(frame: pl.DataFrame) -> None:
    ok = pl.lit(True)
    for name in _PRICES:
        ok = ok & pl.col(name).is_finite() & (pl.col(name) > 0)
    ok = (ok & (pl.col("high") >= pl.col("low"))).fill_null(False)
    bad = frame.select((~ok).arg_true()).to_series()
    if len(bad):
        symbol, at, *prices = frame.row(int(bad[0]))[:6]
        raise InvalidBars(
            f"prices must be finite, above 0, and high >= low; {symbol} at {at} has "
            f"open, high, low, close = {prices} ({len(bad)} such bars)"
        )
    volume = pl.col("volume")
    unsold = frame.select((~(volume.is_finite() & (volume >= 0)).fill_null(False)).arg_true()).to_series()
    if len(unsold):
        symbol, at, *_, amount, _ = frame.row(int(unsold[0]))
        raise InvalidBars(
            f"volume must be a finite number from 0 on; {symbol} at {at} has {amount} "
            f"({len(unsold)} such bars)"
        )
