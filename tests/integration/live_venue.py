"""An embedded exchange served from a thread, quick bounds, and waiting: what `test_live_feed` stands on."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import uvicorn

from trading.exchange.feed.account import AccountFeed
from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.buffers import Subscription
from trading.exchange.feed.events import Event
from trading.exchange.feed.watched import WatchedAccount
from trading.market.orders import OrderRequest, OrderType, Side
from trading.market.timeframes import to_ms
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.faults import FaultPlan, FaultRule
from trading.simulator.limits import LimitSettings
from trading.simulator.server import build_app
from trading.simulator.synthetic import SyntheticMarket
from trading.simulator.ws_protocol import websocket_options

START_MS = to_ms(datetime(2025, 3, 1, 12, tzinfo=UTC))
SEED = 7
BTC = "BTC/USDT"
QUICK = Bounds(
    quotes_s=1.0,
    candles_s=2.0,
    trades_s=2.0,
    suspect_s=0.5,
    settle_s=0.5,
    echo_s=1.0,
    audit_s=3.0,
    poll_quotes_s=0.3,
    poll_candles_s=0.3,
    poll_trades_s=0.3,
    poll_account_s=0.3,
    backoff_s=0.1,
    backoff_most_s=0.5,
    tick_s=0.05,
)


@dataclass
class Running:
    exchange: Exchange
    url: str

    def strike(self, *rules: FaultRule) -> None:
        """From now on these faults; none ends them."""
        self.exchange.faults = FaultPlan(rules, seed=1)


@contextmanager
def serving(market: SyntheticMarket, speed: float = 1.0) -> Iterator[Running]:
    """Serve on a free port from a thread of this process."""
    limits = LimitSettings(rate_per_s=0)
    exchange = make_exchange(market, MarketClock(START_MS, speed), seed=SEED, limits=limits)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        build_app(exchange),
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=1,
        **websocket_options(),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Running(exchange, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


async def until(condition: Callable[[], object], patience_s: float = 40.0) -> None:
    ends = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.02)


async def heard(reader: Subscription, wanted: Callable[[Event], bool]) -> list[Event]:
    """Read up to and including the first event that is wanted."""
    events: list[Event] = []
    while not events or not wanted(events[-1]):
        event = await reader.get(40)
        assert event is not None, f"waited in vain after {len(events)} events"
        events.append(event)
    return events


async def caught_up(feed: AccountFeed) -> None:
    """Wait until the feed streams and REST is no longer asked."""
    polls = -1
    while not feed.is_streaming or polls != feed.health()[0].polls:
        polls = feed.health()[0].polls
        await asyncio.sleep(1)


async def buy(gateway: WatchedAccount, name: str, cost: str = "20") -> str:
    """Buy at the market; filled at once."""
    return await gateway.submit(OrderRequest(BTC, Side.BUY, OrderType.MARKET, name, cost=Decimal(cost)))
