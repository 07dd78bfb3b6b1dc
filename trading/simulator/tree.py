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

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.hashing import gauss, uniform
from trading.simulator.levels import (
    BETA,
    EDGE,
    EDGE_PERIOD,
    EDGE_PHASE,
    EDGE_SIZE,
    GAMMA,
    OWN,
    SECTOR,
    SHAPE,
    SIGMA,
    VARIANCE,
    PairTable,
    edge_wave,
    node_id,
)
from trading.simulator.weather import MARKET_DAILY_VOL, SECTOR_DAILY_VOL, Weather

DEPTH = 7
LENGTH = np.array([1440, 240, 60, 30, 15, 5, 1])
FAN = np.array([6, 4, 2, 2, 3, 5])

# Columns of a node: log prices, business time, and the planted wave's height at its end.
OPEN, HIGH, LOW, CLOSE, TAU, WAVE = range(6)
NODE = 6

# Bars are this much wider (in variance) than a Brownian path of the same volatility. It gives the
# wicks of real bars and leaves the inner closes room: measured, see docs/explanation/market-model.md.
WICK = 1.35
# By level of the parent: how much livelier inner closes are drawn, to make up for what the squeeze takes.
LIVELY = np.array([1.0, 1.13, 1.09, 1.06, 1.00, 0.98])


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
    high: float = 0.5 * (o + c + np.sqrt((c - o) * (c - o) - 2.0 * s2 * np.log(u)))
    return high


@kernel
def _liveliness(parent: npt.NDArray[np.float64], s2: float) -> float:
    # A parent's excursions beyond open and close, relative to those expected of a bridge: inner
    # closes of a wide bar must swing more, those of a narrow one less (a bridge given its range).
    # Expected: 2 s sqrt(pi/8) erfcx(z), z = |c - o| / (s sqrt 2), where
    # erfcx(z) ~ 2 / (sqrt(pi) (z + sqrt(z^2 + 4/pi))).
    s = np.sqrt(s2)
    way = abs(parent[CLOSE] - parent[OPEN])
    z = way / (s * 1.4142135623730951)
    expected = 1.4142135623730951 * s / (z + np.sqrt(z * z + 1.2732395447351628))
    ratio: float = (parent[HIGH] - parent[LOW] - way) / expected
    return min(3.0, max(0.2, ratio))


@kernel
def inner_closes(
    pairs: PairTable,
    i: int,
    weather: Weather,
    level: int,
    index: int,
    parent: npt.NDArray[np.float64],
    jumps: npt.NDArray[np.float64],
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
    o, c = parent[OPEN], parent[CLOSE]
    scale = np.sqrt(parent[TAU])
    if level > 0:
        scale *= _liveliness(parent, WICK * pf[VARIANCE] * parent[TAU]) * LIVELY[level]
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
        kids[j, OPEN] = before
        share = 1.0 / n
        if level == 0:
            share = weather.day_shares[index, j]
        elif level == 1:
            share = weather.block_shares[index, j]
        kids[j, TAU] = parent[TAU] * share
        if j == n - 1:
            kids[j, CLOSE] = c
            kids[j, WAVE] = edge_c
            return
        node = node_id(level + 1, index * n + j)
        left = 1.0 - u
        u += share
        shock = pf[BETA] * MARKET_DAILY_VOL * gauss(weather.market_stream, node)
        shock += pf[GAMMA] * SECTOR_DAILY_VOL * gauss(sector_stream, node)
        shock += pf[SIGMA] * gauss(ps[OWN], node)
        rest = (1.0 - u) / left
        bridge = bridge * rest + scale * np.sqrt(share * rest) * shock
        line = o + u * (c - o)
        x = line + bridge
        end = start + (j + 1) * length
        for k in range(2):
            minute = int(jumps[k, 0])
            if start <= minute < start + LENGTH[level]:
                x += jumps[k, 1] * ((1.0 if end > minute else 0.0) - u)
        if size > 0.0:
            wave = edge_wave(ps[EDGE], end, size, pf[EDGE_PERIOD], pf[EDGE_PHASE])
            x += wave - edge_o - u * (edge_c - edge_o)
            kids[j, WAVE] = wave
        before = x if level == 0 else _pull_in(x, line, parent[LOW], parent[HIGH])
        kids[j, CLOSE] = before


@kernel
def free_extremes(
    pairs: PairTable, i: int, index: int, day: npt.NDArray[np.float64], kids: npt.NDArray[np.float64]
) -> None:
    """Write highs and lows of a day's 4h nodes, and the day's own as their extremes."""
    pf = pairs.floats[i]
    ps = pairs.streams[i]
    wave = 0.0
    if pf[EDGE_SIZE] > 0.0:
        wave = edge_wave(ps[EDGE], index * 1440.0, pf[EDGE_SIZE], pf[EDGE_PERIOD], pf[EDGE_PHASE])
    day[HIGH], day[LOW] = max(day[OPEN], day[CLOSE]), min(day[OPEN], day[CLOSE])
    for j in range(FAN[0]):
        kid = kids[j]
        s2 = WICK * pf[VARIANCE] * kid[TAU]
        child = index * FAN[0] + j
        kid[HIGH] = _reach(kid[OPEN], kid[CLOSE], s2, uniform(ps[SHAPE], 2 * node_id(1, child)))
        kid[LOW] = -_reach(-kid[OPEN], -kid[CLOSE], s2, uniform(ps[SHAPE], 2 * node_id(1, child) + 1))
        if pf[EDGE_SIZE] > 0.0:
            _make_room_for_edge(pf, ps, child, wave, kid)
            wave = kid[WAVE]
        day[HIGH] = max(day[HIGH], kid[HIGH])
        day[LOW] = min(day[LOW], kid[LOW])


@kernel
def _make_room_for_edge(
    pf: npt.NDArray[np.float64],
    ps: npt.NDArray[np.uint64],
    child: int,
    first: float,
    kid: npt.NDArray[np.float64],
) -> None:
    # A wave turns only at its knots: let the range hold those inside, on top of the walk's own reach.
    size, period, phase = pf[EDGE_SIZE], pf[EDGE_PERIOD], pf[EDGE_PHASE]
    start = child * 240.0
    turn = np.ceil((start + phase) / period) * period - phase
    if turn >= start + 240.0:
        return
    up = down = 0.0
    while turn < start + 240.0:
        u = (turn - start) / 240.0
        wave = edge_wave(ps[EDGE], turn, size, period, phase)
        x = kid[OPEN] + u * (kid[CLOSE] - kid[OPEN]) + wave - first - u * (kid[WAVE] - first)
        up = max(up, x - max(kid[OPEN], kid[CLOSE]))
        down = max(down, min(kid[OPEN], kid[CLOSE]) - x)
        turn += period
    kid[HIGH] += up
    kid[LOW] -= down


@kernel
def bound_highs(
    stream: np.uint64, salt: int, first: int, n: int, top: float, variance: float, side: float,
    kids: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """Give each child its high under the parent's `top` (side 1), or its low, mirrored (side -1).

    `first` is the node id of the first child; ids of siblings are 16 apart.
    """
    column = HIGH if side > 0 else LOW
    total = 0.0
    best = 0
    best_power = np.inf
    odds = np.empty(6)
    for j in range(n):
        o, c = side * kids[j, OPEN], side * kids[j, CLOSE]
        s2 = variance * kids[j, TAU]
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
        o, c = side * kids[j, OPEN], side * kids[j, CLOSE]
        s2 = variance * kids[j, TAU]
        tail = np.exp(-2.0 * (top - o) * (top - c) / s2)
        u = tail + (1.0 - tail) * uniform(stream, 2 * (first + 16 * j) + salt)
        kids[j, column] = side * min(top, max(_reach(o, c, s2, u), o, c))
