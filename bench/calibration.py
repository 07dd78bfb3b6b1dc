"""How slow this machine is right now: a fixed kernel whose CPU seconds on a quiet machine are known.

CPU seconds vary 1.1 to 1.9 times under load on shared cores (caches, clock, neighbours). A figure held to
CPU seconds is therefore divided by `slowness()`, measured around it.
"""

import numpy as np

from bench.harness import measure

# Least of 40 runs on the project's 2-core machine, load 0.6 (Python 3.12.1, numpy 2.2.6, 2026-11).
QUIET_CPU_S = 0.122
_SIZE = 400_000
_STEPS = 400_000


def kernel() -> float:
    """Do a fixed amount of interpreter, sorting and memory work; the same on every machine."""
    state = 88_172_645_463_325_252
    for _ in range(_STEPS):
        state ^= (state << 13) & 0xFFFF_FFFF_FFFF_FFFF
        state ^= state >> 7
        state ^= (state << 17) & 0xFFFF_FFFF_FFFF_FFFF
    values = np.random.default_rng(state % 1_000).random(_SIZE)
    ordered = np.sort(values)
    walk = np.cumsum(values - 0.5)
    return float(ordered[_SIZE // 2] + walk[-1])


def slowness(repeat: int = 3) -> float:
    """Return how many times slower than a quiet machine this one is now (1.0 = as quick)."""
    return measure(kernel, repeat=repeat).cpu_s / QUIET_CPU_S
