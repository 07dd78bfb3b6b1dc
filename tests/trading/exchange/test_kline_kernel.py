"""The compiled reader gives exactly what float() gives, or refuses: it never guesses."""

from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.exchange.kline_kernel import read_table

T0 = 1_740_830_400_000


def row(*values: Any) -> list[Any]:
    return [T0, *values[:5], T0 + 900_000, values[5]]


def test_table_by_hand() -> None:
    """Seven rows of the table, the close time left out; numbers may be quoted or not."""
    table = read_table(orjson.dumps([row("2", "4.5", "0.001", "3", "10", "30"), row(7, 8.25, 1, 2, 0, 9)]))
    assert table is not None
    assert table[:, 0].tolist() == [T0, 2.0, 4.5, 0.001, 3.0, 10.0, 30.0]
    assert table[:, 1].tolist() == [T0, 7.0, 8.25, 1.0, 2.0, 0.0, 9.0]


decimals = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=6)
tiny = st.decimals(min_value=0, max_value="0.001", places=18).map(lambda value: format(value, "f"))
texts = st.one_of(decimals.map(lambda value: format(value, "f")), tiny, st.integers(0, 10**15 - 1).map(str))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[texts] * 6), min_size=1, max_size=20))
def test_numbers_are_the_nearest_floats_to_the_last_bit(rows: list[tuple[str, ...]]) -> None:
    """Against Python's own correctly rounded float(), which shares no code with the kernel."""
    table = read_table(orjson.dumps([row(*values) for values in rows]))
    assert table is not None
    for column, values in zip(table.T, rows, strict=True):
        assert column[1:].tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[[]]",
        b"{}",
        b"null",
        b"[[1,2,3,4,5,6,7]]",
        b"[[1,2,3,4,5,6,7,8,9]]",
        b"[[1,2,3,4,5,6,7,8]",
        b"[[1,2,3,4,5,6,7,8]]x",
        b"[[1,2,3,4,5,6,7,8]],[[",
        b"[[1,2,3,4,5,6,7,8],]",
        b"[[1,2,3,4,5,6,7,8],[1,2]]",
        b"[[1,2,3,null,5,6,7,8]]",
        b'[[1,"2,3,4,5,6,7,8]]',
        b'[[1,"2"x,3,4,5,6,7,8]]',
        b'[[1,"",3,4,5,6,7,8]]',
        b"[[1,-2,3,4,5,6,7,8]]",
        b"[[1,1e3,3,4,5,6,7,8]]",
        b"[[1,1.,3,4,5,6,7,8]]",
        b"[[1,.5,3,4,5,6,7,8]]",
        b"[[1,1.2.3,3,4,5,6,7,8]]",
        b'[[1,"NaN",3,4,5,6,7,8]]',
        b"[[1,12345678901.123456,3,4,5,6,7,8]]",
        b"[[1,99999999999999999999999999999999,3,4,5,6,7,8]]",
        b"[[1, 2,3,4,5,6,7,8]]",
    ],
)
def test_everything_else_is_refused(body: bytes) -> None:
    """Odd shapes, signs, exponents, too many digits: the general reader decides."""
    assert read_table(body) is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=4), st.integers(0, 5))
def test_damaged_body_is_refused_or_is_what_json_says(place: int, patch: bytes, cut: int) -> None:
    """Bytes replaced, inserted or cut anywhere: no crash, and never another number than JSON's."""
    whole = orjson.dumps([row("2", "4.5", "0.001", "3", "10", "30"), row("1", "1", "1", "1", "1", "1")])
    body = whole[:place] + patch + whole[place + cut :]
    table = read_table(body)
    if table is None:
        return
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Leading zeros are the one thing read here that JSON forbids; the value is plain all the same.
        assert b"0" in body
        return
    expected = np.array([[float(Decimal(str(value))) for value in values] for values in parsed])
    assert (expected[:, [0, 1, 2, 3, 4, 5, 7]] == table.T).all()
