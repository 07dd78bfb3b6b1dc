"""Random expressions on random bars, held against a second, naive meaning; truncation; fuzz."""

import math

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.indicators.expressions.naive import at
from trading.indicators.expressions import tree as t
from trading.indicators.expressions.evaluate import to_polars, with_bar_numbers
from trading.indicators.expressions.parse import parse
from trading.market.errors import InvalidExpression

COLUMNS = ("open", "close", "rsi_14")
SCHEMA = {"symbol": pl.String} | dict.fromkeys(COLUMNS, pl.Float64)

columns = st.sampled_from(COLUMNS).map(t.Column)
literals = st.sampled_from([0.0, 1.0, 2.5]).map(t.Number)
window = st.integers(1, 4)
plain = st.one_of(literals, columns)


def _values(inner: st.SearchStrategy[t.Node]) -> st.SearchStrategy[t.Node]:
    return st.one_of(
        st.builds(t.Arithmetic, st.sampled_from("+-*/"), inner, inner),
        st.builds(t.Negative, inner),
        st.builds(lambda a, n: t.Back(t.Arithmetic("+", a, t.Column("close")), n), inner, st.integers(0, 4)),
        st.builds(lambda f, a, b: t.Call(f, (a, b)), st.sampled_from(["min", "max"]), inner, inner),
        st.builds(lambda a: t.Call("abs", (a,)), inner),
        st.builds(
            lambda f, a, n: t.Call(f, (a,), n), st.sampled_from(["highest", "lowest"]), columns, window
        ),
    )


def _conditions(inner: st.SearchStrategy[t.Node]) -> st.SearchStrategy[t.Node]:
    return st.one_of(
        st.builds(lambda w, a, b: t.Logic(w, (a, b)), st.sampled_from(["AND", "OR"]), inner, inner),
        st.builds(t.Not, inner),
        st.builds(lambda f, a, n: t.Call(f, (a,), n), st.sampled_from(["any", "all"]), inner, window),
    )


values = st.recursive(plain, _values, max_leaves=5)
simple = st.one_of(
    st.builds(t.Comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), columns, values),
    st.builds(lambda f, a, b: t.Call(f, (a, b)), st.sampled_from(sorted(t.CROSSINGS)), columns, values),
)
conditions = st.recursive(simple, _conditions, max_leaves=4)
cells = st.sampled_from([None, 0.0, 1.0, 2.0, 2.5, -3.0, math.nan, math.inf])
series = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)), min_size=1, max_size=8)


def found(tree: t.Node, **symbols: list[dict[str, float | None]]) -> list[object]:
    rows = [{"symbol": symbol} | bar for symbol, bars in symbols.items() for bar in bars]
    frame = with_bar_numbers(pl.DataFrame(rows, schema=SCHEMA))
    return frame.with_columns(value=to_polars(tree))["value"].to_list()


@settings(max_examples=400, deadline=None)
@given(tree=conditions, first=series, second=series)
def test_every_expression_means_what_the_naive_reading_says(tree, first, second):
    """Two symbols of random bars with holes, against one bar after the other in plain Python."""
    expected = [at(tree, bars, i) for bars in (first, second) for i in range(len(bars))]
    assert found(tree, A=first, B=second) == expected


@settings(max_examples=100, deadline=None)
@given(tree=conditions, bars=series, cut=st.integers(1, 8))
def test_later_bars_never_change_an_earlier_value(tree, bars, cut):
    """The first bars alone give what they give with all that follow."""
    assert found(tree, A=bars[:cut]) == found(tree, A=bars)[:cut]


@settings(max_examples=100, deadline=None)
@given(tree=conditions)
def test_what_is_written_reads_back_as_the_same_tree(tree):
    """Except that a tree knows no place."""
    assert parse(t.written(tree)) == tree


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="close rsi_14()[]<>=!+-*/,.0123456789 ANDORNOT\n'\"", max_size=80))
def test_any_text_is_read_or_refused_with_a_place(text):
    """Fuzz: nothing but InvalidExpression comes out."""
    place = None
    try:
        parse(text)
    except InvalidExpression as error:
        place = error.at
    assert place is None or 1 <= place <= len(text) + 1
