"""A plain ccxt script, as anybody would write it, on `sluice exchange serve`."""

import time
from collections.abc import Iterator

import ccxt
import pytest

from tests.integration.exchange_process import ExchangeProcess, exchange_process


@pytest.fixture(scope="module")
def served() -> Iterator[ExchangeProcess]:
    """A small market in real time: speed 1, starting now."""
    with exchange_process("--symbols", "60", "--start", "now") as running:
        yield running


def test_ten_lines_of_ccxt_trade_on_the_exchange(served: ExchangeProcess) -> None:
    """Load markets, fetch candles, place a limit and a market order, query, cancel: unmodified ccxt."""
    mexc = ccxt.mexc(served.ccxt())
    markets = mexc.load_markets()
    candles = mexc.fetch_ohlcv("ETH/USDT", "15m", limit=100)
    bid = mexc.fetch_ticker("ETH/USDT")["bid"]
    resting = mexc.create_order("ETH/USDT", "limit", "buy", 0.1, bid * 0.8)
    bought = mexc.create_order("ETH/USDT", "market", "buy", 0.1)
    before, after = mexc.fetch_order(resting["id"], "ETH/USDT"), mexc.fetch_order(bought["id"], "ETH/USDT")
    mexc.cancel_order(resting["id"], "ETH/USDT")
    gone = mexc.fetch_order(resting["id"], "ETH/USDT")
    balance = mexc.fetch_balance()

    assert len(markets) == 60
    assert len(candles) == 100
    assert all(low <= min(o, c) <= max(o, c) <= high for _, o, high, low, c, _ in candles)
    assert abs(candles[-1][0] - time.time() * 1000) < 15 * 60_000
    assert (before["status"], after["status"], gone["status"]) == ("open", "closed", "canceled")
    assert after["filled"] == 0.1
    assert balance["ETH"]["total"] == 0.1
    assert balance["USDT"]["used"] == 0
    fee = mexc.fetch_my_trades("ETH/USDT")[0]["fee"]
    assert fee["currency"] == "USDT"
    assert balance["USDT"]["free"] == pytest.approx(10_000 - after["cost"] - sum_of_fees(mexc))


def sum_of_fees(mexc: ccxt.mexc) -> float:
    return sum(trade["fee"]["cost"] for trade in mexc.fetch_my_trades("ETH/USDT"))


def test_ccxt_raises_the_right_errors(served: ExchangeProcess) -> None:
    """The codes arrive as the classes that ccxt has for them."""
    mexc = ccxt.mexc(served.ccxt())
    mexc.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        mexc.create_order("ETH/USDT", "market", "sell", 5)
    with pytest.raises(ccxt.InvalidOrder):
        mexc.create_order("ETH/USDT", "limit", "buy", 0.0001, 100)
    with pytest.raises(ccxt.AuthenticationError):
        ccxt.mexc(served.ccxt(secret="wrong")).fetch_balance()
    late = ccxt.mexc(served.ccxt())
    late.options["timeDifference"] = 10_000
    with pytest.raises(ccxt.InvalidNonce):
        late.fetch_balance()
