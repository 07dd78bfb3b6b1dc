"""How a benchmark measures and what it reports. The figures are CPU seconds; wall time is only shown.

A benchmark module in this folder has ``run() -> dict | list[dict]`` and builds its dicts with `against_peer`
or `against_bound`, so that every line has the same keys:

- ``ratio``: against a peer, the peer's CPU over ours (3 = we need a third); against a bound, our CPU
  seconds as a quiet machine would have needed them (see `bench.calibration`).
- ``bound``: the least ratio that is good enough, or the most CPU seconds allowed.
- ``ok``: whether the bound is met; null, never true, where the peer is missing (`reason` says why).
"""

import gc
import importlib.util
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """Cost of one piece of work: CPU of this process and its children, wall, peak memory, and its result."""

    cpu_s: float
    wall_s: float
    peak_rss_mb: float
    value: Any = None


def measure(work: Callable[[], Any], *, repeat: int = 3, warm_up: bool = True) -> Measured:
    """Return the cheapest of `repeat` runs of `work`; noise only ever adds.

    Parameters
    ----------
    work : callable
        Takes nothing; what it returns is kept in `Measured.value`.
    repeat : int
        Runs to choose from; at least 1.
    warm_up : bool
        Run once before, so that compilation and first imports are not counted.
    """
    if warm_up:
        work()
    runs = [_once(work) for _ in range(max(1, repeat))]
    return min(runs, key=lambda run: run.cpu_s)


def apart(work: Callable[..., Any], *arguments: Any, repeat: int = 3, warm_up: bool = True) -> Measured:
    """Measure ``work(*arguments)`` in a process of its own, so that peak memory is its own too.

    `work` must be a module-level function (it is sent by name). The process is spawned, never forked:
    a fork after Polars has started threads can hang.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_in_child, (work, arguments, repeat, warm_up))


def against_peer(
    name: str,
    work: str,
    ours: Measured,
    peer: str,
    theirs: Measured | None,
    *,
    bound: float,
    reason: str = "",
    **more: Any,
) -> Line:
    """Return the line of a comparison; `theirs` None (peer missing) makes `ok` null."""
    ratio = None if theirs is None else theirs.cpu_s / max(ours.cpu_s, 1e-9)
    line = _line(name, work, ours) | {
        "peer": None if theirs is None else peer,
        "peer_cpu_s": None if theirs is None else round(theirs.cpu_s, 4),
        "ratio": None if ratio is None else round(ratio, 2),
        "bound": bound,
        "ok": None if ratio is None else ratio >= bound,
    }
    if theirs is None:
        line["reason"] = reason or f"{peer} is not installed here"
    return line | more


def against_bound(
    name: str, work: str, ours: Measured, *, bound_cpu_s: float, slowness: float, **more: Any
) -> Line:
    """Return the line of a figure that is held to CPU seconds of a quiet machine.

    `slowness` is how many times slower than quiet this machine was around the measurement.
    """
    quiet_s = ours.cpu_s / slowness
    return (
        _line(name, work, ours)
        | {
            "peer": None,
            "peer_cpu_s": None,
            "ratio": round(quiet_s, 4),
            "bound": bound_cpu_s,
            "ok": quiet_s <= bound_cpu_s,
            "slowness": round(slowness, 2),
        }
        | more
    )


def missing(modules: Sequence[str]) -> list[str]:
    """Return which of `modules` cannot be imported here, without importing any."""
    return [name for name in modules if importlib.util.find_spec(name) is None]


def peak_rss_mb() -> float:
    """Return the most memory this process has held so far, in MB.

    Linux's ru_maxrss survives exec, so a child would begin with its parent's peak; VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def cpu_s() -> float:
    """Return CPU seconds of this process and of its ended children, user and system."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _once(work: Callable[[], Any]) -> Measured:
    gc.collect()
    wall, cpu = time.perf_counter(), cpu_s()
    value = work()
    spent_cpu, spent_wall = cpu_s() - cpu, time.perf_counter() - wall
    return Measured(spent_cpu, spent_wall, peak_rss_mb(), value)


def _in_child(work: Callable[..., Any], arguments: tuple[Any, ...], repeat: int, warm_up: bool) -> Measured:
    return measure(lambda: work(*arguments), repeat=repeat, warm_up=warm_up)


def _line(name: str, work: str, ours: Measured) -> Line:
    return {
        "name": name,
        "work": work,
        "ours_cpu_s": round(ours.cpu_s, 4),
        "ours_wall_s": round(ours.wall_s, 4),
        "peak_rss_mb": round(ours.peak_rss_mb, 1),
    }
