"""The long-lived service: a few loops over one desk, and nothing that is not also in the order log.

Exits, orders in flight and the outbox start at once; entries of an account wait for its reconciliation.
A failing step is logged and tried again: one user's or one symbol's trouble stops nobody else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from trading.execution.courier import Courier, TradeCache
from trading.execution.desk import Desk
from trading.execution.exit_memory import STEP_S as MEMORY_S
from trading.execution.exits import Exits
from trading.execution.follow import Follow
from trading.execution.heartbeat import Heartbeat
from trading.execution.intake import Intake, SetStream
from trading.execution.key_watch import STEP_S as KEYS_S
from trading.execution.key_watch import KeyWatch
from trading.execution.listing_watch import STEP_S as LISTING_S
from trading.execution.listing_watch import ListingWatch
from trading.execution.live import Live
from trading.execution.market_watch import MarketWatch
from trading.execution.open_ahead import STEP_S as AHEAD_S
from trading.execution.open_ahead import OpenAhead
from trading.execution.reconcile import Reconcile
from trading.execution.repricing import STEP_S as REPRICING_S
from trading.execution.repricing import Repricing
from trading.execution.requests import STEP_S as REQUESTS_S
from trading.execution.requests import Requests
from trading.execution.shift import Shift
from trading.execution.wire import Wire
from trading.market.errors import StoreError
from trading.market.timeframes import MINUTE_MS
from trading.notifications.channel import Channel, Message
from trading.store.order_log.leases import STEP_S
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.records import PENDING

_log = structlog.get_logger("execution.engine")

# Between two looks at the venue's clock: on a venue whose time runs at the world's pace, and on one that
# runs faster, stands still, or may change its pace at any moment (the embedded exchange in a demo).
# Half of the age at which signed requests wait for a newer one, so that no exit waits for the time.
CLOCK_S, RESTLESS_CLOCK_S = 2.5, 0.25
RESTLESS_RATE = 0.05
BEAT_S = 0.5
WATCH_S = 0.25  # between two looks at whether our leases still hold by our own clock


class Engine:
    """Runs the loops until told to stop."""

    def __init__(
        self,
        desk: Desk,
        channel: Channel,
        *,
        stream: SetStream | None = None,
        cache: TradeCache | None = None,
        heartbeat: Heartbeat | None = None,
        keys: KeyWatch | None = None,
        exports: Path | None = None,
        forget: Callable[[str], Awaitable[None]] | None = None,
        live: Live | None = None,
    ) -> None:
        self.desk = desk
        self.wire = Wire(desk)
        self.reconcile = Reconcile(desk)
        self.live = live
        self.follow = Follow(desk, self.wire, None if live is None else live.accounts)
        self.exits = Exits(desk, self.wire, None if live is None else live.prices)
        self.follow.booked = self.exits.booked
        self.intake = Intake(desk, self.wire, self.reconcile)
        self.repricing = Repricing(desk, self.reconcile)
        self.follow.ended = self.repricing.ended
        self._channel = channel
        self.courier = Courier(desk, channel, cache)
        self.market = MarketWatch(desk)
        self.listing = ListingWatch(desk)
        self.requests = Requests(desk, self.wire, exports=exports, forget=forget)
        if live is not None:
            self.requests.drop = live.accounts.drop
            self.reconcile.returned = live.accounts.returned
        self.keys = keys
        self._stream = stream
        self._heartbeat = heartbeat
        self._news = asyncio.Event()
        self.shift = Shift(desk, self.reconcile, self.exits.reasons.memory)

    async def step(self) -> None:
        """Do one round of what owns orders, one after the other (tests and `--once`)."""
        await self.reconcile.step()
        await self.requests.step()
        await self.exits.reasons.memory.step()
        await self.exits.step()
        await self.follow.step()
        await self.repricing.step()
        await self.intake.step()
        await self.courier.step()

    def is_idle(self) -> bool:
        """Whether nothing is held, in flight, waiting to be offered, or waiting to be told."""
        log, now_ms = self.desk.log, self.desk.now_ms()
        if log.ledger.count_open() or log.orders.count(PENDING) or log.outbox.waiting():
            return False
        users = {user.user_id for user in self.desk.mine()}
        return all(users <= log.sets.offered_to(set_id) for set_id in log.sets.live(now_ms))

    async def run(
        self, stop: asyncio.Event, *, until_idle: bool = False, for_seconds: float | None = None
    ) -> None:
        """Trade until `stop` is set, nothing is left to do, or the seconds are over."""
        settings = self.desk.settings
        loops = [
            self._every(settings.watch_s, self.exits.tick, stop),
            self._every(MEMORY_S, self.exits.reasons.memory.step, stop),
            self._following(stop),
            self._every(0.5, self.reconcile.step, stop),
            self._intake(stop),
            self._every(REPRICING_S, self.repricing.step, stop),
            self._every(settings.courier_s, self.courier.step, stop),
            self._every(settings.market_watch_s, self._lead, stop),
            self._every(LISTING_S, self.listing.step, stop),
            self._every(settings.volume_s, self.desk.fleet.liquidity.step, stop),
            self._every(REQUESTS_S, self.requests.step, stop),
            self._keep_time(stop),
            self._every(BEAT_S, self._beat, stop),
        ]
        if self.keys is not None:
            loops.append(self._every(KEYS_S, self.keys.step, stop))
        if self.live is not None:
            ahead = OpenAhead(self.desk, self.live.accounts)
            loops.append(self._every(AHEAD_S, ahead.step, stop))
        if self._stream is not None:
            loops.append(self._listen(self._stream, stop))
        is_worker = self.desk.log.leases.worker_id is not None
        if is_worker:
            await self.shift.step()
            loops += [
                self._every(STEP_S, self.shift.step, stop),
                self._every(WATCH_S, self.shift.watch, stop),
            ]
        tasks = [asyncio.create_task(loop) for loop in loops]
        feed = None if self.live is None else asyncio.create_task(self.live.run(self.exits.heard))
        try:
            await self._until(stop, until_idle=until_idle, for_seconds=for_seconds)
        finally:
            stop.set()
            self._news.set()
            # Loops end between two steps, so an order on the wire still gets its answer written down.
            await asyncio.gather(*tasks)
            if feed is not None:
                feed.cancel()
                await asyncio.gather(feed, return_exceptions=True)
            await self.exits.close()
        await self.courier.step()
        self._beat_now("stopped")
        if is_worker:
            await self.shift.end()

    async def _until(self, stop: asyncio.Event, *, until_idle: bool, for_seconds: float | None) -> None:
        started = time.monotonic()
        idle_looks = 0
        while not stop.is_set():
            if for_seconds is not None and time.monotonic() - started >= for_seconds:
                return
            idle_looks = idle_looks + 1 if until_idle and self.is_idle() else 0
            if idle_looks >= 2:
                return
            await _pause(stop, 0.2)

    async def _every(
        self, seconds: float, step: Callable[[], Awaitable[object]], stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            await self._guarded(step)
            await _pause(stop, seconds)

    async def _following(self, stop: asyncio.Event) -> None:
        """Look after orders; a word of a private stream wakes it at once."""
        news = asyncio.Event() if self.live is None else self.live.accounts.outcomes.news
        while not stop.is_set():
            news.clear()
            await self._guarded(self.follow.step)
            await _pause(news, self.desk.settings.follow_s)

    async def _keep_time(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._guarded(self.desk.public.sync_clock)
            rate = getattr(self.desk.public.clock, "rate", 1.0)
            await _pause(stop, CLOCK_S if abs(rate - 1.0) < RESTLESS_RATE else RESTLESS_CLOCK_S)

    async def _intake(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._guarded(self.intake.step)
            await _pause(self._news, self.desk.settings.intake_s)
            self._news.clear()

    async def _listen(self, stream: SetStream, stop: asyncio.Event) -> None:
        async def look() -> None:
            await self.intake.listen(stream, 1.0, self._news.set)

        while not stop.is_set():
            if not await self._guarded(look):
                await _pause(stop, 1.0)

    async def _guarded(self, step: Callable[[], Awaitable[object]]) -> bool:
        try:
            await step()
        except StoreError as error:
            self.desk.note_trouble(error)
            return False
        except Exception:
            # The outermost loop of a live session: log, go on, never leave positions unwatched.
            _log.exception("step_failed", step=getattr(step, "__qualname__", str(step)))
            return False
        return True

    async def _lead(self) -> None:
        """What is done once for all users, by the worker that holds the first shard."""
        if self.desk.log.scope.leads:
            await self.market.step()

    async def _beat(self) -> None:
        self._beat_now("running")
        await self.tell_of_the_log()

    async def tell_of_the_log(self) -> None:
        """Tell the operator, past the outbox, that the log refuses to write; once a minute while it does.

        Nothing is traded meanwhile: no order leaves without its intent on disk. Exits are tried again.
        """
        trouble, self.desk.trouble = self.desk.trouble, None
        if trouble is None:
            return
        minute = self.desk.wall.now_ms() // MINUTE_MS
        text = f"the order log refuses to write, nothing is traded, stops included: {trouble}"
        message = Message(f"order_log_refused:{minute}", OPERATOR, "order_log_refused", text, is_alert=True)
        await self._channel.deliver(message)

    def _beat_now(self, state: str) -> None:
        if self._heartbeat is None or not self.desk.log.scope.leads:
            return
        log = self.desk.log
        self._heartbeat.beat(
            state=state,
            wall_ms=self.desk.wall.now_ms(),
            market_ms=self.desk.now_ms(),
            open_trades=log.ledger.count_open(),
            in_flight=log.orders.count(PENDING),
            reconciled=len(self.reconcile.ready),
            streams=None if self.live is None else self.live.health(),
        )


async def _pause(event: asyncio.Event, seconds: float) -> None:
    """Wait for `event`, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
