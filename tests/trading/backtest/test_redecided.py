"""What changed between two nights' verdicts and signals, worked by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.trading.backtest.test_approval import NO_TRADES, metrics_of
from trading.backtest.approval import approve
from trading.backtest.redecided import (
    CHANGES,
    approval_changes,
    moments,
    signal_changes,
    value_changes,
)
from trading.backtest.rules import ApprovalRules
from trading.market.errors import BadInput

DAY = timedelta(days=1)
T0 = datetime(2026, 8, 1, tzinfo=UTC)


def night(*changes: dict, **rules: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    found = approve(metrics_of(*changes), NO_TRADES, ApprovalRules(**rules))
    return found.symbols, found.rules


def test_the_same_night_again_changes_nothing() -> None:
    """No row, no value."""
    once = night({}, {"symbol": "POOR/USDT", "trades": 2})
    again = night({}, {"symbol": "POOR/USDT", "trades": 2})
    assert approval_changes(once, again, T0).is_empty()
    assert value_changes(once[1], again[1]).is_empty()


def test_a_tightened_rule_is_named_with_both_values_and_bounds() -> None:
    """12 trades were enough for a bound of 8 and are not for 15."""
    before, now = night({"trades": 12}), night({"trades": 12}, min_trades=15)
    row = approval_changes(before, now, T0).row(0, named=True)
    assert row == {
        "at": T0,
        "symbol": "GOOD/USDT",
        "change": "refused",
        "before": "approved",
        "now": "min_trades",
        "rule": "min_trades",
        "value_before": 12.0,
        "bound_before": 8.0,
        "value_now": 12.0,
        "bound_now": 15.0,
    }


def test_who_is_judged_on_one_side_only_is_told() -> None:
    """Fallen out of the universe, or newly in it."""
    before, now = night({"symbol": "OLD/USDT"}), night({"symbol": "NEW/USDT"})
    found = approval_changes(before, now, T0)
    assert dict(found.schema) == CHANGES
    assert found.select("symbol", "change").rows() == [("OLD/USDT", "dropped"), ("NEW/USDT", "judged")]


def test_a_rule_that_was_not_asked_then_is_told_only_where_it_refuses() -> None:
    """Capacity is new: it refuses one and passes the other."""
    names = ({}, {"symbol": "THIN/USDT"})
    asked = metrics_of(*names).with_columns(
        capacity_quote=pl.Series([9e9, 10.0]), fleet_stake_quote=pl.lit(100.0)
    )
    found = approve(asked, NO_TRADES)
    changed = approval_changes(night(*names), (found.symbols, found.rules), T0)
    assert changed.select("symbol", "rule", "value_before", "value_now", "bound_now").rows() == [
        ("THIN/USDT", "fleet_stake", None, 10.0, 100.0)
    ]


def test_values_that_moved_are_counted_per_rule() -> None:
    """One symbol's drawdown rose from 10 to 30 %: one value, one verdict."""
    found = value_changes(night({})[1], night({"max_drawdown": 0.3})[1])
    assert found.rows() == [("max_drawdown", 1, 1)]


def test_signals_are_added_removed_changed_or_the_same() -> None:
    """Changed is what a bar says; another score with the same words is no change."""

    def signals(*rows: tuple[int, bool, bool]) -> pl.DataFrame:
        return pl.DataFrame(
            [("A/USDT", T0 + k * DAY, is_entry, is_exit, is_entry, "why") for k, is_entry, is_exit in rows],
            schema=["symbol", "open_time", "is_entry", "is_exit", "is_candidate", "reason"],
            orient="row",
        )

    found = signal_changes(
        signals((0, True, False), (1, True, False), (2, False, True)),
        signals((1, False, False), (2, False, True), (3, True, False)),
    )
    assert found["change"].to_list() == ["removed", "changed", "same", "added"]


def test_a_step_is_decided_at_its_last_recorded_pass_or_at_its_end() -> None:
    """Two passes on the first day, none on the second, one on the third."""
    passes = [T0 + timedelta(hours=2), T0 + timedelta(hours=20), T0 + 2 * DAY]
    assert moments(passes, T0, T0 + 2 * DAY, DAY) == [
        (T0 + timedelta(hours=20), True),
        (T0 + 2 * DAY, False),
        (T0 + 2 * DAY, True),
    ]


@pytest.mark.parametrize(
    ("last", "step", "says"),
    [
        (T0 - DAY, DAY, "must not end before"),
        (T0, timedelta(0), "longer than 0"),
        (T0 + 2000 * DAY, DAY, "at most 1,000"),
    ],
)
def test_periods_without_meaning_are_refused(last, step, says) -> None:
    """One sentence each."""
    with pytest.raises(BadInput, match=says):
        moments([], T0, last, step)
