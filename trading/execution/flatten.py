"""Everything sold, from the order log and the exchange alone: no Dagster, Redis, bot, model or engine needed.

The halt is in the log before anything is sent, so that a run that dies is continued by the next run, or by an
engine that starts. What sells is the engine's own `Exits`, `Wire` and `Follow`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.execution.exits import Exits
from trading.execution.follow import Follow
from trading.execution.wire import Wire
from trading.market.errors import SluiceError
from trading.store.order_log.records import PENDING, ZERO, Intent, IntentStatus, Leg, Trade

_log = structlog.get_logger("execution.flatten")
Progress = Callable[[int, int], None]
CLOCK_S = 2.5  # between two looks at the venue's time


@dataclass(slots=True)
class FlattenReport:
    """What a flatten came to. Money in quote units.

    `left` names each position that still holds something, with why; `unclear` orders whose outcome is open.
    """

    positions: int = 0
    sold: int = 0
    proceeds: Decimal = ZERO
    written_off: int = 0
    left: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    seconds: float = 0.0
    is_flat: bool = False


class Flatten:
    """Sells what the flattens of the order log cover, until nothing is left or the time is over."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wire = Wire(desk)
        self._exits = Exits(desk, self._wire)
        self._follow = Follow(desk, self._wire)
        self._seen: set[str] = set()
        self._clock_due_s = 0.0

    async def run(
        self, *, for_seconds: float, stop: asyncio.Event | None = None, progress: Progress | None = None
    ) -> FlattenReport:
        """Cancel and sell; safe to be killed at any point and started again.

        Parameters
        ----------
        for_seconds : float
            Wall seconds after which it ends with what is left, named.
        progress : callable, optional
            Told (sold, of so many) after each pass.

        Notes
        -----
        Exits that are no flatten go on, too: a stop does not wait for a flatten of somebody else.
        """
        began = time.monotonic()
        stop = stop or asyncio.Event()
        self.watch()
        covered = self._seen
        while True:
            await self.step()
            open_now = {trade.trade_id for trade in self.positions()}
            covered |= open_now
            if progress is not None and covered:
                progress(len(covered) - len(open_now), len(covered))
            is_over = time.monotonic() - began >= for_seconds
            if (not open_now and not self._unclear()) or is_over or stop.is_set():
                break
            await _pause(stop, self._desk.settings.watch_s)
        return self._report(covered, time.monotonic() - began)

    def watch(self) -> int:
        """Look at the log alone while an engine sells; return how many positions and orders are left."""
        self._desk.fleet.refresh()
        now = self.positions()
        self._seen |= {trade.trade_id for trade in now}
        return len(now) + len(self._unclear())

    def seen(self, seconds: float) -> FlattenReport:
        """Return what came of the positions that `watch` saw."""
        return self._report(self._seen, seconds)

    async def step(self) -> None:
        """Do one pass: entries stopped, one look at every position, one at every order that is out."""
        if self._desk.log.leases.worker_id is not None:
            self._desk.log.leases.renew()
        self._desk.fleet.refresh()
        self._stop_entries()
        for part in (self._keep_time, self._exits.step, self._follow_up):
            try:
                await part()
            except SluiceError as error:  # the venue may be away: the next pass tries again
                _log.warning("flatten_pass_failed", error=f"{error!r}")

    async def _keep_time(self) -> None:
        """Ask for the time before orders have to: they would wait for it behind all others in line."""
        if time.monotonic() >= self._clock_due_s:
            with priority(Priority.EXIT):
                await self._desk.public.sync_clock()
            self._clock_due_s = time.monotonic() + CLOCK_S

    async def _follow_up(self) -> None:
        with priority(Priority.EXIT):
            await self._follow.step()

    def positions(self) -> list[Trade]:
        """Return open trades that a flatten covers."""
        gates = self._desk.fleet
        return [
            trade
            for trade in self._desk.log.ledger.open_trades()
            if gates.selling(trade.user_id, trade.symbol) is not None
        ]

    def _stop_entries(self) -> None:
        """Void entries that never left, and have those that may rest cancelled."""
        for intent in self._entries(PENDING):
            if intent.status is IntentStatus.NEW:
                self._desk.log.orders.void(intent.coid, "not sent: flatten")
            else:
                self._wire.unwanted.add(intent.coid)

    def _entries(self, statuses: tuple[IntentStatus, ...]) -> list[Intent]:
        found = self._desk.log.orders.find(statuses=statuses, leg=Leg.OPEN)
        gates = self._desk.fleet
        return [intent for intent in found if gates.selling(intent.user_id, intent.symbol) is not None]

    def _unclear(self) -> list[Intent]:
        """Return orders in scope that may still execute. LOST ones are looked for by the engine for ever."""
        gates = self._desk.fleet
        found = self._desk.log.orders.find(statuses=PENDING)
        return [intent for intent in found if gates.selling(intent.user_id, intent.symbol) is not None]

    def _report(self, covered: set[str], seconds: float) -> FlattenReport:
        ledger, left = self._desk.log.ledger, self.positions()
        done = [ledger.get(trade_id) for trade_id in sorted(covered)]
        lost = self._entries((IntentStatus.LOST,))
        unclear = [*self._unclear(), *lost]
        return FlattenReport(
            positions=len(covered),
            sold=sum(trade.is_closed for trade in done),
            proceeds=sum((trade.sold_cost for trade in done), ZERO),
            written_off=sum(trade.is_closed and trade.dust > 0 for trade in done),
            left=[f"{t.user_id} {t.symbol}: {t.held:f} held, {t.held_up or 'being sold'}" for t in left],
            unclear=[f"{i.user_id} {i.symbol}: {i.leg.value} {i.coid} is {i.status.value}" for i in unclear],
            seconds=round(seconds, 3),
            is_flat=not left and not unclear,
        )


async def _pause(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
