"""The portfolio loop: the candle cases, a slow portfolio of decimals on random candles, and invariants."""

import importlib.util
import json
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.strategy import Costs, Trailing

_HERE = Path(__file__).parent
_DATA = json.loads((_HERE.parent / "risk" / "candle_cases.json").read_text())
MINUTE = 60_000


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"portfolio_{name}", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


JOBS, SLOW = _load("jobs"), _load("slow_portfolio")


def _case(case: dict, expect: list | None, *, is_freqtrade: bool) -> None:
    """Run one case: a signal bar in front makes the entry at the open of its bar 0; one more bar ends it."""
    rules = _DATA["defaults"] | case.get("rules", {})
    if not rules["use_exit_signal"]:
        case = case | {"exit_signal_on": []}
    target = {} if rules["take_profit"] is None else {"0": rules["take_profit"]}
    ladder = sorted((int(age), goal) for age, goal in (case.get("ladder") or target).items())
    trail, wake = rules["trailing_stop"], rules["trailing_offset"]
    strategy = JOBS.strategy(
        stoploss=rules["stop_loss"],
        roi=tuple(ladder),
        trailing=None if trail is None else Trailing(trail, wake),
        max_hold_min=rules["max_hold_bars"] or 0,
    )
    first, last = case["bars"][0][0], case["bars"][-1][3]
    bars = [[first] * 4 + [1], *case["bars"]]
    if is_freqtrade:
        bars.append([last] * 4 + [1])  # nothing is entered in the last bar of all
    frame = JOBS.frame_of({"A/USDT": [(place, *bar) for place, bar in enumerate(bars)]}, MINUTE)
    said = {name: [row + 1 for row in case.get(f"{name}_signal_on", [])] for name in ("entry", "exit")}
    found = JOBS.play(
        frame,
        strategy,
        {"A/USDT": {0, *said["entry"]}},
        {"A/USDT": set(said["exit"])},
        tick=case.get("tick", 0.001),
        is_freqtrade=is_freqtrade,
    ).trades.row(0, named=True)
    names = {"take_profit": "roi"}
    if expect is None and is_freqtrade:
        assert found["exit_reason"] == "force_exit" or found["close_ts"] == frame["ts"][-1]
    elif expect is None:
        assert (found["exit_reason"], found["is_open"]) == ("force_exit", True)
    else:
        bar, reason, price = expect
        assert found["exit_reason"] == names.get(reason, reason)
        assert found["close_ts"] - found["open_ts"] == timedelta(minutes=bar)
        assert found["close_rate"] == price


CASES = _DATA["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_compiled_loop_ends_each_candle_case_as_worked_out_by_hand(case: dict) -> None:
    """The same data that the live engine's question answers."""
    _case(case, case["expect"], is_freqtrade=False)


PEER_CASES = [case for case in CASES if case.get("freqtrade") is not None and "tick" not in case]


@pytest.mark.parametrize("case", PEER_CASES, ids=[case["name"] for case in PEER_CASES])
def test_the_compiled_loop_ends_each_case_as_freqtrade_does(case: dict) -> None:
    """Prices written with fewer decimals than their levels: freqtrade's tick is that of its candles."""
    bar, reason, price = case["freqtrade"]
    most = max(len(f"{value:.14g}".partition(".")[2]) for row in case["bars"] for value in row[:4])
    if len(f"{price:.14g}".partition(".")[2]) > most:
        pytest.skip("the level lies between the ticks that these candles show")
    _case(case, [bar, reason, price], is_freqtrade=True)


@st.composite
def markets(draw) -> tuple[dict, dict, dict]:
    """One to three symbols of up to 40 bars on a tick of 0.01, with holes, dead bars and gaps."""
    symbols, entries, exits = {}, {}, {}
    for name in ("B/USDT", "A/USDT", "C/USDT")[: draw(st.integers(1, 3))]:
        price, place, bars = draw(st.integers(5_000, 15_000)), draw(st.integers(0, 4)), []
        for _ in range(draw(st.integers(3, 40))):
            opened = max(10, price + draw(st.sampled_from([0, 0, 0, 1, -1, -300, 250])))
            close = max(10, opened + draw(st.integers(-200, 200)))
            high = max(opened, close) + draw(st.integers(0, 150))
            low = max(5, min(opened, close) - draw(st.integers(0, 150)))
            volume = draw(st.sampled_from([1.0, 1.0, 1.0, 0.0]))
            bars.append((place, *(value / 100 for value in (opened, high, low, close)), volume))
            price, place = close, place + draw(st.sampled_from([1, 1, 1, 1, 2]))
        rows = st.sets(st.integers(0, len(bars) - 1), max_size=len(bars))
        symbols[name], entries[name], exits[name] = (
            bars,
            draw(rows),
            draw(rows) if draw(st.booleans()) else set(),
        )
    return symbols, entries, exits


@st.composite
def rule_sets(draw) -> dict:
    """Rules as text fractions, exact to 1e-8."""
    fraction = st.integers(2, 400).map(lambda k: str(Decimal(k) / 10_000))
    ages = sorted(draw(st.sets(st.integers(0, 8), max_size=3)))
    return {
        "tick": "0.01",
        "stop": draw(fraction),
        "ladder": [(age, draw(fraction)) for age in ages],
        "trail": draw(st.none() | fraction),
        "wake": draw(fraction),
        "hold": draw(st.sampled_from([0, 1, 3, 10])),
        "cost": draw(st.sampled_from(["0", "0.0007"])),
        "fee": draw(st.sampled_from(["0", "0.001"])),
        "slots": draw(st.integers(0, 2)),
    }


def _play(market: tuple[dict, dict, dict], rules: dict):
    symbols, entries, exits = market
    strategy = JOBS.strategy(
        stoploss=float(rules["stop"]),
        roi=tuple((age, float(target)) for age, target in rules["ladder"]),
        trailing=None if rules["trail"] is None else Trailing(float(rules["trail"]), float(rules["wake"])),
        max_hold_min=rules["hold"],
        costs=Costs(float(rules["fee"]), float(rules["cost"]), 0.0, 0.0),
    )
    frame = JOBS.frame_of(symbols, MINUTE)
    return JOBS.play(frame, strategy, entries, exits, tick=0.01, slots=rules["slots"], bar_ms=MINUTE).trades


@settings(max_examples=300, deadline=None)
@given(market=markets(), rules=rule_sets())
def test_the_compiled_loop_equals_a_slow_portfolio_of_decimals(market: tuple, rules: dict) -> None:
    """Symbols, bars, marks and reasons, with slots and without, on random candles."""
    found = _play(market, rules)
    minutes = [(pl.col(name).dt.epoch("ms") // MINUTE).alias(name) for name in ("open_ts", "close_ts")]
    ours = found.with_columns(*minutes).sort("open_ts", "symbol")
    expected = SLOW.trades(*market, rules)
    assert ours.select("symbol", "open_ts", "close_ts").rows() == [trade[:3] for trade in expected]
    assert ours["open_mark"].to_list() == [float(trade[3]) for trade in expected]
    assert ours["close_mark"].to_list() == [float(trade[4]) for trade in expected]
    reasons = ["open" if is_open else name for name, is_open in ours.select("exit_reason", "is_open").rows()]
    assert reasons == [trade[5] for trade in expected]


@settings(max_examples=150, deadline=None)
@given(market=markets(), rules=rule_sets())
def test_marks_lie_in_their_bars_and_slots_are_kept(market: tuple, rules: dict) -> None:
    """No fill outside a bar with volume, none before its signal, never more positions than slots."""
    found = _play(market, rules)
    bars = {(name, bar[0]): bar for name, own in market[0].items() for bar in own}
    spans = []
    for trade in found.iter_rows(named=True):
        opened, closed = (int(trade[name].timestamp() // 60) for name in ("open_ts", "close_ts"))
        assert (trade["open_ts"] - trade["signal_ts"]) == timedelta(minutes=1)
        _, first, high, low, _, volume = bars[trade["symbol"], opened]
        assert trade["open_mark"] == first
        assert volume > 0
        if not trade["is_open"]:
            _, _, high, low, _, volume = bars[trade["symbol"], closed]
            assert low <= trade["close_mark"] <= high
            assert volume > 0
        assert trade["open_rate"] >= trade["open_mark"]
        spans.append((opened, 10**6 if trade["is_open"] else closed))
    if rules["slots"]:
        assert all(sum(a <= moment <= b for a, b in spans) <= rules["slots"] for moment, _ in spans)


@settings(max_examples=100, deadline=None)
@given(market=markets(), rules=rule_sets(), keep=st.integers(3, 30))
def test_a_truncated_history_never_changes_an_earlier_closed_trade(market, rules: dict, keep: int) -> None:
    """What was closed before bar `keep` is the same whether or not later bars are known."""
    symbols, entries, exits = market
    cut = {name: [bar for bar in bars if bar[0] < keep] for name, bars in symbols.items()}
    cut = {name: bars for name, bars in cut.items() if len(bars) > 1}
    if not cut:
        return
    short = (
        cut,
        {name: {row for row in entries[name] if row < len(cut[name])} for name in cut},
        {name: {row for row in exits[name] if row < len(cut[name])} for name in cut},
    )
    if len(cut) < len(symbols) and rules["slots"]:
        return  # a symbol of one bar is refused as a file, and could have held a slot
    until = pl.lit(keep * MINUTE)
    key = ["open_ts", "symbol"]
    closed = (
        ~pl.col("is_open") & (pl.col("close_ts").dt.epoch("ms") < until) & pl.col("symbol").is_in(list(cut))
    )
    whole, part = _play(market, rules).filter(closed).sort(key), _play(short, rules).filter(closed).sort(key)
    assert part.drop("rank").equals(whole.drop("rank"))


def test_a_long_book_is_written_in_parts(monkeypatch) -> None:
    """More trades than one book holds: the loop goes on where it was full, with slots and without."""
    from trading.backtest import runs

    bars = [(place, 100, 100.5, 99.9, 100, 1) for place in range(200)]
    frame = JOBS.frame_of({"A/USDT": bars, "B/USDT": bars}, MINUTE)
    every = {"A/USDT": set(range(200)), "B/USDT": set(range(200))}
    strategy = JOBS.strategy(max_hold_min=1)
    whole = [JOBS.play(frame, strategy, every, slots=slots).trades for slots in (0, 1)]
    monkeypatch.setattr(runs, "BOOK_ROWS", 7)
    assert [trades.height for trades in whole] == [200, 100]  # every other bar, two symbols or one slot
    for slots, expected in zip((0, 1), whole, strict=True):
        assert JOBS.play(frame, strategy, every, slots=slots).trades.equals(expected)


# Entry at 100 on bar 1; bar 2 touches the stop of 98 and the target of 103. Its minutes, in versions.
TOUCHED = [(0, 100, 100, 100, 100, 1), (1, 100, 101, 99, 100, 1), (2, 100, 104, 97, 100, 1)]
MINUTES = {
    "up first": ([(10, 100, 103.5, 100, 103, 1), (11, 103, 103, 97, 98, 1)], "roi", 103.0, (0, 1)),
    "down first": ([(10, 100, 100, 97, 98, 1), (11, 98, 104, 98, 100, 1)], "stop_loss", 98.0, (0, 1)),
    "a gap inside": ([(10, 100, 101, 99, 99, 1), (11, 97.5, 104, 97, 100, 1)], "stop_loss", 97.5, (0, 1)),
    "both in one minute": (
        [(10, 100, 104, 97, 100, 1), (12, 100, 100, 100, 100, 1)],
        "stop_loss",
        98.0,
        (1, 0),
    ),
    "only dead minutes": (
        [(10, 100, 104, 97, 100, 0), (11, 100, 104, 97, 100, 0)],
        "stop_loss",
        98.0,
        (1, 0),
    ),
    "minutes of another time": (
        [(1, 100, 104, 100, 103, 1), (2, 103, 104, 103, 104, 1)],
        "stop_loss",
        98.0,
        (1, 0),
    ),
}


@pytest.mark.parametrize(("minutes", "reason", "rate", "counts"), MINUTES.values(), ids=MINUTES.keys())
def test_minutes_tell_which_came_first(minutes: list, reason: str, rate: float, counts: tuple) -> None:
    """Bars of five minutes; where the minutes do not tell, the stop is taken and the bar counted."""
    from trading.backtest.candle_file import candle_file

    frame = JOBS.frame_of({"A": TOUCHED}, 5 * MINUTE)
    fine = candle_file(JOBS.frame_of({"Z": [(0, *[1] * 5), (1, *[1] * 5)], "A": minutes}, MINUTE))
    found = JOBS.play(frame, JOBS.strategy(roi=((0, 0.03),)), {"A": {0}}, detail=fine)
    assert found.trades.select("exit_reason", "close_rate").row(0) == (reason, rate)
    assert (found.ambiguous, found.resolved) == counts
    assert found.trades["is_ambiguous"].to_list() == [counts[0] == 1]
