"""The compiled reader of kline answers: from bytes to a table of floats, without a Python object per number.

A scan reads millions of numbers; making a string of each costs more than everything else we do with
them. This reads only the one shape MEXC sends and refuses everything else, which the general way
(bars.py) then looks at row by row. Imported on first use: numba is heavy.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

# [open time, open, high, low, close, volume, close time, quote volume]; the close time is not kept.
_FIELDS = 8
_CLOSE_TIME = 6
_KEPT = 7
# Whole numbers up to 2**53 and powers up to 10**22 are exact in a float, and one division of exact
# numbers is rounded correctly: the result is the float nearest to the text (Clinger 1990, "fast path").
_LARGEST = 2**53
_MOST_DECIMALS = 22
_POWERS = 10.0 ** np.arange(_MOST_DECIMALS + 1)

_OPEN, _CLOSE, _COMMA, _QUOTE, _POINT, _ZERO, _NINE = (ord(sign) for sign in '[],".09')


def read_table(body: bytes) -> npt.NDArray[np.float64] | None:
    """Return the numbers of a klines answer as an array of shape (7, n_rows), or None.

    Rows of the array: open time (ms), open, high, low, close, volume, quote volume.
    None means that the body is anything but ``[[8 plain decimal numbers], ...]`` without spaces,
    signs or exponents, or holds a number with more digits than a float holds exactly.
    """
    table = np.empty((_KEPT, body.count(b"],[") + 1))
    return table if _read(np.frombuffer(body, np.uint8), table, _POWERS) else None


def is_flawless(table: npt.NDArray[np.float64], first: int, latest: int, step: int, offset: int) -> bool:
    """Whether every row is a bar that a market can have printed, in order, asked for and closed.

    Parameters
    ----------
    table : array of shape (7, n_rows)
        What `read_table` returned.
    first, latest : int
        Earliest and latest open time that may come (ms, both inclusive).
    step, offset : int
        Bars open at ``offset + k * step`` (ms).
    """
    return bool(_is_flawless(table, first, latest, step, offset))


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba's decorator is untyped
def _is_flawless(table: npt.NDArray[np.float64], first: int, latest: int, step: int, offset: int) -> bool:
    before = np.float64(first) - 1.0
    for row in range(table.shape[1]):
        time, high, low = table[0, row], table[2, row], table[3, row]
        if not (before < time <= latest) or (np.int64(time) - offset) % step != 0:
            return False
        before = time
        # Said so that a NaN fails.
        if not (0.0 < low <= table[1, row] <= high and low <= table[4, row] <= high < np.inf):
            return False
        if not (0.0 <= table[5, row] < np.inf and 0.0 <= table[6, row] < np.inf):
            return False
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]  # as above
def _read(
    body: npt.NDArray[np.uint8], table: npt.NDArray[np.float64], powers: npt.NDArray[np.float64]
) -> bool:
    rows = table.shape[1]
    if body.size == 0 or body[0] != _OPEN:
        return False
    at = 1
    for row in range(rows):
        at = _row(body, at, table[:, row], powers)
        if at < 0 or at >= body.size or body[at] != (_COMMA if row < rows - 1 else _CLOSE):
            return False
        at += 1
    return bool(at == body.size)


@njit(cache=True)  # type: ignore[untyped-decorator]  # as above
def _row(
    body: npt.NDArray[np.uint8], at: int, kept: npt.NDArray[np.float64], powers: npt.NDArray[np.float64]
) -> int:
    """Read one row into `kept`; return the place after its bracket, or -1."""
    if at >= body.size or body[at] != _OPEN:
        return -1
    at += 1
    for field in range(_FIELDS):
        at, number = _number(body, at, powers)
        if at < 0 or at >= body.size or body[at] != (_COMMA if field < _FIELDS - 1 else _CLOSE):
            return -1
        at += 1
        if field < _CLOSE_TIME:
            kept[field] = number
        elif field > _CLOSE_TIME:
            kept[field - 1] = number
    return at


@njit(cache=True)  # type: ignore[untyped-decorator]  # as above
def _number(body: npt.NDArray[np.uint8], at: int, powers: npt.NDArray[np.float64]) -> tuple[int, float]:
    """Return (place after the number, its value); a place of -1 refuses it."""
    is_quoted = at < body.size and body[at] == _QUOTE
    if is_quoted:
        at += 1
    at, value, decimals = _digits(body, at)
    if at < 0:
        return -1, 0.0
    if is_quoted:
        if at >= body.size or body[at] != _QUOTE:
            return -1, 0.0
        at += 1
    return at, value / powers[decimals]


@njit(cache=True)  # type: ignore[untyped-decorator]  # as above
def _digits(body: npt.NDArray[np.uint8], at: int) -> tuple[int, int, int]:
    """Return (place after the digits, their whole value, how many stand behind the point)."""
    value, whole, decimals = np.int64(0), 0, 0
    has_point = False
    while at < body.size:
        sign = body[at]
        if _ZERO <= sign <= _NINE:
            value = value * 10 + (sign - _ZERO)
            decimals += has_point
            whole += not has_point
            if value > _LARGEST or decimals > _MOST_DECIMALS:
                return -1, 0, 0
        elif sign == _POINT and not has_point:
            has_point = True
        else:
            break
        at += 1
    # A number has digits before its point, and behind it if it has one.
    is_number = whole > 0 and has_point == (decimals > 0)
    return (at if is_number else -1), int(value), decimals
