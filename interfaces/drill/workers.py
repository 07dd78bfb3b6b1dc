"""Two workers on one log: one is killed, or hangs, and the other serves its users' exits."""

import os
import signal
import time

import sqlalchemy as sa

from interfaces.drill.nursery import ForkedChild
from interfaces.drill.scene import orders
from interfaces.drill.stage import Stage
from interfaces.run.children import Child
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult
from trading.execution.worker_id import pid_of
from trading.store.order_log.records import Leg
from trading.store.order_log.schema_shards import shards
from trading.store.order_log.shards import SHARDS, shard_of

TAKEN_S = 30.0
SHARED_S = 30.0
# The promise: the users of a worker that died are served elsewhere.
WITHIN_S = 10.0
FALL = 0.97  # crosses the drill's stops


class Workers:
    """Who holds which shard, how long shards were nobody's, and when the first exit of their users left."""

    def __init__(self, stage: Stage, result: DrillResult) -> None:
        self._stage = stage
        self._result = result
        self._taken_s: dict[str, list[float]] = {"killed": [], "hanging": []}
        self._exit_s: list[float] = []

    def until_shared(self) -> None:
        """Wait until two workers hold about half of the shards each."""
        self._stage.until(lambda: min(self._counts(), default=0) >= SHARDS // 2 - 1, SHARED_S)

    def end(self, worker: Child | ForkedChild, *, hangs: bool) -> None:
        """Let prices fall through the stops and kill the worker, or stop it until it lost its shards."""
        stage = self._stage
        mine = {shard for shard, owner in self._owners().items() if owner == worker.pid}
        open_now = [trade for trade in stage.log.ledger.open_trades() if shard_of(trade.user_id) in mine]
        began = time.time()
        if hangs:
            os.kill(worker.pid, signal.SIGSTOP)
            self._result.inject("worker stopped until it lost its shards")
        else:
            stage.kill_engine(worker)
            self._result.inject("kill worker with its users' stops crossed", int(bool(open_now)))
        fallen = {trade.symbol for trade in open_now}
        for pair in stage.venue.pairs():
            if pair.symbol in fallen:
                stage.venue.move(pair.wire, FALL)
        is_taken = stage.until(lambda: self._are_elsewhere(mine, worker.pid), TAKEN_S, every_s=0.1)
        self._taken_s["hanging" if hangs else "killed"].append(time.time() - began)
        self._result.judge("shards_are_taken_over", [] if is_taken else [f"not within {TAKEN_S:.0f} s"])
        ids = {trade.trade_id for trade in open_now}
        stage.until(lambda: ids <= self._leaving(began, ids), WITHIN_S, every_s=0.2)
        self._exit_s += [at - began for at in self._first_exits(began, ids).values()]
        if hangs:
            # It wakes up with a token that is no longer the newest: nothing of it may leave.
            os.kill(worker.pid, signal.SIGCONT)
            time.sleep(1.0)
            stage.kill_engine(worker)

    def figures(self) -> dict[str, object]:
        """Return seconds until shards were taken over, and until the first exit of their users left."""
        return {
            "seconds_to_takeover_after_kill": spread(self._taken_s["killed"]),
            "seconds_to_takeover_of_one_that_hangs": spread(self._taken_s["hanging"]),
            "seconds_from_death_to_exit_of_its_users": spread(self._exit_s),
        }

    def _leaving(self, since_s: float, ids: set[str]) -> set[str]:
        closed = {trade.trade_id for trade in self._stage.log.ledger.all_trades() if trade.is_closed}
        return (closed & ids) | set(self._first_exits(since_s, ids))

    def _first_exits(self, since_s: float, ids: set[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for each, intent in orders(self._stage, since_s):
            if intent.leg is Leg.CLOSE and intent.trade_id in ids:
                found.setdefault(intent.trade_id, each.wall_s)
        return found

    def _are_elsewhere(self, mine: set[int], pid: int) -> bool:
        owners = self._owners()
        return all(owners.get(shard) not in (None, pid) for shard in mine)

    def _counts(self) -> list[int]:
        owners = list(self._owners().values())
        alive = {engine.pid for engine in self._stage.engines}
        return [owners.count(pid) for pid in alive]

    def _owners(self) -> dict[int, int | None]:
        with self._stage.log.database.read() as connection:
            rows = connection.execute(sa.select(shards.c.shard, shards.c.owner)).all()
        return {row.shard: None if row.owner is None else pid_of(row.owner) for row in rows}
