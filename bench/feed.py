"""What live feeds cost the client: reading a push, and a thousand private connections.

A push is read from its bytes to the value that subscribers get, against ccxt's own handler of the same
bytes (which keeps floats and no quote volume). The connections are opened over one session against an
embedded exchange in a process of its own, then left idle: the figures are of the client alone.
"""

import asyncio
import gc
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import ccxt.pro
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper

from bench.harness import Line, Measured, against_peer, apart, cpu_s, measure, peak_rss_mb
from bench.venue import serving
from trading.exchange.feed.mexc_wire import Reader
from trading.exchange.feed.wiring import FeedSettings, LiveFeeds
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market.symbols import Market
from trading.simulator.accounts import demo_credentials

PUSHES, ACCOUNTS, SEED, IDLE_S = 20_000, 1_000, 7, 20.0
MOST_MB = 80.0


def run() -> list[Line]:
    """Return a line for reading pushes and one for a thousand private connections."""
    with serving("--symbols", "50", "--rate", "0", "--accounts", str(ACCOUNTS + 1)) as venue:
        opened = apart(_connections, venue.base_url, repeat=1, warm_up=False).value
    grown_mb, idle_share = opened.value
    return [
        against_peer(
            "feed push",
            f"{PUSHES:,} bars from bytes to exact, validated values",
            measure(_ours),
            f"ccxt {ccxt.pro.__version__} handle_message",
            measure(_peer),
            bound=1.0,
        ),
        {
            "name": "feed connections",
            "work": f"{ACCOUNTS:,} private streams opened over one session, then idle for {IDLE_S:.0f} s",
            "ours_cpu_s": round(opened.cpu_s, 2),
            "ours_wall_s": round(opened.wall_s, 2),
            "peak_rss_mb": round(opened.peak_rss_mb, 1),
            "peer": None,
            "peer_cpu_s": None,
            "ratio": round(grown_mb, 1),
            "ratio_of": "MB of resident memory added",
            "bound": MOST_MB,
            "ok": grown_mb <= MOST_MB,
            "idle_core_percent": round(idle_share * 100, 1),
        },
    ]


def _push() -> bytes:
    push = PushDataV3ApiWrapper(
        channel="spot@public.kline.v3.api.pb@BTCUSDT@Min1", symbol="BTCUSDT", createTime=1_754_737_941_062
    )
    bar = push.publicSpotKline
    bar.interval, bar.windowStart, bar.windowEnd = "Min1", 1_754_737_920, 1_754_737_980
    bar.openingPrice, bar.closingPrice = "117317.31", "117325.26"
    bar.highestPrice, bar.lowestPrice = "117341", "117317.3"
    bar.volume, bar.amount = "3.12599854", "366804.43"
    return push.SerializeToString()


def _ours() -> None:
    one = Decimal(1)
    listed = Market("BTC/USDT", "BTCUSDT", "BTC", "USDT", "1", True, True, *[one] * 7)
    reader, data = Reader({"BTCUSDT": listed}.get, str), _push()
    for _ in range(PUSHES):
        reader.read(data)


def _peer() -> None:
    exchange = ccxt.pro.mexc()
    listed = {
        "id": "BTCUSDT",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "type": "spot",
        "spot": True,
    }
    exchange.set_markets([exchange.safe_market_structure(listed | {"baseId": "BTC", "quoteId": "USDT"})])
    client, data = SimpleNamespace(resolve=lambda result, _: result), _push()
    for _ in range(PUSHES):
        exchange.handle_message(client, data)


def _connections(base_url: str) -> Measured:
    return asyncio.run(_opened(base_url))


async def _opened(base_url: str) -> Measured:
    settings = ExchangeSettings(base_url, rate_per_s=100_000, signed_on_address=False)
    async with GatewayPool(settings) as pool:
        feeds = LiveFeeds(pool, FeedSettings(most_accounts=ACCOUNTS + 1))
        await _streaming(feeds, range(1))  # what all share is there before memory is looked at
        gc.collect()
        before_mb, wall, cpu = _rss_mb(), perf_counter(), cpu_s()
        await _streaming(feeds, range(1, ACCOUNTS + 1))
        spent = cpu_s() - cpu, perf_counter() - wall
        gc.collect()
        grown_mb = _rss_mb() - before_mb
        wall, cpu = perf_counter(), cpu_s()
        await asyncio.sleep(IDLE_S)
        idle_share = (cpu_s() - cpu) / (perf_counter() - wall)
        await feeds.close()
        return Measured(*spent, peak_rss_mb(), (grown_mb, idle_share))


async def _streaming(feeds: LiveFeeds, numbers: range) -> None:
    opened = [(await feeds.account(f"user {n}", *demo_credentials(SEED, n + 1)))[0] for n in numbers]
    for feed in opened:
        while not feed.is_streaming:  # noqa: ASYNC110 - a feed has no event for it, and 20 ms do not count
            await asyncio.sleep(0.02)


def _rss_mb() -> float:
    """Return this process's resident memory in MB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024 / 1e6
