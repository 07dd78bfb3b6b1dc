"""Processes in a simulated world: one alone, or an old one that wakes up beside its successor.

A process is the real engine (`Desk`, `Engine.step`), stepped on one event loop. After every commit and every
change at the venue it may die; what it would leave then is handed to `on_moment`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from trading.execution.drills.simulated_gateways import Witness
from trading.execution.drills.simulated_judge import Finding, is_quiet, judge_end
from trading.execution.drills.simulated_log import MemoryDatabase
from trading.execution.drills.simulated_world import RENEWED, Left, Scene, World
from trading.execution.engine import Engine
from trading.market.errors import ExchangeError
from trading.market.orders import OrderRequest
from trading.store.order_log import OrderLog

DOZE = 10  # steps that an idle process sleeps at most
PATIENCE = 12  # idle steps in which an order that is LOST may still turn up
# After so many a world in which something is left to do is stuck. An exit that a price band refuses a
# dozen times waits up to 30 s of the world's time before each try, 75 steps.
MOST_STEPS = 600


class Enough(BaseException):
    """Ends a process from within, wherever it is."""


class Stage:
    """Runs processes of one scene, one at a time, on one database that all scenes share."""

    def __init__(self, scene: Scene, database: MemoryDatabase, empty: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._empty = empty
        self._database = database
        self.world = World(scene, database, Witness(self._moment, self._leaving))
        database.on_commit = self._moment
        self.on_moment: Callable[[], None] = _nothing
        self.broken: list[tuple[str, str]] = []  # what the wire saw that must not be
        self.requests = 0
        self._allowed: frozenset[str] | None = None  # an old process may still finish these
        self._is_live = False
        self._moments = 0
        self._successor: OrderLog | None = None

    def begin(self) -> None:
        """Put the world at its beginning."""
        self._is_live = False
        self.world.begin(self._empty)

    async def live(self, step_end: Callable[[], bool] | None = None) -> Finding | None:
        """Start a process and let it live until nothing is left to do; return the judge's finding.

        None if `step_end`, asked after every step, says that it has been seen far enough, or `on_moment`
        raised `Enough`.
        """
        task = asyncio.ensure_future(self._live(step_end))
        try:
            return await task
        except Enough:
            return None
        finally:
            self._is_live = False
            await _bury()

    async def _live(self, step_end: Callable[[], bool] | None) -> Finding | None:
        engine = await self.world.boot()
        idle = 0
        self._is_live = True  # who dies while taking its leases leaves what was there before
        for number in range(MOST_STEPS):
            if number % RENEWED == RENEWED - 1:
                await engine.shift.step()
            before = self._moments
            await _step(engine)
            self.world.advance()
            quiet = is_quiet(self.world)
            idle = idle + 1 if self.world.is_over(engine) else 0
            if idle and (quiet or idle > PATIENCE):
                return judge_end(self.world)
            if quiet and self._moments == before:
                self._doze()
            if step_end is not None and step_end():
                return None
        finding = judge_end(self.world)
        finding.add("every_intent_ends", f"not idle after {MOST_STEPS} steps: {_left_to_do(self.world)}")
        return finding

    def _doze(self) -> None:
        """Let time pass to the step before the next turn: nothing is under way, and a step did nothing."""
        world = self.world
        ahead = [turn for turn in world.scene.turns if turn > world.step]
        for _ in range(min((ahead[0] if ahead else world.step + DOZE) - 1 - world.step, DOZE)):
            world.advance()

    async def beside_an_old_one(self, at: int) -> Finding | None:
        """Let a second process take over at moment `at`, and the first go on as if it knew nothing.

        None if the first had ended before that moment.
        """
        self.begin()
        self._is_live = True
        count = 0

        def take_over() -> None:
            nonlocal count
            count += 1
            if count == at:
                self.on_moment = _nothing
                self._allowed = self._sent()
                self._successor = self.world.log()
                self._successor.leases.is_gone = lambda _worker: True  # so it keeps all shards
                self._successor.leases.seize("successor")

        self.on_moment = take_over
        try:
            old = await self.world.boot()
            while self._allowed is None:
                await _step(old)
                self.world.advance()
                if self.world.is_over(old):
                    return None
            allowed, self._allowed = self._allowed, None
            young = await self.world.boot(self._successor)
            return await self._both(old, young, allowed)
        finally:
            self._is_live, self._allowed, self.on_moment = False, None, _nothing
            await _bury()

    async def _both(self, old: Engine, young: Engine, allowed: frozenset[str]) -> Finding | None:
        idle = 0
        for turn in range(MOST_STEPS):
            if turn % RENEWED == RENEWED - 1:
                await young.shift.step()
            await _step(young)
            if turn < 3:  # it looks once a second whether its leases are still its own
                self._allowed = allowed
                await _step(old)
                self._allowed = None
            self.world.advance()
            idle = idle + 1 if self.world.is_over(young) else 0
            if idle and (is_quiet(self.world) or idle > PATIENCE):
                return judge_end(self.world)
        finding = judge_end(self.world)
        finding.add("every_intent_ends", f"not idle after {MOST_STEPS} steps: {_left_to_do(self.world)}")
        return finding

    def _moment(self) -> None:
        if self._is_live:
            self._moments += 1
            self.on_moment()

    def _sent(self) -> frozenset[str]:
        rows = self._database.raw.execute("SELECT coid FROM intents WHERE status <> 'NEW'").fetchall()
        return frozenset(row[0] for row in rows)

    def _leaving(self, account: str, request: OrderRequest) -> None:
        """Look at an order whose first byte leaves now: written down, this process's to send, and new."""
        self.requests += 1
        coid = request.client_order_id
        query = "SELECT status, user_id FROM intents WHERE coid = ?"
        row = self._database.raw.execute(query, (coid,)).fetchone()
        if row is None or row[0] != "SENT":
            self.broken.append(("intent_before_request", f"{coid} left while {row and row[0]} in the log"))
        if row is not None and row[1] != account:
            self.broken.append(("own_key_only", f"{coid} of {row[1]} left on {account}"))
        if any(before.client_order_id == coid for _, before in self.world.venue.requests):
            self.broken.append(("sent_once", f"{coid} left twice"))
        if self._allowed is not None and coid not in self._allowed:
            self.broken.append(("one_owner_per_shard", f"{coid} left under a stale token"))

    def resume(self, left: Left) -> None:
        """Put the world where a dead process left it."""
        self._is_live = False
        self.world.resume(left)


async def _step(engine: Engine) -> None:
    """Do one round; what the venue does not answer is tried again in the next, as in the engine's loops."""
    with suppress(ExchangeError):
        await engine.step()


def _left_to_do(world: World) -> str:
    """Return what keeps a world from its end, for people."""
    raw = world.database.raw
    queries = {
        "intents": "SELECT leg, attempt, status, amount, filled, reason FROM intents WHERE status <> 'DONE'",
        "held": "SELECT symbol, bought, sold, base_fees, held_up FROM trades WHERE NOT is_closed",
        "messages": "SELECT kind FROM outbox WHERE delivered_wall_ms IS NULL",
        "requests": "SELECT user_id, kind FROM user_requests WHERE done_wall_ms IS NULL",
    }
    return "; ".join(f"{name} {raw.execute(query).fetchall()[:3]}" for name, query in queries.items())


async def _bury() -> None:
    """Cancel what a dead process's tasks still meant to do, and wait until they are gone."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.sleep(0)  # writes that were to be committed next find nobody who waits


def _nothing() -> None:
    """Nobody is to be told."""
