"""Requests exactly as ccxt's mexc class makes them: recorded ones and our own, all accepted."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest

from tests.trading.simulator.handmade import SEED, FakeMarket, pair
from trading.simulator.accounts import AccountBook, demo_credentials
from trading.simulator.serve import base_urls

OWN = Path(__file__).parents[2] / "fixtures" / "mexc" / "requests.json"
RECORDED = Path(__file__).parents[4] / "shared" / "data" / "mexc" / "request_spot.json"
SYMBOLS = ("AAA", "BTC", "ETH", "LTC", "ADA", "ATLAS", "PYTH")
# ccxt adds these to every signed call; the recorded cases leave them out too.
SKIPPED = {"timestamp", "recvWindow", "signature"}


def cases(path: Path) -> list[Any]:
    return json.loads(path.read_text())["cases"] if path.exists() else []


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).replace("o_h_l_c_v", "ohlcv")


class Listener(ccxt.mexc):
    """ccxt's class, remembering what it sent."""

    sent: list[tuple[str, str]]

    def fetch(self, url, method="GET", headers=None, body=None):  # type: ignore[no-untyped-def]  # ccxt's signature
        self.sent.append((method, url))
        return super().fetch(url, method, headers, body)


@pytest.fixture
def mexc(make_client: Callable[..., Any], serve_here: Callable[..., tuple[str, int]]) -> Listener:
    """ccxt on an exchange that lists the pairs of the recorded requests, at prices near theirs."""
    cheap = {"min_cost": Decimal("0.1")}
    fine = {"price_decimals": 6, "amount_decimals": 2, "min_cost": Decimal("0.001")}
    market = FakeMarket(*(pair(f"{base}USDT", **(fine if base == "ATLAS" else cheap)) for base in SYMBOLS))
    market.paths |= {"ATLASUSDT": [(0, 6_000)], "ADAUSDT": [(0, 150)], "PYTHUSDT": [(0, 40)]}
    funds = {"USDT": Decimal(10_000)} | {base: Decimal(10_000) for base in SYMBOLS}
    exchange = make_client(market, accounts=AccountBook(SEED, funds=funds)).exchange
    where = serve_here(exchange)
    key, secret = demo_credentials(SEED, 1)
    client = Listener({"apiKey": key, "secret": secret, "enableRateLimit": False, "urls": base_urls(*where)})
    # Market time stands still here; ccxt signs with the local clock, so it is given the exchange's.
    client.milliseconds = exchange.clock.now_ms  # type: ignore[method-assign]  # what the gateway does, too
    client.sent = []
    client.load_markets()
    return client


@pytest.mark.parametrize("path", [OWN, RECORDED], ids=["own", "recorded"])
def test_every_request_of_ccxt_is_accepted(mexc: Listener, path: Path) -> None:
    """Same verb, path and query as in the case, and the exchange answers it. An order that was never
    placed here is answered -2013 or -2011, anything else is a failure."""
    if not path.exists():
        pytest.skip("recorded MEXC requests are not beside this checkout")
    for case in cases(path):
        mexc.sent.clear()
        refusal = refusal_of(mexc, case)
        assert refusal is None or '"code":-2013' in refusal or '"code":-2011' in refusal, (case, refusal)
        method, url = mexc.sent[-1]
        assert method == case["verb"], case
        ours, theirs = urlsplit(url), urlsplit(case["path_query"])
        assert ours.path == theirs.path
        query = [(k, v) for k, v in parse_qsl(ours.query) if k not in SKIPPED]
        assert normal(query) == normal(parse_qsl(theirs.query)), case


def refusal_of(mexc: Listener, case: Any) -> str | None:
    try:
        getattr(mexc, snake(case["method"]))(*case["input"])
    except ccxt.BaseError as refused:
        return str(refused)
    return None


def normal(query: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return a query with numbers in one form: precision here differs from the recorded pairs'."""
    return [(name, value if name == "batchOrders" else plain(value)) for name, value in query]


def plain(text: str) -> str:
    try:
        return f"{Decimal(text).normalize():f}"
    except ArithmeticError:
        return text
