"""The research line on the one engine: market ticks and steps, the share of volume, the gap of fill rules."""

import numpy as np
import polars as pl
import pytest

from trading.backtest.candle_file import MarketRules, candle_file
from trading.backtest.costs import CostModel
from trading.backtest.engine import BacktestRules, run_backtest
from trading.backtest.replay import replay
from trading.backtest.strategy_file import parse_strategy
from trading.market.errors import BadInput
from trading.market.ticks import Grid
from trading.risk.exits import ExitRules

FREE = CostModel(taker_fee=0, half_spread=0, base_slippage=0, impact=0)
RULES = BacktestRules(random_draws=5)
EXITS = ExitRules(stop_loss=0.1, take_profit=0.1, max_hold_bars=None)


def test_levels_and_prices_lie_on_the_market_s_tick(market) -> None:
    """Tick 0.5: 100 + 0.1 % is 100.1, paid 100.5; the stop 90.45 becomes 90.5, sold 0.1 % lower at 90."""
    frame = market.candles("A/USDT", [[100, 100, 100, 100, 1e3]] * 2 + [[100, 100, 80, 90, 1e3]] * 2)
    listed = market.markets_of(frame, 0.0).with_columns(tick=pl.lit(0.5), step=pl.lit(0.1))
    costs = CostModel(taker_fee=0, half_spread=0.001, base_slippage=0, impact=0, stake_quote=500)
    row = run_backtest(frame, market.signals(frame, [0], []), listed, EXITS, costs, rules=RULES).trades.row(
        0, named=True
    )
    assert (row["open_price"], row["close_mark"], row["close_price"]) == (100.5, 90.5, 90.0)
    assert row["amount"] == pytest.approx(4.9)  # 500 / 100.5 = 4.975 cut to whole tenths
    assert row["profit_ratio"] == pytest.approx(90.0 / 100.5 - 1)


def test_an_order_below_the_market_s_minimum_or_the_volume_is_not_made(market) -> None:
    """A tenth of 30 units is 3 units, 300 quote: above a minimum of 300, below one of 301."""
    frame = market.candles("A/USDT", [[100, 100, 100, 100, 30.0]] * 4)
    signals, listed = market.signals(frame, [0], []), market.markets_of(frame, 0.0)
    for least, amounts in ((300.0, [3.0]), (301.0, [])):
        bounded = listed.with_columns(tick=pl.lit(0.01), step=pl.lit(1.0), min_cost=pl.lit(least))
        found = run_backtest(frame, signals, bounded, EXITS, FREE, rules=RULES)
        assert found.trades["amount"].to_list() == amounts
    whole = run_backtest(frame, signals, listed, EXITS, FREE, rules=BacktestRules(volume_share=0.0))
    assert whole.trades["amount"].to_list() == [5.0]
    with pytest.raises(BadInput, match=r"volume_share must lie in \[0, 1\], was 2"):
        BacktestRules(volume_share=2)


def test_a_price_that_is_no_whole_tick_has_a_tick_of_its_own(market) -> None:
    """A market named with a tick above its price (a listing of another coin) does not lose the trade."""
    frame = market.candles("A/USDT", [[0.002, 0.002, 0.002, 0.002, 1e9]] * 4)
    listed = market.markets_of(frame, 0.0).with_columns(tick=pl.lit(0.01))
    found = run_backtest(frame, market.signals(frame, [0], []), listed, EXITS, FREE, rules=RULES).trades
    assert found["open_price"].to_list() == [pytest.approx(0.002)]


def test_fragility_is_what_freqtrade_s_fills_add_at_the_same_costs(market) -> None:
    """A gap to 80 through the stop at 90: we get 80, freqtrade 90 if the bar comes back; both pay 1 %."""
    bars = [[100, 100, 100, 100, 1e3]] * 2 + [[80, 95, 80, 95, 1e3]] + [[95, 95, 95, 95, 1e3]] * 2
    frame = market.candles("A/USDT", bars)
    listed = market.markets_of(frame, 0.01).with_columns(tick=pl.lit(0.01))
    row = run_backtest(frame, market.signals(frame, [0], []), listed, EXITS, FREE, rules=RULES).metrics.row(
        0, named=True
    )
    kept = 0.99 / 1.01
    assert row["total_return"] == pytest.approx(0.8 * kept - 1)
    assert row["total_return_freqtrade"] == pytest.approx(0.9 * kept - 1)
    assert row["fragility"] == pytest.approx(0.1 * kept)
    assert (row["ambiguous_bars"], row["resolved_bars"]) == (0, 0)


def test_without_a_trade_in_either_mode_there_is_no_fragility(market) -> None:
    """Null, which the gate calls not measured: it had too few trades anyway."""
    frame = market.candles("A/USDT", [[100, 100, 100, 100, 1.0]] * 4)
    found = run_backtest(frame, market.signals(frame, [], []), market.markets_of(frame), rules=RULES)
    assert found.metrics["fragility"].to_list() == [None]


def test_a_bar_that_touched_both_levels_is_counted_and_finer_bars_resolve_it(market) -> None:
    """Bar 2 spans 85 to 115 round stop 90 and target 110. Minutes say: up first."""
    bars = [[100, 100, 100, 100, 1e3]] * 2 + [[100, 115, 85, 100, 1e3]] + [[100, 100, 100, 100, 1e3]]
    frame = market.candles("A/USDT", bars)
    signals, listed = market.signals(frame, [0], []), market.markets_of(frame, 0.0)
    blind = run_backtest(frame, signals, listed, EXITS, FREE, rules=RULES)
    assert blind.trades["exit_reason"].to_list() == ["stop_loss"]
    assert blind.metrics.select("ambiguous_bars", "resolved_bars").row(0) == (1, 0)
    start = frame["open_time"].dt.epoch("ms")[2]
    fine = pl.DataFrame(
        {"symbol": "A/USDT", "ts": [start, start + 60_000], "open": [100.0, 112.0], "high": [112.0, 115.0],
         "low": [100.0, 85.0], "close": [112.0, 100.0], "volume": [1.0, 1.0]}
    )  # fmt: skip
    told = run_backtest(frame, signals, listed, EXITS, FREE, rules=RULES, detail=candle_file(fine))
    assert told.trades["exit_reason"].to_list() == ["take_profit"]
    assert told.metrics.select("ambiguous_bars", "resolved_bars").row(0) == (0, 1)


def test_the_line_and_a_strategy_file_trade_the_same(market) -> None:
    """Signals of an expression handed to the line as rows: times, rates and amounts are those of the file."""
    strategy = parse_strategy(
        """
        [entry]
        when = "close < close[1] AND close[1] < close[2]"
        limit = 0.01
        [exit]
        when = "close > close[1] AND close[1] > close[2]"
        [risk]
        stoploss = 0.01
        trailing = { stop = 0.005, offset = 0.01 }
        max_hold = "4h"
        [stake]
        amount = 500
        [costs]
        fee = 0.001
        half_spread = 0.0005
        slippage = 0.0002
        impact = 0
        """
    )
    frame = market.walk(3, symbols=5, bars=400)
    names = frame["symbol"].unique().sort().to_list()
    rules = dict.fromkeys(names, MarketRules(Grid.of("0.0001"), Grid.of("0.01", "step"), 0.0, 5.0))
    wanted = replay(candle_file(frame.rename({"open_time": "ts"})), strategy, markets=rules).trades
    assert strategy.exit_ is not None
    signals = frame.select("symbol", "open_time").with_columns(
        is_entry=strategy.entry.of(frame), is_exit=strategy.exit_.of(frame)
    )
    listed = pl.DataFrame(
        {"symbol": names, "taker_fee": 0.001, "tick": 0.0001, "step": 0.01, "min_cost": 5.0}
    )
    exits = ExitRules(0.01, None, 0.005, 0.01, max_hold_bars=16, use_exit_signal=True)
    found = run_backtest(frame, signals, listed, exits, CostModel(impact=0), rules=RULES).trades
    found, wanted = found.sort("symbol", "open_time"), wanted.sort("symbol", "open_ts")
    assert len(found) > 100
    assert found["open_time"].to_list() == wanted["open_ts"].to_list()
    assert found["close_time"].to_list() == wanted["close_ts"].to_list()
    for ours, theirs in (("open_price", "open_rate"), ("close_price", "close_rate"), ("amount", "amount"),
                         ("profit_ratio", "profit_ratio")):  # fmt: skip
        np.testing.assert_allclose(found[ours], wanted[theirs], rtol=1e-12)
