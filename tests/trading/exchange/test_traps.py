"""Every known trap of MEXC and of ccxt's mexc class; docs/reference/exchange-traps.md lists them.

The names quote the trap; t01 to t12 are the list of the exchange's traps, u12 to u15 what users of other
bots ran into.
"""

import asyncio
import importlib.metadata
import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trading.exchange.listing import to_markets
from trading.exchange.order_wire import order_params
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.weights import weight_of
from trading.market import errors as tree
from trading.market.orders import OrderRequest, OrderStatus, OrderType, Side
from trading.market.timeframes import timeframe

from .conftest import START_MS, Answer, Request, Venue, row

RECORDED = Path("../shared/data/mexc/markets_spot.json")
PAGE = Path("docs/reference/exchange-traps.md")
QUARTER = timeframe("15m")
BUY = OrderRequest("BTC/USDT", Side.BUY, OrderType.LIMIT, "coid-1", Decimal("0.5"), Decimal("100.25"))
KEY, SECRET = "mx0-a-key-of-one", "the-secret-of-one"


def kline(index: int) -> list[Any]:
    opens = START_MS + index * QUARTER.ms
    return [opens, "2", "4", "1", "3", "10", opens + QUARTER.ms, "30"]


def wire_order(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": "C02__385413065019117569043", "clientOrderId": "coid-1",
        "price": "100.25", "origQty": "0.5", "executedQty": "0", "cummulativeQuoteQty": "0",
        "status": "NEW", "type": "LIMIT", "side": "BUY", "time": START_MS,
    } | changes  # fmt: skip


def test_t01_listing_order_decides_which_ccxt_is_installed() -> None:
    """The lower bound is pinned, and what is installed meets it: 4.5.64 maps errors wrongly."""
    wanted = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    assert [line for line in wanted if line.startswith("ccxt")] == ["ccxt>=4.5.90,<4.6"]
    installed = tuple(int(part) for part in importlib.metadata.version("ccxt").split(".")[:3])
    assert (4, 5, 90) <= installed < (4, 6)


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
def test_t02_active_drops_btc_in_recorded_data() -> None:
    """Seven of nine recorded pairs are closed to the API, BTC too: all nine are scannable all the same."""
    rows = json.loads(RECORDED.read_text())["exchangeInfo_symbols"]
    markets = {market.symbol: market for market in to_markets(rows, str.upper)}
    assert all(market.is_scannable for market in markets.values())
    assert not markets["BTC/USDT"].is_api_tradable
    assert sum(market.is_api_tradable for market in markets.values()) == 2


async def test_t03_429_with_json_is_retryable_and_418_never(venue: Venue, pool: GatewayPool) -> None:
    """ccxt before 4.5.90 made a final error of a 429 with JSON; a 418 that is knocked at grows."""
    answers = [Answer({"code": 429, "msg": "Too many"}, 429, {"Retry-After": "0"})]
    venue.answers["GET", "klines"] = lambda _: answers.pop() if answers else Answer([kline(-1)])
    assert (await pool.public.candles("BTC/USDT", "15m", limit=1)).height == 1
    venue.answers["GET", "klines"] = Answer({"code": 418, "msg": "banned"}, 418, {"Retry-After": "1"})
    before = len(venue.of("klines"))
    with pytest.raises(tree.Banned) as caught:
        await pool.public.candles("BTC/USDT", "15m", limit=1)
    assert (len(venue.of("klines")) - before, caught.value.retry_after_s) == (1, 1.0)


async def test_t04_truncated_json_parses_to_none_rows(venue: Venue, pool: GatewayPool) -> None:
    """In ccxt `[[1,"2"` becomes a row of None; here the read is tried again and then refused."""
    venue.answers["GET", "klines"] = Answer(raw=b'[[1,"2"')
    with pytest.raises(tree.BadPayload, match="no JSON"):
        await pool.public.candles("BTC/USDT", "15m", limit=1)
    assert len(venue.of("klines")) == 3
    venue.answers["GET", "klines"] = Answer([[None] * 8, kline(-1)])
    assert (await pool.public.candles("BTC/USDT", "15m", limit=2)).height == 1


async def test_t05_klines_500_not_1000(venue: Venue, pool: GatewayPool) -> None:
    """The page says 1000, the answer holds 500: a thousand bars are two requests, none lost between them."""

    def answer(request: Request) -> Answer:
        start, end = int(request.query["startTime"]), int(request.query["endTime"])
        opens = range(start, end, QUARTER.ms)
        return Answer([kline((at - START_MS) // QUARTER.ms) for at in opens][:500])

    venue.answers["GET", "klines"] = answer
    frame = await pool.public.candles("BTC/USDT", "15m", limit=1000)
    assert frame.height == 1000
    assert [int(request.query["limit"]) for request in venue.of("klines")] == [500, 500]


async def test_t05_endtime_exclusive(venue: Venue, pool: GatewayPool) -> None:
    """The bar that opens at endTime is not among the rows, so pages meet there and share no bar."""
    venue.answers["GET", "klines"] = Answer([])
    await pool.public.candles("BTC/USDT", "15m", since_ms=START_MS - 800 * QUARTER.ms, limit=800)
    first, second = (request.query for request in venue.of("klines"))
    assert first["endTime"] == second["startTime"]
    assert second["endTime"] == str(START_MS)


async def test_t05_last_bar_unfinished(venue: Venue, pool: GatewayPool) -> None:
    """The last row is still forming: it never comes through, and it is no fault to be looked at."""
    venue.answers["GET", "klines"] = Answer([kline(-2), kline(-1), kline(0)])
    told: list[Any] = []
    frame = await pool.public.candles("BTC/USDT", "15m", limit=2, on_rejected=told.append)
    assert frame["open_time"].dt.epoch("ms").to_list() == [START_MS - 2 * QUARTER.ms, START_MS - QUARTER.ms]
    assert (told, dict(pool.public.rejected)) == ([], {"unfinished": 1})


async def test_t06_per_instance_limiter(venue: Venue) -> None:
    """A thousand instances would be a thousand buckets on one address: ccxt's are off, ours is one."""
    venue.answers["GET", "account"] = Answer({"balances": []})
    async with GatewayPool(
        ExchangeSettings(venue.base_url, rate_per_s=10_000, account_rate_per_s=500)
    ) as pool:
        accounts = [pool.account(f"mx0-account-{n:03d}", "the-secret") for n in range(20)]
        assert not any(account._venue.enableRateLimit for account in accounts)
        assert {account._venue.throttler for account in accounts} == {None}
        assert pool._venue.enableRateLimit is False
        before = pool.limiter.stats.weight
        await asyncio.gather(*(account.balances() for account in accounts))
        assert pool.limiter.stats.weight - before == 20 * weight_of("GET", "account")


async def test_t06_ccxt_throttler_is_never_waited_for(venue: Venue, pool: GatewayPool) -> None:
    """Not even by the public instance: a throttler that fails when asked is not asked."""

    async def asked(*_: object) -> None:
        raise AssertionError("ccxt's own limiter was used")

    pool._venue.throttle = asked  # the one thing that cannot be had from outside
    venue.answers["GET", "klines"] = Answer([kline(-1)])
    await pool.public.markets()
    await pool.public.candles("BTC/USDT", "15m", limit=1)


async def test_t07_load_markets_hits_contract_host_and_a_signed_wallet_endpoint(
    venue: Venue, pool: GatewayPool
) -> None:
    """Neither the listing nor an account's first call asks for anything but spot's public listing."""
    venue.answers["GET", "account"] = Answer({"balances": []})
    await pool.public.markets()
    await pool.account(KEY, SECRET).balances()
    asked = {request.path for request in venue.requests}
    assert asked == {"time", "defaultSymbols", "exchangeInfo", "account"}
    assert "mexc.com" not in str(pool._venue.urls["api"])


async def test_t08_create_order_reply_has_no_status(venue: Venue, pool: GatewayPool) -> None:
    """The reply gives an id and nothing that could be believed; state and amounts are asked for."""
    venue.answers["POST", "order"] = Answer({"symbol": "BTCUSDT", "orderId": "C02__1", "orderListId": -1})
    venue.answers["GET", "order"] = Answer(
        wire_order(orderId="C02__1", executedQty="0.2", status="PARTIALLY_FILLED")
    )
    account = pool.account(KEY, SECRET)
    assert await account.submit(BUY) == "C02__1"
    state = await account.order("BTC/USDT", order_id="C02__1")
    assert (state.status, state.filled) == (OrderStatus.PARTIAL, Decimal("0.2"))


async def test_t09_trade_ids_not_unique(venue: Venue, pool: GatewayPool) -> None:
    """ccxt makes ids of time, side, amount and price; we take the venue's own, and no row without one."""
    fill = {
        "symbol": "BTCUSDT", "id": "t1", "orderId": "C02__1", "price": "100", "qty": "1", "quoteQty": "100",
        "commission": "0", "commissionAsset": "USDT", "time": START_MS, "isBuyer": True, "isMaker": False,
    }  # fmt: skip
    venue.answers["GET", "myTrades"] = Answer([fill, fill | {"id": "t2"}])
    account = pool.account(KEY, SECRET)
    assert [found.trade_id for found in await account.fills("BTC/USDT")] == ["t1", "t2"]
    venue.answers["GET", "myTrades"] = Answer([fill | {"id": None}])
    with pytest.raises(tree.BadPayload, match="no id"):
        await account.fills("BTC/USDT")


async def test_t10_24h_tickers_weight(venue: Venue, pool: GatewayPool) -> None:
    """One look at all pairs costs 25 to 40, not 1: the dearest that any source names is drawn."""
    venue.answers["GET", "ticker/24hr"] = Answer([])
    await pool.public.markets()
    before = pool.limiter.stats.weight
    await pool.public.tickers()
    assert pool.limiter.stats.weight - before == 40


async def test_t11_commoncurrencies_renames(venue: Venue, pool: GatewayPool) -> None:
    """MEXC's GAS is another coin than GASNEO: names are translated by table, never by cutting out a slash."""
    venue.answers["GET", "exchangeInfo"] = Answer(
        {"symbols": [row("GASUSDT", "GAS"), row("GASNEOUSDT", "GASNEO")]}
    )
    venue.answers["GET", "klines"] = Answer([kline(-1)])
    assert {m.exchange_id: m.symbol for m in await pool.public.markets()} == {
        "GASUSDT": "GASDAO/USDT", "GASNEOUSDT": "GAS/USDT"
    }  # fmt: skip
    await pool.public.candles("GAS/USDT", "15m", limit=1)
    assert venue.of("klines")[0].query["symbol"] == "GASNEOUSDT"


async def test_t12_set_markets_is_not_free(venue: Venue, pool: GatewayPool) -> None:
    """5.6 MB for each instance: accounts hold no markets, and fifty of them ask for one listing."""
    venue.answers["GET", "openOrders"] = Answer([])
    accounts = [pool.account(f"mx0-account-{n:03d}", "the-secret") for n in range(50)]
    await pool.public.markets()
    await asyncio.gather(*(account.open_orders("BTC/USDT") for account in accounts))
    assert len(venue.of("exchangeInfo")) == 1
    for account in accounts:
        assert account._venue.markets is None
        assert not account._venue.currencies
        assert account._table is accounts[0]._table


async def test_u12_fetch_order_right_after_create_says_does_not_exist(
    venue: Venue, pool: GatewayPool
) -> None:
    """-2013 is told once and at once, proves nothing, and the next question may find the order."""
    answers = [Answer({"code": -2013, "msg": "Order does not exist."}, 400)]
    venue.answers["GET", "order"] = lambda _: answers.pop() if answers else Answer(wire_order())
    account = pool.account(KEY, SECRET)
    with pytest.raises(tree.OrderNotFound):
        await account.order("BTC/USDT", client_order_id="coid-1")
    assert (await account.order("BTC/USDT", client_order_id="coid-1")).status is OrderStatus.OPEN


async def test_u12_cancelled_order_that_cannot_be_read_back_keeps_what_the_cancel_said(
    venue: Venue, pool: GatewayPool
) -> None:
    """Not found after a cancel is no proof either: the reply to the cancel itself stands."""
    venue.answers["DELETE", "order"] = Answer(wire_order(status="CANCELED"))
    venue.answers["GET", "order"] = Answer({"code": -2013, "msg": "Order does not exist."}, 400)
    state = await pool.account(KEY, SECRET).cancel("BTC/USDT", client_order_id="coid-1")
    assert state.status is OrderStatus.CANCELED


def test_u13_stop_params_ignored_so_that_a_plain_limit_order_stands() -> None:
    """There is no way to ask for a stop: neither a type nor a parameter of one ever leaves here."""
    assert {kind.name for kind in OrderType} == {"LIMIT", "MARKET", "LIMIT_MAKER", "IOC", "FOK"}
    (market,) = to_markets([row()], str.upper)
    sent = {"symbol", "side", "type", "quantity", "price", "quoteOrderQty", "newClientOrderId"}
    for kind in OrderType:
        price = None if kind is OrderType.MARKET else Decimal("100.25")
        request = OrderRequest("BTC/USDT", Side.SELL, kind, "coid-1", Decimal("0.5"), price)
        assert set(order_params(request, market)) <= sent


@pytest.mark.parametrize("code", [10007, 30051, 30019])
async def test_u14_symbol_not_tradable_via_api_or_market_orders_disabled(
    venue: Venue, pool: GatewayPool, code: int
) -> None:
    """Both say that this pair cannot be traded so now, and that nothing was accepted."""
    venue.answers["POST", "order"] = Answer({"code": code, "msg": "no"}, 400)
    with pytest.raises(tree.SymbolHalted):
        await pool.account(KEY, SECRET).submit(BUY)
    assert len(venue.of("order")) == 1


@pytest.mark.parametrize(
    ("wire", "status", "is_over"),
    [
        ({"status": "PARTIALLY_CANCELED", "executedQty": "0.2"}, OrderStatus.PARTIALLY_CANCELED, True),
        ({"status": "PARTIALLY_FILLED", "executedQty": "0.2", "type": "MARKET"}, OrderStatus.PARTIAL, False),
    ],
)
async def test_u14_order_id_with_letters_and_stuck_partial_orders(
    venue: Venue, pool: GatewayPool, wire: dict[str, Any], status: OrderStatus, is_over: bool
) -> None:
    """Ids are text; a partly cancelled order is over; a market order can hang half filled."""
    venue.answers["GET", "order"] = Answer(wire_order(**wire))
    state = await pool.account(KEY, SECRET).order("BTC/USDT", order_id="C02__385413065019117569043")
    assert state.order_id == "C02__385413065019117569043"
    assert (state.status, state.status.is_terminal, state.filled) == (status, is_over, Decimal("0.2"))


def test_u15_market_buy_needs_cost_in_quote_or_price() -> None:
    """Cost goes as quoteOrderQty, amount as quantity; never both, never a price that becomes a cost."""
    (market,) = to_markets([row()], str.upper)
    by_cost = OrderRequest("BTC/USDT", Side.BUY, OrderType.MARKET, "c", cost=Decimal(20))
    by_amount = OrderRequest("BTC/USDT", Side.BUY, OrderType.MARKET, "c", amount=Decimal("0.5"))
    priced = OrderRequest("BTC/USDT", Side.BUY, OrderType.MARKET, "c", Decimal("0.5"), Decimal(100))
    amounts = {"quantity", "quoteOrderQty", "price"}
    assert {k: v for k, v in order_params(by_cost, market).items() if k in amounts} == {"quoteOrderQty": "20"}
    assert {k: v for k, v in order_params(by_amount, market).items() if k in amounts} == {"quantity": "0.5"}
    with pytest.raises(tree.BadInput, match="price must be given for every type but market"):
        order_params(priced, market)


async def test_u15_ohlcv_limit_and_since_odd(venue: Venue, pool: GatewayPool) -> None:
    """ccxt guesses a window from since and limit; we name both ends, and rows beyond them stay out."""
    venue.answers["GET", "klines"] = Answer([kline(index) for index in range(-9, 0)])
    frame = await pool.public.candles("BTC/USDT", "15m", since_ms=START_MS - 5 * QUARTER.ms, limit=2)
    assert frame["open_time"].dt.epoch("ms").to_list() == [
        START_MS - 5 * QUARTER.ms,
        START_MS - 4 * QUARTER.ms,
    ]
    (sent,) = venue.of("klines")
    assert sent.query["startTime"] == str(START_MS - 5 * QUARTER.ms)
    assert sent.query["endTime"] == str(START_MS - 3 * QUARTER.ms)
    assert pool.public.rejected["outside_window"] == 7


def test_page_lists_every_trap_and_its_test() -> None:
    """What docs/reference/exchange-traps.md names exists, and what is tested here is named there."""
    here = {name for name in globals() if re.match(r"test_[tu]\d\d_", name)}
    named = set(re.findall(r"`(test_[tu]\d\d_\w+)`", PAGE.read_text()))
    assert named == here
