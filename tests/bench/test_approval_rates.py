"""The gate on markets without an edge, and on markets with one: what the nightly command measures."""

import numpy as np
import polars as pl
import pytest

from bench import approval
from trading.indicators.table import indicator_table
from trading.signals.generate import signal_rows


def test_twenty_shuffled_markets_get_at_most_one_false_approval() -> None:
    """5 % of twenty is one run; whole line by default rules, 100 symbols each."""
    assert sum(count > 0 for count in approval.false_approvals(range(20))) <= 1


@pytest.mark.slow
def test_two_hundred_shuffled_markets_keep_false_approvals_to_five_percent() -> None:
    """`make test-slow`, or `python -m bench approval` for the figures."""
    found = approval.false_approvals(range(200))
    assert np.mean([count > 0 for count in found]) <= 0.05


def test_a_large_edge_on_thirty_days_is_found_and_none_is_found_where_none_is() -> None:
    """3 % after each signal against nothing: most of ten symbols, and none of them."""
    assert approval.power(1000, 0.0, approval.LONG)[0] == 0
    assert approval.power(1000, 0.03, approval.LONG)[0] >= 5


def test_an_edge_lifts_its_symbols_after_signals_and_pays_nobody_who_holds() -> None:
    """First and last close as before, other symbols untouched, bars still possible."""
    before = approval.quiet_market(7)
    signals = signal_rows(indicator_table(before))
    chosen = before["symbol"].unique().sort().head(2)
    after = approval.with_edge(before, signals, chosen, 0.02)
    ends = [frame.group_by("symbol").agg(pl.col("close").last()).sort("symbol") for frame in (before, after)]
    assert ends[1]["close"].to_list() == pytest.approx(ends[0]["close"].to_list())
    others = ~pl.col("symbol").is_in(chosen.to_list())
    assert after.filter(others)["close"].to_list() == pytest.approx(before.filter(others)["close"].to_list())
    assert after.filter(pl.col("high") < pl.max_horizontal("open", "close", "low")).is_empty()
