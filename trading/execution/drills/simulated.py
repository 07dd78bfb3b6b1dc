"""Crash points by the thousand: worlds that a dead process left, and the real engine started on each.

Each scene is run once undisturbed and copied after every commit and every change at the venue. From a copy a
fresh process is started (a single crash) and followed: to the end, or to the first world from which a fresh
process was found to end well before. Then series: a process lives for a few such moments, dies, the next is
started on what it left, and so on, recovery after recovery, until one is left alone. Everything is judged in
the end, the safety of it also on the way. docs/decisions/0042 says what this shows and what it does not.
"""

import asyncio
import gc
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import structlog

from trading.execution.drills.result import DrillResult, Progress
from trading.execution.drills.simulated_judge import Finding, judge_moment, world_key
from trading.execution.drills.simulated_log import MemoryDatabase
from trading.execution.drills.simulated_run import Enough, Stage
from trading.execution.drills.simulated_scenes import draw
from trading.execution.drills.simulated_world import Left, Scene
from trading.market.errors import BadInput

SINGLES, IN_SERIES = 8, 192  # crash points of one scene at most, so that many scenes are seen
MOST_DEATHS = 40  # in one series
OLD_ONE_EVERY = 2  # scenes, an old process wakes up beside its successor
_FOLLOW = ("moment", "step", "end")  # where a single crash's follower may stop at a world known to end well
_WEIGHTS = (0.80, 0.15, 0.05)
_LIVES = (1, 1, 1, 2, 2, 4)  # moments, on average, of the processes of one series
_OUTAGES = (0, 0, 0, 0, 1, 1, 2, 3, 30)  # steps for which nobody is started
_JUDGED = (
    "never_doubled",
    "transactions_sum_to_zero",
    "reservations_released",
)
_JUDGED_AT_END = ("every_intent_ends", "position_is_balance", "fills_booked_once")
_AT_THE_WIRE = ("intent_before_request", "own_key_only", "sent_once")


@dataclass(slots=True)
class _Tally:
    """Counts of one simulation."""

    result: DrillResult
    scenes: int = 0
    singles: int = 0
    in_series: int = 0
    series: int = 0
    moments: int = 0
    requests: int = 0
    steps_lived: int = 0
    distinct: set[bytes] = field(default_factory=set)
    followed: dict[str, int] = field(default_factory=dict)
    digest: Any = field(default_factory=lambda: blake2b(digest_size=16))

    @property
    def points(self) -> int:
        """How many processes were killed and followed by another."""
        return self.singles + self.in_series

    def note(self, where: str, found: list[tuple[str, str]]) -> None:
        """File what a judge found under its kind."""
        for kind, text in found:
            sentence = f"{where}: {text}"
            if kind in ("lost", "doubled"):
                getattr(self.result, kind).append(sentence)
            elif kind == "ledger":
                self.result.ledger_breaks.append(sentence)
            else:
                self.result.judge(kind, [sentence], checked=0)


def simulate(
    points: int = 10_000, seed: int = 0, users: int = 2, progress: Progress | None = None
) -> DrillResult:
    """Kill the engine at `points` points of simulated worlds and start it again after each.

    Parameters
    ----------
    points : int
        Processes killed, each followed by a fresh one on what it left.
    seed : int
        Of the scenes and of everything drawn within them; the same seed gives the same result, byte for byte.
    users : int
        At most so many in one scene, 1 to 4.
    progress : callable, optional
        Told (done, of how many) after each scene.

    Raises
    ------
    BadInput
        If `points` or `users` is out of its bounds.
    """
    if points < 1:
        raise BadInput(f"points must be at least 1, was {points}")
    if not 1 <= users <= 4:
        raise BadInput(f"users must lie between 1 and 4, was {users}")
    with _silent():
        return asyncio.run(_simulate(points, seed, users, progress))


def exhaust(scene: Scene) -> DrillResult:
    """Kill the engine of one scene once after every commit and every end of a request; start it after each.

    Of operations that leave the same world one is tried. `runs` of the result counts them.
    """

    async def every() -> DrillResult:
        tally, database = _Tally(DrillResult("kill")), MemoryDatabase()
        stage = Stage(scene, database, database.copy())
        await _Explorer(scene, stage, tally, random.Random(0)).every_one()
        return _close(tally)

    with _silent():
        return asyncio.run(every())


@contextmanager
def _silent() -> Iterator[None]:
    """No log lines and no garbage collection meanwhile."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    was_collecting = gc.isenabled()
    gc.disable()  # the worlds die by reference count; a collection between two scenes does the rest
    try:
        yield
    finally:
        structlog.configure(**before)
        if was_collecting:
            gc.enable()


async def _simulate(points: int, seed: int, users: int, progress: Progress | None) -> DrillResult:
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, _context: None
    )  # the dead leave unread errors
    tally = _Tally(DrillResult("kill", seed=seed))
    database = MemoryDatabase()
    empty = database.copy()
    while tally.points < points:
        scene = draw(seed, tally.scenes, most_users=users)
        stage = Stage(scene, database, empty)
        explorer = _Explorer(scene, stage, tally, random.Random(f"{seed}:{tally.scenes}:x"))
        await explorer.explore(points - tally.points)
        tally.scenes += 1
        gc.collect(1)
        if progress is not None:
            progress(tally.points, points)
    return _close(tally)


class _Explorer:
    """Kills and restarts one scene's engine."""

    def __init__(self, scene: Scene, stage: Stage, tally: _Tally, dice: random.Random) -> None:
        self._scene = scene
        self._stage = stage
        self._tally = tally
        self._dice = dice
        self._good: set[bytes] = set()  # a fresh process started there ends well
        self._venue_changes = -1

    async def explore(self, budget: int) -> None:
        """Run the scene undisturbed, then kill it at single points, then in series; `budget` times in all."""
        left = await self._undisturbed()
        self._dice.shuffle(left)
        chosen = sorted(left[: min(SINGLES, budget)], key=lambda item: item[0])
        for _, key, world in reversed(chosen):  # the latest first: from there a good end is near
            await self._single(key, world)
        wanted = min(IN_SERIES, budget - len(chosen))
        while wanted > 0:
            wanted -= await self._series(min(wanted, MOST_DEATHS))
        if self._tally.scenes % OLD_ONE_EVERY == 0:
            await self._old_one()
        self._tally.requests += self._stage.requests

    async def every_one(self) -> None:
        """Run the scene undisturbed, then kill it at each of its points."""
        for _, key, world in reversed(await self._undisturbed()):
            await self._single(key, world, outage=0, follow="moment")
        self._tally.requests += self._stage.requests

    async def _undisturbed(self) -> list[tuple[int, bytes, Left]]:
        """Return every world that the first process passes, each once, in their order."""
        stage = self._stage
        left: list[tuple[int, bytes, Left]] = []
        seen: set[bytes] = set()

        def keep() -> None:
            key = self._look()
            if key not in seen:
                seen.add(key)
                left.append((len(left), key, stage.world.left()))

        stage.begin()
        stage.on_moment = keep
        keep()
        self._file("undisturbed", await stage.live())
        return left

    async def _single(
        self, key: bytes, left: Left, *, outage: int | None = None, follow: str | None = None
    ) -> None:
        """Start a process on what was left, after an outage and followed as far as is said or drawn."""
        stage, tally = self._stage, self._tally
        begun, outage = self._resume(left, key, outage)
        follow = self._dice.choices(_FOLLOW, _WEIGHTS)[0] if follow is None else follow

        def enough() -> None:
            if self._look() in self._good and follow == "moment":
                raise Enough

        stage.on_moment = enough
        known = lambda: world_key(stage.world) in self._good  # noqa: E731
        finding = await stage.live(known if follow == "step" else None)
        tally.singles += 1
        self._count(begun, outage, "end" if finding is not None else follow)
        if self._file(f"killed at step {left.step}, {outage} steps of outage", finding):
            self._good.add(begun)

    async def _series(self, deaths: int) -> int:
        """Let processes die one after the other until one is left alone; return how many were killed."""
        stage, dice = self._stage, self._dice
        life = dice.choice(_LIVES)
        self._tally.series += 1
        stage.begin()
        left, key, killed = stage.world.left(), world_key(stage.world), 0
        while killed < deaths:
            _, outage = self._resume(left, key)
            at = 1 + int(dice.expovariate(1 / life))
            dead = await self._until(at)
            if dead is None:
                break
            killed += 1
            left, key = dead
            self._count(key, outage, "killed again")
        else:
            self._resume(left, key)
            stage.on_moment = self._glance
            finding = await stage.live()
            self._file(f"after {killed} deaths of {life} moments", finding)
        self._tally.in_series += killed
        return max(killed, 1)

    async def _until(self, at: int) -> tuple[Left, bytes] | None:
        """Let a process live until its moment `at`; return what it leaves, None if it ended well before."""
        stage = self._stage
        count = 0
        dead: list[tuple[Left, bytes]] = []

        def die() -> None:
            nonlocal count
            count += 1
            if count < at:
                self._glance()
                return
            dead.append((stage.world.left(), self._look()))
            raise Enough

        stage.on_moment = die
        finding = await stage.live()
        if dead:
            return dead[0]
        self._file("at the end of a series", finding)
        return None

    def _resume(self, left: Left, key: bytes, outage: int | None = None) -> tuple[bytes, int]:
        """Go to what was left and let an outage pass; return the world's key then, and the steps."""
        self._stage.resume(left)
        outage = self._dice.choice(_OUTAGES) if outage is None else outage
        for _ in range(outage):
            self._stage.world.advance()
        return (world_key(self._stage.world) if outage else key), outage

    def _glance(self) -> None:
        """Judge the moment if the venue changed: only there can an order be doubled."""
        self._tally.moments += 1
        if self._stage.world.venue.changes != self._venue_changes:
            self._venue_changes = self._stage.world.venue.changes
            self._judge(judge_moment(self._stage.world))

    def _look(self) -> bytes:
        """Judge the moment; return the world's key."""
        self._tally.moments += 1
        self._judge(judge_moment(self._stage.world))
        return world_key(self._stage.world)

    async def _old_one(self) -> None:
        at = self._dice.randint(1, 40)
        finding = await self._stage.beside_an_old_one(at)
        if finding is not None:
            self._tally.result.inject("successor beside an old process")
            self._tally.result.judge("one_owner_per_shard")
            self._file(f"old process beside its successor from moment {at}", finding)

    def _count(self, key: bytes, outage: int, followed: str) -> None:
        tally = self._tally
        tally.result.inject("kill, restart after an outage" if outage else "kill, restart at once")
        tally.followed[followed] = tally.followed.get(followed, 0) + 1
        tally.distinct.add(blake2b(self._scene.name.encode() + key, digest_size=16).digest())
        tally.digest.update(key)

    def _file(self, where: str, finding: Finding | None) -> bool:
        """Note what the judge and the wire found; whether nothing."""
        broken, self._stage.broken = self._stage.broken, []
        found = broken + ([] if finding is None else finding.found)
        if finding is not None:
            for name in _JUDGED_AT_END:
                self._tally.result.judge(name)
        self._tally.note(f"{self._scene.name}; {where}", found)
        return not found

    def _judge(self, finding: Finding) -> None:
        for name in _JUDGED:
            self._tally.result.judge(name)
        self._tally.note(f"{self._scene.name}; at step {self._stage.world.step}", finding.found)


def _close(tally: _Tally) -> DrillResult:
    result = tally.result
    result.runs = tally.points
    for name in _AT_THE_WIRE:
        result.judge(name, checked=tally.requests)
    result.figures = {
        "scenes": tally.scenes,
        "single_crashes": tally.singles,
        "crashes_in_series": tally.in_series,
        "series": tally.series,
        "distinct_worlds_left": len(tally.distinct),
        "moments_judged": tally.moments,
        "requests": tally.requests,
        "followed_to": dict(sorted(tally.followed.items())),
        "digest": tally.digest.hexdigest(),
    }
    result.notes = ["in memory: no power loss, no torn page, no real process (docs/decisions/0042)"]
    return result
