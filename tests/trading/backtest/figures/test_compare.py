"""Two runs, trade by trade: every difference has its kind, its reason and its share of the profit."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.figures.compare import DIFFERENCES, KINDS, compare_trades, summary
from trading.backtest.figures.trades import closed_trades
from trading.market.errors import BadInput

START = datetime(2026, 1, 1, tzinfo=UTC)


def trade(symbol: str, opened: float, closed: float, **change) -> dict:
    base = {
        "symbol": symbol,
        "open_ts": START + timedelta(hours=opened),
        "close_ts": START + timedelta(hours=closed),
        "open_rate": 100.0,
        "close_rate": 102.0,
        "amount": 1.0,
        "profit_ratio": 0.02,
        "exit_reason": "roi",
    }
    return base | change


def runs(a: list[dict], b: list[dict]) -> tuple[pl.DataFrame, pl.DataFrame]:
    schema = pl.DataFrame([trade("A", 0, 1)]).schema
    return pl.DataFrame(a, schema=schema), pl.DataFrame(b, schema=schema)


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        ({}, "same", "the same"),
        ({"exit_reason": "stop_loss", "close_rate": 98.0, "profit_ratio": -0.02}, "exit",
         "left by roi in a, by stop_loss in b"),
        ({"close_ts": START + timedelta(hours=2)}, "exit", "left by roi in both, a earlier"),
        ({"close_rate": 101.0, "profit_ratio": 0.01}, "price", "left by roi at another price"),
        ({"open_rate": 99.0}, "price", "entry at another price"),
        ({"open_rate": 99.0, "exit_reason": "stop_loss"}, "price",
         "entry at another price; left by roi in a, by stop_loss in b"),
        ({"profit_ratio": 0.018}, "price", "same prices, other costs"),
        ({"amount": 2.0}, "size", "another stake"),
        ({"open_ts": START - timedelta(hours=1)}, "shifted", "b entered earlier"),
    ],
)  # fmt: skip
def test_one_trade_in_both_runs_is_told_apart_by_the_first_thing_that_differs(change, kind, reason) -> None:
    """In the order in which a trade happens: entry, exit, size, costs."""
    found = compare_trades(*runs([trade("A", 0, 1)], [trade("A", 0, 1, **change)]))
    assert found.select("kind", "reason").rows() == [(kind, reason)]
    assert dict(found.schema) == DIFFERENCES


def test_a_trade_that_only_one_run_made_says_what_the_other_was_doing() -> None:
    """It held the symbol already, had no slot, had just left, or just did not enter."""
    a = [trade("A", 0, 10), trade("B", 0, 5), trade("C", 20, 21)]
    b = [trade("A", 0, 1), trade("A", 2, 3), trade("B", 0, 5), trade("D", 3, 4), trade("C", 15, 20)]
    found = compare_trades(*runs(a, b), slots=2)
    told = {(row["symbol"], row["kind"]): row["reason"] for row in found.to_dicts() if row["kind"] != "same"}
    assert told == {
        ("A", "exit"): "left by roi in both, b earlier",
        ("A", "only_b"): "a already held the symbol",
        ("D", "only_b"): "a had no free slot",
        ("C", "only_a"): "b left the symbol in that bar",
        ("C", "only_b"): "a did not enter: no signal there, or a rule kept it out",
    }


def test_the_summary_explains_the_whole_difference() -> None:
    """+2 and +2 against +2 and -2: 4 lost by one exit."""
    bad = {"exit_reason": "stop_loss", "close_rate": 98.0, "profit_ratio": -0.02}
    table = summary(compare_trades(*runs([trade("A", 0, 1), trade("B", 0, 1)],
                                         [trade("A", 0, 1), trade("B", 0, 1, **bad)])))  # fmt: skip
    assert table.select("kind", "trades", "difference").rows() == [
        ("exit", 1, pytest.approx(-4.0)), ("same", 1, 0.0),
    ]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 20), st.integers(0, 6),
             st.floats(-0.5, 0.5)), max_size=15), min_size=2, max_size=2)
)  # fmt: skip
def test_every_trade_appears_once_and_the_differences_add_up(sides) -> None:
    """Whatever the two tables are, also with several trades of a symbol at one time."""
    made = [[trade(s, o, o + d, profit_ratio=p) for s, o, d, p in side] for side in sides]
    a, b = runs(*made)
    found = compare_trades(a, b)
    assert set(found["kind"]) <= set(KINDS)
    assert found["open_time_a"].count() == len(a)
    assert found["open_time_b"].count() == len(b)
    expected = closed_trades(b)["profit"].sum() - closed_trades(a)["profit"].sum()
    assert found["difference"].sum() == pytest.approx(expected, abs=1e-6)


def test_a_run_against_itself_is_the_same_and_bad_bounds_are_refused() -> None:
    """No difference at all; two empty runs are an empty table."""
    a, _ = runs([trade("A", 0, 1), trade("B", 3, 4)], [])
    assert compare_trades(a, a)["kind"].to_list() == ["same", "same"]
    assert compare_trades(a.head(0), a.head(0)).is_empty()
    with pytest.raises(BadInput, match="tolerance must not be negative"):
        compare_trades(a, a, tolerance=-1.0)
    with pytest.raises(BadInput, match="slots must be at least 1, was 0"):
        compare_trades(a, a, slots=0)
