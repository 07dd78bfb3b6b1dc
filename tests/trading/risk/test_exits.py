"""The one exit machine, against cases worked out by hand."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.market.orders import TradeSignal
from trading.market.ticks import Grid
from trading.risk.exit_machine import MOST_PARTS, MOST_TICKS, WHOLE, ExitNumbers, times_down, times_up
from trading.risk.exits import ExitRules, PriceBar, exit_decision, exit_in_bar

_DATA = json.loads((Path(__file__).parent / "candle_cases.json").read_text())
CASES = _DATA["cases"]


def rules_of(case: dict) -> ExitRules:
    """The case's rules; a ladder takes the place of the single target."""
    told = _DATA["defaults"] | case.get("rules", {})
    if "ladder" in case:
        told |= {"take_profit": None, "ladder": sorted((int(age), t) for age, t in case["ladder"].items())}
    return ExitRules(**told)


def numbers_of(case: dict) -> ExitNumbers:
    """The case's rules as whole numbers, ages in bars."""
    return rules_of(case).numbers()


def walk(case: dict) -> tuple[int, str, float] | None:
    """Feed the bars one by one, as a live engine would, and return the first exit."""
    rules, entry = rules_of(case), float(case["bars"][0][0])
    grid = Grid.of(case.get("tick", 0.001))
    peak, pending = entry, False
    for place, (open_, high, low, _, volume) in enumerate(case["bars"]):
        if volume > 0:
            bar, signal = PriceBar(open_, high, low), pending and rules.use_exit_signal
            found = exit_in_bar(
                numbers_of(case), bar, grid, entry=entry, age=place, peak=peak, has_signal=signal
            )
            if found is not None:
                return place, found.reason, found.price
            peak = max(peak, high)
        pending = pending or place in case.get("exit_signal_on", [])
    return None


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_candle_case_ends_as_worked_out_by_hand(case: dict) -> None:
    """Order inside a bar: gap, target gap, signal, hold, stop, target; levels rounded up to the tick."""
    found, expected = walk(case), case["expect"]
    assert (found is None) == (expected is None)
    if expected is not None and found is not None:
        assert found == tuple(expected)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_live_engine_s_question_gives_the_same_answer(case: dict) -> None:
    """`exit_decision` asks the same machine."""
    rules, entry, peak, pending = rules_of(case), float(case["bars"][0][0]), float(case["bars"][0][0]), False
    answer = None
    for place, (open_, high, low, _, volume) in enumerate(case["bars"]):
        if volume > 0 and answer is None:
            found = exit_decision(
                rules,
                PriceBar(open_, high, low),
                entry=entry,
                bars_held=place,
                peak=peak,
                has_exit_signal=pending,
                tick=Decimal(str(case.get("tick", 0.001))),
            )
            answer = None if found is None else (place, found.reason, found.price)
            peak = max(peak, high)
        pending = pending or place in case.get("exit_signal_on", [])
    assert answer == (None if case["expect"] is None else tuple(case["expect"]))


def test_without_a_tick_levels_keep_fifteen_digits() -> None:
    """A live engine that knows no tick gets the level itself: 97.951, not the next cent."""
    found = exit_decision(ExitRules(stop_loss=0.02), PriceBar(99.0, 99.0, 97.0), entry=99.95, bars_held=1)
    assert found is not None
    assert found.price == pytest.approx(97.951, abs=1e-12)


@given(ticks=st.integers(1, MOST_TICKS), factor=st.integers(0, MOST_PARTS))
def test_levels_are_exact_whatever_the_price(ticks: int, factor: int) -> None:
    """ceil and floor of ticks × parts / 1e8, against Python's whole numbers of any size, inside int64."""
    whole, rest = divmod(ticks * factor, WHOLE)
    assert times_up(ticks, factor) == whole + (rest > 0)
    assert times_down(ticks, factor) == whole
    assert (ticks % WHOLE) * factor + WHOLE < 2**63
    assert (ticks // WHOLE) * factor < 2**63


def test_an_observed_price_below_the_stop_is_left_at_that_price() -> None:
    """Between candles a live engine asks with one price: what it sees is what it gets."""
    found = exit_decision(ExitRules(stop_loss=0.02), PriceBar.at(97.5), entry=100.0, bars_held=0)
    assert found is not None
    assert (found.reason, found.price) == ("stop_loss", 97.5)


def test_rules_of_a_signal_carry_its_own_fractions() -> None:
    """Two hours of 15-minute bars are eight bars; a hold below one bar counts as one."""
    signal = TradeSignal("A/USDT", "s", "a", Decimal(1), Decimal("0.02"), None, 7200)
    assert ExitRules.of_signal(signal, 900) == ExitRules(0.02, None, max_hold_bars=8)
    assert ExitRules.of_signal(signal, 10_000).max_hold_bars == 1


@pytest.mark.parametrize("ladder", [((1, 0.1), (0, 0.2)), ((-1, 0.1),), ((0, -1.0),), ((0, 100.0),)])
def test_ladders_that_cannot_be_are_refused(ladder: tuple[tuple[int, float], ...]) -> None:
    """Ages ascend from 0 on, targets are fractions above -1; a ladder goes with no single target."""
    with pytest.raises(BadInput, match="ladder"):
        ExitRules(take_profit=None, ladder=ladder)
    with pytest.raises(BadInput, match="had both"):
        ExitRules(take_profit=0.1, ladder=((0, 0.1),))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stop_loss", 0.0),
        ("stop_loss", 1.0),
        ("take_profit", 0.0),
        ("trailing_stop", 1.5),
        ("max_hold_bars", 0),
    ],
)
def test_rules_outside_their_bounds_are_refused_by_name_and_value(field: str, value: float) -> None:
    """The message names the rule and the value."""
    with pytest.raises(BadInput, match=rf"{field}.*was {value}"):
        ExitRules(**{field: value})


def test_prices_that_cannot_be_are_refused() -> None:
    """A low of zero or an entry of zero is no price."""
    with pytest.raises(BadInput, match="entry price must be positive"):
        exit_decision(ExitRules(), PriceBar.at(1.0), entry=0.0, bars_held=0)
    with pytest.raises(BadInput, match="low"):
        exit_decision(ExitRules(), PriceBar.at(0.0), entry=1.0, bars_held=0)
