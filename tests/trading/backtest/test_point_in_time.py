"""Leaving the universe and coming back, being delisted, being relisted: what a backtest may know of it.

The situation of freqtrade's issue 13303: a pair that left the list of pairs and came back was continued at
the candle where it had left, so the candles it had missed were traded afterwards. Here a bar is either traded
when it is the present one, or never.
"""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from trading.backtest.costs import CostModel
from trading.backtest.engine import BacktestRules, run_backtest
from trading.market.instruments import INSTRUMENTS, as_series, instrument_id
from trading.risk.exits import ExitRules

BAR = timedelta(minutes=15)
BAR_MS = 900_000
FREE = CostModel(taker_fee=0.0, half_spread=0.0, base_slippage=0.0, impact=0.0)
SMALL = BacktestRules(random_draws=20, volume_share=0, entry_limit=1.0)
HOLD = ExitRules(stop_loss=0.9, take_profit=None, max_hold_bars=3)


def run(market, frame, entries, is_member=None, exits=HOLD):
    """Trade entries at row numbers of one symbol, or a frame of signals; members as a Boolean per row."""
    signals = entries if isinstance(entries, pl.DataFrame) else market.signals(frame, entries, [])
    members = None if is_member is None else members_of(frame, is_member)
    return run_backtest(
        frame,
        signals,
        market.markets_of(frame, 0.0),
        exits,
        FREE,
        rules=SMALL,
        bar_ms=BAR_MS,
        members=members,
    )


def members_of(frame: pl.DataFrame, is_member) -> pl.DataFrame:
    rows = frame.select("symbol", "open_time", is_member=pl.Series(np.asarray(is_member)))
    return rows.with_columns(rule=pl.lit("passed"), source=pl.lit("recorded"))


@pytest.fixture
def rising(market):
    """400 bars whose open is their number: a trade's price tells which bar it was made on."""
    return market.candles("A/USDT", [[k, k + 0.5, k - 0.5, k + 0.25, 9e3] for k in range(1000, 1400)])


def test_a_pair_that_comes_back_is_continued_at_the_present_bar(market, rising) -> None:
    """Signals on every fifth bar; out of the universe for bars 100 to 299.

    By hand: entries at bars 1, 6, ... 96; the signal of bar 95 is the last inside, that of 300 the next.
    """
    inside = [not 100 <= k < 300 for k in range(400)]
    trades = run(market, rising, list(range(0, 400, 5)), inside).trades
    entered = [int(price) - 1000 for price in trades["open_mark"]]
    assert entered == [k + 1 for k in range(0, 400, 5) if not 100 <= k < 300]
    # The price is that of the bar whose time the trade bears: none is made up for afterwards.
    assert trades["open_time"].to_list() == [rising["open_time"][k] for k in entered]
    assert (trades["open_time"] - trades["signal_time"] == BAR).all()


def test_a_signal_missed_outside_is_never_made_up_for(market, rising) -> None:
    """Signals at bars 98, 150, 200 and 298; back from bar 300 on: only the first is traded."""
    inside = [not 100 <= k < 300 for k in range(400)]
    trades = run(market, rising, [98, 150, 200, 298], inside).trades
    assert [int(price) - 1000 for price in trades["open_mark"]] == [99]


def test_candles_that_were_not_held_while_it_was_out_are_a_hole(market, rising) -> None:
    """The bars of 100 to 299 are not there at all: the signal of 99 would enter at 300, and does not."""
    whole = list(range(400))
    kept = rising.filter(pl.Series([not 100 <= k < 300 for k in whole]))
    at = {time: place for place, time in enumerate(rising["open_time"])}
    signals = market.signals(rising, [95, 99, 300], []).filter(pl.col("open_time").is_in(kept["open_time"]))
    trades = run(market, kept, signals).trades
    assert [at[time] for time in trades["open_time"]] == [96, 301]


def test_a_position_held_when_the_pair_leaves_ends_at_its_own_bar(market, rising) -> None:
    """Entered at bar 99, out from 100 on: its hold of three bars ends at 102, not when the pair is back."""
    inside = [not 100 <= k < 300 for k in range(400)]
    row = run(market, rising, [98], inside).trades.row(0, named=True)
    assert (int(row["open_mark"]), int(row["close_mark"]), row["bars_held"]) == (1099, 1102, 3)
    assert row["exit_reason"] == "max_hold"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_leaves_and_comes_back_no_bar_is_traded_twice_or_late(market, seed: int) -> None:
    """12 pairs, each in and out at random; every trade has its bar's price, after the one before it ended."""
    rng = np.random.default_rng(seed)
    frame = market.walk(seed, symbols=12, bars=300)
    inside = np.concatenate([np.repeat(rng.random(30) < 0.6, 10) for _ in range(frame["symbol"].n_unique())])
    signals = frame.select(
        "symbol", "open_time", is_entry=pl.Series(rng.random(len(frame)) < 0.2), is_exit=pl.lit(value=False)
    )
    trades = run(market, frame, signals, inside).trades
    assert trades.height > 100
    told = trades.join(
        members_of(frame, inside).select("symbol", "is_member", signal_time="open_time"),
        on=["symbol", "signal_time"],
    )
    assert told["is_member"].all()
    bars = trades.join(frame.select("symbol", "open_time", "open"), on=["symbol", "open_time"])
    assert bars.height == trades.height
    assert (bars["open"] - bars["open_mark"]).abs().max() < 1e-9
    assert (trades["open_time"] - trades["signal_time"] == BAR).all()
    ordered = trades.sort("symbol", "open_time").with_columns(
        before=pl.col("close_time").shift(1).over("symbol")
    )
    assert (ordered["open_time"] > ordered["before"]).all()
    # Exactly the trades of a run that is only told the signals inside: membership does nothing else.
    only = signals.with_columns(pl.col("is_entry") & pl.Series(inside))
    assert trades.equals(run(market, frame, only).trades)


def test_a_delisted_pair_stays_in_with_what_it_lost(market) -> None:
    """Its candles end at bar 49 while the other's go on; the last trade is valued at its last close."""
    dead = market.candles("DEAD/USDT", [[100 - k, 100 - k, 99 - k, 99 - k, 9e3] for k in range(50)])
    alive = market.candles("LIVE/USDT", [[100, 100, 100, 100, 9e3] for _ in range(200)])
    frame = pl.concat([dead, alive])
    signals = market.signals(dead, [0, 10, 47], [])
    found = run(market, frame, signals)
    row = found.metrics.filter(symbol="DEAD/USDT").row(0, named=True)
    # Entered at bars 1 and 11, left three bars later: 96 / 99 - 1 and 86 / 89 - 1.
    assert row["total_return"] == pytest.approx(96 / 99 * 86 / 89 - 1)
    assert (row["trades"], row["open_trades"], row["bars"]) == (2, 1, 50)
    opened = found.trades.filter(pl.col("is_open")).row(0, named=True)
    assert (opened["open_mark"], opened["close_mark"]) == (52.0, 50.0)
    assert found.metrics.height == 2


def test_a_relisted_name_is_another_instrument(market) -> None:
    """Bars 0 to 59 are one coin at 100, bars from 60 on another at 1: no trade, figure or entry joins them.

    The signal of bar 59 belongs to the first; it has no next bar, and the second's first bar is not it.
    """
    old = [[100.0, 101.0, 99.0, 100.0, 9e3] for _ in range(60)]
    new = [[1.0, 1.01, 0.99, 1.0, 9e5] for _ in range(60)]
    frame = market.candles("LUNA/USDT", old + new)
    born = [frame["open_time"][0], frame["open_time"][60]]
    ids = [instrument_id("LUNA/USDT", at) for at in born]
    row = dict.fromkeys(INSTRUMENTS, None) | {"symbol": "LUNA/USDT"}
    table = pl.DataFrame(
        [row | {"instrument_id": name, "start": at} for name, at in zip(ids, born, strict=True)],
        schema=INSTRUMENTS,
    )
    series = as_series(frame, table)
    signals = as_series(market.signals(frame, [50, 58, 59, 70], []), table)
    trades = run(
        market, series, signals, exits=ExitRules(stop_loss=0.5, take_profit=None, max_hold_bars=30)
    ).trades
    assert trades.select("symbol", "open_mark", "close_mark", "is_open").rows() == [
        ("LUNA/USDT", 1.0, 1.0, False),
        (ids[0], 100.0, 100.0, True),
    ]
    # Taken for one coin, the first trade would have run into the second's prices and lost 99 %.
    mixed = run(market, frame, market.signals(frame, [50], []), exits=ExitRules(stop_loss=0.5)).trades
    assert mixed["profit_ratio"].item() == pytest.approx(-0.99)
