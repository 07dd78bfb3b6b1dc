"""Traded volume: a day's total, and its split among finer bars. Kernels only; integers that add up."""

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.hashing import gauss, uniform
from trading.simulator.levels import (
    GRANULE,
    HALF_SPREAD,
    IS_DEAD,
    LOG_TURNOVER,
    PATH,
    Q_PER_STEP,
    SHAPE,
    VARIANCE,
    VOLUME,
    PairTable,
)
from trading.simulator.tree import CLOSE, FAN, HIGH, LENGTH, LOW, OPEN, TAU
from trading.simulator.weather import Weather


@kernel
def day_volume(pairs: PairTable, i: int, index: int, day: npt.NDArray[np.float64]) -> tuple[int, int]:
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
    typical = np.sqrt(pf[VARIANCE] * day[TAU])
    busy = 0.6 * np.log(day[TAU]) + 0.35 * np.log(0.25 + (day[HIGH] - day[LOW]) / typical)
    turnover = np.exp(pf[LOG_TURNOVER] + busy + 0.45 * slow + 0.30 * gauss(stream, 16 * index + 7))
    price = np.exp(0.25 * (day[OPEN] + day[HIGH] + day[LOW] + day[CLOSE]))
    least = 1440 // pairs.ints[i, GRANULE]
    volume = least + int(turnover / (price * pf[Q_PER_STEP] * 1e-6))
    return volume, int(np.rint(volume * price * pf[Q_PER_STEP]))


@kernel
def share_out(
    pairs: PairTable, i: int, level: int, index: int, total: npt.NDArray[np.int64],
    kids: npt.NDArray[np.float64], volumes: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Split (volume, quote volume) of node (`level`, `index`) among its children, exactly.

    Volume goes where range and business time are, tilted towards the dearer or cheaper children
    until their average price is the parent's; quote volume is each child's volume at its typical
    price, moved towards highs or lows by what the tilt left over.
    """
    n = FAN[level]
    least = max(1, LENGTH[level + 1] // pairs.ints[i, GRANULE])
    unit = pairs.floats[i, Q_PER_STEP]
    typical = np.empty(6)
    for j in range(n):
        typical[j] = unit * np.exp(0.25 * (kids[j, OPEN] + kids[j, HIGH] + kids[j, LOW] + kids[j, CLOSE]))
    weights = np.empty(6)
    _weigh(pairs.floats[i, VARIANCE], pairs.streams[i, VOLUME], level, index, kids, weights)
    _tilt(n, total[1] / total[0], typical, weights)
    grand = 0.0
    for j in range(n):
        grand += weights[j]
    spare = total[0] - n * least
    running = 0.0
    before = 0
    for j in range(n):
        running += weights[j]
        upto = spare if j == n - 1 else int(np.floor(np.float64(spare) * min(1.0, running / grand)))
        volumes[j, 0] = least + upto - before
        before = upto
    _share_quote(unit, n, total[1], typical, kids, volumes)


@kernel
def _weigh(
    variance: float, stream: np.uint64, level: int, index: int, kids: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    for j in range(FAN[level]):
        usual = np.sqrt(variance * kids[j, TAU])
        burst = 0.25 + 1.5 * uniform(stream, (index * FAN[level] + j) * 16 + level)
        weights[j] = usual * (kids[j, HIGH] - kids[j, LOW] + 0.3 * usual) * burst


@kernel
def _tilt(n: int, target: float, typical: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> None:
    # Leans the weights so that the children's average price is the parent's, as far as 1:25 allows.
    grand = mean = spread = 0.0
    for j in range(n):
        grand += weights[j]
        mean += weights[j] * typical[j]
    mean /= grand
    for j in range(n):
        spread += weights[j] * (typical[j] - mean) ** 2
    if spread <= 0.0:
        return
    slope = (target - mean) * grand / spread
    for j in range(n):
        weights[j] *= min(5.0, max(0.2, 1.0 + slope * (typical[j] - mean)))


@kernel
def _share_quote(
    unit: float, n: int, total: int, typical: npt.NDArray[np.float64], kids: npt.NDArray[np.float64],
    volumes: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    middle = 0.0
    for j in range(n):
        middle += volumes[j, 0] * typical[j]
    column = HIGH if total > middle else LOW
    bound = np.empty(6)
    edge = 0.0
    for j in range(n):
        bound[j] = unit * np.exp(kids[j, column])
        edge += volumes[j, 0] * bound[j]
    lean = min(1.0, (total - middle) / (edge - middle)) if edge != middle else 0.0
    grand = middle + lean * (edge - middle)
    running = 0.0
    before = 0
    for j in range(n):
        running += volumes[j, 0] * (typical[j] + lean * (bound[j] - typical[j]))
        upto = total if j == n - 1 else int(np.floor(np.float64(total) * min(1.0, running / grand)))
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
    ticks = int(np.rint(last * pairs.floats[i, HALF_SPREAD] * stress * wobble))
    return max(1, min(ticks, last - 1))


@kernel
def trading_child(pairs: PairTable, i: int, level: int, index: int) -> int:
    """Return which child of a node does all the trading, for pairs that trade less than once in it."""
    return int(uniform(pairs.streams[i, SHAPE], 16 * index + 15 - level) * FAN[level])
