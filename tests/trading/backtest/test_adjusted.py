"""Positions that are added to and sold in parts: a slow position of decimals, the other follower, money."""

import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.candle_file import candle_file
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy import Addition, Costs, Part, Trailing
from trading.market.errors import BadInput

_HERE = Path(__file__).parent
MINUTE = 60_000


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"adjusted_{name}", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


JOBS, SLOW = _load("jobs"), _load("slow_adjusted")


@st.composite
def bars(draw) -> list[tuple]:
    """Up to 40 bars on a tick of 0.01, with dead bars and gaps; the first is the signal's."""
    price, found = draw(st.integers(5_000, 15_000)), []
    for place in range(draw(st.integers(4, 40))):
        opened = max(10, price + draw(st.sampled_from([0, 0, 0, 1, -1, -300, 250])))
        close = max(10, opened + draw(st.integers(-200, 200)))
        high = max(opened, close) + draw(st.integers(0, 150))
        low = max(5, min(opened, close) - draw(st.integers(0, 150)))
        volume = 1.0 if place < 2 else draw(st.sampled_from([1.0, 1.0, 1.0, 0.0]))
        found.append((place, *(value / 100 for value in (opened, high, low, close)), volume))
        price = close
    return found


@st.composite
def rule_sets(draw) -> dict:
    """Rules as text fractions, exact to 1e-4; additions lie above the stop."""
    fraction = st.integers(2, 400).map(lambda k: str(Decimal(k) / 10_000))
    stop = draw(st.integers(50, 600))
    below = st.integers(1, stop - 1).map(lambda k: str(Decimal(k) / 10_000))
    shares = draw(st.sampled_from([[], ["0.5"], ["0.25", "0.75"], ["0.3", "0.3", "0.3"], ["1"]]))
    return {
        "tick": "0.01",
        "stop": str(Decimal(stop) / 10_000),
        "target": draw(st.none() | fraction),
        "trail": draw(st.none() | fraction),
        "wake": draw(fraction),
        "hold": draw(st.sampled_from([0, 1, 3, 10])),
        "stake": draw(st.sampled_from(["100", "7.77"])),
        "parts": [(draw(fraction), share) for share in shares],
        "adds": [
            (draw(below), draw(st.sampled_from(["0.5", "1", "2"])), draw(st.integers(1, 3)))
            for _ in range(draw(st.integers(0, 2)))
        ],
    }


def _strategy(rules: dict, **changes):
    return JOBS.strategy(
        stake=float(rules["stake"]),
        stoploss=float(rules["stop"]),
        roi=() if rules["target"] is None else ((0, float(rules["target"])),),
        trailing=None if rules["trail"] is None else Trailing(float(rules["trail"]), float(rules["wake"])),
        max_hold_min=rules["hold"],
        parts=tuple(Part(float(share), float(at)) for at, share in rules["parts"]),
        additions=tuple(Addition(at=-float(at), share=float(s), most=most) for at, s, most in rules["adds"]),
        **changes,
    )


@settings(max_examples=400, deadline=None)
@given(market=bars(), rules=rule_sets(), exits=st.sets(st.integers(1, 39), max_size=3))
def test_the_second_follower_equals_a_slow_position_of_decimals(market, rules, exits) -> None:
    """Every fill: its bar, reason, price and amount, on random candles."""
    exits = {row for row in exits if row < len(market)}
    frame = JOBS.frame_of({"A/USDT": market}, MINUTE)
    found = JOBS.play(
        frame, _strategy(rules), {"A/USDT": {0}}, {"A/USDT": exits}, tick=0.01, step="0.01", with_fills=True
    )
    if found.trades.is_empty():
        assert SLOW.down(Decimal(rules["stake"]) / Decimal(str(market[1][1])), SLOW.STEP) == 0
        return
    expected = SLOW.fills(market, 1, exits, rules)
    ours = found.fills.filter(pl.col("open_ts") == pl.col("open_ts").first())
    rows = ours.select(pl.col("ts").dt.epoch("ms") // MINUTE, "reason", "mark", "amount").rows()
    assert rows == [(place, reason, float(price), float(amount)) for place, reason, price, amount in expected]


@settings(max_examples=200, deadline=None)
@given(market=bars(), rules=rule_sets(), cost=st.sampled_from([0.0, 0.0007]), fee=st.sampled_from([0, 0.001]))
def test_without_additions_and_parts_both_followers_agree(market, rules, cost, fee) -> None:
    """The second one, told to follow a plain strategy, writes the same trades to the last digit."""
    rules = rules | {"parts": [], "adds": []}
    frame = JOBS.frame_of({"A/USDT": market, "B/USDT": market[1:]}, MINUTE)
    every = {"A/USDT": set(range(len(market))), "B/USDT": set(range(len(market) - 1))}
    costs = Costs(fee, cost, 0.0, 0.002)
    plain = JOBS.play(frame, _strategy(rules, costs=costs), every, tick=0.01)
    forced = JOBS.play(frame, _strategy(rules, costs=costs), every, tick=0.01, is_forced=True)
    close = ["open_rate", "close_rate", "open_mark", "close_mark", "profit_ratio"]
    assert forced.trades.drop(close).equals(plain.trades.drop(close))
    for name in close:
        assert np.allclose(forced.trades[name], plain.trades[name], rtol=0, atol=1e-12)
    assert (forced.left_out, forced.ambiguous) == (plain.left_out, plain.ambiguous)


@settings(max_examples=150, deadline=None)
@given(
    market=bars(), rules=rule_sets(), fee=st.sampled_from([0.0, 0.002]), slots=st.integers(0, 1),
    in_base=st.booleans(),
)  # fmt: skip
def test_money_adds_up_over_all_fills(market, rules, fee, slots, in_base) -> None:
    """Amount = all bought, rates = averages, profit = what all sales brought over what all buys cost."""
    frame = JOBS.frame_of({"A/USDT": market, "B/USDT": market}, MINUTE)
    every = {name: set(range(len(market))) for name in ("A/USDT", "B/USDT")}
    costs = Costs(fee, 0.0003, 0.0, 0.0)
    found = JOBS.play(
        frame, _strategy(rules, costs=costs), every, tick=0.01, step="0.001", slots=slots, with_fills=True,
        in_base=in_base,
    )  # fmt: skip
    key = ["symbol", "open_ts"]
    is_buy, value = pl.col("side") == "buy", pl.col("rate") * pl.col("amount")
    spent = (value + (0 if in_base else pl.col("fee"))).filter(is_buy).sum()
    arrived = (pl.col("amount") - (pl.col("fee") / pl.col("rate") if in_base else 0)).filter(is_buy).sum()
    sums = found.fills.group_by(key).agg(
        bought=pl.col("amount").filter(is_buy).sum(),
        opened=value.filter(is_buy).sum() / pl.col("amount").filter(is_buy).sum(),
        sold=pl.col("amount").filter(~is_buy).sum(),
        closed=value.filter(~is_buy).sum() / pl.col("amount").filter(~is_buy).sum(),
        profit=(value - pl.col("fee")).filter(~is_buy).sum() / spent - 1,
        left=arrived - pl.col("amount").filter(~is_buy).sum(),
    )
    both = found.trades.join(sums, on=key, how="full")
    assert len(both) == len(found.trades) == len(sums)
    assert np.allclose(both["amount"], both["bought"], rtol=1e-12)
    assert np.allclose(both["open_rate"], both["opened"], rtol=1e-12)
    closed = both.filter(~pl.col("is_open"))
    assert np.allclose(closed["close_rate"], closed["closed"], rtol=1e-12)
    assert np.allclose(closed["profit_ratio"], closed["profit"], atol=1e-12)
    assert np.allclose(closed["dust"], closed["left"], atol=1e-9)
    assert (closed["left"] < 0.001 + 1e-9).all()


# Entry at 100 in bar 1 for 100: one unit. A part of half at 2 %, an addition of the same stake at -3 %.
def _ask(rows: list[tuple], **more):
    market = [(0, 100, 100, 100, 100, 1), *((place, *row) for place, row in enumerate(rows, 1))]
    rules = {
        "tick": "0.01", "stop": "0.1", "target": None, "trail": None, "wake": "0", "hold": 0, "stake": "100",
        "parts": [], "adds": [],
    } | more.pop("rules", {})  # fmt: skip
    frame = JOBS.frame_of({"A/USDT": market}, MINUTE)
    return JOBS.play(
        frame, _strategy(rules, **more.pop("changes", {})), {"A/USDT": {0}}, tick=0.01, step="0.01",
        with_fills=True, **more,
    )  # fmt: skip


def test_a_part_below_the_venue_s_minimum_is_not_sold_and_counted() -> None:
    """Half of 1 at 102 is worth 51, and so is the rest: a minimum of 60 forbids it; 50 does not."""
    rows = [(100, 101, 99, 100, 1), (100, 103, 99, 103, 1)]
    for least, reasons, count in ((60, ["entry"], 1), (50, ["entry", "partial"], 0)):
        found = _ask(rows, rules={"parts": [("0.02", "0.5")]}, min_cost=least)
        assert found.fills["reason"].to_list() == reasons
        assert found.left_out["part_below_minimum"] == count


def test_an_addition_below_the_minimum_is_not_bought_and_not_tried_again() -> None:
    """Half a stake of 100 is 50 at most; the minimum of 60 takes the entry and not the addition."""
    rows = [(100, 101, 99, 100, 1), (100, 100, 96, 96, 1), (96, 97, 95, 96, 1)]
    found = _ask(rows, rules={"adds": [("0.03", "0.5", 1)]}, min_cost=60)
    assert found.fills["reason"].to_list() == ["entry"]
    assert found.left_out["addition_below_minimum"] == 1


def test_a_limit_entry_must_be_passed_and_sells_nothing_above_in_its_bar() -> None:
    """Low at the open exactly: not reached. A tick below: bought at the open; the target waits a bar."""
    changes = {"costs": Costs(0.0, 0.001, 0.0, 0.0, entry_rests=True)}
    touched = _ask([(100, 104, 100, 101, 1), (101, 101, 101, 101, 1)], changes=changes)
    assert (touched.trades.height, touched.left_out["limit_not_reached"]) == (0, 1)
    passed = _ask(
        [(100, 104, 99.99, 101, 1), (101, 104, 101, 104, 1)], changes=changes, rules={"target": "0.03"}
    )
    trade = passed.trades.row(0, named=True)
    assert (trade["open_rate"], trade["exit_reason"]) == (100.0, "roi")
    assert (trade["close_ts"] - trade["open_ts"]).total_seconds() == 60


def test_the_wallet_sets_aside_what_may_be_added() -> None:
    """Stake 100 and an addition of 100: a wallet of 199 enters nothing, one of 200 does."""
    rows = [(100, 101, 99, 100, 1), (100, 100, 96, 96, 1)]
    for wallet, count in ((199.0, 0), (200.0, 1)):
        found = _ask(rows, rules={"adds": [("0.03", "1", 1)]}, changes={"wallet": wallet})
        assert (found.trades.height, found.left_out["no_cash"]) == (count, 1 - count)


def test_mode_freqtrade_refuses_what_it_does_not_know() -> None:
    """It would not be freqtrade's trades: nothing is pretended."""
    frame = JOBS.frame_of({"A/USDT": [(place, 1, 1, 1, 1, 1) for place in range(3)]}, MINUTE)
    with pytest.raises(BadInput, match=r"does not know entry\.add and risk\.partial"):
        replay(candle_file(frame), JOBS.strategy(parts=(Part(0.5, 0.02),)), Mode.FREQTRADE)


ADJUSTED = json.loads((_HERE.parent / "risk" / "candle_cases.json").read_text())["adjusted"]


@pytest.mark.parametrize("case", ADJUSTED["cases"], ids=[case["name"] for case in ADJUSTED["cases"]])
def test_the_second_follower_fills_each_candle_case_as_worked_out_by_hand(case: dict) -> None:
    """The same data that the live engine's question answers: every fill after the entry."""
    rules = ADJUSTED["defaults"] | case.get("rules", {})
    rows = [[100, 100, 100, 100, 1], *case["bars"]]
    never = JOBS.NEVER
    strategy = JOBS.strategy(
        stoploss=rules["stop_loss"],
        roi=((0, rules["take_profit"]),),
        trailing=Trailing(rules["trailing_stop"], rules["trailing_offset"])
        if rules["trailing_stop"]
        else None,
        max_hold_min=rules["max_hold_bars"] or 0,
        parts=tuple(Part(share, at, None if at else never) for at, share in case.get("part", [])),
        additions=tuple(
            Addition(-below, None if below else never, share, most=most)
            for below, share, most in ([*add, 1][:3] for add in case.get("add", []))
        ),
    )
    met = [case.get(f"{name}_signal_on", []) for name in ("add", "part") if case.get(name, [[1]])[0][0] == 0]
    found = JOBS.play(
        JOBS.frame_of({"A/USDT": [(place, *row) for place, row in enumerate(rows)]}, MINUTE),
        strategy,
        {"A/USDT": {0}},
        {"A/USDT": {row + 1 for row in case.get("exit_signal_on", [])}},
        met=[{row + 1 for row in each} for each in met],
        with_fills=True,
    ).fills.slice(1)
    names = {"take_profit": "roi"}
    expected = [
        [bar, names.get(reason, reason), price, amount] for bar, reason, price, amount in case["fills"]
    ]
    bars = found.select((pl.col("ts") - pl.col("open_ts")).dt.total_minutes())["ts"].to_list()
    ours = [list(row) for row in zip(bars, *found.select("reason", "mark", "amount"), strict=True)]
    assert [row[:3] for row in ours] == [row[:3] for row in expected]
    assert [row[3] for row in ours] == pytest.approx([row[3] for row in expected], rel=1e-7)
