"""What met and passed each rule, from the verdicts alone."""

import polars as pl

from trading.market.frames import FUNNEL
from trading.screening.funnel import rule_bars, rule_steps


def funnel(stage: str, *rules: str) -> pl.DataFrame:
    rows = [
        (f"{rule[0].upper()}{i}/USDT", stage, rule, rule == "passed", None, None, f"because of {rule}")
        for i, rule in enumerate(rules)
    ]
    return pl.DataFrame(rows, schema=FUNNEL, orient="row")


def test_rules_follow_the_order_in_which_they_were_applied():
    """Volume before spread, whatever dropped more; an unnamed rule last; the next stage begins anew."""
    early = funnel("prefilter", "spread", "spread", "volume", "mine", "passed", "passed")
    late = funnel("screening", "passed", "wild")
    steps = rule_steps([early, late], ["quote", "volume", "spread", "wild"])
    assert steps.select("stage", "rule", "in", "out").rows() == [
        ("prefilter", "volume", 6, 5),
        ("prefilter", "spread", 5, 3),
        ("prefilter", "mine", 3, 2),
        ("screening", "wild", 2, 1),
    ]
    assert steps["example"][1] == "S0/USDT: because of spread"


def test_nothing_dropped_is_an_empty_table():
    """So is no funnel at all."""
    assert rule_steps([funnel("markets", "passed")], []).is_empty()
    assert rule_steps([], []).is_empty()


def test_a_rule_of_both_stages_is_two_bars():
    """Volume by ticker and volume by candles: under one name they would be drawn over each other."""
    steps = rule_steps([funnel("prefilter", "volume", "spread"), funnel("screening", "volume")], ["volume"])
    bars = rule_bars(steps)
    assert bars["stage"].to_list() == ["volume (prefilter)", "spread", "volume (screening)"]
    assert bars.columns == ["stage", "in", "out", "main_reason"]
