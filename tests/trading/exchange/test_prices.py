"""Tickers and quotes: nulls where the venue has nothing to say, exact numbers where orders need them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trading.exchange.listing import to_markets
from trading.exchange.prices import to_quotes, to_tickers
from trading.market.errors import BadPayload
from trading.market.frames import TICKERS
from trading.market.timeframes import from_ms

RECORDED = Path("../shared/data/mexc/response_spot.json")
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def market_row(symbol: str, base: str) -> dict[str, Any]:
    return {
        "symbol": symbol, "status": "1", "baseAsset": base, "baseAssetPrecision": 6, "quoteAsset": "USDT",
        "quoteAssetPrecision": 2, "isSpotTradingAllowed": True,
    }  # fmt: skip


MARKETS = {
    market.exchange_id: market
    for market in to_markets([market_row("BTCUSDT", "BTC"), market_row("ETHUSDT", "ETH")], str.upper)
}


def ticker(symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "lastPrice": "110", "bidPrice": "109", "askPrice": "111", "openPrice": "100",
        "highPrice": "120", "lowPrice": "90", "volume": "5", "quoteVolume": "500",
        "closeTime": 1_740_830_400_123,
    } | changes  # fmt: skip


def test_ticker_row_by_hand() -> None:
    """Change is a fraction of the open; `at` is the venue's own time."""
    frame = to_tickers([ticker()], MARKETS, now=NOW)
    assert frame.schema == TICKERS
    (row,) = frame.iter_rows(named=True)
    assert row["symbol"] == "BTC/USDT"
    assert row["change_24h"] == pytest.approx(0.1)
    assert row["at"] == from_ms(1_740_830_400_123)
    assert (row["bid"], row["ask"], row["volume_quote_24h"]) == (109.0, 111.0, 500.0)


def test_holes_become_nulls_not_zeros() -> None:
    """An empty side of the book comes as "0" or null: no price. A volume of zero is a volume."""
    frame = to_tickers(
        [ticker(bidPrice="0", askPrice=None, lastPrice="NaN", openPrice="abc", volume="0", quoteVolume="0")],
        MARKETS,
        now=NOW,
    )
    (row,) = frame.iter_rows(named=True)
    assert [row[name] for name in ("bid", "ask", "last", "open_24h", "change_24h")] == [None] * 5
    assert (row["volume_base_24h"], row["volume_quote_24h"]) == (0.0, 0.0)


def test_strangers_and_rubbish_are_left_out() -> None:
    """Unlisted ids, rows that are no objects, symbols that are no text: the rest comes through."""
    rows = [ticker("NOPEUSDT"), None, 7, [], {"symbol": None}, {"symbol": {}}, ticker("ETHUSDT"), ticker()]
    rows[5] = {"symbol": 5}
    assert to_tickers(rows, MARKETS, now=NOW)["symbol"].to_list() == ["BTC/USDT", "ETH/USDT"]


def test_no_time_in_the_answer_means_market_time() -> None:
    """Nothing believable in closeTime: our market clock stands in."""
    frame = to_tickers([ticker(closeTime=None), ticker("ETHUSDT", closeTime="soon")], MARKETS, now=NOW)
    assert set(frame["at"]) == {NOW}
    assert to_tickers([], MARKETS, now=NOW).schema == TICKERS


def test_quotes_are_exact_and_need_both_sides() -> None:
    """Decimal from the wire's own digits; a one-sided book has no quote."""
    rows = [
        {
            "symbol": "BTCUSDT",
            "bidPrice": "0.1000000000000000001",
            "bidQty": "1",
            "askPrice": "0.2",
            "askQty": None,
        },
        {"symbol": "ETHUSDT", "bidPrice": "0", "bidQty": "0", "askPrice": "5", "askQty": "1"},
        {"symbol": "NOPE", "bidPrice": "1", "askPrice": "2"},
        None,
    ]
    found = to_quotes(rows, MARKETS, at=NOW)
    assert list(found) == ["BTC/USDT"]
    assert found["BTC/USDT"].bid == Decimal("0.1000000000000000001")
    assert found["BTC/USDT"].ask_amount == 0
    assert list(to_quotes(rows[0], MARKETS, at=NOW)) == ["BTC/USDT"]


@pytest.mark.parametrize("body", [None, "x", 5])
def test_body_of_the_wrong_shape_is_a_bad_payload(body: Any) -> None:
    """One clear error."""
    with pytest.raises(BadPayload):
        to_tickers(body, MARKETS, now=NOW)
    with pytest.raises(BadPayload):
        to_quotes(body, MARKETS, at=NOW)


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
def test_recorded_ticker_equals_what_ccxt_makes_of_it() -> None:
    """Every number of the recorded ticker; ccxt's percentage is a hundred times our fraction."""
    (case,) = json.loads(RECORDED.read_text())["methods"]["fetchTicker"]
    (row,) = to_tickers(case["http"], MARKETS, now=NOW).iter_rows(named=True)
    theirs = case["parsed"]
    for name, other in {
        "last": "close", "bid": "bid", "ask": "ask", "open_24h": "open", "high_24h": "high", "low_24h": "low",
        "volume_base_24h": "baseVolume", "volume_quote_24h": "quoteVolume",
    }.items():  # fmt: skip
        assert row[name] == theirs[other], name
    assert row["at"] == from_ms(theirs["timestamp"])
    assert row["change_24h"] == pytest.approx(theirs["percentage"] / 100, abs=5e-5)


def test_a_close_time_beyond_the_last_year_is_none() -> None:
    """In the year 10000 Python has no dates: such an answer counts as one without a time."""
    for junk in (253_402_300_800_000, 2**53 - 1):
        rows = [{"symbol": "BTCUSDT", "lastPrice": "1", "closeTime": junk}]
        assert to_tickers(rows, MARKETS, now=NOW)["at"].to_list() == [NOW]
