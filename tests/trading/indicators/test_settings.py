import pytest

from trading.indicators.settings import IndicatorSettings
from trading.market.errors import BadInput


def test_default_columns_are_those_of_the_contract():
    """Stages downstream name these columns."""
    expected = "rsi_14 macd macd_signal macd_hist bb_upper bb_middle bb_lower atr_14 ema_20 ema_50 ema_200"
    expected += " adx_14 stochrsi_k stochrsi_d obv"
    assert IndicatorSettings().columns == tuple(expected.split())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"rsi": 1}, "rsi must be at least 2 bars, was 1"),
        ({"atr": 0}, "atr must be at least 2"),
        ({"macd": (26, 12, 9)}, "macd fast must be below macd slow"),
        ({"bollinger": (20, 0.0)}, "bollinger width must be above 0"),
        ({"emas": (20, 20)}, "must differ"),
        ({"emas": (1,)}, "ema #0 must be at least 2"),
    ],
)
def test_meaningless_lengths_are_refused_with_value_and_bound(bad, message):
    """No formula is defined for them."""
    with pytest.raises(BadInput, match=message):
        IndicatorSettings(**bad)
