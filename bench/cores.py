"""What a second core is worth: wall time where there is one to be had, the critical path where there is not.

On a machine that others use, two threads share what one core is left with, and wall time says nothing. Two
figures do not depend on that: the CPU seconds of two threads against one (threads that wait for a lock or
for memory need more), and the critical path: all CPU seconds but those of pool threads beside the busiest
one. It is what the wall clock would show with a core for every thread. How much of a
second core there was is measured beside it, with two threads that share nothing.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numba import njit

_FREE = 1.9  # two threads that share nothing are this much faster where both cores are free


class _Timed(ThreadPoolExecutor):
    """A pool that notes the CPU seconds of all threads but the busiest."""

    spared: list[float]

    def map(self, fn: Callable[..., Any], *items: Iterable[Any], **options: Any) -> Iterator[Any]:
        spent: dict[int, float] = {}

        def noted(*arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return fn(*arguments)
            finally:
                own = threading.get_ident()
                spent[own] = spent.get(own, 0.0) + time.thread_time() - began

        found = list(super().map(noted, *items, **options))
        self.spared.append(sum(spent.values()) - max(spent.values()))
        return iter(found)


def on_threads(work: Callable[[], Any], modules: list[ModuleType], repeat: int = 7) -> dict[str, float]:
    """Return the least CPU, wall and critical path seconds of `work`, whose pools are of `modules`."""
    runs = []
    for _ in range(repeat):
        with _noting(modules) as spared:
            cpu, wall = time.process_time(), time.perf_counter()
            work()
            spent = time.process_time() - cpu
            runs.append((spent, time.perf_counter() - wall, spent - sum(spared)))
    return dict(zip(("cpu_s", "wall_s", "path_s"), map(min, zip(*runs, strict=True)), strict=True))


def second_core() -> float:
    """Return how much faster two threads that share nothing are than one, now: 2 = a core for each."""
    _spin(10)
    return _spun([20_000_000]) / _spun([10_000_000] * 2)


def verdict(one: dict[str, float], two: dict[str, float], free: float) -> dict[str, Any]:
    """Return wall ratio, efficiency and critical path, and which of them is held to the bound."""
    wall, path = one["wall_s"] / two["wall_s"], one["cpu_s"] / two["path_s"]
    return {
        "ratio": round(wall if free >= _FREE else path, 2),
        "measured": "wall" if free >= _FREE else "critical path: no second core was free",
        "wall_ratio": round(wall, 2),
        "path_ratio": round(path, 2),
        "efficiency": round(one["cpu_s"] / two["cpu_s"], 2),
        "second_core": round(free, 2),
    }


@contextmanager
def _noting(modules: list[ModuleType]) -> Iterator[list[float]]:
    spared: list[float] = []
    timed = type("Timed", (_Timed,), {"spared": spared})
    kept = [(module, module.ThreadPoolExecutor) for module in modules]
    for module in modules:
        module.ThreadPoolExecutor = timed  # type: ignore[attr-defined]  # theirs, for the time of the run
    try:
        yield spared
    finally:
        for module, own in kept:
            module.ThreadPoolExecutor = own  # type: ignore[attr-defined]  # its own again


def _spun(turns: list[int]) -> float:
    threads = [threading.Thread(target=_spin, args=(count,)) for count in turns]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


@njit(nogil=True)
def _spin(turns: int) -> float:
    total = 0.0
    for turn in range(turns):
        total += np.sin(turn)
    return total
