import polars as pl
import pytest

from trading.indicators.bars import sorted_bars
from trading.market.errors import BadInput, InvalidBars
from trading.market.frames import CANDLES, empty


def test_symbols_are_cut_at_their_first_rows(candles):
    """Ranges are found whatever the row order of the input."""
    frame = candles(40, symbols=3).sample(fraction=1.0, shuffle=True, seed=1)
    bars = sorted_bars(frame)
    assert bars.symbols == ["S000/USDT", "S001/USDT", "S002/USDT"]
    assert bars.starts.tolist() == [0, 40, 80, 120]
    assert bars.frame["open_time"].slice(0, 40).is_sorted()


def test_a_sorted_frame_is_not_sorted_again(candles):
    """The columns are handed on as they are."""
    frame = candles(50, symbols=2)
    assert sorted_bars(frame).frame.equals(frame)


def test_no_candles_are_no_symbols():
    """An empty frame is an answer, not an error."""
    bars = sorted_bars(empty(CANDLES))
    assert bars.symbols == []
    assert bars.starts.tolist() == [0]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), 0.0, -1.0])
def test_impossible_prices_stop_the_work(candles, value):
    """Wrong data is worse than none; the message names symbol, bar and value."""
    frame = candles(30).with_columns(
        close=pl.when(pl.int_range(30) == 7).then(pl.lit(value, dtype=pl.Float64)).otherwise("close")
    )
    with pytest.raises(InvalidBars, match=r"S000/USDT at 2024-01-01 01:45:00"):
        sorted_bars(frame)


def test_high_below_low_is_refused(candles):
    """No market prints it."""
    frame = candles(30).with_columns(high=pl.col("low") / 2)
    with pytest.raises(InvalidBars, match=r"high >= low.*30 such bars"):
        sorted_bars(frame)


def test_a_bar_that_stands_twice_is_refused(candles):
    """Two truths about one bar: the message names it."""
    frame = candles(30, symbols=2)
    with pytest.raises(InvalidBars, match=r"S001/USDT has two at 2024-01-01 02:30"):
        sorted_bars(pl.concat([frame, frame.slice(40, 1)]))


def test_missing_columns_are_named(candles):
    """A frame of something else is refused by name of what it lacks."""
    with pytest.raises(BadInput, match="missing: low, volume"):
        sorted_bars(candles(10).drop("low", "volume"))
