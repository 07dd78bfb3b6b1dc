"""Which shards this process works on: leases renewed every second, work dropped the moment one is lost."""

from functools import partial

import structlog

from trading.execution.desk import Desk
from trading.execution.exit_memory import ExitMemory
from trading.execution.reconcile import Reconcile
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.records import Event
from trading.store.order_log.shards import shard_of

_log = structlog.get_logger("execution.shift")


class Shift:
    """Keeps `log.scope` at what the leases say; what others may have changed in taken ones is read anew."""

    def __init__(self, desk: Desk, reconcile: Reconcile, memory: ExitMemory) -> None:
        self._desk = desk
        self._reconcile = reconcile
        self._memory = memory

    async def step(self) -> frozenset[int]:
        """Renew, take and give back; return what this process works on now."""
        log = self._desk.log
        alone = log.restores.pending() is not None
        held = await self._desk.durably(partial(log.leases.step, alone=alone))
        # At once, whatever comes of the rest: a lease that ended while it was taken is renewed the next time.
        self._reconcile.forget(log.leases.taken)
        if log.leases.taken:
            self._memory.doubt()
        for worker, shards in log.leases.bereft.items():
            await self._tell(worker, shards)
        self._work_on(held)
        return held

    async def _tell(self, worker: str, shards: list[int]) -> None:
        """Tell the operator that a worker fell silent and who serves its users now."""
        at_ms = self._desk.now_ms()
        text = (
            f"worker {worker} fell silent; {self._desk.log.leases.worker_id} serves its shards {shards} now"
        )
        key = f"worker_silent:{worker}:{self._desk.wall.now_ms()}"
        event = Event(key, OPERATOR, "worker_silent", {"text": text}, at_ms)
        await self._desk.durably(partial(self._desk.log.outbox.post, event))

    async def watch(self) -> None:
        """Drop what is not surely held any more: renewing failed, or this process stood still."""
        held, now = self._desk.log.leases.held(), self._desk.log.scope.shards or frozenset()
        if not now <= held:
            self._work_on(now & held)

    async def end(self) -> None:
        """Give everything back, so that nobody has to wait for the leases to end."""
        self._work_on(frozenset())
        await self._desk.durably(self._desk.log.leases.leave)

    def _work_on(self, shards: frozenset[int]) -> None:
        log = self._desk.log
        before = log.scope.shards or frozenset()
        pending = log.restores.pending() is not None
        if not pending:
            self._desk.unreplayed.clear()
        if log.scope.shards == shards:
            return
        log.scope.narrow(shards)
        lost, gained = before - shards, shards - before
        self._reconcile.set_aside(lost)
        self._reconcile.resume(gained)
        if pending:
            new = {user.user_id for user in self._desk.everybody() if shard_of(user.user_id) in gained}
            self._desk.unreplayed |= new
        level = _log.warning if lost else _log.info
        level("shards", held=sorted(shards), lost=sorted(lost), gained=sorted(gained))
