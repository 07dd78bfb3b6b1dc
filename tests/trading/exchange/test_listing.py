"""exchangeInfo becomes exact markets with two flags; unusable rows fall out, names are never guessed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trading.exchange.listing import MarketTable, decimal, to_markets
from trading.market.errors import BadPayload, UnknownSymbol

RECORDED = Path("../shared/data/mexc/markets_spot.json")


def row(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "status": "1",
        "baseAsset": "BTC",
        "baseAssetPrecision": 6,
        "quoteAsset": "USDT",
        "quoteAssetPrecision": "2",
        "isSpotTradingAllowed": True,
        "quoteAmountPrecision": "1.000000000000000000000000000000",
        "baseSizePrecision": "0.000001",
        "maxQuoteAmount": "2000000",
        "makerCommission": "0",
        "takerCommission": "0.0002",
        "tradeSideType": "1",
        "fullName": "Bitcoin",
    } | changes


def only(*rows: Any, api: set[str] | None = None) -> Any:
    (market,) = to_markets(rows, str.upper, api)
    return market


def test_numbers_are_exact() -> None:
    """Tick and step are ten to the minus precision; minimums come from MEXC's misleading fields."""
    market = only(row())
    assert (market.tick, market.step) == (Decimal("0.01"), Decimal("0.000001"))
    assert (market.min_amount, market.min_cost, market.max_cost) == (
        Decimal("0.000001"),
        Decimal("1.000000000000000000000000000000"),
        Decimal(2000000),
    )
    assert (market.maker_fee, market.taker_fee) == (Decimal(0), Decimal("0.0002"))


@pytest.mark.parametrize(
    ("changes", "api", "scannable", "tradable"),
    [
        ({}, None, True, True),
        ({"isSpotTradingAllowed": False}, None, True, False),
        ({"status": "2"}, None, False, False),
        ({"status": "3"}, None, False, False),
        ({"st": True}, None, True, False),
        ({"tradeSideType": "4"}, None, True, False),
        ({"tradeSideType": 1}, None, True, True),
        ({}, {"ETHUSDT"}, True, False),
        ({}, {"BTCUSDT"}, True, True),
        ({"isSpotTradingAllowed": "true"}, None, True, False),
    ],
)
def test_scannable_and_tradable_are_two_flags(
    changes: dict[str, Any], api: set[str] | None, scannable: bool, tradable: bool
) -> None:
    """Candles exist while the status is 1; orders need every one of the other conditions too."""
    market = only(row(**changes), api=api)
    assert (market.is_scannable, market.is_api_tradable) == (scannable, tradable)


def test_zero_minimum_amount_stays_zero() -> None:
    """baseSizePrecision may be "0": that is a bound of nothing, not a missing bound."""
    assert only(row(baseSizePrecision="0")).min_amount == 0
    assert only(row(baseSizePrecision=None)).min_amount == 0


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "BTCUSDT",
        [],
        {},
        row(symbol=None),
        row(symbol=""),
        row(baseAsset=7),
        row(quoteAssetPrecision="x"),
        row(quoteAssetPrecision=None),
        row(baseAssetPrecision=-1),
        row(baseAssetPrecision=2.5),
        row(baseAssetPrecision=10**9),
        row(maxQuoteAmount="1e999999999"),
        row(takerCommission="NaN"),
    ],
)
def test_unusable_row_falls_out_and_the_rest_stays(bad: Any) -> None:
    """One bad row never costs the listing."""
    good = row(symbol="ETHUSDT", baseAsset="ETH")
    symbols = [market.symbol for market in to_markets([bad, good], str.upper)]
    assert symbols == ["ETH/USDT"]


def test_renamed_coins_keep_their_wire_id() -> None:
    """MEXC's GAS is GASDAO in unified names; the id is never built from the symbol."""
    market = to_markets(
        [row(symbol="GASUSDT", baseAsset="GAS")], {"GAS": "GASDAO", "USDT": "USDT"}.__getitem__
    )[0]
    assert (market.symbol, market.exchange_id, market.base) == ("GASDAO/USDT", "GASUSDT", "GASDAO")


def test_of_two_ids_with_one_name_the_later_stands() -> None:
    """As in ccxt, so that both ways to the listing agree."""
    rows = [row(symbol="FLUXUSDT", baseAsset="FLUX"), row(symbol="FLUX1USDT", baseAsset="FLUX1")]
    markets = to_markets(rows, lambda coin: "FLUX" if coin == "FLUX1" else coin)
    assert [(market.symbol, market.exchange_id) for market in markets] == [("FLUX/USDT", "FLUX1USDT")]


@pytest.mark.parametrize("value", ["", "abc", None, "NaN", "Infinity", True, [], {}])
def test_numbers_that_are_none_are_refused(value: Any) -> None:
    """Money is exact or an error."""
    with pytest.raises(BadPayload):
        decimal(value)


def test_unknown_symbol_names_near_ones() -> None:
    """One sentence that helps, however long or odd the input."""
    table = MarketTable()
    table.replace(to_markets([row(), row(symbol="ETHUSDT", baseAsset="ETH")], str.upper))
    with pytest.raises(UnknownSymbol, match=r"near: BTC/USDT"):
        table.get("BTC/USD")
    with pytest.raises(UnknownSymbol) as caught:
        table.get("x" * 10_000)
    assert len(str(caught.value)) < 200
    assert table.by_id["ETHUSDT"].symbol == "ETH/USDT"


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
def test_recorded_markets_equal_what_ccxt_makes_of_them() -> None:
    """Tick, step, minimum and fees of the nine recorded pairs equal ccxt's own numbers; BTC is scannable."""
    from ccxt.async_support import mexc

    recorded = json.loads(RECORDED.read_text())
    rows = recorded["exchangeInfo_symbols"]
    venue = mexc()

    async def answer(params: Any = None) -> Any:
        return {"symbols": rows}

    venue.spotPublicGetExchangeInfo = answer
    import asyncio

    theirs = {market["id"]: market for market in asyncio.run(venue.fetch_spot_markets())}
    ours = to_markets(rows, venue.safe_currency_code)
    assert len(ours) == len(theirs) == 9
    for market in ours:
        other = theirs[market.exchange_id]
        assert market.symbol == other["symbol"]
        assert float(market.tick) == other["precision"]["price"]
        assert float(market.step) == other["precision"]["amount"]
        assert float(market.min_cost) == other["limits"]["cost"]["min"]
        assert float(market.max_cost) == other["limits"]["cost"]["max"]
        assert float(market.taker_fee) == other["taker"]
        assert market.is_api_tradable == other["active"]
    assert all(market.is_scannable for market in ours)
    assert sum(not market.is_api_tradable for market in ours) == 7
