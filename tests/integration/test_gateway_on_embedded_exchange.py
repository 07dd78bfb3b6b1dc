"""The gateway against the embedded exchange over real HTTP: isolation, clocks, limits, faults."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import uvicorn

from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.scan import Want, fetch_candles
from trading.exchange.throttle import Priority, priority
from trading.market import errors as tree
from trading.market.orders import OrderRequest, OrderStatus, OrderType, Side
from trading.market.timeframes import timeframe, to_ms
from trading.simulator.accounts import demo_credentials
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.faults import FaultPlan, FaultRule
from trading.simulator.limits import LimitSettings
from trading.simulator.server import build_app
from trading.simulator.synthetic import SyntheticMarket, synthetic

START_MS = to_ms(datetime(2025, 3, 1, 12, tzinfo=UTC))
SEED = 7


@dataclass
class Running:
    exchange: Exchange
    url: str

    def settings(self, **changes: float) -> ExchangeSettings:
        return ExchangeSettings(self.url, **({"rate_per_s": 100_000.0} | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return synthetic(SEED, 300, edge=True, as_of_ms=START_MS)


@contextmanager
def serving(
    market: SyntheticMarket, *, speed: float = 1.0, rate: float = 0.0, faults: FaultPlan | None = None
):
    """Serve on a free port from a thread of this process."""
    exchange = make_exchange(
        market, MarketClock(START_MS, speed), seed=SEED, limits=LimitSettings(rate_per_s=rate), faults=faults
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build_app(exchange), log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Running(exchange, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def venue(market: SyntheticMarket) -> Iterator[Running]:
    with serving(market) as running:
        yield running


@pytest.fixture
async def pool(venue: Running) -> AsyncIterator[GatewayPool]:
    async with GatewayPool(venue.settings()) as opened:
        yield opened


async def test_an_order_lives_through_place_query_cancel_and_fill(pool: GatewayPool) -> None:
    """Numbers add up: what the fills say is what the order says is what the balance says."""
    account = pool.account(*demo_credentials(SEED, 1))
    market = next(m for m in await pool.public.markets() if m.symbol == "BTC/USDT")
    quote = (await pool.public.quotes([market.symbol]))[market.symbol]
    amount = market.floor_amount(Decimal(100) / quote.ask)
    resting = OrderRequest(
        "BTC/USDT", Side.BUY, OrderType.LIMIT, "rest", amount, market.price_down(quote.bid / 2)
    )
    order_id = await account.submit(resting)
    assert [order.order_id for order in await account.open_orders("BTC/USDT")] == [order_id]
    assert (await account.balances())["USDT"].locked > 0
    cancelled = await account.cancel("BTC/USDT", client_order_id="rest")
    assert (cancelled.order_id, cancelled.status) == (order_id, OrderStatus.CANCELED)
    with pytest.raises(tree.OrderNotFound):
        await account.cancel("BTC/USDT", order_id=order_id)

    crossing = OrderRequest(
        "BTC/USDT", Side.BUY, OrderType.IOC, "take", amount, market.price_up(quote.ask * 2)
    )
    taken = await account.submit(crossing)
    order = await account.order("BTC/USDT", client_order_id="take")
    fills = await account.fills("BTC/USDT", order_id=taken)
    assert (order.order_id, order.status, order.filled) == (taken, OrderStatus.FILLED, amount)
    assert sum(fill.amount for fill in fills) == amount
    assert sum(fill.cost for fill in fills) == order.filled_cost
    balances = await account.balances()
    fees = sum((fill.fee for fill in fills if fill.fee_asset == "USDT"), Decimal(0))
    assert balances["USDT"].free == Decimal(10_000) - order.filled_cost - fees
    assert [o.order_id for o in await account.orders_since("BTC/USDT", START_MS)] == [order_id, taken]


async def test_accounts_are_strangers_to_each_other(pool: GatewayPool) -> None:
    """Twenty accounts trade at once over one session; each sees its own orders and money only."""
    market = next(m for m in await pool.public.markets() if m.symbol == "ETH/USDT")
    accounts = [pool.account(*demo_credentials(SEED, index)) for index in range(1, 21)]
    far = market.price_down((await pool.public.quotes(["ETH/USDT"]))["ETH/USDT"].bid / 2)

    async def trade(index: int) -> tuple[str, list[str], Decimal]:
        account = accounts[index]
        amount = market.step * (10_000 + index)
        mine = await account.submit(
            OrderRequest("ETH/USDT", Side.BUY, OrderType.LIMIT, "same-id", amount, far)
        )
        open_now = [order.order_id for order in await account.open_orders("ETH/USDT")]
        return mine, open_now, (await account.order("ETH/USDT", client_order_id="same-id")).amount

    results = await asyncio.gather(*(trade(index) for index in range(20)))
    assert len({mine for mine, _, _ in results}) == 20
    for index, (mine, open_now, amount) in enumerate(results):
        assert open_now == [mine]
        assert amount == market.step * (10_000 + index)
    with pytest.raises(tree.OrderNotFound):
        await accounts[0].order("ETH/USDT", order_id=results[1][0])
    with pytest.raises(tree.BadCredentials):
        await pool.account(demo_credentials(SEED, 1)[0], demo_credentials(SEED, 2)[1]).balances()


async def test_signed_calls_at_speed_900_meet_no_nonce_error(market: SyntheticMarket) -> None:
    """Ten thousand signed calls while a second of ours is a quarter of an hour there.

    `skews` counts refused timestamps, also those that a second signing would have healed.
    """
    with serving(market, speed=900) as venue:
        async with GatewayPool(venue.settings()) as pool:
            await pool.public.markets()
            skews = counted_skews(pool)
            account = pool.account(*demo_credentials(SEED, 1))
            for _ in range(100):
                await asyncio.gather(*(account.open_orders("BTC/USDT") for _ in range(100)))
            assert skews == []
            assert pool.clock.rate == pytest.approx(900, rel=0.02)
            late_ms = venue.exchange.clock.now_ms() - pool.clock.now_ms()
            assert abs(late_ms) / 900 < 300

            await pool.clock.sync()
            skews.clear()
            venue.exchange.clock.set_speed(0)
            await asyncio.sleep(2)
            await account.open_orders("BTC/USDT")
            assert skews == [1]  # so a refused timestamp would have been counted above


def counted_skews(pool: GatewayPool) -> list[int]:
    """Count every refused timestamp, healed or not."""
    seen: list[int] = []
    sync = pool.clock.sync

    async def on_skew() -> None:
        seen.append(1)
        await sync()

    pool.clock.sync = on_skew  # type: ignore[method-assign]
    return seen


async def test_signed_calls_survive_any_change_of_speed(market: SyntheticMarket) -> None:
    """Frozen, let go, slowed and hurried without a word: the gateway notices and signs again."""
    with serving(market, speed=900) as venue:
        async with GatewayPool(venue.settings()) as pool:
            account = pool.account(*demo_credentials(SEED, 1))
            for speed in (0.0, 900.0, 1.0, 3600.0, 0.0, 60.0):
                venue.exchange.clock.set_speed(speed)
                for _ in range(3):
                    await account.balances()
                    await asyncio.sleep(0.4)
                await pool.public.sync_clock()
                assert pool.clock.rate == pytest.approx(speed, rel=0.1, abs=0.05)


async def test_forming_bar_never_comes_even_when_the_market_was_just_stopped(market: SyntheticMarket) -> None:
    """Our estimate of market time runs ahead of a venue that stands still; candles do not believe it."""
    with serving(market, speed=900) as venue:
        async with GatewayPool(venue.settings()) as pool:
            await pool.public.markets()
            await pool.public.sync_clock()
            venue.exchange.clock.set_speed(0)
            await asyncio.sleep(2)
            assert pool.clock.now_ms() > venue.exchange.clock.now_ms() + 900_000
            frame = await pool.public.candles("BTC/USDT", "15m", limit=5)
            last_close = int(frame["open_time"][-1].timestamp() * 1000) + timeframe("15m").ms
            assert last_close <= venue.exchange.clock.now_ms()
            await pool.public.sync_clock()
            again = await pool.public.candles("BTC/USDT", "15m", limit=5)
            expected = timeframe("15m").floor_ms(venue.exchange.clock.now_ms()) - timeframe("15m").ms
            assert int(again["open_time"][-1].timestamp() * 1000) == expected


async def test_candles_equal_the_markets_own(venue: Running, pool: GatewayPool) -> None:
    """Bar by bar what the market model says, in every timeframe it has."""
    markets = {market.symbol: market for market in await pool.public.markets()}
    pair = venue.exchange.source.pairs["BTCUSDT"]
    for name in venue.exchange.source.timeframes:
        bar = timeframe(name)
        frame = await pool.public.candles("BTC/USDT", name, limit=20)
        now = venue.exchange.clock.now_ms()
        first = int(frame["open_time"][0].timestamp() * 1000)
        truth = venue.exchange.source.bars("BTCUSDT", name, first, bar.floor_ms(now), now)
        assert frame["open_time"].dt.epoch("ms").to_list() == truth.open_ms.tolist()
        tick = float(markets["BTC/USDT"].tick)
        for column in ("open", "high", "low", "close"):
            assert frame[column].to_list() == pytest.approx((getattr(truth, column) * tick).tolist())
        step = 10.0**-pair.amount_decimals
        assert frame["volume"].to_list() == pytest.approx((truth.volume * step).tolist())


async def test_listing_and_fallback_agree(venue: Running, pool: GatewayPool) -> None:
    """300 pairs through ccxt's load_markets and over plain HTTP: equal to the last digit."""
    through_ccxt = await pool.public.markets()
    assert (pool.public.source, len(through_ccxt)) == ("ccxt", 300)

    async def broken(*_: object) -> None:
        raise KeyError("ccxt met something new")

    pool.public._primary._venue.load_markets = broken  # the one thing that cannot be had from outside
    assert await pool.public.markets() == through_ccxt
    assert pool.public.source == "http"
    assert sum(not market.is_api_tradable for market in through_ccxt) > 0


async def test_300_symbols_inside_the_limit_without_one_429(market: SyntheticMarket) -> None:
    """Exchange and gateway both at 100 weight a second: the scan runs at the pace and is never refused."""
    rate = 100.0
    with serving(market, rate=rate) as venue:
        async with GatewayPool(venue.settings(rate_per_s=rate)) as pool:
            wants = [Want(listed.symbol) for listed in await pool.public.markets()]
            began = time.monotonic()
            result = await fetch_candles(pool.public, wants, "15m")
            took = time.monotonic() - began
            assert result.failed == {}
            assert result.requests == 300
            assert pool.limiter.stats.http_429 == 0
            assert venue.exchange.limiter.refused == 0
            assert set(result.rejected) <= {"unfinished"}
            assert took >= (300 - pool.limiter.burst) / rate * 0.99
            frame = result.frame
            assert frame.select("symbol", "open_time").is_duplicated().sum() == 0
            assert frame["symbol"].n_unique() > 250  # dead pairs have no bars


async def test_429_of_the_venue_is_survived(market: SyntheticMarket) -> None:
    """A gateway that is set too fast is refused, slows down, and still brings everything."""
    # Its bucket holds ten seconds' worth, 50; the pages could only pass unrefused if they took 14 s.
    with serving(market, rate=5) as venue:
        async with GatewayPool(venue.settings(rate_per_s=400)) as pool:
            wants = [Want(listed.symbol, limit=5) for listed in await pool.public.markets()][:90]
            result = await fetch_candles(pool.public, wants, "15m")
            assert result.failed == {}
            assert pool.limiter.stats.http_429 > 0
            assert venue.exchange.limiter.refused < 100


async def test_exit_overtakes_a_running_scan(market: SyntheticMarket) -> None:
    """While a scan fills the budget, an exit waits for one turn and not for the scan."""
    with serving(market) as venue:
        async with GatewayPool(venue.settings(rate_per_s=20)) as pool:
            symbols = [listed.symbol for listed in await pool.public.markets()]
            account = pool.account(*demo_credentials(SEED, 1))
            scan = asyncio.create_task(fetch_candles(pool.public, [Want(s) for s in symbols[:200]], "15m"))
            await asyncio.sleep(3)  # the listing's weight is paid off and the queue of scans is full
            began = time.monotonic()
            with priority(Priority.EXIT):
                await account.open_orders("BTC/USDT")
            assert time.monotonic() - began < 1.5
            assert not scan.done()
            scan.cancel()


async def test_faults_become_the_errors_that_are_certain(market: SyntheticMarket) -> None:
    """An order that was accepted and then answered with silence or 503 is unknown; a query finds it."""
    plan = FaultPlan((FaultRule("POST order", kind="drop_after", probability=1.0),), seed=1)
    with serving(market, faults=plan) as venue:
        async with GatewayPool(venue.settings(timeout_s=1.0)) as pool:
            listed = next(m for m in await pool.public.markets() if m.symbol == "BTC/USDT")
            price = listed.price_down((await pool.public.quotes(["BTC/USDT"]))["BTC/USDT"].bid / 2)
            account = pool.account(*demo_credentials(SEED, 1))
            lost = OrderRequest("BTC/USDT", Side.BUY, OrderType.LIMIT, "lost", listed.step * 1000, price)
            with pytest.raises(tree.OutcomeUnknown):
                await account.submit(lost)
            found = await account.order("BTC/USDT", client_order_id="lost")
            assert found.status is OrderStatus.OPEN
            assert len(await account.open_orders("BTC/USDT")) == 1


async def test_refusals_of_the_venue_have_their_classes(pool: GatewayPool) -> None:
    """Too little money, too small, closed to the API: definite, each with its own class."""
    markets = await pool.public.markets()
    listed = next(m for m in markets if m.symbol == "BTC/USDT")
    closed = next(m for m in markets if m.is_scannable and not m.is_api_tradable)
    account = pool.account(*demo_credentials(SEED, 1))
    price = (await pool.public.quotes(["BTC/USDT"]))["BTC/USDT"].bid

    def order(market: object, amount: Decimal, at: Decimal) -> OrderRequest:
        return OrderRequest(market.symbol, Side.BUY, OrderType.LIMIT, "x", amount, at)  # type: ignore[attr-defined]

    with pytest.raises(tree.InsufficientFunds):
        await account.submit(order(listed, listed.floor_amount(Decimal(20_000) / price), price))
    with pytest.raises(tree.BelowMinimum):
        await account.submit(order(listed, listed.floor_amount(Decimal("0.5") / price), price))
    with pytest.raises(tree.SymbolHalted):
        await account.submit(order(closed, closed.step * 10**6, closed.tick * 10**4))
    assert (await account.balances())["USDT"].locked == 0
