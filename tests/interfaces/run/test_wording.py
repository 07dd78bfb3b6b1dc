"""Figures and sentences: signs, dashes, hostile text."""

from dataclasses import replace

import pytest

from interfaces.run import wording as say
from interfaces.run.record import Stage
from tests.interfaces.run.sample import MODEL, empty_run, sample


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("12.345", "+12.34"),
        ("-3.2", "−3.20"),
        ("0", "0.00"),
        ("-0.001", "0.00"),
        (1234567.5, "+1,234,567.50"),
    ],
)
def test_money_has_a_sign_and_two_decimals(amount, shown):
    """A minus never stands before nothing."""
    assert say.money(amount) == shown


def test_an_unknown_fraction_is_a_dash_and_zero_is_zero():
    """None is not 0."""
    assert say.percent(None) == "–"
    assert say.percent(0.0) == "0.0 %"


def test_control_and_direction_characters_become_visible():
    """A name cannot turn the line around or move the cursor."""
    assert say.plain("A\x1b[2J\u202eB\nC") == "A\ufffd[2J\ufffdB\ufffdC"


def test_long_text_is_cut_with_a_mark():
    """Ten thousand letters are no name."""
    cut = say.plain("x" * 10_000)
    assert len(cut) == say.MAX_TEXT
    assert cut.endswith("…")


def test_the_scan_sentence_names_sample_time_and_floor():
    """As promised word by word."""
    sentence = say.scan_sentence(sample().scan)
    assert sentence == (
        "One symbol after another this scan would take 121 s (measured on a sample of 30, extrapolated); "
        "it took 12.7 s; the exchange's own limit allows 12.0 s."
    )


def test_the_main_reason_is_the_first_of_the_reasons():
    """Reasons come largest first."""
    stage = Stage("x", 3, 0, 0.1, {"min_volume": 2, "rsi": 1})
    assert say.main_reason(stage) == "min volume: 2"
    assert say.main_reason(Stage("x", 3, 3, 0.1)) == "–"


def test_paper_and_live_money_are_never_added():
    """One total per kind of money."""
    users = sample().users
    mixed = [replace(users[0], pnl_quote="1"), replace(users[1], pnl_quote="2", mode="live")]
    totals = say.total_pnl(sample(users=mixed))
    assert {mode: str(total) for mode, total in totals.items()} == {"paper": "1", "live": "2"}


def test_each_pass_has_its_verdict_and_the_last_its_rules():
    """First no data, then refused by three rules."""
    first, second = say.verdicts(MODEL)
    assert (first.heading, first.verdict) == ("First pass: ", "no data")
    assert second.rules[0]["rule"] == "decisions"


@pytest.mark.parametrize(
    ("model", "verdict"),
    [({}, "no model"), ({"verdict": "promoted"}, "promoted"), ({"second_pass": "refused"}, "refused")],
)
def test_a_model_may_be_told_briefly_or_not_at_all(model, verdict):
    """One verdict, a sentence, or nothing."""
    assert say.verdicts(model)[-1].verdict == verdict


def test_rules_may_come_as_json_text():
    """As a table of the lake keeps them."""
    (found,) = say.verdicts({"verdict": "refused", "table": '[{"rule": "decisions", "value": 1}]'})
    assert found.rules == [{"rule": "decisions", "value": 1}]


def test_nothing_is_followable_when_nothing_was_approved():
    """No id, no advice to follow one."""
    assert say.followable(empty_run()) is None


def test_a_rule_that_comes_with_a_flag_gets_its_verdict_in_a_word():
    """As the evaluation's own table has it."""
    table = [{"rule": "decisions", "value": 0.0, "bound": 200.0, "is_passed": False}]
    (found,) = say.verdicts({"verdict": "no_data", "table": table})
    assert (found.verdict, found.rules[0]["verdict"]) == ("no data", "failed")
