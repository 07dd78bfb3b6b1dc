"""Expressions on bars: three-valued, causal, symbol by symbol."""

import math

import polars as pl
import pytest

from trading.indicators.expressions.expression import Expression, condition, expression
from trading.indicators.expressions.parse import parse
from trading.indicators.expressions.tree import written
from trading.market.errors import BadInput, InvalidExpression

KNOWN = {"rsi_14", "adx_14", "ema_20", "ema_50"}


def read(text: str) -> Expression:
    return expression(text, known=KNOWN.__contains__)


def values(text: str, **columns: list[float | None]) -> list[object]:
    rows = len(next(iter(columns.values())))
    return read(text).of(pl.DataFrame({"symbol": ["A/USDT"] * rows, **columns}, strict=False)).to_list()


def test_a_condition_joins_columns_of_the_catalogue():
    """Both sides, one side, the other side, neither."""
    found = values("rsi_14 < 30 AND adx_14 > 20", rsi_14=[20, 20, 40, 40], adx_14=[25, 15, 25, 15])
    assert found == [True, False, False, False]


def test_warming_up_is_never_true_and_not_false_either():
    """Unknown stays unknown under NOT; OR and AND are decided by the side that is known."""
    rsi = [None, None, None]
    assert values("rsi_14 < 30", rsi_14=rsi) == [None] * 3
    assert values("NOT rsi_14 < 30", rsi_14=rsi) == [None] * 3
    assert values("rsi_14 < 30 OR close > 1", rsi_14=rsi, close=[0, 2, None]) == [None, True, None]
    assert values("rsi_14 < 30 AND close > 1", rsi_14=rsi, close=[0, 2, None]) == [False, None, None]


def test_nan_and_infinity_are_unknown_not_large():
    """Polars has NaN above every number and 1/0 above every bound: neither may pass a bound."""
    assert values("close > 10", close=[math.nan, math.inf, 11]) == [None, None, True]
    assert values("close / volume > 10", close=[1, 100], volume=[0, 1]) == [None, True]
    assert values("close * close > 0", close=[1e200]) == [None]


def test_arithmetic_has_the_usual_order():
    """2 + 3 * 4 = 14; left to right for - and /; a bracket first."""
    assert values("close + 3 * 4", close=[2]) == [14.0]
    assert values("close - 3 - 4", close=[10]) == [3.0]
    assert values("close / 2 / 5", close=[100]) == [10.0]
    assert values("-(close + 1) * 2", close=[2]) == [-6.0]


def test_not_binds_before_and_and_and_before_or():
    """NOT false AND false OR true = ((NOT false) AND false) OR true."""
    assert values("NOT close > 5 AND close > 5 OR close == 1", close=[1]) == [True]
    assert values("close == 1 or close == 1 and close == 2", close=[1]) == [True]


def test_a_chain_of_comparisons_means_all_of_them():
    """20 < x <= 30 as written on paper."""
    assert values("20 < rsi_14 <= 30", rsi_14=[20, 21, 30, 31]) == [False, True, True, False]


def test_a_crossing_is_one_bar_long_and_needs_a_bar_before():
    """From at or below to above: at bars 3 and 6; starting above is none."""
    found = values("crosses_above(ema_20, ema_50)", ema_20=[3, 1, 3, 3, 2, 3], ema_50=[2, 2, 2, 2, 2, 2])
    assert found == [None, False, True, False, False, True]
    assert values("crosses_below(rsi_14, 30)", rsi_14=[40, 30, 29]) == [False, False, True]


def test_a_look_back_stops_at_the_first_bar_of_its_own_symbol():
    """The second symbol's first bar has no earlier one, though the frame has."""
    frame = pl.DataFrame({"symbol": ["A", "A", "B", "B"], "close": [1.0, 2.0, 30.0, 40.0]})
    assert read("close[1]").of(frame).to_list() == [None, 1.0, None, 30.0]
    assert read("highest(close, 2)").of(frame).to_list() == [None, 2.0, None, 40.0]
    assert read("any(close < 2, 3)").of(frame).to_list() == [True, True, None, None]
    assert read("mean(close, 2)").of(frame).to_list() == [None, 1.5, None, 35.0]


def test_reach_is_the_number_of_earlier_bars():
    """5 back; 5 back and a window of 10 (9 more); 5 back and a crossing (1 more)."""
    assert read("close[5] > 1").reach == 5
    assert read("highest(close[5], 10) > 1").reach == 14
    assert read("crosses_above(close[5], ema_20)").reach == 6


def test_the_words_of_a_tree_read_back_as_the_tree():
    """Brackets everywhere, same meaning."""
    tree = parse("NOT 20 < rsi_14 < 30 OR any(close[1] > open, 5) AND crosses_above(ema_20, -ema_50)")
    assert parse(written(tree)) == tree


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("rsi_14 <", 9, "a value is missing, found the end"),
        ("rsi_41 < 30", 1, "unknown column 'rsi_41'"),
        ("rsi_14 < 30 AND", 16, "a value is missing"),
        ("rsi_14 < 30 adx_14", 13, "AND or OR is missing"),
        ("(rsi_14 < 30", 13, "')' is missing for the bracket at 1"),
        ("rsi_14 AND close > 1", 1, "AND needs a condition, this is a value"),
        ("(close > 1) + 2", 1, "+ needs a value, this is a condition"),
        ("NOT close", 5, "NOT needs a condition"),
        ("close = 1", 7, "equality is =="),
        ("close > 1 & close < 2", 11, "say AND"),
        ("close[-1] > 1", 7, "a look-back must be a whole number from 0 to 1,000, was '-'"),
        ("close[1001] > 1", 7, "was '1001'"),
        ("mean(close, 2.5) > 1", 13, "the bars of mean must be a whole number"),
        ("crosses_over(close, open)", 1, "unknown function 'crosses_over'; near ones: crosses_"),
        ("highest(close) > 1", 14, "',' is missing between the 2 arguments"),
        ("1 < 2", 1, "it names no column"),
        ("any(1 < 2, 3) AND close > 1", 1, "any needs a column"),
        ("close > 1e999", 9, "too large"),
        ("__import__('os')", 12, "cannot be read here"),
        ("close.real > 1", 6, "cannot be read here"),
        ("close ** 2 > 1", 8, "a value is missing, found '*'"),
        ("", 1, "was empty"),
        ("a" * 1_001, 1, "1,000 characters, had 1,001"),
    ],
)
def test_what_cannot_be_read_names_the_place(text, place, says):
    """One sentence with the character, counted from 1."""
    with pytest.raises(InvalidExpression) as caught:
        condition(text, known=KNOWN.__contains__, near=lambda _: ["rsi_14"])
    assert says in str(caught.value)
    assert caught.value.at == place


def test_an_unknown_column_is_answered_with_the_nearest_one():
    """The catalogue's own nearest, or a candle column where it has none."""
    with pytest.raises(InvalidExpression, match="near ones: rsi_14"):
        expression("rsi14 < 30", known=KNOWN.__contains__, near=lambda _: ["rsi_14"])
    with pytest.raises(InvalidExpression, match="near ones: close"):
        expression("clos < 30", known=KNOWN.__contains__)


@pytest.mark.parametrize("text", ["(" * 500 + "close", "NOT " * 249, "-" * 999 + "c", "close" + "[1]" * 300])
def test_deep_nesting_is_refused_before_it_costs_anything(text):
    """Python's own recursion is never reached."""
    with pytest.raises(InvalidExpression, match=r"deep|build on each other"):
        parse(text)


def test_a_long_flat_sum_is_refused_by_its_depth():
    """Each + builds on the one before: 64 at most."""
    assert parse("+".join(["close"] * 60))
    with pytest.raises(InvalidExpression, match="build on each other"):
        parse("+".join(["close"] * 100))


def test_a_number_where_a_condition_is_wanted_is_refused():
    """`rsi_14` alone filters nothing."""
    with pytest.raises(InvalidExpression, match="a condition is wanted"):
        condition("rsi_14 + 1", known=KNOWN.__contains__)


def test_a_table_without_a_column_is_named():
    """The column, not a Polars trace."""
    with pytest.raises(BadInput, match="needs columns symbol, adx_14"):
        read("adx_14 > 20").of(pl.DataFrame({"close": [1.0]}))
