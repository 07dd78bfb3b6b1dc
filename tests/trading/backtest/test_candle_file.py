"""Candle and market files: what is read, and one clear error per kind of bad input."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.backtest.candle_file import candle_file, filled, read_candles, read_markets
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy_file import parse_strategy
from trading.market.errors import BadInput, InvalidBars

STRATEGY = parse_strategy('[entry]\nwhen = "close > 1"\n[risk]\nstoploss = 0.1\n[stake]\namount = 5\n')


def frame(rows: list[tuple]) -> pl.DataFrame:
    """Rows of (symbol, ts, open, high, low, close, volume)."""
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=names, orient="row", strict=False)


def bar(symbol: str, place: int, price: float = 2.0, **changes: float) -> tuple:
    """A quiet bar of a minute."""
    values = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": 1.0} | changes
    return (symbol, place * 60_000, *values.values())


def test_symbols_keep_the_order_of_their_first_appearance() -> None:
    """Rows may be interleaved by time; each symbol's must ascend."""
    found = candle_file(frame([bar("B", 0), bar("A", 0), bar("B", 1), bar("A", 1), bar("A", 2)]))
    assert found.symbols == ["B", "A"]
    assert found.bars.offsets.tolist() == [0, 2, 5]
    assert found.bars.open_ms.tolist() == [0, 60_000, 0, 60_000, 120_000]
    assert found.bar_ms == 60_000


GOOD = [bar("A", 0), bar("A", 1)]
BAD = {
    "none": ([], "found none at all"),
    "one bar": ([*GOOD, bar("B", 0)], "at least two bars per symbol, B has one"),
    "NaN": ([*GOOD, bar("A", 2, close=float("nan"))], "row 2: a bar must have"),
    "null": ([*GOOD, bar("A", 2, close=None)], "row 2: a bar must have"),
    "zero price": ([*GOOD, bar("A", 2, price=0.0)], "row 2: a bar must have 0 < low"),
    "high below low": ([*GOOD, bar("A", 2, high=1.0)], "row 2"),
    "negative volume": ([*GOOD, bar("A", 2, volume=-1.0)], "volume >= 0"),
    "unsorted": (
        [bar("A", 1), bar("A", 0)],
        "row 1: bars must ascend in time, A at 0 ms comes after a later",
    ),
    "twice": ([*GOOD, bar("A", 1)], "row 2: bars must ascend in time, A at 60000 ms stands twice"),
}


@pytest.mark.parametrize(("rows", "message"), BAD.values(), ids=BAD.keys())
def test_candles_that_cannot_be_are_refused_with_their_row(rows: list, message: str) -> None:
    """One sentence that names the row and the rule."""
    table = frame(rows) if rows else frame(GOOD).clear()
    with pytest.raises(InvalidBars, match=message):
        candle_file(table)


def test_a_missing_column_and_a_missing_file_are_named(tmp_path: Path) -> None:
    """The columns that are wanted; the path."""
    with pytest.raises(InvalidBars, match="missing: volume"):
        candle_file(frame(GOOD).drop("volume"))
    with pytest.raises(InvalidBars, match="cannot be read as Parquet"):
        read_candles(tmp_path / "none.parquet")


def test_holes_are_filled_at_the_close_before_them_without_volume() -> None:
    """Two bars are missing after the first: they repeat its close; other symbols are left alone."""
    found = filled(
        candle_file(frame([bar("A", 0, close=1.5, low=1.5), bar("A", 3, 3.0), bar("B", 0), bar("B", 1)]))
    )
    assert found.bars.offsets.tolist() == [0, 4, 6]
    assert found.bars.open_ms.tolist() == [0, 60_000, 120_000, 180_000, 0, 60_000]
    assert found.bars.open.tolist() == [2.0, 1.5, 1.5, 3.0, 2.0, 2.0]
    assert found.bars.low.tolist()[1:3] == [1.5, 1.5]
    assert found.bars.volume.tolist() == [1, 0, 0, 1, 1, 1]


def test_a_bar_off_the_grid_cannot_be_filled_around() -> None:
    """A bar at a minute and a half."""
    rows = [bar("A", 0), bar("A", 1), ("A", 150_000, 2.0, 2.0, 2.0, 2.0, 1.0)]
    with pytest.raises(InvalidBars, match="grid of 60000 ms, A at 150000 ms"):
        filled(candle_file(frame(rows)))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"A": {"tick": 0}}, "tick of A must be a positive number, was 0"),
        ({"A": {"tick": "x"}}, "tick of A must be a positive number"),
        ({"A": {"step": -1}}, "step of A must be a positive number"),
        ({"A": {"min_cost": -1}}, "min_cost of A must be a number from 0 on"),
        ({"A": {"tik": 1}}, "unknown key 'tik'"),
        ({"A": 1}, "must map to its rules"),
        ([], "must map symbols"),
    ],
)
def test_market_rules_that_cannot_be_are_refused(rules: object, message: str, tmp_path: Path) -> None:
    """Symbol, key and bound."""
    path = tmp_path / "markets.json"
    path.write_text(json.dumps(rules))
    with pytest.raises(BadInput, match=message):
        read_markets(path)


@pytest.mark.parametrize(
    ("changes", "message"), [({"fee": 1.0}, "fee must lie in"), ({"slots": -1}, "slots")]
)
def test_numbers_of_a_run_out_of_bounds_are_refused(changes: dict, message: str) -> None:
    """A fee of one leaves nothing; slots cannot be fewer than none."""
    with pytest.raises(BadInput, match=message):
        replay(candle_file(frame(GOOD)), STRATEGY, Mode.DEFAULT, **changes)


def test_prices_that_their_tick_cannot_hold_are_refused() -> None:
    """Below half a tick of 1e-8, or beyond 2^52 of them."""
    for price in (1e-9, 1e8):
        with pytest.raises(InvalidBars, match="between one tick"):
            replay(candle_file(frame([bar("A", 0, price), bar("A", 1, price)])), STRATEGY)


def test_every_column_reads_as_it_stands() -> None:
    """Times may be a Datetime of any unit."""
    times = pl.Series([0, 60_000]).cast(pl.Datetime("ms", "UTC")).cast(pl.Datetime("us", "UTC"))
    found = candle_file(frame(GOOD).with_columns(ts=times))
    assert found.bars.open_ms.dtype == np.int64
    assert found.bars.open_ms.tolist() == [0, 60_000]
