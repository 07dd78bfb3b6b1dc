"""Values of the feed and the frames they become."""

from decimal import Decimal

from tests.trading.exchange.feed.fakes import BARS, START, candle
from trading.exchange.feed.events import Kind, Stream, candle_frame, candles_of
from trading.market.frames import CANDLES
from trading.market.timeframes import timeframe


def test_only_closed_bars_become_rows() -> None:
    """A forming bar in a frame is tomorrow's look-ahead."""
    frame = candle_frame([candle(0, "100.5", 60, closed=True), candle(1, "101", 70)])
    assert frame.schema == CANDLES
    assert frame.rows() == [("BTC/USDT", START, 100.5, 100.5, 100.5, 100.5, 1.0, 100.5)]
    assert candle_frame([]).schema == CANDLES


def test_rows_become_the_bars_they_were() -> None:
    """There and back; 0.1 stays 0.1."""
    bars = [candle(minute, "0.1", 60 * (minute + 1), closed=True) for minute in range(3)]
    back = candles_of(candle_frame(bars), timeframe("1m"))
    assert back == bars
    assert back[0].close == Decimal("0.1")


def test_streams_say_what_they_are() -> None:
    """For health, logs and errors."""
    assert str(BARS) == "candles BTC/USDT 1m"
    assert str(Stream(Kind.ORDERS)) == "orders"
