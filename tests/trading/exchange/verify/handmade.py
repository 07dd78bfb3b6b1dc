"""Samples written by hand in the shape of the recorded ones, and an exchange that serves their pairs."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading.exchange.verify.samples import Samples, standing_prices
from trading.market.timeframes import to_ms
from trading.simulator.accounts import AccountBook
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.faults import FaultPlan
from trading.simulator.limits import LimitSettings
from trading.simulator.sampled import SampledMarket

SEED = 7
ROW: dict[str, Any] = {
    "symbol": "AAAUSDT", "status": "1", "baseAsset": "AAA", "baseAssetPrecision": "2", "quoteAsset": "USDT",
    "quotePrecision": "4", "quoteAssetPrecision": "4", "baseCommissionPrecision": "2",
    "quoteCommissionPrecision": "4", "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
    "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "quoteAmountPrecision": "1",
    "baseSizePrecision": "0.1", "permissions": ["SPOT"], "filters": [], "maxQuoteAmount": "2000000",
    "makerCommission": "0", "takerCommission": "0.0005", "quoteAmountPrecisionMarket": "1",
    "maxQuoteAmountMarket": "100000", "fullName": "Aaa", "tradeSideType": "1",
}  # fmt: skip
LISTED = {
    "AAA/USDT": {
        "id": "AAAUSDT", "active": True, "taker": 0.0005, "maker": 0,
        "precision": {"amount": 0.01, "price": 0.0001},
        "limits": {"amount": {"min": 0.1}, "cost": {"min": 1, "max": 2000000}},
    }
}  # fmt: skip
CANDLE = [1710327600000, "2.0", "2.5", "1.5", "2.2", "10", 1710331200000, "21"]
REQUESTS = [
    {"method": "fetchTime", "verb": "GET", "path_query": "/api/v3/time", "input": []},
    {
        "method": "createOrder", "verb": "POST", "signed": True,
        "path_query": "/api/v3/order?symbol=AAAUSDT&side=BUY&type=LIMIT&quantity=10&price=2",
        "input": ["AAA/USDT", "limit", "buy", 10, 2],
    },
]  # fmt: skip
RESPONSES = {
    "fetchOHLCV": [
        {
            "input": ["AAA/USDT", "1h", None, 1],
            "http": [CANDLE],
            "parsed": [[1710327600000, 2.0, 2.5, 1.5, 2.2, 10]],
        }
    ]
}


def write_samples(folder: Path, **changes: Any) -> Path:
    """Write the three files into `folder`; `changes` replace their documents by stem."""
    documents: dict[str, Any] = {
        "markets_spot": {"exchangeInfo_symbols": [ROW], "ccxt_parsed_expected": LISTED},
        "request_spot": {"cases": REQUESTS},
        "response_spot": {"methods": RESPONSES},
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    for stem, document in documents.items():
        (folder / f"{stem}.json").write_text(json.dumps(document))
    return folder


def exchange_of(samples: Samples, *, faults: FaultPlan | None = None, rate: float = 0.0) -> Exchange:
    """Return an exchange that lists the sampled pairs, open to the API, with funded accounts."""
    now_ms = to_ms(datetime.now(UTC))
    market = SampledMarket(samples.rows, standing_prices(samples), start_ms=now_ms, open_to_api=True)
    funds = {coin: Decimal(1_000_000) for p in market.pairs.values() for coin in (p.base, p.quote)}
    return make_exchange(
        market,
        MarketClock(now_ms, 1.0),
        seed=SEED,
        accounts=AccountBook(SEED, funds=funds),
        limits=LimitSettings(rate_per_s=rate),
        faults=faults,
    )
