"""Strategies that come with Sluice: each trades, knows nothing of later bars, and waits until it is warm."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.backtest.candle_file import CandleFile, candle_file, read_candles
from trading.backtest.columns import thin_columns
from trading.backtest.replay import Mode, replay, strategy_signals
from trading.backtest.shipped import DEFAULT, names, shipped_strategy, strategy_named, text_of
from trading.backtest.strategy_file import parse_strategy
from trading.backtest.strategy_reader import BadStrategy
from trading.indicators import catalogue
from trading.market.errors import BadInput
from trading.signals.line_columns import LINE_COLUMNS, line_only

REAL = Path(__file__).resolve().parents[3] / "../shared/data/ohlcv_1h_spot_2022.parquet"
ON_THE_LINE = {"rsi_regime", "model_driven"}
ON_CANDLES = sorted(set(names()) - ON_THE_LINE)


@pytest.fixture(scope="module")
def made(request) -> pl.DataFrame:
    """Twenty random walks of 2,000 bars with fat tails, loud enough for every rule to fire."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("markets", Path(__file__).parent / "markets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.walk(5, symbols=20, bars=2000, volatility=0.01).rename({"open_time": "ts"})


def test_the_six_classic_ones_and_the_model_s_are_there_with_the_line_s_default() -> None:
    """Names of the issue, in files that say idea, source, failure and numbers before anything else."""
    assert set(names()) == {
        "rsi_mean_reversion",
        "ema_trend",
        "bollinger_breakout",
        "donchian_turtle",
        "volatility_squeeze",
        "cross_sectional_momentum",
        "model_driven",
        "rsi_regime",
    }
    assert DEFAULT in names()
    for name in names():
        head = text_of(name).split("name =")[0]
        assert [word for word in ("Idea", "Source", "Fails", "Numbers") if f"# {word}" not in head] == []
        assert re.search(r"\((19|20)\d\d\)|: docs/| \d\d \((19|20)\d\d\)", head), name
        assert shipped_strategy(name).name == name
        assert shipped_strategy(name).about


@pytest.mark.parametrize("name", names())
def test_the_first_signal_waits_until_every_column_is_warm(name: str) -> None:
    """Bars until a column has forgotten its seed, and bars that are looked back, fit in startup."""
    strategy = shipped_strategy(name)
    if name in ON_THE_LINE:
        assert line_only(strategy.entry.columns)
        return  # the line's table is null until a column is warm
    for each in strategy.expressions:
        assert thin_columns(each.indicators, strategy.startup) == {}
        need = max((catalogue.warm_up(column) for column in each.indicators), default=1) + each.reach
        assert need <= strategy.startup + 1


@pytest.mark.parametrize("name", ON_CANDLES)
def test_it_trades_on_made_candles_in_both_modes(name: str, made: pl.DataFrame) -> None:
    """At least ten trades, none before startup."""
    candles, strategy = candle_file(made), shipped_strategy(name)
    for mode in Mode:
        found = replay(candles, strategy, mode).trades
        assert len(found) >= 10
        first = made.group_by("symbol").agg(pl.col("ts").sort().slice(strategy.startup + 1, 1).first())
        early = found.join(first, on="symbol").filter(pl.col("open_ts") < pl.col("ts"))
        assert early.is_empty()


@pytest.mark.parametrize("name", ON_CANDLES)
def test_its_signals_do_not_know_later_bars(name: str, made: pl.DataFrame) -> None:
    """Candles cut after bars 1,200 and 1,601 give the same entries, exits and stakes up to there."""
    strategy = shipped_strategy(name)
    whole, full = _signals(candle_file(made), strategy)
    for keep in (1200, 1601):
        part, signals = _signals(
            candle_file(made.group_by("symbol", maintain_order=True).head(keep)), strategy
        )
        rows = np.concatenate([np.arange(keep) + first for first in whole.bars.offsets[:-1]])
        assert np.array_equal(whole.bars.open_ms[rows], part.bars.open_ms)
        for ours, theirs in zip(full, signals, strict=True):
            if len(ours):
                np.testing.assert_array_equal(ours[rows], theirs)


def _signals(candles: CandleFile, strategy) -> tuple:
    bars = candles.bars._replace(per_unit=np.full(len(candles.symbols), 1e8))
    return candles, strategy_signals(bars, strategy)[0]


@pytest.mark.skipif(not REAL.exists(), reason="recorded candles are not on this machine")
@pytest.mark.parametrize("name", ON_CANDLES)
def test_it_trades_on_real_hours_of_2022(name: str) -> None:
    """55 spot pairs with LUNA and FTX: it trades, and nothing loses more than all of it."""
    found = replay(read_candles(REAL), shipped_strategy(name)).trades
    assert len(found) > 50
    assert found["profit_ratio"].is_finite().all()
    assert found["profit_ratio"].min() > -1


@pytest.mark.parametrize("name", sorted(ON_THE_LINE))
def test_what_only_the_line_knows_is_refused_over_a_candle_file(name: str, made: pl.DataFrame) -> None:
    """One sentence that names the columns and where they are known."""
    with pytest.raises(BadInput, match=r"candles do not say; only the line knows \(the asset `signals`\)"):
        replay(candle_file(made), shipped_strategy(name))
    assert set(line_only(shipped_strategy(name).entry.columns)) <= set(LINE_COLUMNS)


def test_a_name_that_is_none_lists_those_there_are() -> None:
    """A path needs its ending; anything else is taken for a name."""
    with pytest.raises(
        BadStrategy, match=r"no strategy 'rsi'; shipped: bollinger_breakout, .*volatility_squeeze; or"
    ):
        strategy_named("rsi")
    with pytest.raises(BadStrategy, match=r"none.toml cannot be read"):
        strategy_named("none.toml")


def test_a_target_of_the_price_stands_instead_of_one_of_profit(market) -> None:
    """take_profit 5 % of 100 sells at 105 in both modes, whatever the fee; beside roi it is refused."""
    bars = [[100, 100, 100, 100, 1e3]] * 2 + [[100, 106, 100, 106, 1e3]] + [[106, 106, 106, 106, 1e3]] * 2
    candles = candle_file(market.candles("A/USDT", bars).rename({"open_time": "ts"}))
    head, tail = '[entry]\nwhen = "close < 101"\n[risk]\nstoploss = 0.5\n', "[stake]\namount = 500\n"
    plain = "[costs]\nfee = 0.01\nhalf_spread = 0\nslippage = 0\nimpact = 0\n"
    strategy = parse_strategy(head + "take_profit = 0.05\n" + tail + plain)
    for mode in Mode:
        row = replay(candles, strategy, mode).trades.row(0, named=True)
        assert (row["exit_reason"], row["close_rate"]) == ("roi", pytest.approx(105.0))
    with pytest.raises(BadStrategy, match=r"strategy:5: risk.take_profit stands instead of risk.roi"):
        parse_strategy(head + 'take_profit = 0.05\nroi = { "0" = 0.1 }\n' + tail)
    with pytest.raises(BadStrategy, match=r"risk.take_profit must be a number"):
        parse_strategy(head + "take_profit = 0\n" + tail)
