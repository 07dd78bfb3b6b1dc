"""ccxt's own websocket class, unchanged, pointed at the exchange by its urls."""

import asyncio
from typing import Any

import pytest
from ccxt.base.errors import AuthenticationError, NetworkError

from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from tests.trading.simulator.ws_stand import ccxt_client, exchange_of, served, within
from trading.simulator.exchange import Exchange
from trading.simulator.orders import Side

SYMBOL = "AAA/USDT"


def moving() -> FakeMarket:
    """Return a market of two pairs that climb a cent every 100 ms."""
    market = FakeMarket(pair("AAAUSDT"), pair("BBBUSDT"))
    for symbol in market.paths:
        market.paths[symbol] = [(0, 10_000), (3_600_000, 46_000), (100 * 3_600_000, 10_000)]
    return market


def run(exchange: Exchange, test: Any, **options: Any) -> Any:
    """Serve, connect ccxt, run `test(client)`."""

    async def main(port: int) -> Any:
        client = ccxt_client(exchange, port, **options)
        try:
            await within(client.load_markets(), 20)
            return await test(client)
        finally:
            await client.close()

    with served(exchange) as port:
        return asyncio.run(main(port))


def test_public_streams_are_watched() -> None:
    """Candles, best bid and ask, and trades agree with the market they come from."""
    market = moving()

    async def test(client: Any) -> None:
        bar = (await within(client.watch_ohlcv(SYMBOL, "5m")))[-1]
        assert bar[0] == START_MS
        assert bar[1] == 100.0
        assert bar[3] <= bar[4] <= bar[2]
        first = await within(client.watch_ticker(SYMBOL))
        assert 0 < first["bid"] < first["ask"]
        trades = await within(client.watch_trades(SYMBOL))
        assert all(t["symbol"] == SYMBOL and t["amount"] > 0 and t["side"] == "buy" for t in trades)
        low = market.price("AAAUSDT", START_MS) / 100
        high = market.price("AAAUSDT", trades[-1]["timestamp"]) / 100
        assert all(low <= t["price"] <= high for t in trades)

    run(exchange_of(market), test)


def test_order_book_is_built_and_kept_by_ccxt_exactly() -> None:
    """Snapshot and increments as ccxt joins them give the exchange's own book at that version."""
    exchange = exchange_of(moving())

    async def test(client: Any) -> None:
        await within(client.watch_order_book(SYMBOL, params={"frequency": "10ms"}))
        for _ in range(15):
            book = await within(client.watch_order_book(SYMBOL, params={"frequency": "10ms"}))
        at_ms = book["timestamp"]
        for name, side in (("asks", Side.BUY), ("bids", Side.SELL)):
            levels = exchange.books.side("AAAUSDT", side, at_ms, 50)
            mine = [[p / 100, q / 1000] for p, q in zip(levels.price, levels.quantity, strict=True)]
            assert [list(row) for row in book[name][:50]] == mine

    run(exchange, test)


def test_own_order_comes_back_on_all_private_streams() -> None:
    """The echo of an order: open and closed, its fill, and what it did to the balance."""

    async def test(client: Any) -> None:
        watchers = [asyncio.create_task(w()) for w in (client.watch_orders, client.watch_my_trades)]
        balance = asyncio.create_task(client.watch_balance())
        await asyncio.sleep(0.5)
        made = await within(client.create_order(SYMBOL, "market", "buy", None, None, {"cost": 50}))
        await within(asyncio.gather(*watchers, balance))
        order = client.orders[-1]
        fills = list(client.myTrades)
        assert (order["id"], order["status"], order["side"]) == (made["id"], "closed", "buy")
        assert sum(fill["amount"] for fill in fills) == pytest.approx(order["filled"])
        assert all(fill["order"] == made["id"] for fill in fills)
        rest = await client.fetch_balance()
        for asset in ("USDT", "AAA"):
            assert client.balance["spot"][asset]["free"] == pytest.approx(rest[asset]["free"])

    run(exchange_of(moving()), test)


def test_cancelled_order_is_watched() -> None:
    """Open, then canceled."""

    async def test(client: Any) -> None:
        seen: list[tuple[str, str, str]] = []

        async def hear(watch: Any) -> None:
            # Words, not the order itself: ccxt changes it in place.
            seen.extend((o["id"], o["clientOrderId"], o["status"]) for o in await within(watch))

        watch = asyncio.create_task(client.watch_orders(SYMBOL))
        await asyncio.sleep(0.5)
        made = await client.create_order(SYMBOL, "limit", "buy", 1, 50, {"clientOrderId": "abc"})
        await hear(watch)
        watch = asyncio.create_task(client.watch_orders(SYMBOL))
        await client.cancel_order(made["id"], SYMBOL)
        await hear(watch)
        assert seen == [(made["id"], "abc", "open"), (made["id"], "abc", "canceled")]

    run(exchange_of(moving()), test)


def test_candles_of_an_accelerated_market_have_no_hole() -> None:
    """At speed 900 three bars of five minutes end in a second; ccxt's cache has them all, as REST does."""
    exchange = exchange_of(moving(), speed=900)

    async def test(client: Any) -> None:
        bars: dict[int, list[float]] = {}
        while len(bars) < 8:
            for bar in await within(client.watch_ohlcv(SYMBOL, "5m")):
                bars[bar[0]] = bar
        opened = sorted(bars)
        assert opened == list(range(opened[0], opened[-1] + 1, 300_000))
        rest = {row[0]: row for row in await client.fetch_ohlcv(SYMBOL, "5m", since=opened[0])}
        for at in opened[:-1]:
            assert bars[at] == rest[at]

    run(exchange, test)


def test_dropped_connection_is_made_again() -> None:
    """ccxt raises once; the next watch connects and subscribes anew."""
    exchange = exchange_of(moving())

    async def test(client: Any) -> None:
        await within(client.watch_ticker(SYMBOL))
        waiting = asyncio.create_task(_watch_on(client))
        await asyncio.sleep(0.2)
        hub = exchange.depth_version.__self__  # type: ignore[union-attr]  # the hub's own method
        hub._task.get_loop().call_soon_threadsafe(lambda: [s.cut() for s in list(hub.sessions)])
        with pytest.raises(NetworkError):
            await within(waiting)
        assert (await within(client.watch_ticker(SYMBOL)))["bid"] > 0

    run(exchange, test)


async def _watch_on(client: Any) -> None:
    while True:
        await client.watch_ticker(SYMBOL)


def test_unwatched_stream_stops_and_can_be_watched_again() -> None:
    """Unsubscription by ccxt's own method."""
    exchange = exchange_of(moving())

    async def test(client: Any) -> None:
        await within(client.watch_ohlcv(SYMBOL, "5m"))
        hub = exchange.depth_version.__self__  # type: ignore[union-attr]  # the hub's own method
        assert len(hub._topics) == 1
        await client.un_watch_ohlcv(SYMBOL, "5m")
        for _ in range(200):
            if not hub._topics:
                break
            await asyncio.sleep(0.02)
        assert not hub._topics
        assert await within(client.watch_ohlcv(SYMBOL, "5m"))

    run(exchange, test)


def test_expired_listen_key_is_an_authentication_error_for_ccxt() -> None:
    """The text frame `Invalid listen key` is what ccxt maps."""

    async def test(client: Any) -> None:
        client.options["listenKey"] = "0" * 64
        with pytest.raises(AuthenticationError, match="invalid listen key"):
            await within(client.watch_balance())

    run(exchange_of(moving()), test)
