"""The byte encoder of candles against plain formatting."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.timeframes import TIMEFRAMES
from trading.simulator.klines import encode_klines
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Bars
from trading.simulator.units import fixed

NUMBER = st.integers(0, 9 * 10**18)
ROWS = st.lists(st.tuples(*[NUMBER] * 6), max_size=6)


@settings(deadline=None)  # the first call compiles
@given(rows=ROWS, price=st.integers(0, 12), amount=st.integers(0, 8))
def test_bytes_equal_plain_formatting(rows: list[tuple[int, ...]], price: int, amount: int) -> None:
    """Every number up to 64 bits, with any decimals, as Python's own arithmetic on text writes it."""
    opens = [1_772_409_600_000 + 3_600_000 * n for n in range(len(rows))]
    table = np.array([(ms, *row) for ms, row in zip(opens, rows, strict=True)], dtype=np.int64).reshape(-1, 7)
    ours = json.loads(encode_klines(Bars(*table.T), TIMEFRAMES["1h"], price, amount))
    decimals = (price, price, price, price, amount)
    assert ours == [
        [
            ms,
            *(fixed(value, places) for value, places in zip(row[:5], decimals, strict=True)),
            ms + 3_600_000,
            fixed(row[5], QUOTE_VOLUME_DECIMALS),
        ]
        for ms, row in zip(opens, rows, strict=True)
    ]
