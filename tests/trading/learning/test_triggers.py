"""When a candidate is trained: reasons for, reasons against, never two at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trading.learning.triggers import Known, TriggerRules, due
from trading.market.errors import BadInput

AT = datetime(2026, 6, 9, 12, tzinfo=UTC)
CALM = Known(AT, AT - timedelta(days=2), had_data=True, new_decisions=10)


def test_nothing_asks_for_it() -> None:
    """Two days since, ten decisions, no drift; the words say what is missing."""
    found = due(CALM)
    assert not found.is_due
    assert found.said == "nothing asks for it: 10 of 200 new decisions, no drift, evaluated 06-07"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evaluated_at": None}, "nothing was evaluated yet"),
        ({"new_decisions": 200}, "200 new decisions"),
        ({"evaluated_at": AT - timedelta(days=7)}, "7.0 days since"),
        ({"alarms": ("psi f_rsi 0.3 > 0.25",)}, "drift: psi f_rsi"),
        ({"had_data": False}, "too little to learn from"),
    ],
)
def test_each_reason_alone_is_enough(change: dict, words: str) -> None:
    """Schedule, new decisions, drift; the bound itself is enough."""
    found = due(replace(CALM, **change))
    assert found.is_due
    assert words in found.said


def test_a_hair_below_a_bound_is_not_enough() -> None:
    """199 decisions; seven days less a second."""
    assert not due(replace(CALM, new_decisions=199)).is_due
    assert not due(replace(CALM, evaluated_at=AT - timedelta(days=7) + timedelta(seconds=1))).is_due


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"running": "run 7"}, "run 7 has not ended"),
        ({"shadow": "mdl-a"}, "mdl-a is in its shadow period"),
        ({"evaluated_at": AT - timedelta(hours=23)}, "cooling down until 2026-06-09 13:00"),
    ],
)
def test_what_is_in_flight_or_cooling_down_holds_back_every_reason(change: dict, words: str) -> None:
    """An alarm, a thousand decisions: still one at a time, and not again within a day."""
    found = due(replace(CALM, new_decisions=1000, alarms=("live_loss",), **change))
    assert not found.is_due
    assert words in found.said


def test_an_alarm_that_stays_on_trains_every_second_day_and_not_every_minute() -> None:
    """A drift that does not go away, asked every minute of a day: none; two days after the last one: one."""
    last, started = AT, 0
    for minute in range(24 * 60):
        known = Known(AT + timedelta(minutes=minute), last, had_data=True, new_decisions=0, alarms=("psi",))
        if due(known).is_due:
            started, last = started + 1, known.at
    assert started == 0
    assert "drift has asked" in due(replace(known, at=AT + timedelta(days=1, hours=1))).said
    assert due(replace(known, at=AT + timedelta(days=2))).is_due


def test_rules_without_meaning_are_refused() -> None:
    """Values and bounds are named."""
    with pytest.raises(BadInput, match="new_decisions >= 1"):
        TriggerRules(new_decisions=0)
    for days in (-0.5, float("nan")):
        with pytest.raises(BadInput, match=f"drift_days must be .* was {days}"):
            TriggerRules(drift_days=days)
