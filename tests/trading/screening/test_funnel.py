import logging

import polars as pl
import pytest
import structlog

from trading.market.frames import FUNNEL
from trading.screening.funnel import Rule, apply_rules, funnel_summary

FRAME = pl.DataFrame({"symbol": ["A", "B", "C", "D"], "x": [1.0, 5.0, None, 5.0], "y": [9.0, 9.0, 9.0, 1.0]})
RULES = [
    Rule("x", pl.col("x"), 3.0, pl.col("x") >= 3, "x is {value}, below {bound}"),
    Rule("y", pl.col("y"), 4.0, pl.col("y") >= 4, "y is {value}, below {bound}"),
]


def test_the_first_rule_that_fails_names_the_reason():
    """One row per symbol, in order; an unknown value fails its rule."""
    funnel = apply_rules(FRAME, RULES, "test")
    assert funnel.schema == pl.Schema(FUNNEL)
    assert funnel.select("symbol", "rule", "is_kept", "value", "bound", "reason").rows() == [
        ("A", "x", False, 1.0, 3.0, "x is 1, below 3"),
        ("B", "passed", True, None, None, "passed every rule"),
        ("C", "x", False, None, 3.0, "x is unknown, below 3"),
        ("D", "y", False, 1.0, 4.0, "y is 1, below 4"),
    ]


def test_summary_counts_what_entered_left_and_why():
    """In, out, and the most frequent reason with its count, stage by stage."""
    funnel = apply_rules(FRAME, RULES, "one")
    summary = funnel_summary([funnel, apply_rules(FRAME.head(1), [], "two"), funnel.clear()])
    assert summary.select("stage", "in", "out", "main_reason").rows() == [
        ("one", 4, 1, "x: 2"),
        ("two", 1, 1, None),
    ]
    assert summary["reasons"].to_list()[0] == [{"rule": "x", "count": 2}, {"rule": "y", "count": 1}]


def test_summary_of_nothing_is_empty_with_its_columns():
    """The first run has no funnel yet."""
    assert funnel_summary([]).columns == ["stage", "in", "out", "main_reason", "reasons"]


@pytest.mark.parametrize(("level", "events"), [(logging.DEBUG, 6), (logging.INFO, 0)])
def test_each_decision_is_logged_at_debug_only(caplog, level, events):
    """A: x fails. B: x, y pass. C: x fails. D: x passes, y fails. Six decisions with value and bound."""
    with caplog.at_level(level, logger="trading.screening.funnel"), structlog.testing.capture_logs() as logs:
        apply_rules(FRAME, RULES, "test")
    assert len(logs) == events
    if events:
        assert logs[0] == {
            "event": "filter decision",
            "log_level": "debug",
            "stage": "test",
            "symbol": "A",
            "rule": "x",
            "value": 1.0,
            "bound": 3.0,
            "is_kept": False,
        }
