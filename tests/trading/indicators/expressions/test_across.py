"""`cs_rank`: a symbol's place among all symbols at one bar, worked out by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.indicators import catalogue
from trading.indicators.expressions.expression import condition, expression
from trading.market.errors import BadInput, InvalidExpression

START = datetime(2025, 3, 1, tzinfo=UTC)


def table(**closes: list[float | None]) -> pl.DataFrame:
    """One row per symbol and hour; a close of None is a bar without a value."""
    rows = [
        {"symbol": name, "open_time": START + timedelta(hours=place), "close": close}
        for name, values in closes.items()
        for place, close in enumerate(values)
    ]
    return pl.DataFrame(rows, schema_overrides={"close": pl.Float64})


def ranked(text: str, frame: pl.DataFrame) -> list[float | None]:
    return expression(text, known=catalogue.known, across=True).of(frame).to_list()


def test_a_rank_is_the_share_of_symbols_that_are_not_higher() -> None:
    """Of 1, 2, 3, 3 the places are 1/4, 2/4 and twice 4/4; next bar the order turns."""
    frame = table(A=[1, 9], B=[2, 7], C=[3, 5], D=[3, 3])
    assert ranked("cs_rank(close)", frame) == [0.25, 1.0, 0.5, 0.75, 1.0, 0.5, 1.0, 0.25]


def test_an_unknown_value_has_no_rank_and_is_not_counted() -> None:
    """Of three symbols one has no value: the others are 1/2 and 2/2. A symbol without a bar is absent."""
    frame = table(A=[1, 1], B=[None, 5], C=[3])
    assert ranked("cs_rank(close)", frame) == [0.5, 0.5, None, 1.0, 1.0]


def test_only_members_of_a_bar_s_universe_are_ranked() -> None:
    """B is no member of the first bar: A and C share the places, B has none."""
    frame = table(A=[1], B=[2], C=[3]).with_columns(is_member=pl.Series([True, False, True]))
    assert ranked("cs_rank(close)", frame) == [0.5, None, 1.0]


def test_it_goes_into_windows_and_back_in_time_and_into_itself() -> None:
    """A's places are 1/2, 2/2, 1/2: means of two 3/4, 3/4; one bar ago 1/2, 1. Ranks of ranks stay."""
    frame = table(A=[1, 9, 1], B=[2, 2, 2])
    assert ranked("mean(cs_rank(close), 2)", frame)[:3] == [None, 0.75, 0.75]
    assert ranked("cs_rank(close)[1]", frame)[:3] == [None, 0.5, 1.0]
    assert ranked("cs_rank(cs_rank(close))", frame) == ranked("cs_rank(close)", frame)
    assert ranked("cs_rank(mean(close, 2))", frame)[:3] == [None, 1.0, 1.0]
    assert ranked("cs_rank(close) > 0.9 AND close[1] < 2", frame)[:3] == [False, True, False]


def test_later_bars_and_symbols_listed_later_change_no_earlier_rank() -> None:
    """Cut after the second bar, the first two places stand; a coin that begins later is not among them."""
    frame = table(A=[1, 2, 9], B=[2, 1, 1]).vstack(
        table(Z=[5]).with_columns(open_time=pl.lit(START + timedelta(hours=2)).cast(pl.Datetime("us", "UTC")))
    )
    early = frame.filter(pl.col("open_time") < START + timedelta(hours=2))
    whole = frame.with_columns(rank=pl.Series(ranked("cs_rank(close)", frame)))
    kept = whole.filter(pl.col("open_time") < START + timedelta(hours=2))["rank"].to_list()
    assert kept == ranked("cs_rank(close)", early)


def test_where_symbols_are_not_asked_together_it_is_refused() -> None:
    """A chain of filters looks at some symbols at a time; a table without a time has no moments."""
    with pytest.raises(InvalidExpression, match=r"at character 1 of .*cs_rank compares all symbols at a bar"):
        condition("cs_rank(close) > 0.9", known=catalogue.known)
    with pytest.raises(BadInput, match=r"cs_rank compares symbols at one moment: the table lacks open_time"):
        ranked("cs_rank(close)", table(A=[1]).drop("open_time"))
    with pytest.raises(InvalidExpression, match=r"cs_rank needs a value, this is a condition"):
        expression("cs_rank(close > 1)", known=catalogue.known, across=True)
