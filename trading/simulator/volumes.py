"""Traded volume: a day's total, and its split among finer bars. Kernels only; integers that add up."""

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.hashing import gauss, uniform
from trading.simulator.tree import (
    FAN,
    GRANULE,
    HALF_SPREAD,
    IS_DEAD,
    LENGTH,
    LOG_TURNOVER,
    PATH,
    Q_PER_STEP,
    SHAPE,
    VARIANCE,
    VOLUME,
    C,
    H,
    L,
    O,
    PairTable,
    T,
)
from trading.simulator.weather import Weather


@kernel
def day_volume(
    pairs: PairTable, i: int, weather: Weather, index: int, day: npt.NDArray[np.float64]
) -> tuple[int, int]:
    """Return (volume in steps, quote volume in its units) of a whole day.

    Turnover follows business time, the day's range, a slow popularity wave and noise. Each minute
    that trades at all trades at least one step.
    """
    if pairs.ints[i, IS_DEAD]:
        return 0, 0
    pf = pairs.floats[i]
    stream = pairs.streams[i, VOLUME]
    month, u = index // 32, (index % 32) / 32.0
    slow = (1.0 - u) * gauss(stream, 64 * month + 8) + u * gauss(stream, 64 * (month + 1) + 8)
    typical = np.sqrt(pf[VARIANCE] * day[T])
    busy = 0.6 * np.log(day[T]) + 0.35 * np.log(0.25 + (day[H] - day[L]) / typical)
    turnover = np.exp(pf[LOG_TURNOVER] + busy + 0.45 * slow + 0.30 * gauss(stream, 16 * index + 7))
    price = np.exp(0.25 * (day[O] + day[H] + day[L] + day[C]))
    least = 1440 // pairs.ints[i, GRANULE]
    volume = least + np.int64(turnover / (price * pf[Q_PER_STEP] * 1e-6))
    return volume, np.int64(np.rint(volume * price * pf[Q_PER_STEP]))


@kernel
def share_out(
    pairs: PairTable, i: int, level: int, index: int, total: npt.NDArray[np.int64],
    kids: npt.NDArray[np.float64], volumes: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Split (volume, quote volume) of node (`level`, `index`) among its children, exactly.

    Volume goes where the range and the business time are; quote volume is each child's volume at
    its typical price, moved as a whole towards highs or lows until the sum is the parent's.
    """
    if pairs.ints[i, IS_DEAD]:
        volumes[: FAN[level]] = 0
        return
    n = FAN[level]
    stream = pairs.streams[i, VOLUME]
    variance = pairs.floats[i, VARIANCE]
    least = max(1, LENGTH[level + 1] // pairs.ints[i, GRANULE])
    grown = np.empty(6)
    running = 0.0
    for j in range(n):
        typical = np.sqrt(variance * kids[j, T])
        burst = 0.25 + 1.5 * uniform(stream, (index * n + j) * 16 + level)
        running += typical * (kids[j, H] - kids[j, L] + 0.3 * typical) * burst
        grown[j] = running
    spare = total[0] - n * least
    before = 0
    for j in range(n):
        upto = spare if j == n - 1 else np.int64(np.floor(np.float64(spare) * (grown[j] / running)))
        volumes[j, 0] = least + upto - before
        before = upto
    _share_quote(pairs.floats[i, Q_PER_STEP], n, total[1], kids, volumes)


@kernel
def _share_quote(
    unit: float, n: int, total: int, kids: npt.NDArray[np.float64], volumes: npt.NDArray[np.int64]
) -> None:
    middle = low = high = 0.0
    worth = np.empty((6, 2))
    for j in range(n):
        size = volumes[j, 0] * unit
        worth[j, 0] = size * np.exp(0.25 * (kids[j, O] + kids[j, H] + kids[j, L] + kids[j, C]))
        middle += worth[j, 0]
    rises = total > middle
    for j in range(n):
        worth[j, 1] = volumes[j, 0] * unit * np.exp(kids[j, H] if rises else kids[j, L])
        high += worth[j, 1] if rises else 0.0
        low += worth[j, 1] if not rises else 0.0
    room = (high - middle) if rises else (middle - low)
    lean = min(1.0, abs(total - middle) / room) if room > 0.0 else 0.0
    grand = 0.0
    for j in range(n):
        worth[j, 0] += lean * (worth[j, 1] - worth[j, 0])
        grand += worth[j, 0]
    running = 0.0
    before = 0
    for j in range(n):
        running += worth[j, 0]
        upto = total if j == n - 1 else np.int64(np.floor(np.float64(total) * min(1.0, running / grand)))
        volumes[j, 1] = upto - before
        before = upto


@kernel
def half_spread_ticks(pairs: PairTable, i: int, weather: Weather, minute: int, last: int) -> int:
    """Return half the bid-ask distance at `minute`, in ticks: at least 1, always less than `last`.

    Wider on turbulent days, and different from minute to minute.
    """
    day = minute // 1440
    stress = np.sqrt(max(0.25, weather.tau[day + 1] - weather.tau[day]))
    wobble = 0.7 + 0.6 * uniform(pairs.streams[i, PATH], 16 * minute + 11)
    ticks = np.int64(np.rint(last * pairs.floats[i, HALF_SPREAD] * stress * wobble))
    return max(1, min(ticks, last - 1))


@kernel
def trading_child(pairs: PairTable, i: int, level: int, index: int) -> int:
    """Return which child of a node does all the trading, for pairs that trade less than once in it."""
    return np.int64(uniform(pairs.streams[i, SHAPE], 16 * index + 15 - level) * FAN[level])
