"""Candle and market files: what is read, and one clear error per kind of bad input."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.backtest.candle_file import MarketRules, candle_file, filled, read_candles, read_markets
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy_file import parse_strategy
from trading.market.errors import BadInput, InvalidBars
from trading.market.ticks import Grid

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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.col("close").cast(pl.String), "close must be numbers, was String"),
        (pl.concat_list("volume").alias("volume"), "volume must be numbers, was List"),
        (pl.lit(7).alias("symbol"), "symbol must be text, was Int32"),
        (pl.col("ts").cast(pl.String), "ts must be a time or whole milliseconds UTC, was String"),
        # The year 2024 in microseconds, and bars of five minutes in seconds.
        (pl.col("ts") * 1000 + 1_704_067_200_000_000, "row 0: ts must be a time from 1970 to 2200"),
        (pl.col("ts") // 200 + 1_704_067_200, "whole seconds apart, the smallest step was 300 ms"),
    ],
)
def test_a_column_of_another_kind_is_refused(change: pl.Expr, message: str) -> None:
    """What polars could not convert, and times of another unit, are told before anything is computed."""
    with pytest.raises(InvalidBars, match=message):
        candle_file(frame(GOOD).with_columns(change))


def test_holes_too_wide_to_fill_are_refused() -> None:
    """A second, then a hole of fifty years: 1.6 billion bars are not made, the bound is told."""
    rows = [("A", ts, 2.0, 2.0, 2.0, 2.0, 1.0) for ts in (0, 1000, 1_577_836_800_000)]
    with pytest.raises(InvalidBars, match=r"would make 1,577,836,801 bars, at most 50,000,000"):
        filled(candle_file(frame(rows)))


def test_freqtrade_sizes_by_the_open_before_it_is_rounded() -> None:
    """Tick 10: an open of 9319 is paid at 9320, but 1000 / 9319 buys 0.10730, where 9320 would buy 0.10729.

    Found against freqtrade itself (seeded 30m walks of whole prices under a tick of 10, 56 of 59 amounts).
    """
    rows = [bar("A", place, 9319.0) for place in range(40)]
    rules = parse_strategy('[entry]\nwhen = "close > 1"\n[risk]\nstoploss = 0.1\n[stake]\namount = 1000\n')
    market = {"A": MarketRules(Grid.of(10), Grid.of("0.00001", "step"))}
    trades = replay(candle_file(frame(rows)), rules, Mode.FREQTRADE, fee=0.001, markets=market).trades
    assert trades["open_rate"].to_list() == [9320.0]
    assert trades["amount"].to_list() == [0.1073]
    # 0.1073 × 9320 × 0.002 = 2.000072 of 1001.036036 paid, in money of eight decimals.
    assert trades["profit_ratio"].to_list() == [pytest.approx(-2.000072 / 1001.036036, abs=1e-15)]


@pytest.mark.parametrize(("open_", "reason"), [(9316.0, "roi"), (9324.0, "force_exit")])
def test_freqtrade_takes_no_target_in_a_falling_first_bar_entered_below_its_open(open_, reason) -> None:
    """Bought at 9320 both times; its rule against highs that came first bites where the open lay above that.

    The bar's high of 9600 passed the target of 1 %, its close of 9310 lies below the open.
    """
    last = bar("A", 2, open_, high=9600.0, low=9300.0, close=9310.0)
    rows = [*(bar("A", place, 9310.0) for place in range(2)), last, bar("A", 3, 9320.0), bar("A", 4, 9320.0)]
    text = (
        '[entry]\nwhen = "close > 1"\n[risk]\nstoploss = 0.1\nroi = { "0" = 0.01 }\n[stake]\namount = 1000\n'
    )
    rules = parse_strategy("startup = 1\n" + text)
    market = {"A": MarketRules(Grid.of(10), Grid.of("0.00001", "step"))}
    trades = replay(candle_file(frame(rows)), rules, Mode.FREQTRADE, fee=0.0, markets=market).trades
    assert (trades["open_rate"][0], trades["exit_reason"][0]) == (9320.0, reason)


def test_a_freqtrade_sale_outside_its_bar_rests_until_a_bar_reaches_it() -> None:
    """Tick 10: sold by signal at an open of 9316, which is the high: 9320 is reached by the next bar only."""
    rows = [
        *(bar("A", place, 9310.0) for place in range(2)),
        bar("A", 2, 9000.0),
        bar("A", 3, 9000.0, high=9100.0, close=9100.0),
        bar("A", 4, 9316.0, low=9200.0, close=9250.0),
        bar("A", 5, 9260.0, high=9330.0, low=9250.0, close=9300.0),
        bar("A", 6, 9300.0),
    ]
    text = '[entry]\nwhen = "close == 9000"\n[exit]\nwhen = "close == 9100"\n'
    text += "[risk]\nstoploss = 0.1\n[stake]\namount = 1000\n"
    market = {"A": MarketRules(Grid.of(10), Grid.of("0.00001", "step"))}
    rules = parse_strategy("startup = 1\n" + text)
    trade = replay(candle_file(frame(rows)), rules, Mode.FREQTRADE, fee=0.0, markets=market).trades.row(
        0, named=True
    )
    assert (trade["close_rate"], trade["exit_reason"]) == (9320.0, "exit_signal")
    assert trade["close_ts"].minute == 5


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
        ({"A": {"min_cost": True}}, "min_cost of A must be a number from 0 on, was True"),
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
