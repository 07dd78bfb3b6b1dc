import numpy as np
import pytest

from trading.market.errors import BadInput
from trading.market.frames import CANDLES, empty
from trading.xray.returns import log_returns, wide_closes

HOLES = np.array([[1.0, 2.0, np.nan, 4.0], [np.nan, 5.0, 10.0, 10.0]])


def test_closes_land_on_their_time_and_holes_stay_holes(to_candles):
    """Scattered, not filled forward."""
    wide = wide_closes(to_candles(["A", "B"], HOLES).sample(fraction=1.0, shuffle=True, seed=3))
    assert wide.symbols == ["A", "B"]
    np.testing.assert_array_equal(wide.close, HOLES)
    assert np.diff(wide.open_ms).tolist() == [900_000] * 3


def test_a_return_needs_both_of_its_bars(to_candles):
    """ln 2 where both exist, NaN across a hole."""
    symbols, returns = log_returns(to_candles(["A", "B"], HOLES))
    assert symbols == ["A", "B"]
    np.testing.assert_allclose(returns, [[np.log(2), np.nan, np.nan], [np.nan, np.log(2), 0.0]])


def test_last_keeps_only_symbols_that_still_trade(to_candles):
    """A delisted symbol is no row of NaN."""
    close = np.array([[1.0, 2.0, np.nan, np.nan], [1.0, 2.0, 3.0, 4.0]])
    wide = wide_closes(to_candles(["A", "B"], close)).last(2)
    assert wide.symbols == ["B"]
    assert wide.close.tolist() == [[3.0, 4.0]]
    with pytest.raises(BadInput, match="at least 1, was 0"):
        wide.last(0)


def test_no_candles_are_no_symbols():
    """Shape (0, 0) and no error."""
    wide = wide_closes(empty(CANDLES))
    assert (wide.symbols, wide.close.shape) == ([], (0, 0))
