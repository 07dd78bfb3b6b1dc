"""One engine process from start to end: everything is opened here, in order, and closed in reverse.

Which world, which addresses and which keys is the caller's matter; nothing is read from settings here.
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import structlog

from trading.exchange.key_access import MexcKeyAccess
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.weights import weight_of
from trading.execution.desk import Desk
from trading.execution.engine import Engine
from trading.execution.heartbeat import Heartbeat, working
from trading.execution.intake import SetStream
from trading.execution.key_watch import KeyWatch
from trading.execution.live import Live
from trading.execution.metrics_server import serving_metrics
from trading.execution.projection import CachedTrades
from trading.execution.settings import EngineSettings
from trading.execution.worker_id import is_gone, own_id
from trading.market.errors import BadInput, ExchangeError
from trading.notifications.channel import Channel, LogChannel
from trading.store.cache import ShardStreams, StreamReader, UserCache, connect
from trading.store.order_log import OrderLog, screens
from trading.store.order_log.scope import Scope
from trading.users.gates import ONLY_EMBEDDED
from trading.users.keys import KeyRing

_log = structlog.get_logger("execution.run")

HEARTBEAT, LOCK, EXPORTS = "engine.json", "engine.lock", "exports"


@dataclass(frozen=True, slots=True)
class EngineSummary:
    """What one process did. `orders` counts what this log holds in all, not this process alone."""

    seconds: float
    open_trades: int
    closed_trades: int
    orders: int
    unclear_orders: int
    requests: int
    http_429: int


async def run_engine(
    *,
    database_url: str,
    exchange: ExchangeSettings,
    keys: KeyRing,
    state_dir: Path,
    redis_url: str | None = None,
    settings: EngineSettings | None = None,
    channel: Channel | None = None,
    until_idle: bool = False,
    for_seconds: float | None = None,
    stop: asyncio.Event | None = None,
    live_refusal: str | None = ONLY_EMBEDDED,
    metrics_port: int | None = None,
) -> EngineSummary:
    """Trade until SIGTERM or SIGINT, until nothing is left to do, or for some wall seconds.

    Parameters
    ----------
    database_url : str
        Order log.
    exchange : ExchangeSettings
        Where orders go. `base_url` must be given: the real MEXC takes no orders in this release.
    keys : KeyRing
        Finds users' credentials.
    state_dir : Path
        Folder for heartbeat (`engine.json`) and lock (`engine.lock`).
    redis_url : str, optional
        Wakes the engine and holds the users' cache; without it new sets are found in SQL.

    live_refusal : str or None
        Why users in live mode enter nothing; None = live is open.
    metrics_port : int, optional
        Of the Prometheus endpoint on loopback; None = none.

    Raises
    ------
    BadInput
        If orders would go to the real MEXC.
    StoreError
        If the log cannot be opened, or a restore or a flatten holds it.
    """
    if exchange.base_url is None:
        raise BadInput("orders go to the embedded exchange only: base_url must be given, was None")
    stop = stop or asyncio.Event()
    _stop_on_signals(stop)
    began = time.monotonic()
    async with AsyncExitStack() as open_now:
        open_now.enter_context(working(state_dir / LOCK))
        log = OrderLog(database_url)
        open_now.callback(log.close)
        pool = await open_now.enter_async_context(GatewayPool(exchange))
        settings = settings or EngineSettings()
        live = Live(pool, lambda user: keys.credentials(user).pair) if settings.streams else None
        if live is not None:
            open_now.push_async_callback(live.close)
        desk = Desk(
            log=log,
            public=pool.public,
            open_account=(
                (lambda user: pool.account(*keys.credentials(user).pair))
                if live is None
                else live.accounts.open
            ),
            settings=settings,
            live_refusal=live_refusal,
            exit_rate_per_s=Decimal(repr(float(exchange.rate_per_s))) / weight_of("POST", "order"),
        )
        log.leases.is_gone = is_gone
        log.leases.join(own_id())
        log.scope.narrow(())
        stream, cache = await _transport(open_now, redis_url, log.scope)
        engine = Engine(
            desk,
            channel or LogChannel(),
            stream=stream,
            cache=cache,
            heartbeat=Heartbeat(state_dir / HEARTBEAT),
            keys=KeyWatch(desk, lambda user: MexcKeyAccess(pool, *keys.credentials(user).pair)),
            exports=state_dir / EXPORTS,
            forget=None if cache is None else cache.forget,
            live=live,
        )
        await open_now.enter_async_context(serving_metrics(engine, pool.limiter, metrics_port))
        if await _markets(desk, stop):
            _log.info(
                "engine_started", worker=own_id(), users=len(desk.users.all()), markets=len(desk.markets)
            )
            await engine.run(stop, until_idle=until_idle, for_seconds=for_seconds)
        log.scope.shards = None  # the summary is of the whole log
        summary = _summary(desk, pool, time.monotonic() - began)
        _log.info("engine_stopped", seconds=round(summary.seconds, 1), open_trades=summary.open_trades)
        return summary


async def _transport(
    open_now: AsyncExitStack, redis_url: str | None, scope: Scope
) -> tuple[SetStream | None, CachedTrades | None]:
    if redis_url is None:
        return None, None
    # The stream's reader blocks its connection; the cache must not wait behind it.
    stream_client, cache_client = connect(redis_url), connect(redis_url)
    for client in (stream_client, cache_client):
        open_now.push_async_callback(client.aclose)
    streams = StreamReader(ShardStreams(stream_client), own_id(), lambda: scope.shards or ())
    return streams, CachedTrades(UserCache(cache_client))


async def _markets(desk: Desk, stop: asyncio.Event) -> bool:
    """Load the listing, waiting for a venue that is not there yet; False if told to stop meanwhile."""
    pause_s = 0.2
    while not stop.is_set():
        try:
            await desk.load_markets()
        except ExchangeError as error:
            _log.warning("venue_unreachable", error=f"{error!r}", retry_s=pause_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()
            pause_s = min(pause_s * 2, 5.0)
        else:
            return True
    return False


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _summary(desk: Desk, pool: GatewayPool, seconds: float) -> EngineSummary:
    # Counted by SQL: as objects, the trades of a log that grew for weeks would not fit beside the engine.
    found = screens.totals(desk.log.database)
    return EngineSummary(
        seconds=seconds,
        open_trades=found["open"],
        closed_trades=found["closed"],
        orders=found["sent"],
        unclear_orders=found["unclear"],
        requests=pool.limiter.stats.requests,
        http_429=pool.limiter.stats.http_429,
    )
