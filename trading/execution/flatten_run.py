"""`sluice flatten` as a process: the halt is written, then the engine that runs sells, or this process.

One of the two sends, never both: the engine's file lock decides on one machine, and the sender's token in the
log shuts out an engine that hangs (`take_over`).
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.execution.desk import Desk
from trading.execution.flatten import Flatten, FlattenReport, Progress
from trading.execution.heartbeat import only_engine
from trading.execution.run import HEARTBEAT, LOCK
from trading.execution.settings import EngineSettings
from trading.execution.worker_id import own_id
from trading.market.errors import BadInput, ExchangeError, StoreError
from trading.store.order_log import OrderLog
from trading.store.order_log.halts import Halt, HaltKind, HaltScope
from trading.users.keys import KeyRing

_log = structlog.get_logger("execution.flatten")
# An engine beats twice a second; one that has been silent this long hangs.
SILENT_S = 15.0


@dataclass(frozen=True, slots=True)
class FlattenOrder:
    """Who wants what sold, why, and how long this process may take. See `run_flatten`."""

    by: str
    why: str
    scope: HaltScope = HaltScope.FLEET
    subject: str | None = None
    for_seconds: float = 600.0
    take_over: bool = False


async def run_flatten(
    order: FlattenOrder,
    *,
    database_url: str,
    exchange: ExchangeSettings,
    keys: KeyRing,
    state_dir: Path,
    settings: EngineSettings | None = None,
    progress: Progress | None = None,
) -> tuple[Halt, FlattenReport]:
    """Write the halt, then see that everything it covers is cancelled and sold.

    Parameters
    ----------
    order : FlattenOrder
        `take_over`: send from here even if an engine holds the lock; whatever that engine still tries to
        send is refused by the log from then on.

    Returns
    -------
    pair of Halt and FlattenReport
        The halt goes on holding: entries stay out until `sluice lift`.

    Raises
    ------
    BadInput
        If orders would go to the real MEXC.
    StoreError
        If an engine holds the lock and shows no sign of life. The halt is in the log all the same.
    """
    if exchange.base_url is None:
        raise BadInput("orders go to the embedded exchange only: base_url must be given, was None")
    until = time.monotonic() + order.for_seconds
    async with AsyncExitStack() as open_now:
        log = OrderLog(database_url)
        open_now.callback(log.close)
        halt = log.halts.place(HaltKind.FLATTEN, (order.scope, order.subject), by=order.by, why=order.why)
        pool = await open_now.enter_async_context(GatewayPool(exchange))
        desk = Desk(
            log=log,
            public=pool.public,
            open_account=lambda user: pool.account(*keys.credentials(user).pair),
            settings=settings or EngineSettings(),
        )
        work = Flatten(desk)
        is_ours = order.take_over or await _engine_sells(open_now, state_dir, work, until, progress)
        if is_ours:
            log.leases.seize(own_id())
            open_now.callback(log.leases.leave)
            await _venue(desk, until)
        left_s = max(0.0, until - time.monotonic())
        report = (
            await work.run(for_seconds=left_s, progress=progress) if is_ours else work.seen(order.for_seconds)
        )
        return halt, report


async def _engine_sells(
    open_now: AsyncExitStack, state_dir: Path, work: Flatten, until: float, progress: Progress | None
) -> bool:
    """Watch while an engine does it. True once its lock is free and this process holds it, so must sell."""
    most = 0
    while True:
        try:
            lock = ExitStack()
            lock.enter_context(only_engine(state_dir / LOCK))
        except StoreError:
            _must_be_alive(state_dir / HEARTBEAT)
        else:
            open_now.push(lock)
            return True
        left = work.watch()
        most = max(most, left)
        if progress is not None and most:
            progress(most - left, most)
        if left == 0 or time.monotonic() >= until:
            return False
        await asyncio.sleep(0.5)


def _must_be_alive(heartbeat: Path) -> None:
    silent_s = time.time() - heartbeat.stat().st_mtime if heartbeat.is_file() else 0.0
    if silent_s > SILENT_S:
        pid = json.loads(heartbeat.read_text()).get("pid")
        raise StoreError(
            f"the engine (process {pid}) holds the lock and has been silent for {silent_s:.0f} s, more than "
            f"{SILENT_S:.0f}: end it, or sell without it: sluice flatten --take-over"
        )


async def _venue(desk: Desk, until: float) -> None:
    """Load the listing, waiting for a venue that is not there.

    Raises
    ------
    ExchangeError
        If it cannot be reached in time.
    """
    pause_s = 0.2
    while True:
        try:
            await desk.public.sync_clock()
            await desk.load_markets()
        except ExchangeError as error:
            if time.monotonic() + pause_s >= until:
                raise
            _log.warning("venue_unreachable", error=f"{error!r}", retry_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)
        else:
            return
