"""One bar into its finer bars: the heart of the synthetic market. Kernels only; no pairs, no wire.

Levels: 0 day, 1 four hours, 2 hour, 3 half hour, 4 quarter, 5 five minutes, 6 minute. A *node* is
(open, high, low, close, business time) in log price plus (volume, quote volume) in integers.

A day's six 4h nodes are made first and the day is their sum. Below that, a parent binds its
children: inner closes are a Brownian bridge (market + sector + own part) squeezed into the
parent's range; one child, drawn with the exact conditional odds, reaches the parent's high, another
the low, the others draw theirs from the bridge's law below it; volumes are split by cumulative
floors. So finer bars always add up to the coarser, whatever page is asked for.

References
----------
Maximum of a Brownian bridge: Karatzas & Shreve (1991), Brownian Motion and Stochastic Calculus,
problem 2.8.3: P(max <= m | o, c) = 1 - exp(-2 (m - o)(m - c) / s2).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.hashing import gauss, mix, uniform
from trading.simulator.weather import BLOCK_DAYS, MARKET_DAILY_VOL, SECTOR_DAILY_VOL, Weather

DEPTH = 7
LENGTH = np.array([1440, 240, 60, 30, 15, 5, 1])
FAN = np.array([6, 4, 2, 2, 3, 5])

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
# Columns of a node.
O, H, L, C, T = range(5)

# Bars are this much wider (in variance) than a Brownian path of the same volatility. It gives the
# wicks of real bars and leaves the inner closes room: measured, see docs/explanation/market-model.md.
WICK = 1.35
_JUMP_BLOCK = 64
# Share of a day's business time in each hour of the day, UTC: quiet before Asia, busy at 13-16.
_HOURS = np.array(
    [1.15, 1.05, 0.95, 0.85, 0.75, 0.70, 0.75, 0.90, 1.00, 0.95, 0.90, 0.90]
    + [1.10, 1.35, 1.55, 1.50, 1.30, 1.10, 1.00, 0.95, 0.95, 0.90, 0.85, 0.90]
)


class PairTable(NamedTuple):
    """What the kernels know of the pairs; rows in listing order."""

    floats: npt.NDArray[np.float64]  # (n_pairs, N_FLOATS)
    ints: npt.NDArray[np.int64]  # (n_pairs, N_INTS)
    streams: npt.NDArray[np.uint64]  # (n_pairs, N_STREAMS)


@kernel
def _node_id(level: int, index: int) -> int:
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
    x_lo = spread * gauss(stream, _node_id(9, lo))
    x_hi = spread * gauss(stream, _node_id(9, hi))
    while lo != day:
        mid = (lo + hi) >> 1
        whole = tau[hi] - tau[lo]
        u = (tau[mid] - tau[lo]) / whole
        noise = sigma * np.sqrt(whole * u * (1.0 - u)) * gauss(stream, _node_id(8, mid))
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
    if odds == 0.0 or day % _JUMP_BLOCK != np.int64(mix(stream, 4 * block) >> np.uint64(58)):
        return -1, 0.0
    draw = uniform(stream, 4 * block + 1)
    if draw >= odds:
        return -1, 0.0
    size = min(0.35, sigma * (2.0 - 2.0 * np.log(uniform(stream, 4 * block + 2))))
    bits = mix(stream, 4 * block + 3)
    minute = day * 1440 + np.int64((bits >> np.uint64(1)) % np.uint64(1440))
    return minute, size if bits & np.uint64(1) else -size


@kernel
def jumps_before(stream: np.uint64, day: int, odds: float, sigma: float) -> float:
    """Return the sum of the pair's own jumps on all days since the epoch before `day`."""
    total = 0.0
    if odds == 0.0:
        return total
    for block in range(day // _JUMP_BLOCK + 1):
        jump_day = block * _JUMP_BLOCK + np.int64(mix(stream, 4 * block) >> np.uint64(58))
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
    k = np.int64(np.floor(place))
    u = place - k
    a = 0.45 + 0.55 * uniform(stream, k)
    b = 0.45 + 0.55 * uniform(stream, k + 1)
    if k % 2 == 0:
        b = -b
    else:
        a = -a
    return size * (a + (b - a) * u * u * (3.0 - 2.0 * u))


@kernel
def day_level(pairs: PairTable, i: int, weather: Weather, day: int) -> float:
    """Return the log price of pair `i` at the start of `day`."""
    pf = pairs.floats[i]
    ps = pairs.streams[i]
    level = pf[ANCHOR] + pf[BETA] * weather.market[day]
    level += pf[GAMMA] * weather.sectors[pairs.ints[i, SECTOR], day]
    level += bounded_walk(ps[OWN], day, weather.tau, pf[SIGMA])
    level += jumps_before(ps[JUMPS], day, pf[JUMP_ODDS], pf[SIGMA])
    if pf[EDGE_SIZE] > 0.0:
        level += edge_wave(ps[EDGE], day * 1440.0, pf[EDGE_SIZE], pf[EDGE_PERIOD], pf[EDGE_PHASE])
    return level


@kernel
def clock_shares(weather: Weather, level: int, index: int, shares: npt.NDArray[np.float64]) -> None:
    """Write each child's share of its parent's business time into `shares`; the same for all pairs.

    Day to 4h and 4h to hour follow the hours of the day with hashed bursts; below, time is even.
    """
    n = FAN[level]
    if level >= 2:
        for j in range(n):
            shares[j] = 1.0 / n
        return
    total = 0.0
    for j in range(n):
        child = index * n + j
        if level == 0:
            first = j * 4
            base = _HOURS[first] + _HOURS[first + 1] + _HOURS[first + 2] + _HOURS[first + 3]
        else:
            base = _HOURS[child % 24]
        shares[j] = base * np.exp(0.35 * gauss(weather.clock_stream, _node_id(level + 1, child)))
        total += shares[j]
    for j in range(n):
        shares[j] /= total


@kernel
def _pull_in(x: float, base: float, low: float, high: float) -> float:
    # The identity up to half of the way to the bound, then bent so that the bound is never reached.
    if x >= base:
        room = high - base
        if x - base <= 0.5 * room:
            return x
        return base + room * (1.0 - 0.5 * np.exp(1.0 - 2.0 * (x - base) / room)) if room > 0.0 else base
    room = base - low
    if base - x <= 0.5 * room:
        return x
    return base - room * (1.0 - 0.5 * np.exp(1.0 - 2.0 * (base - x) / room)) if room > 0.0 else base


@kernel
def _reach(o: float, c: float, s2: float, u: float) -> float:
    # The high of a Brownian bridge from o to c with variance s2, at upper-tail probability u.
    return 0.5 * (o + c + np.sqrt((c - o) * (c - o) - 2.0 * s2 * np.log(u)))


@kernel
def inner_closes(
    pairs: PairTable,
    i: int,
    weather: Weather,
    level: int,
    index: int,
    parent: npt.NDArray[np.float64],
    jumps: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64],
    kids: npt.NDArray[np.float64],
) -> None:
    """Write open, close and business time of the children of node (`level`, `index`) into `kids`.

    `jumps` holds (minute or -1, size) of the market's and of the pair's own jump that day. Closes
    are free for a day's children (level 0) and bound by the parent's range below.
    """
    pf = pairs.floats[i]
    ps = pairs.streams[i]
    n = FAN[level]
    length = LENGTH[level + 1]
    start = index * LENGTH[level]
    o, c = parent[O], parent[C]
    scale = np.sqrt(parent[T])
    sector_stream = weather.sector_streams[pairs.ints[i, SECTOR]]
    size = pf[EDGE_SIZE]
    edge_o = edge_c = 0.0
    if size > 0.0:
        edge_o = edge_wave(ps[EDGE], start, size, pf[EDGE_PERIOD], pf[EDGE_PHASE])
        edge_c = edge_wave(ps[EDGE], start + LENGTH[level], size, pf[EDGE_PERIOD], pf[EDGE_PHASE])
    u = 0.0
    bridge = 0.0
    before = o
    for j in range(n):
        kids[j, O] = before
        kids[j, T] = parent[T] * shares[j]
        if j == n - 1:
            kids[j, C] = c
            return
        node = _node_id(level + 1, index * n + j)
        left = 1.0 - u
        u += shares[j]
        shock = pf[BETA] * MARKET_DAILY_VOL * gauss(weather.market_stream, node)
        shock += pf[GAMMA] * SECTOR_DAILY_VOL * gauss(sector_stream, node)
        shock += pf[SIGMA] * gauss(ps[OWN], node)
        rest = (1.0 - u) / left
        bridge = bridge * rest + scale * np.sqrt(shares[j] * rest) * shock
        line = o + u * (c - o)
        x = line + bridge
        end = start + (j + 1) * length
        for k in range(2):
            minute = np.int64(jumps[k, 0])
            if start <= minute < start + LENGTH[level]:
                x += jumps[k, 1] * ((1.0 if end > minute else 0.0) - u)
        if size > 0.0:
            wave = edge_wave(ps[EDGE], end, size, pf[EDGE_PERIOD], pf[EDGE_PHASE])
            x += wave - edge_o - u * (edge_c - edge_o)
        before = x if level == 0 else _pull_in(x, line, parent[L], parent[H])
        kids[j, C] = before


@kernel
def free_extremes(
    pairs: PairTable, i: int, index: int, day: npt.NDArray[np.float64], kids: npt.NDArray[np.float64]
) -> None:
    """Write highs and lows of a day's 4h nodes, and the day's own as their extremes."""
    pf = pairs.floats[i]
    ps = pairs.streams[i]
    day[H], day[L] = max(day[O], day[C]), min(day[O], day[C])
    for j in range(FAN[0]):
        kid = kids[j]
        s2 = WICK * pf[VARIANCE] * kid[T]
        child = index * FAN[0] + j
        kid[H] = _reach(kid[O], kid[C], s2, uniform(ps[SHAPE], 2 * _node_id(1, child)))
        kid[L] = -_reach(-kid[O], -kid[C], s2, uniform(ps[SHAPE], 2 * _node_id(1, child) + 1))
        if pf[EDGE_SIZE] > 0.0:
            _make_room_for_edge(pf, ps, child, kid)
        day[H] = max(day[H], kid[H])
        day[L] = min(day[L], kid[L])


@kernel
def _make_room_for_edge(
    pf: npt.NDArray[np.float64], ps: npt.NDArray[np.uint64], child: int, kid: npt.NDArray[np.float64]
) -> None:
    # A wave may turn inside the four hours: let the range hold it, on top of the walk's own reach.
    size, period, phase = pf[EDGE_SIZE], pf[EDGE_PERIOD], pf[EDGE_PHASE]
    start = child * 240.0
    first = edge_wave(ps[EDGE], start, size, period, phase)
    last = edge_wave(ps[EDGE], start + 240.0, size, period, phase)
    up = down = 0.0
    for k in range(1, 8):
        u = k / 8.0
        wave = edge_wave(ps[EDGE], start + 240.0 * u, size, period, phase)
        x = kid[O] + u * (kid[C] - kid[O]) + wave - first - u * (last - first)
        up = max(up, x - max(kid[O], kid[C]))
        down = max(down, min(kid[O], kid[C]) - x)
    kid[H] += up
    kid[L] -= down


@kernel
def bound_highs(
    stream: np.uint64, salt: int, first: int, n: int, top: float, variance: float, side: float,
    kids: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """Give each child its high under the parent's `top` (side 1), or its low, mirrored (side -1).

    `first` is the node id of the first child; ids of siblings are 16 apart.
    """
    column = H if side > 0 else L
    total = 0.0
    best = 0
    best_power = np.inf
    odds = np.empty(6)
    for j in range(n):
        o, c = side * kids[j, O], side * kids[j, C]
        s2 = variance * kids[j, T]
        power = 2.0 * (top - o) * (top - c) / s2
        if power < best_power:
            best, best_power = j, power
        tail = np.exp(-power)
        # Density over distribution: given that the highest of all is `top`, this child has it.
        odds[j] = (2.0 * top - o - c) / s2 * tail / max(1.0 - tail, 1e-12)
        total += odds[j]
    reached = best
    if total > 1e-280:
        draw = uniform(stream, 2 * (first + 7) + salt) * total
        for j in range(n):
            draw -= odds[j]
            if draw <= 0.0:
                reached = j
                break
    for j in range(n):
        if j == reached:
            kids[j, column] = side * top
            continue
        o, c = side * kids[j, O], side * kids[j, C]
        s2 = variance * kids[j, T]
        tail = np.exp(-2.0 * (top - o) * (top - c) / s2)
        u = tail + (1.0 - tail) * uniform(stream, 2 * (first + 16 * j) + salt)
        kids[j, column] = side * min(top, max(_reach(o, c, s2, u), o, c))
