"""freqtrade's order of events, against the same hand-worked candle cases."""

import json
from pathlib import Path

import numpy as np
import pytest

from trading.market.ticks import Grid
from trading.risk import freqtrade_exits as peer
from trading.risk.exits import ExitCode

_DATA = json.loads((Path(__file__).parent / "candle_cases.json").read_text())
CASES = [case for case in _DATA["cases"] if "freqtrade" in case]


def numbers_of(case: dict) -> peer.FreqtradeNumbers:
    """The case's rules; a bar is one minute, so that ages in bars are ages in minutes."""
    rules = _DATA["defaults"] | case.get("rules", {})
    table = case.get("ladder") or ({} if rules["take_profit"] is None else {"0": rules["take_profit"]})
    rungs = sorted((int(age), target) for age, target in table.items())
    return peer.FreqtradeNumbers(
        stop=rules["stop_loss"],
        trail=rules["trailing_stop"] or 0.0,
        wake=rules["trailing_offset"],
        max_hold=rules["max_hold_bars"] or 0,
        ages=np.array([age for age, _ in rungs], np.int64),
        targets=np.array([target for _, target in rungs], np.float64),
    )


def walk(case: dict) -> tuple[int, str, float] | None:
    """Feed the bars one by one, without fees."""
    numbers, entry = numbers_of(case), float(case["bars"][0][0])
    grid = Grid.of(case.get("tick", 0.001))
    num, den = grid.numerator, grid.denominator
    start = stop = peer.first_stop(entry, numbers, num, den)
    exits, entries = case.get("exit_signal_on", []), case.get("entry_signal_on", [])
    for place, (open_, high, low, _, _) in enumerate(case["bars"]):
        told = place - 1 in exits and place - 1 not in entries
        stop = peer.raised_stop(stop, high, low, peer.profit_of(entry, high, 0.0), numbers, num, den)
        code, rate = peer.exit_bar(open_, high, low, entry, stop, start, place, told, numbers, 0.0)
        if code != 0:
            return place, ExitCode(code).reason, peer.tick_near(rate, num, den)
    return None


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_candle_case_ends_as_freqtrade_would_have_it(case: dict) -> None:
    """Order: exit signal, fixed stop, ROI, trailing stop; a stop fills at its price inside its bar."""
    found, expected = walk(case), case["freqtrade"]
    assert found == (None if expected is None else tuple(expected))


def test_there_are_forty_cases_and_more_and_each_name_once() -> None:
    """The list is the description; it may grow, not shrink."""
    names = [case["name"] for case in _DATA["cases"]]
    assert len(names) >= 60
    assert len(set(names)) == len(names)
    assert len(CASES) >= 25
