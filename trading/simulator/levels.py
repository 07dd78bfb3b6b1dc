"""Where a pair stands at the start of a day, and what happens to it out of the ordinary. Kernels only.

Log price = anchor + beta x market + gamma x sector + own walk + own jumps (+ planted wave). The
tables that the kernels read of the pairs are defined here.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.hashing import gauss, mix, uniform
from trading.simulator.weather import BLOCK_DAYS, Weather

# Columns of the float table (one row per pair).
ANCHOR, BETA, GAMMA, SIGMA, VARIANCE, LOG_SCALE, Q_PER_STEP, LOG_TURNOVER, HALF_SPREAD = range(9)
EDGE_SIZE, EDGE_PERIOD, EDGE_PHASE, JUMP_ODDS = range(9, 13)
N_FLOATS = 13
# Columns of the integer table.
SECTOR, GRANULE, LISTED, ENDED, IS_DEAD = range(5)
N_INTS = 5
# Columns of the stream table.
OWN, SHAPE, VOLUME, EDGE, PATH, JUMPS = range(6)
N_STREAMS = 6
_JUMP_BLOCK = 64


class PairTable(NamedTuple):
    """What the kernels know of the pairs; rows in listing order."""

    floats: npt.NDArray[np.float64]  # (n_pairs, N_FLOATS)
    ints: npt.NDArray[np.int64]  # (n_pairs, N_INTS)
    streams: npt.NDArray[np.uint64]  # (n_pairs, N_STREAMS)


@kernel
def node_id(level: int, index: int) -> int:
    """Return the counter of bar `index` of `level` (0-7 bars, 8-9 the daily walk); siblings are 16 apart."""
    return index * 16 + level


@kernel
def bounded_walk(stream: np.uint64, day: int, tau: npt.NDArray[np.float64], sigma: float) -> float:
    """Return the own log level of a pair at the start of `day`.

    Brownian in business time inside blocks of 512 days (midpoint by midpoint, so any day costs nine
    steps), with independent levels at the block ends: it wanders for months but stays in range.
    """
    lo = day // BLOCK_DAYS * BLOCK_DAYS
    hi = lo + BLOCK_DAYS
    spread = 12.0 * sigma
    x_lo = spread * gauss(stream, node_id(9, lo))
    x_hi = spread * gauss(stream, node_id(9, hi))
    while lo != day:
        mid = (lo + hi) >> 1
        whole = tau[hi] - tau[lo]
        u = (tau[mid] - tau[lo]) / whole
        noise = sigma * np.sqrt(whole * u * (1.0 - u)) * gauss(stream, node_id(8, mid))
        x_mid = x_lo + u * (x_hi - x_lo) + noise
        if day >= mid:
            lo, x_lo = mid, x_mid
        else:
            hi, x_hi = mid, x_mid
    return x_lo


@kernel
def own_jump(stream: np.uint64, day: int, odds: float, sigma: float) -> tuple[int, float]:
    """Return (minute since the epoch or -1, log size) of the pair's own jump on `day`.

    At most one in each block of 64 days, with probability `odds`.
    """
    block = day // _JUMP_BLOCK
    if odds == 0.0 or day % _JUMP_BLOCK != int(mix(stream, 4 * block) >> np.uint64(58)):
        return -1, 0.0
    draw = uniform(stream, 4 * block + 1)
    if draw >= odds:
        return -1, 0.0
    size = min(0.35, sigma * (2.0 - 2.0 * np.log(uniform(stream, 4 * block + 2))))
    bits = mix(stream, 4 * block + 3)
    minute = day * 1440 + int((bits >> np.uint64(1)) % np.uint64(1440))
    return minute, size if bits & np.uint64(1) else -size


@kernel
def jumps_before(pairs: PairTable, i: int, day: int) -> float:
    """Return the sum of the pair's own jumps on all days since the epoch before `day`."""
    stream, odds, sigma = pairs.streams[i, JUMPS], pairs.floats[i, JUMP_ODDS], pairs.floats[i, SIGMA]
    total = 0.0
    if odds == 0.0:
        return total
    for block in range(day // _JUMP_BLOCK + 1):
        jump_day = block * _JUMP_BLOCK + int(mix(stream, 4 * block) >> np.uint64(58))
        if jump_day < day:
            total += own_jump(stream, jump_day, odds, sigma)[1]
    return total


@kernel
def edge_wave(stream: np.uint64, minute: float, size: float, period: float, phase: float) -> float:
    """Return the planted mean-reverting part of the log price at `minute`; within ±`size`.

    Smooth waves: heights of alternating sign and hashed size every `period` minutes, joined by
    smoothsteps. Stationary, so what goes down comes up again: that is the whole edge.
    """
    place = (minute + phase) / period
    k = int(np.floor(place))
    u = place - k
    a = 0.45 + 0.55 * uniform(stream, k)
    b = 0.45 + 0.55 * uniform(stream, k + 1)
    if k % 2 == 0:
        b = -b
    else:
        a = -a
    return size * (a + (b - a) * u * u * (3.0 - 2.0 * u))


@kernel
def day_level(pairs: PairTable, i: int, weather: Weather, day: int, jumped: float) -> float:
    """Return the log price of pair `i` at the start of `day`; `jumped` is its `jumps_before` that day."""
    pf = pairs.floats[i]
    ps = pairs.streams[i]
    level: float = pf[ANCHOR] + pf[BETA] * weather.market[day]
    level += pf[GAMMA] * weather.sectors[pairs.ints[i, SECTOR], day]
    level += jumped + bounded_walk(ps[OWN], day, weather.tau, pf[SIGMA])
    if pf[EDGE_SIZE] > 0.0:
        level += edge_wave(ps[EDGE], day * 1440.0, pf[EDGE_SIZE], pf[EDGE_PERIOD], pf[EDGE_PHASE])
    return level
