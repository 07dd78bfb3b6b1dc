"""The compiled kernel: the same candle cases as the exit machine, and a slow reference on random candles."""

import importlib.util
import json
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.costs import CostModel
from trading.backtest.engine import BacktestRules, run_backtest
from trading.risk.exits import ExitRules

_HERE = Path(__file__).parent
_DATA = json.loads((_HERE.parent / "risk" / "candle_cases.json").read_text())
# The research line has no tick and no ladder; the cases that need them run through the portfolio loop.
_PLAIN = [case for case in _DATA["cases"] if "tick" not in case and "ladder" not in case]
FREE = CostModel(taker_fee=0, half_spread=0, base_slippage=0, impact=0)
RULES = BacktestRules(random_draws=5, entry_limit=0.05)


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"backtest_{name}", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MARKET, REFERENCE = _load("markets"), _load("reference")


@pytest.mark.parametrize("case", _PLAIN, ids=[case["name"] for case in _PLAIN])
def test_the_kernel_ends_each_candle_case_as_the_exit_machine_does(case: dict) -> None:
    """A signal bar in front of the case's bars makes the entry at the open of its bar 0."""
    frame = MARKET.candles("A/USDT", [[100, 100, 100, 100, 1], *case["bars"]])
    exits = [place + 1 for place in case.get("exit_signal_on", [])]
    signals = MARKET.signals(frame, [0], exits)
    rules = ExitRules(**(_DATA["defaults"] | case.get("rules", {})))
    found = run_backtest(frame, signals, MARKET.markets_of(frame, 0.0), rules, FREE, rules=RULES).trades
    assert len(found) == 1
    row = found.row(0, named=True)
    if case["expect"] is None:
        assert (row["exit_reason"], row["is_open"]) == ("open", True)
        return
    bar, reason, price = case["expect"]
    assert row["exit_reason"] == reason
    assert row["close_time"] - row["open_time"] == timedelta(minutes=15) * bar
    assert row["close_mark"] == pytest.approx(price, abs=1e-9)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[dict], set[int], set[int]]:
    """Bars with gaps in price and time, dead bars, and signals anywhere."""
    n = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars, close, time = [], 100.0, 0
    for _ in range(n):
        time += 1 if rng.random() < 0.93 else int(rng.integers(2, 5))
        open_ = close * float(np.exp(rng.normal(0, 0.004)))
        close = open_ * float(np.exp(rng.normal(0, 0.015)))
        high = max(open_, close) * (1 + abs(float(rng.normal(0, 0.005))))
        low = min(open_, close) * (1 - abs(float(rng.normal(0, 0.005))))
        volume = 0.0 if rng.random() < 0.08 else 1.0
        bars.append({"t": time, "o": open_, "h": high, "l": low, "c": close, "v": volume})
    marks = rng.random((2, n))
    entries = {k for k in range(n) if marks[0, k] < 0.3}
    return bars, entries, {k for k in range(n) if marks[1, k] < 0.15}


exit_rules = st.builds(
    ExitRules,
    stop_loss=st.sampled_from([0.005, 0.02, 0.2]),
    take_profit=st.sampled_from([None, 0.005, 0.03]),
    trailing_stop=st.sampled_from([None, 0.004, 0.02]),
    trailing_offset=st.sampled_from([0.0, 0.01]),
    max_hold_bars=st.sampled_from([None, 1, 3, 10]),
    use_exit_signal=st.booleans(),
)


def _frames(bars: list[dict], entries: set[int], exits: set[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    raw = [[bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]] for bar in bars]
    times = [MARKET.START + MARKET.BAR * bar["t"] for bar in bars]
    frame = MARKET.candles("A/USDT", raw).with_columns(pl.Series("open_time", times).cast(MARKET.UTC_MS))
    return frame, MARKET.signals(frame, sorted(entries), sorted(exits))


@settings(max_examples=150, deadline=None)
@given(history=histories(), rules=exit_rules, costs=st.sampled_from([FREE, CostModel()]))
def test_the_kernel_equals_the_slow_reference_trade_by_trade(
    history: tuple[list[dict], set[int], set[int]], rules: ExitRules, costs: CostModel
) -> None:
    """Rows, marks and reasons agree on random candles with holes, dead bars and gaps."""
    bars, entries, exits = history
    frame, signals = _frames(bars, entries, exits)
    found = run_backtest(
        frame, signals, MARKET.markets_of(frame, 0.0), rules, costs, rules=RULES, bar_ms=900_000
    ).trades
    price_cost = costs.half_spread + costs.base_slippage
    settings_ = {name: getattr(rules, name) for name in ExitRules.__slots__}
    expected = REFERENCE.trades(bars, entries, exits, settings_, price_cost, RULES.entry_limit)
    times = frame["open_time"].to_list()
    assert found["exit_reason"].to_list() == [trade.reason for trade in expected]
    assert found["signal_time"].to_list() == [times[trade.signal] for trade in expected]
    assert found["close_time"].to_list() == [times[trade.leave] for trade in expected]
    np.testing.assert_allclose(found["open_mark"], [trade.entry_mark for trade in expected], rtol=1e-12)
    np.testing.assert_allclose(found["close_mark"], [trade.exit_mark for trade in expected], rtol=1e-12)


@settings(max_examples=80, deadline=None)
@given(history=histories(), rules=exit_rules)
def test_fills_lie_inside_their_bar_and_follow_their_signal(
    history: tuple[list[dict], set[int], set[int]], rules: ExitRules
) -> None:
    """No entry before the bar after its signal; every mark within low and high of a bar with volume."""
    bars, entries, exits = history
    frame, signals = _frames(bars, entries, exits)
    found = run_backtest(frame, signals, MARKET.markets_of(frame), rules, rules=RULES, bar_ms=900_000).trades
    by_time = {row["open_time"]: row for row in frame.iter_rows(named=True)}
    for trade in found.iter_rows(named=True):
        assert trade["open_time"] - trade["signal_time"] == MARKET.BAR
        assert by_time[trade["open_time"]]["open"] == trade["open_mark"]
        assert by_time[trade["open_time"]]["volume"] > 0
        if not trade["is_open"]:
            bar = by_time[trade["close_time"]]
            assert bar["volume"] > 0
            assert bar["low"] * (1 - 1e-12) <= trade["close_mark"] <= bar["high"] * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(history=histories(), rules=exit_rules, keep=st.floats(0.2, 0.95))
def test_a_truncated_history_never_changes_an_earlier_closed_trade(
    history: tuple[list[dict], set[int], set[int]], rules: ExitRules, keep: float
) -> None:
    """What was closed by bar k is the same whether or not later bars are known."""
    bars, entries, exits = history
    frame, signals = _frames(bars, entries, exits)
    k = max(2, int(len(bars) * keep))
    markets = MARKET.markets_of(frame)
    whole = run_backtest(frame, signals, markets, rules, rules=RULES, bar_ms=900_000).trades
    part = run_backtest(frame[:k], signals, markets, rules, rules=RULES, bar_ms=900_000).trades
    until = frame["open_time"][k - 1]
    columns = [name for name in whole.columns if name != "market_excess"]
    closed = whole.filter(~pl.col("is_open") & (pl.col("close_time") <= until))
    assert part.filter(~pl.col("is_open")).select(columns).equals(closed.select(columns))


@settings(max_examples=60, deadline=None)
@given(history=histories(), rules=exit_rules)
def test_equity_is_cash_plus_position_at_every_bar(
    history: tuple[list[dict], set[int], set[int]], rules: ExitRules
) -> None:
    """A separate account that books each trade's cash and amount gives the same equity."""
    bars, entries, exits = history
    frame, signals = _frames(bars, entries, exits)
    found = run_backtest(frame, signals, MARKET.markets_of(frame), rules, rules=RULES, bar_ms=900_000)
    fee, cash, amount = 0.0005, 1.0, 0.0
    opened = {row["open_time"]: row for row in found.trades.iter_rows(named=True)}
    closed = {row["close_time"]: row for row in found.trades.filter(~pl.col("is_open")).iter_rows(named=True)}
    for row in found.equity.join(frame.select("open_time", "close"), on="open_time").iter_rows(named=True):
        if (trade := opened.get(row["open_time"])) is not None:
            amount, cash = cash / (trade["open_price"] * (1 + fee)), 0.0
        if (trade := closed.get(row["open_time"])) is not None:
            cash, amount = amount * trade["close_price"] * (1 - fee), 0.0
        assert row["equity"] == pytest.approx(cash + amount * row["close"], rel=1e-9)
    final = (1 + found.trades["profit_ratio"].filter(~found.trades["is_open"])).product()
    if amount == 0.0:
        assert cash == pytest.approx(final, rel=1e-9)


def test_an_edit_of_the_exit_machine_recompiles_the_kernel() -> None:
    """A digest of the machine's source is part of the loop's closure, which numba's disk cache hashes."""
    from trading.backtest import compiled, entries, every_entry

    cells = [cell.cell_contents for cell in every_entry.every_entry.py_func.__closure__]
    assert compiled.digest(every_entry) ^ entries.ENTRIES_MACHINE in cells


def test_the_grid_of_a_symbol_does_not_hang_on_later_prices() -> None:
    """A price that passes 100 later must not make the ticks of the bars before it coarser."""
    from trading.backtest.block import candle_block

    frame = MARKET.candles("A/USDT", [[99, 99, 99, 99, 1], [99, 99, 99, 99, 1], [500, 500, 500, 500, 1]])
    assert candle_block(frame[:2]).bars.per_unit == candle_block(frame).bars.per_unit == [1e12]
