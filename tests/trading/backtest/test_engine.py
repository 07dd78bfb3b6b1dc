"""Frames in, trades and figures out: worked by hand."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from trading.backtest.costs import CostModel
from trading.backtest.engine import TRADES, BacktestRules, run_backtest
from trading.backtest.metrics import METRICS
from trading.market.errors import BadInput, InvalidBars
from trading.risk.exits import ExitRules

COSTS = CostModel(taker_fee=0.01, half_spread=0.001, base_slippage=0.001, impact=0)
FREE = CostModel(taker_fee=0, half_spread=0, base_slippage=0, impact=0)
SMALL = BacktestRules(random_draws=20)


@pytest.fixture
def flat(market):
    """Eight flat bars at 100, a target met in bar 3, a stop in bar 6."""
    bars = [[100, 100, 100, 100, 1.0] for _ in range(8)]
    bars[3] = [100, 120, 100, 100, 1.0]
    bars[6] = [100, 100, 80, 100, 1.0]
    return market.candles("A/USDT", bars)


RULES = ExitRules(stop_loss=0.1, take_profit=0.1, max_hold_bars=None)


def test_a_round_trip_pays_spread_slippage_and_fee_on_both_sides(market, flat) -> None:
    """Paid 100 x 1.002 x 1.01, out at 110.22 (10 % above 100.2) x 0.998 x 0.99."""
    found = run_backtest(
        flat, market.signals(flat, [1], []), market.markets_of(flat, 0.01), RULES, COSTS, rules=SMALL
    )
    row = found.trades.row(0, named=True)
    assert row["open_price"] == pytest.approx(100.2)
    assert row["close_mark"] == pytest.approx(100.2 * 1.1)
    assert row["profit_ratio"] == pytest.approx(110.22 * 0.998 * 0.99 / (100.2 * 1.01) - 1)
    twice = 110.22 * 0.996 * 0.98 / (100 * 1.004 * 1.02) - 1
    assert row["profit_ratio_2x_costs"] == pytest.approx(twice)


def test_metrics_of_one_win_and_one_loss_are_those_of_the_textbook(market, flat) -> None:
    """+10 % then -10 %, no costs: total -1 %, mean 0, profit factor 1, drawdown 10 %."""
    signals = market.signals(flat, [1, 4], [])
    found = run_backtest(flat, signals, market.markets_of(flat, 0.0), RULES, FREE, rules=SMALL)
    row = found.metrics.row(0, named=True)
    assert (row["trades"], row["open_trades"], row["distinct_days"], row["bars"]) == (2, 0, 1, 8)
    assert row["win_rate"] == 0.5
    assert row["total_return"] == pytest.approx(1.1 * 0.9 - 1)
    assert row["mean_return"] == pytest.approx(0, abs=1e-12)
    assert row["sd_return"] == pytest.approx(math.sqrt(2) * 0.1)
    assert row["t_stat"] == pytest.approx(0, abs=1e-9)
    assert row["profit_factor"] == pytest.approx(1.0)
    assert row["expectancy"] == pytest.approx(0, abs=1e-12)
    assert row["max_drawdown"] == pytest.approx(0.1)
    assert row["exposure"] == pytest.approx(2 / 8)  # held 1 bar and 1 bar
    assert row["avg_hold_bars"] == 1.0
    assert row["buy_and_hold"] == pytest.approx(0)
    assert row["sharpe"] is None  # one day only


def test_sharpe_and_sortino_come_from_daily_equity_over_365_days(market) -> None:
    """Three days of +10 %, -5 %, +2 %: mean / deviation x sqrt(365), downside over all days."""
    closes = [100.0] * 95 + [110.0] + [110.0] * 95 + [104.5] + [104.5] * 95 + [106.59]
    bars = [[price] * 4 + [1.0] for price in closes]
    frame = market.candles("A/USDT", bars)
    rules = ExitRules(stop_loss=0.9, take_profit=None, max_hold_bars=None)
    found = run_backtest(
        frame, market.signals(frame, [0], []), market.markets_of(frame, 0.0), rules, FREE, rules=SMALL
    )
    daily = np.array([0.10, -0.05, 0.02])
    row = found.metrics.row(0, named=True)
    assert row["sharpe"] == pytest.approx(daily.mean() / daily.std(ddof=1) * math.sqrt(365))
    assert row["sortino"] == pytest.approx(daily.mean() / math.sqrt(0.05**2 / 3) * math.sqrt(365))
    assert row["open_trades"] == 1
    assert row["trades"] == 0
    assert row["total_return"] is None


def test_the_last_trade_stays_open_and_is_valued_at_the_last_close(market, flat) -> None:
    """An entry in the last bar has nowhere to go yet."""
    found = run_backtest(
        flat, market.signals(flat, [6], []), market.markets_of(flat, 0.0), RULES, FREE, rules=SMALL
    )
    row = found.trades.row(0, named=True)
    assert (row["is_open"], row["exit_reason"], row["bars_held"], row["close_mark"]) == (True, "open", 0, 100)


def test_signal_ids_stay_on_the_trades(market, flat) -> None:
    """The lineage id of the signal row is the trade's `signal_id`."""
    signals = market.signals(flat, [1], []).with_columns(lineage_id=pl.lit("sig-1-1"))
    found = run_backtest(flat, signals, market.markets_of(flat), RULES, rules=SMALL)
    assert found.trades["signal_id"].to_list() == ["sig-1-1"]


def test_an_open_far_above_the_signals_close_is_not_bought(market) -> None:
    """A live entry carries a limit; so does this one."""
    frame = market.candles(
        "A/USDT", [[100, 100, 100, 100, 1], [102, 102, 102, 102, 1], [102, 102, 102, 102, 1]]
    )
    signals, markets = market.signals(frame, [0], []), market.markets_of(frame)
    assert run_backtest(frame, signals, markets, rules=BacktestRules(entry_limit=0.01)).trades.is_empty()
    assert len(run_backtest(frame, signals, markets, rules=BacktestRules(entry_limit=0.03)).trades) == 1


def test_one_symbols_figures_do_not_depend_on_the_others(market) -> None:
    """Random entries are seeded per symbol; bars of neighbours are never touched."""
    frame = market.walk(1, symbols=4, bars=300)
    rng = np.random.default_rng(0)
    signals = frame.select(
        "symbol", "open_time", is_entry=pl.Series(rng.random(1200) < 0.05), is_exit=pl.lit(False)
    )
    together = run_backtest(frame, signals, market.markets_of(frame))
    for symbol in frame["symbol"].unique():
        mine = pl.col("symbol") == symbol
        alone = run_backtest(
            frame.filter(mine), signals.filter(mine), market.markets_of(frame), bar_ms=900_000
        )
        same = [name for name in METRICS if name != "market_excess"]
        # Sums may be taken in another order on another slice: rounding is allowed, nothing else.
        assert_frame_equal(
            alone.metrics.select(same), together.metrics.filter(mine).select(same), rel_tol=1e-9
        )


def test_the_same_run_twice_gives_the_same_bytes(market) -> None:
    """Versions are named by content: a rerun must not look like news."""
    frame = market.walk(2, symbols=20, bars=200)
    rng = np.random.default_rng(0)
    signals = frame.select(
        "symbol", "open_time", is_entry=pl.Series(rng.random(4000) < 0.1), is_exit=pl.lit(False)
    )
    runs = [run_backtest(frame, signals, market.markets_of(frame)) for _ in range(3)]
    for run in runs[1:]:
        assert run.metrics.equals(runs[0].metrics)
        assert run.trades.equals(runs[0].trades)


def test_market_excess_takes_out_what_every_symbol_did(market) -> None:
    """Two symbols that both double between signal and exit: the trade's gain is the market's."""
    bars = [[100, 100, 100, 100, 1], [100, 100, 100, 100, 1], [200, 200, 200, 200, 1]]
    frame = pl.concat([market.candles(name, bars) for name in ("A/USDT", "B/USDT")])
    signals = market.signals(frame, [0], [])
    found = run_backtest(
        frame, signals, market.markets_of(frame, 0.0), ExitRules(0.5, 0.5), FREE, rules=SMALL
    )
    assert found.trades["profit_ratio"].to_list() == pytest.approx([1.0])
    assert found.trades["market_excess"].to_list() == pytest.approx([0.0])


def test_no_candles_give_empty_frames_with_every_column() -> None:
    """A day on which nothing survived screening is no error."""
    found = run_backtest(
        pl.DataFrame(schema={"symbol": pl.String}), pl.DataFrame(), pl.DataFrame(), rules=SMALL
    )
    assert (dict(found.trades.schema), dict(found.metrics.schema)) == (TRADES, METRICS)


def test_one_bar_is_no_trade_and_no_error(market) -> None:
    """A symbol listed a minute ago."""
    frame = market.candles("A/USDT", [[1, 1, 1, 1, 1]])
    found = run_backtest(frame, market.signals(frame, [0], []), market.markets_of(frame))
    assert found.trades.is_empty()
    assert found.metrics["trades"].to_list() == [0]


@pytest.mark.parametrize(
    ("bar", "message"),
    [
        ([float("nan"), 1, 1, 1, 1], "a bar must have"),
        ([0, 1, 0, 1, 1], "a bar must have"),
        ([1, 0.9, 1, 1, 1], "a bar must have"),
        ([1, 1, 1, 1, -1], "a bar must have"),
    ],
)
def test_bars_no_market_can_print_stop_the_work(market, bar: list[float], message: str) -> None:
    """Wrong data is worse than none."""
    frame = market.candles("A/USDT", [[1, 1, 1, 1, 1], bar])
    with pytest.raises(InvalidBars, match=message):
        run_backtest(frame, market.signals(frame, [0], []), market.markets_of(frame))


def test_two_bars_at_one_time_are_refused(market) -> None:
    """One of them is wrong, and nobody knows which."""
    frame = market.candles("A/USDT", [[1, 1, 1, 1, 1]] * 3)
    with pytest.raises(InvalidBars, match="repeated open_time"):
        run_backtest(pl.concat([frame, frame[1:2]]), market.signals(frame, [0], []), market.markets_of(frame))


def test_rules_outside_their_bounds_are_refused() -> None:
    """The message names value and bound."""
    with pytest.raises(BadInput, match="random_draws must be at least 1, was 0"):
        BacktestRules(random_draws=0)
    with pytest.raises(BadInput, match=r"taker_fee must lie in \[0, 1\), was 1"):
        CostModel(taker_fee=1)


def test_a_trade_of_half_the_stake_earns_and_risks_half(market, flat) -> None:
    """+10 % whole, then -10 % on half: returns 10 % and -5 % of the stake; equity 1.1 × 0.95, no costs."""
    signals = market.signals(flat, [1, 4], [])
    sizes = pl.Series("policy_size", [None, 0.5] + [None] * (len(signals) - 2), dtype=pl.Float64)
    entries = signals.filter("is_entry")
    given = entries.with_columns(sizes.head(len(entries)))
    found = run_backtest(flat, given, market.markets_of(flat, 0.0), RULES, FREE, rules=SMALL)
    assert found.trades["profit_ratio"].to_list() == pytest.approx([0.1, -0.05])
    whole = run_backtest(flat, entries, market.markets_of(flat, 0.0), RULES, FREE, rules=SMALL)
    first, second = whole.trades["amount"]
    assert found.trades["amount"].to_list() == pytest.approx([first, second / 2])
    assert found.trades["exit_reason"].to_list() == whole.trades["exit_reason"].to_list()
    assert found.equity["equity"][-1] == pytest.approx(1.1 * 0.95)
    assert found.metrics["total_return"][0] == pytest.approx(1.1 * 0.95 - 1)
    nobody = entries.with_columns(policy_size=pl.lit(None, pl.Float64))
    same = run_backtest(flat, nobody, market.markets_of(flat, 0.0), RULES, FREE, rules=SMALL)
    assert_frame_equal(same.trades, whole.trades, check_exact=True)
    assert_frame_equal(same.equity, whole.equity, check_exact=True)


def test_half_the_stake_moves_the_market_by_less_when_it_is_bought(market, flat) -> None:
    """A quarter of the volume: impact 0.002 × √0.25 = 10 bps; half of it 7.07, of the entry alone."""
    model = replace(FREE, base_slippage=0.0002, impact=0.002, stake_quote=500.0)
    at = flat["open_time"].max()
    row = {"symbol": flat["symbol"][0], "at": at, "bid": 100.0, "ask": 100.0, "volume_quote_24h": 192_000.0}
    entries = market.signals(flat, [1, 4], []).filter("is_entry")
    asked = {"rules": SMALL, "tickers": pl.DataFrame([row])}
    markets = market.markets_of(flat, 0.0)
    whole = run_backtest(flat, entries, markets, RULES, model, **asked).trades
    half = entries.with_columns(policy_size=pl.lit(0.5))
    found = run_backtest(flat, half, markets, RULES, model, **asked)
    better = (1 + 0.0002 + 0.001 * 0.5**0.5) / (1 + 0.0012)
    assert (found.trades["open_price"] / whole["open_price"]).to_list() == pytest.approx([better] * 2)
    assert found.trades["close_price"].to_list() == whole["close_price"].to_list()
    expected = [0.5 * ((1 + net) / better - 1) for net in whole["profit_ratio"]]
    assert found.trades["profit_ratio"].to_list() == pytest.approx(expected)
    assert found.equity["equity"][-1] == pytest.approx((1 + expected[0]) * (1 + expected[1]))
    doubled = (1 + 2 * (0.0002 + 0.001 * 0.5**0.5)) / (1 + 0.0024)
    twice = [0.5 * ((1 + net) / doubled - 1) for net in whole["profit_ratio_2x_costs"]]
    assert found.trades["profit_ratio_2x_costs"].to_list() == pytest.approx(twice)
