"""Many tasks' writes, one commit: a thread of its own writes what has come up and forces it to disk once.

A commit costs one fsync (milliseconds) whatever is in it. While one is on its way, writes of other tasks
gather; they are the next batch. A lone write is committed at once, unless its caller has time: such a write
goes with the next one that has none, or by itself when its time is over (docs/decisions/0058). Each write
stands in a savepoint of its own, so one that breaks a rule fails alone, and its caller is told only after the
commit. A batch that the database refuses (disk full, damaged) is rolled back and its writes are tried one by
one.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from trading.market.errors import StoreError
from trading.store.order_log.database import Database

MOST = 256  # once so many writes wait, they are committed: the last of them does not wait for ever


class Writer(Protocol):
    """Runs writes of the order log for tasks of an event loop."""

    async def do[T](self, work: Callable[[], T], *, within_s: float = 0.0) -> T:
        """Return what `work` returned, once it is durable; raise what it raised (nothing is written then).

        It is handed to the database within `within_s`: earlier only together with others.
        """
        ...


@dataclass(slots=True)
class Outcome:
    """What came of one write: a value, or an error."""

    value: Any = None
    error: BaseException | None = None


def run_together(database: Database, works: Sequence[Callable[[], Any]]) -> list[Outcome]:
    """Run `works` in one transaction of this thread and commit it; their outcomes are durable on return.

    A work that is repeated must do no harm: if the database refuses the batch each is run again by itself.
    """
    if len(works) == 1:
        return [_alone(works[0])]
    outcomes: list[Outcome] = []
    try:
        with database.together():
            outcomes.extend(_in_batch(work) for work in works)
    except StoreError:
        return [_alone(work) for work in works]
    except BaseException as error:
        return [Outcome(error=error) for _ in works]
    return outcomes


def _in_batch(work: Callable[[], Any]) -> Outcome:
    """Run one work of a batch; raises what ends the batch: the database refuses, or the process is ended."""
    outcome = _alone(work)
    if isinstance(outcome.error, StoreError):
        raise outcome.error
    if outcome.error is not None and not isinstance(outcome.error, Exception):
        raise outcome.error
    return outcome


def _alone(work: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(work())
    except BaseException as error:
        return Outcome(error=error)


@dataclass(slots=True)
class _Job:
    work: Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop

    def settle(self, outcome: Outcome) -> None:
        if self.future.done():  # its task was cancelled meanwhile; what was written stays written
            return
        if outcome.error is None:
            self.future.set_result(outcome.value)
        else:
            self.future.set_exception(outcome.error)


@dataclass(slots=True)
class _Patient:
    """What tasks of one loop asked for that has time; one timer, for the one that has the least."""

    jobs: list[_Job] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    def add(self, job: _Job, within_s: float, hand_over: Callable[[], None]) -> None:
        self.jobs.append(job)
        due_s = job.loop.time() + within_s
        if self.timer is not None and self.timer.when() <= due_s:
            return
        if self.timer is not None:
            self.timer.cancel()
        self.timer = job.loop.call_later(within_s, hand_over)

    def take(self) -> list[_Job]:
        jobs, self.jobs = self.jobs, []
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        return jobs


class GroupCommit:
    """Satisfies `Writer` by one writing thread, started at the first write.

    `commits` and `writes` count what it did. Reads of other threads go on meanwhile and see what is
    committed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[list[_Job] | None] = SimpleQueue()
        # What tasks asked in this turn of a loop: handed over together, so that the thread wakes once.
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Job]] = WeakKeyDictionary()
        self._patient: WeakKeyDictionary[asyncio.AbstractEventLoop, _Patient] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None
        self.commits = 0
        self.writes = 0

    async def do[T](self, work: Callable[[], T], *, within_s: float = 0.0) -> T:
        """Return what `work` returned, once it is durable; raise what it raised (nothing is written then).

        With `within_s` above 0 it waits so long for others, whose commit it shares.
        A task that is cancelled while it waits learns nothing; the write may be done all the same.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="order-log", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(work, future, loop)
        if within_s > 0:
            self._patient.setdefault(loop, _Patient()).add(job, within_s, partial(self._hand_over, loop))
            return await future
        turn = self._turns.setdefault(loop, [])
        if not turn:
            loop.call_soon(self._hand_over, loop)
        turn.append(job)
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._patient.get(loop)
        jobs = ([] if waiting is None else waiting.take()) + self._turns.pop(loop, [])
        for start in range(0, len(jobs), MOST):
            self._jobs.put(jobs[start : start + MOST])

    def close(self) -> None:
        """Write what waits, then end the thread."""
        if self._thread is not None:
            for loop in {*self._turns, *self._patient}:
                self._hand_over(loop)
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._next()
            if batch:
                outcomes = run_together(self._database, [job.work for job in batch])
                self.commits += 1
                self.writes += len(batch)
                _answer(batch, outcomes)

    def _next(self) -> tuple[list[_Job], bool]:
        batch: list[_Job] = []
        jobs = self._jobs.get()
        while jobs is not None:
            batch += jobs
            if len(batch) >= MOST or self._jobs.empty():
                return batch, True
            jobs = self._jobs.get()
        return batch, False


def _answer(batch: list[_Job], outcomes: list[Outcome]) -> None:
    """Wake each loop once for all that its tasks asked."""

    def settle(loop: asyncio.AbstractEventLoop) -> None:
        for job, outcome in zip(batch, outcomes, strict=True):
            if job.loop is loop:
                job.settle(outcome)

    for loop in {id(job.loop): job.loop for job in batch}.values():
        try:
            loop.call_soon_threadsafe(settle, loop)
        except RuntimeError:  # the loop was closed: nobody waits any more
            continue
