"""Bar by bar equals all at once: the state's answers are the rows of the table, bit by bit."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.indicators.test_catalogue import wild
from trading.indicators.fused.state import IndicatorState
from trading.indicators.table import indicator_table
from trading.market.errors import InvalidBars
from trading.market.frames import CANDLES, empty


def market(symbols: int, bars: int, seed: int) -> pl.DataFrame:
    """`symbols` wild series of `bars` bars, each of which misses some bars and begins where it likes."""
    generator = np.random.default_rng(seed)
    frames = []
    for number in range(symbols):
        own = wild(bars, seed + number).with_columns(symbol=pl.lit(f"S{number:03d}/USDT"))
        there = (generator.random(bars) < 0.9) & (np.arange(bars) >= generator.integers(0, bars))
        frames.append(own.filter(there))
    return pl.concat(frames)


@given(
    seed=st.integers(0, 10_000),
    symbols=st.integers(1, 70),
    cuts=st.lists(st.integers(1, 399), max_size=12, unique=True),
)
@settings(max_examples=25, deadline=None)
def test_any_split_of_a_history_gives_the_rows_of_the_whole(seed, symbols, cuts):
    """Batches of no, one or many bars, symbols that miss bars or appear late: the same bits as the table."""
    frame = market(symbols, 400, seed)
    bounds = pl.Series([0, *sorted(cuts), 400]) * 900_000
    at = pl.col("open_time").to_physical()
    state = IndicatorState()
    parts = [
        state.update(frame.filter(at.is_between(start, stop, closed="left")))
        for start, stop in pairwise(bounds)
    ]
    together = pl.concat(parts).sort("symbol", "open_time")
    assert together.equals(indicator_table(frame))


def test_every_bar_on_its_own_gives_the_rows_of_the_whole():
    """800 single updates of three symbols, EMA200's seed and its first shown value among them."""
    frame = market(3, 800, 7)
    state = IndicatorState()
    parts = [
        state.update(own) for _, own in frame.sort("open_time").group_by("open_time", maintain_order=True)
    ]
    assert pl.concat(parts).sort("symbol", "open_time").equals(indicator_table(frame))


def test_the_state_knows_what_it_has_seen(candles):
    """Counts and times per symbol; a name never seen has none."""
    state, frame = IndicatorState(), candles(30, symbols=2)
    state.update(frame)
    assert len(state) == 2
    assert state.bars("S001/USDT") == 30
    assert state.newest("S001/USDT") == frame["open_time"].max()
    assert state.bars("ZZZ/USDT") == 0
    assert state.newest("ZZZ/USDT") is None


def test_a_bar_that_is_not_newer_is_refused_and_changes_nothing(candles):
    """The same bar twice would count twice; a new symbol of the refused batch is not taken in either."""
    frame = candles(400, symbols=3)
    state = IndicatorState()
    old = pl.col("symbol") != "S002/USDT"
    state.update(frame.filter(old).group_by("symbol", maintain_order=True).head(399))
    stale = frame.group_by("symbol", maintain_order=True).tail(2)
    with pytest.raises(InvalidBars, match=r"S000/USDT has one at .* after .* \(2 such symbols\)"):
        state.update(stale)
    assert len(state) == 2
    last = state.update(frame.filter(old).group_by("symbol", maintain_order=True).tail(1))
    whole = indicator_table(frame.filter(old)).group_by("symbol", maintain_order=True).tail(1)
    assert last.equals(whole)


def test_an_update_without_bars_is_an_answer():
    """A quiet minute: no rows, all columns."""
    state = IndicatorState()
    assert state.update(empty(CANDLES)).columns == indicator_table(empty(CANDLES)).columns
    assert len(state) == 0
