"""The engine's metrics on loopback, and what of the engine they are read from.

Serving is a thread of its own: a slow scrape never holds up the loop. Nothing here may stop trading: a port
that is taken is a warning.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from prometheus_client import start_http_server

from trading.exchange.feed.health import HealthRow
from trading.exchange.throttle import Limiter
from trading.execution.engine import Engine
from trading.execution.metrics import EngineMetrics, Facts, TimedWriter
from trading.market.errors import ExchangeError
from trading.store.order_log.counts import Counts
from trading.store.order_log.shards import EVERY

_log = structlog.get_logger("execution.metrics")

HOST = "127.0.0.1"


@asynccontextmanager
async def serving_metrics(engine: Engine, limiter: Limiter, port: int | None) -> AsyncIterator[int | None]:
    """Serve the engine's metrics on loopback while the block runs.

    Parameters
    ----------
    port : int or None
        0 = any free one; None = none are made.

    Yields
    ------
    int or None
        The port in use; None where there is none, also because it was taken (a warning is logged).
    """
    if port is None:
        yield None
        return
    log = engine.desk.log
    metrics = EngineMetrics(Counts(log.database), lambda: facts_of(engine, limiter))
    try:
        server, thread = start_http_server(port, addr=HOST, registry=metrics.registry)
    except OSError as error:
        _log.warning("metrics_not_served", port=port, error=str(error))
        yield None
        return
    writer = log.writer
    log.writer = TimedWriter(writer, metrics.writes)
    pulse = asyncio.create_task(metrics.pulse())
    _log.info("metrics_served", url=f"http://{HOST}:{server.server_port}/metrics")
    try:
        yield server.server_port
    finally:
        pulse.cancel()
        with suppress(asyncio.CancelledError):
            await pulse
        log.writer = writer
        server.shutdown()
        server.server_close()
        thread.join()


def facts_of(engine: Engine, limiter: Limiter) -> Facts:
    """Return what lives on the event loop; from that loop."""
    return Facts(
        now_ms=_market_ms(engine),
        reconciled=len(engine.reconcile.ready),
        findings=dict(engine.reconcile.findings),
        shards=len(EVERY if engine.desk.log.scope.shards is None else engine.desk.log.scope.shards),
        limiter=limiter.look(),
        stats=limiter.stats,
        **_feed_facts([] if engine.live is None else engine.live.prices.health()),
    )


def _feed_facts(rows: Sequence[HealthRow]) -> dict[str, Any]:
    """Count streams by the way their values come now; an age only where one has spoken."""
    ages = [row.age_s for row in rows if row.age_s is not None]
    return {
        "streams": Counter(str(row.source) for row in rows),
        "oldest_s": max(ages, default=0.0),
        "reconnects": sum(row.reconnects for row in rows),
    }


def _market_ms(engine: Engine) -> int:
    """Market time; 0 while the venue has not told it, so that no set counts as expired."""
    try:
        return engine.desk.now_ms()
    except ExchangeError:
        return 0
