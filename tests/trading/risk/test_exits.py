"""The one exit machine, against cases worked out by hand."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from trading.market.errors import BadInput
from trading.market.orders import TradeSignal
from trading.risk.exits import ExitRules, PriceBar, exit_decision

_DATA = json.loads((Path(__file__).parent / "candle_cases.json").read_text())
CASES = _DATA["cases"]


def rules_of(case: dict) -> ExitRules:
    return ExitRules(**(_DATA["defaults"] | case.get("rules", {})))


def walk(case: dict) -> tuple[int, str, float] | None:
    """Feed the bars one by one, as a live engine would, and return the first exit."""
    rules, entry = rules_of(case), float(case["bars"][0][0])
    peak, pending = entry, False
    for place, (open_, high, low, _, volume) in enumerate(case["bars"]):
        if volume > 0:
            found = exit_decision(
                rules,
                PriceBar(open_, high, low),
                entry=entry,
                bars_held=place,
                peak=peak,
                has_exit_signal=pending,
            )
            if found is not None:
                return place, found.reason, found.price
            peak = max(peak, high)
        pending = pending or place in case.get("exit_signal_on", [])
    return None


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_candle_case_ends_as_worked_out_by_hand(case: dict) -> None:
    """Order inside a bar: gap, target gap, signal, hold, stop, target."""
    found, expected = walk(case), case["expect"]
    assert (found is None) == (expected is None)
    if expected is not None and found is not None:
        assert found[:2] == tuple(expected[:2])
        assert found[2] == pytest.approx(expected[2], abs=1e-9)


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
