"""Parts and additions as the live engine asks for them: the hand-worked candle cases, in plain Python."""

import json
from pathlib import Path

import pytest

from trading.market.ticks import Grid
from trading.risk.adjusting import AddRule, AdjustedPosition, PartRule
from trading.risk.exits import ExitRules, PriceBar

_DATA = json.loads((Path(__file__).parent / "candle_cases.json").read_text())["adjusted"]
CASES = _DATA["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_position_is_sold_and_added_to_as_worked_out_by_hand(case: dict) -> None:
    """Every fill after the entry: bar, reason, price, amount."""
    rules = ExitRules(**(_DATA["defaults"] | case.get("rules", {})), use_exit_signal=True)
    position = AdjustedPosition(
        rules.numbers(),
        Grid.of("0.001"),
        100.0,
        1.0,
        [PartRule(*part) for part in case.get("part", [])],
        [AddRule(*add) for add in case.get("add", [])],
    )
    found = []
    told = {"exit": False, "part": False, "add": False}
    for age, (bar_open, high, low, _, volume) in enumerate(case["bars"]):
        if volume > 0:
            events = position.look(
                PriceBar(bar_open, high, low),
                age,
                has_signal=told["exit"],
                wants_part=0 if told["part"] else -1,
                wants_add=0 if told["add"] else -1,
            )
            found += [[age, event.reason, event.price, pytest.approx(event.amount, 1e-7)] for event in events]
            told["part"] = False
        if position.held == 0:
            break
        told["exit"] |= age in case.get("exit_signal_on", [])
        told["part"] |= age in case.get("part_signal_on", [])
        told["add"] = age in case.get("add_signal_on", [])
    assert case["fills"] == found
