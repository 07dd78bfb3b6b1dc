"""Four situations in which a fleet meets its rate limit. Each returns figures of one run, in seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np

from trading.exchange.budget import Priority
from trading.execution.rehearsal.fleet import BALANCES, FILLS, LOOK, OPEN_ORDERS, ORDER, Fleet
from trading.execution.rehearsal.line import Line


class Sight(StrEnum):
    """How a fill is seen: told by a private stream, or asked for, order by order."""

    STREAM = "stream"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: what was rehearsed, the floor of the limiter, and what happened (seconds; None = never)."""

    scene: str
    variant: str
    requests: int
    weight: int
    floor_s: float
    last_s: float
    p50_s: float
    p99_s: float
    known_s: float | None

    @property
    def ratio(self) -> float | None:
        """The last one's time over the floor; None where there is no floor."""
        return self.last_s / self.floor_s if self.floor_s > 0 else None


def _line(fleet: Fleet) -> Line:
    draw = np.random.default_rng(fleet.seed)
    return Line(fleet.rate_per_s, fleet.bucket, fleet.rtt_s, fleet.shares, late_s=fleet.late_s, draw=draw)


def _scene(
    name: str, variant: str, fleet: Fleet, line: Line, kind: str, known: list[float], per_one: int
) -> Scene:
    wanted = line.left(kind)
    left = np.array([sent.left_s for sent in wanted])
    waits = np.array([sent.waited_s for sent in wanted])
    return Scene(
        scene=name,
        variant=variant,
        requests=len(line.sent),
        weight=sum(sent.weight for sent in line.sent),
        floor_s=fleet.floor_s(len(wanted) * per_one),
        last_s=float(left.max()),
        p50_s=float(np.quantile(waits, 0.5)),
        p99_s=float(np.quantile(waits, 0.99)),
        known_s=max(known) if known else None,
    )


def mass_stop(
    fleet: Fleet, *, sight: Sight = Sight.STREAM, is_checked: bool = False, entries: int = 0
) -> Scene:
    """Every position crosses its stop at once, while `entries` orders wait already.

    `is_checked`: each account's balances are read before its exit leaves. `known_s` is when the last exit's
    execution is known: told by the stream, or looked for and its fills fetched.
    """
    line, known = _line(fleet), list[float]()
    urgency = Priority.RECONCILE

    def seen(now_s: float) -> None:
        known.append(now_s)

    def sold(now_s: float) -> None:
        if sight is Sight.STREAM:
            line.at(now_s + fleet.stream_s, seen)
            return
        line.ask("look", urgency, LOOK, lambda _: line.ask("fills", urgency, FILLS, seen))

    def exit_now(_: float) -> None:
        line.ask("exit", Priority.EXIT, ORDER, sold)

    for _ in range(entries):
        line.ask("entry", Priority.ENTRY, ORDER)
    for _ in range(fleet.held):
        if is_checked:
            line.ask("check", Priority.EXIT, BALANCES, exit_now)
        else:
            exit_now(0.0)
    line.run()
    variant = f"{sight}, {'checked first' if is_checked else 'sold first'}, {entries:,} entries waiting"
    return _scene("mass stop", variant, fleet, line, "exit", known, ORDER)


def restart(fleet: Fleet, *, crossed: float = 0.1, are_exits_waiting: bool = False) -> Scene:
    """All accounts are reconciled after a start, in which a share `crossed` of positions is past its stop.

    `are_exits_waiting`: an account's exits leave only after its reconciliation. `known_s` is when the last
    account is reconciled (orders, fills of each symbol held, balances).
    """
    line, known = _line(fleet), list[float]()
    draw = np.random.default_rng(fleet.seed)
    counts = (draw.random((fleet.users, fleet.positions)) < crossed).sum(axis=1)
    for exits in sorted(counts.tolist(), reverse=True):  # accounts at risk first
        if are_exits_waiting:
            _reconcile(line, fleet, known, then=partial(_leave, line, exits))
        else:
            _leave(line, exits)
            _reconcile(line, fleet, known)
    line.run()
    rule = "exits wait for reconciliation" if are_exits_waiting else "exits at once"
    return _scene("restart", f"{rule}, {crossed:.0%} past the stop", fleet, line, "exit", known, ORDER)


def _leave(line: Line, count: int) -> None:
    for _ in range(count):
        line.ask("exit", Priority.EXIT, ORDER)


def _reconcile(line: Line, fleet: Fleet, known: list[float], then: Callable[[], None] | None = None) -> None:
    """Read one account's orders, fills and balances side by side; `then` follows the last answer."""
    steps = [OPEN_ORDERS, FILLS] * fleet.positions + [BALANCES]
    left = len(steps)

    def done(now_s: float) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            known.append(now_s)
            if then is not None:
                then()

    for weight in steps:
        line.ask("reconcile", Priority.RECONCILE, weight, done)


def fills(fleet: Fleet, *, sight: Sight, mean_fill_s: float = 60.0) -> Scene:
    """Resting entries of every user fill one by one; until a fill is known it has no stop.

    Waits are the time without a stop. By polling, one order after the other is asked for, for ever.
    """
    draw = np.random.default_rng(fleet.seed)
    filled = draw.exponential(mean_fill_s, fleet.held)
    if sight is Sight.STREAM:
        known = filled + fleet.stream_s
        weight = 0
    else:
        # Round and round in a fixed order, found ones dropped: each round takes as long as what is left.
        known = np.full(fleet.held, np.nan)
        rate, weight, now_s = fleet.rate_per_s * fleet.poll_share, 0, 0.0
        while np.isnan(known).any():
            waiting = np.flatnonzero(np.isnan(known))
            at_s = now_s + (np.arange(len(waiting)) + 1) * LOOK / rate
            is_seen = filled[waiting] <= at_s
            known[waiting[is_seen]] = at_s[is_seen] + fleet.rtt_s
            weight += len(waiting) * LOOK
            now_s = max(float(at_s[-1]), now_s + 1.0)
    bare = known - filled
    return Scene(
        "fills", f"{sight}, filled after {mean_fill_s:g} s on average", weight // LOOK, weight, 0.0,
        float(known.max()), float(np.quantile(bare, 0.5)), float(np.quantile(bare, 0.99)), float(known.max()),
    )  # fmt: skip


def lone_exits(fleet: Fleet, *, at_once: int = 10, times: int = 200) -> Scene:
    """A few exits at a time, at random, while entries always want all of the budget."""
    line = _line(fleet)
    draw = np.random.default_rng(fleet.seed)
    gaps = 2.0 + draw.random(times) * 2.0
    moments = np.cumsum(gaps)
    end_s = float(moments[-1]) + 2.0

    def refill(_: float) -> None:
        # As many entries as the budget could send until the next look, so that it is never idle.
        for _ in range(int(fleet.rate_per_s) + 1):
            line.ask("entry", Priority.ENTRY, ORDER)

    def cross(_: float) -> None:
        for _ in range(at_once):
            line.ask("exit", Priority.EXIT, ORDER)

    for second in range(int(end_s) + 1):
        line.at(float(second), refill)
    for moment in moments.tolist():
        line.at(moment, cross)
    line.run(end_s)
    return _scene("lone exits", f"{at_once} at once, entries saturate", fleet, line, "exit", [], 0)
