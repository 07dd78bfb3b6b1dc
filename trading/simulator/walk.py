"""From the tree to answers: a page of bars, a stretch of the path, all pairs at once. Kernels only.

`page` and `stretch` are what `synthetic` calls; numpy's slice assignments are spelled out as loops
because each costs seconds of compilation (their error messages drag numba's strings in).
"""

from typing import cast

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.levels import (
    BETA,
    ENDED,
    GRANULE,
    IS_DEAD,
    JUMP_ODDS,
    JUMPS,
    LISTED,
    LOG_SCALE,
    PATH,
    SHAPE,
    SIGMA,
    VARIANCE,
    PairTable,
    day_level,
    jumps_before,
    node_id,
    own_jump,
)
from trading.simulator.paths import between, knots, traded
from trading.simulator.tree import (
    CLOSE,
    DEPTH,
    FAN,
    HIGH,
    LENGTH,
    LOW,
    NODE,
    OPEN,
    TAU,
    WICK,
    bound_highs,
    free_extremes,
    inner_closes,
)
from trading.simulator.volumes import day_volume, half_spread_ticks, share_out, trading_child
from trading.simulator.weather import Weather

MINUTE_MS = 60_000
DAY = 1440
# Typed zero and one: a plain 0 among the arguments makes numba compile the callee twice.
ZERO = cast("int", np.int64(0))
ONE = cast("int", np.int64(1))

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]


@kernel
def ticks_of(x: float, log_scale: float) -> int:
    """Return a log price in ticks, at least 2. Monotone, so highs stay highs."""
    return max(2, int(np.floor(np.exp(x + log_scale) + 0.5)))


@kernel
def _open_day(
    pairs: PairTable, i: int, weather: Weather, day: int, jumped: float,
    nodes: Floats, volumes: Ints, jumps: Floats,
) -> float:  # fmt: skip
    # Fills nodes[0, 0] (the day) and nodes[1] (its 4h bars), with the day's volume but not its split.
    top = nodes[0, 0]
    # nodes[0, 0, CLOSE] holds the close of the day before. Returns the pair's jumps up to the day's end.
    jumps[1, 0], jumps[1, 1] = own_jump(
        pairs.streams[i, JUMPS], day, pairs.floats[i, JUMP_ODDS], pairs.floats[i, SIGMA]
    )
    jumped += jumps[1, 1]
    top[OPEN] = top[CLOSE]
    top[CLOSE] = day_level(pairs, i, weather, day + 1, jumped)
    top[TAU] = weather.tau[day + 1] - weather.tau[day]
    if pairs.ints[i, IS_DEAD]:
        top[HIGH] = top[LOW] = top[CLOSE] = top[OPEN]
        volumes[0, 0, 0] = volumes[0, 0, 1] = 0
        return jumped
    jumps[0, 0] = weather.jump_minute[day]
    jumps[0, 1] = pairs.floats[i, BETA] * weather.jump_size[day]
    inner_closes(pairs, i, weather, ZERO, day, top, jumps, nodes[1])
    free_extremes(pairs, i, day, top, nodes[1])
    volumes[0, 0, 0], volumes[0, 0, 1] = day_volume(pairs, i, day, top)
    return jumped


@kernel
def _split(  # noqa: PLR0917 - numba kernels take plain positional arguments
    pairs: PairTable, i: int, weather: Weather, level: int, index: int, j: int,
    nodes: Floats, volumes: Ints, jumps: Floats,
) -> None:  # fmt: skip
    # Fills the children of node (level, index), which stands at nodes[level, j].
    parent, kids = nodes[level, j], nodes[level + 1]
    if pairs.ints[i, IS_DEAD] or pairs.ints[i, GRANULE] >= LENGTH[level]:
        _split_quiet(pairs, i, level, index, parent, volumes[level, j], kids, volumes[level + 1])
        return
    if level > 0:
        n = FAN[level]
        inner_closes(pairs, i, weather, level, index, parent, jumps, kids)
        stream, first = pairs.streams[i, SHAPE], node_id(level + 1, index * n)
        variance = WICK * pairs.floats[i, VARIANCE]
        bound_highs(stream, ZERO, first, n, parent[HIGH], variance, 1.0, kids)
        bound_highs(stream, ONE, first, n, -parent[LOW], variance, -1.0, kids)
    share_out(pairs, i, level, index, volumes[level, j], kids, volumes[level + 1])


@kernel
def _split_quiet(
    pairs: PairTable, i: int, level: int, index: int, parent: Floats, total: Ints, kids: Floats, volumes: Ints
) -> None:
    # A thin pair trades once in this node: one child is the whole node, the others stand still.
    active = trading_child(pairs, i, level, index)
    for j in range(FAN[level]):
        still = parent[OPEN] if j < active else parent[CLOSE]
        for column in range(4):
            kids[j, column] = parent[column] if j == active else still
        kids[j, TAU] = parent[TAU]
        for column in range(2):
            volumes[j, column] = total[column] if j == active else 0


@kernel
def emit(  # noqa: PLR0917 - numba kernels take plain positional arguments
    pairs: PairTable, i: int, weather: Weather, target: int, start: int, end: int, lead: int, tail: int,
    places: Ints, prices: Floats, amounts: Ints,
) -> int:  # fmt: skip
    """Write the nodes of level `target` or finer that tile the minutes [start, end); return how many.

    The largest nodes that fit are taken, none coarser than `target`; the first `lead` and the last
    `tail` minutes come as single minutes. `places` gets (first minute, length), `prices` (n, 4) log
    OHLC, `amounts` (n, 2). Stops when the buffers are full.
    """
    nodes = np.zeros((DEPTH, 6, NODE))
    volumes = np.empty((DEPTH, 6, 2), np.int64)
    jumps = np.empty((2, 2))
    jumps[:, 0] = -1.0
    cursor = np.zeros(DEPTH, np.int64)
    base = np.zeros(DEPTH, np.int64)
    room = len(places)
    n = 0
    if end <= start:
        return 0
    jumped = jumps_before(pairs, i, start // DAY)
    nodes[0, 0, CLOSE] = day_level(pairs, i, weather, start // DAY, jumped)
    for day in range(start // DAY, (end - 1) // DAY + 1):
        jumped = _open_day(pairs, i, weather, day, jumped, nodes, volumes, jumps)
        level = ZERO
        cursor[0] = 0
        base[0] = day
        while level >= 0 and n < room:
            j = cursor[level]
            if j == (FAN[level - 1] if level > 0 else 1):
                level -= 1
                continue
            cursor[level] = j + 1
            index = base[level] + j
            at = index * LENGTH[level]
            until = at + LENGTH[level]
            if until <= start or at >= end:
                continue
            if level == DEPTH - 1 or (level >= target and at >= start + lead and until <= end - tail):
                places[n, 0], places[n, 1] = at, LENGTH[level]
                for column in range(4):
                    prices[n, column] = nodes[level, j, column]
                for column in range(2):
                    amounts[n, column] = volumes[level, j, column]
                n += 1
                continue
            _split(pairs, i, weather, level, index, j, nodes, volumes, jumps)
            base[level + 1] = index * FAN[level]
            level += 1
            cursor[level] = 0
    return n


@kernel
def page(
    pairs: PairTable, i: int, weather: Weather, target: int, start: int, end: int, room: int
) -> tuple[Ints, Ints]:
    """Return (first minutes (n,), rows (n, 6) of OHLC ticks, steps and quote units) of finished bars.

    `start` and `end` are minutes on bar boundaries; the pair's life (listed, ended) cuts the range.
    """
    start = max(start, pairs.ints[i, LISTED])
    end = min(end, pairs.ints[i, ENDED])
    places = np.empty((room, 2), np.int64)
    prices = np.empty((room, 4))
    amounts = np.empty((room, 2), np.int64)
    n = emit(pairs, i, weather, target, start, end, ZERO, ZERO, places, prices, amounts)
    rows = np.empty((n, 6), np.int64)
    log_scale = pairs.floats[i, LOG_SCALE]
    for k in range(n):
        for column in range(4):
            rows[k, column] = ticks_of(prices[k, column], log_scale)
        rows[k, 4], rows[k, 5] = amounts[k, 0], amounts[k, 1]
    return places[:n, 0].copy(), rows


@kernel
def _stretch(  # noqa: PLR0917 - numba kernels take plain positional arguments
    pairs: PairTable, i: int, weather: Weather, from_ms: int, to_ms: int,
    places: Ints, prices: Floats, amounts: Ints, out: Floats,
) -> tuple[int, int]:  # fmt: skip
    # Writes log OHLC of the path on [from_ms, to_ms] (ms since the market's epoch) to `out`.
    born, died = pairs.ints[i, LISTED], pairs.ints[i, ENDED]
    lead, tail = ONE, ONE
    if to_ms <= born * MINUTE_MS or from_ms >= died * MINUTE_MS or to_ms <= from_ms:
        # Nothing to go through: one point of the path, in the minute that holds it.
        from_ms = to_ms = min(max(to_ms, born * MINUTE_MS), died * MINUTE_MS)
        first = min(to_ms // MINUTE_MS, died - 1)
        last = first + 1
    else:
        from_ms, to_ms = max(from_ms, born * MINUTE_MS), min(to_ms, died * MINUTE_MS)
        first, last = from_ms // MINUTE_MS, (to_ms + MINUTE_MS - 1) // MINUTE_MS
        lead = ONE if from_ms % MINUTE_MS else ZERO
        tail = ONE if to_ms % MINUTE_MS else ZERO
    n = emit(pairs, i, weather, ZERO, first, last, lead, tail, places, prices, amounts)
    volume = quote = 0
    for k in range(n):
        minute = places[k, 0]
        fa = (from_ms - minute * MINUTE_MS) / MINUTE_MS if k == 0 and lead else 0.0
        fb = (to_ms - minute * MINUTE_MS) / MINUTE_MS if k == n - 1 and tail else 1.0
        o, h, low, c = prices[k, 0], prices[k, 1], prices[k, 2], prices[k, 3]
        if fa > 0.0 or fb < 1.0:
            path = knots(pairs.streams[i, PATH], minute, o, h, low, c)
            o, h, low, c = between(fa, fb, o, c, path)
        volume += traded(amounts[k, 0], fb) - traded(amounts[k, 0], fa)
        quote += traded(amounts[k, 1], fb) - traded(amounts[k, 1], fa)
        if k == 0:
            out[0], out[1], out[2] = o, h, low
        out[1], out[2], out[3] = max(out[1], h), min(out[2], low), c
    return volume, quote


@kernel
def stretch(pairs: PairTable, weather: Weather, which: Ints, from_ms: int, to_ms: int) -> Ints:
    """Return (len(which), 7): OHLC ticks, steps, quote units, and half the spread at `to_ms`, in ticks.

    Covers the path on [from_ms, to_ms] of the pairs in rows `which`; times in ms since the market's
    epoch. Outside a pair's life, and where `to_ms` <= `from_ms`, flat and without volume.
    """
    # At most this many largest nodes: whole days, and a ragged end on either side.
    room = max(0, (to_ms - from_ms) // (DAY * MINUTE_MS)) + 64
    places = np.empty((room, 2), np.int64)
    prices = np.empty((room, 4))
    amounts = np.empty((room, 2), np.int64)
    out = np.empty(4)
    rows = np.empty((len(which), 7), np.int64)
    for k in range(len(which)):
        i = which[k]
        rows[k, 4], rows[k, 5] = _stretch(pairs, i, weather, from_ms, to_ms, places, prices, amounts, out)
        for column in range(4):
            rows[k, column] = ticks_of(out[column], pairs.floats[i, LOG_SCALE])
        rows[k, 6] = half_spread_ticks(pairs, i, weather, to_ms // MINUTE_MS, rows[k, 3])
    return rows
