"""Arithmetic on half-open spans of time `[start_ms, end_ms)`: union and difference. Knows no bars."""

from collections.abc import Iterable

# Milliseconds since the epoch, UTC; the end is not part of it.
Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the fewest spans that cover the same time, in order; touching ones become one."""
    whole: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return whole


def without(window: Span, taken: Iterable[Span]) -> list[Span]:
    """Return the parts of `window` that no span of `taken` covers, in order."""
    left: list[Span] = []
    at, stop = window
    for start, end in union(taken):
        if start >= stop:
            break
        if start > at:
            left.append((at, start))
        at = max(at, end)
    if at < stop:
        left.append((at, stop))
    return left


def length(spans: Iterable[Span]) -> int:
    """Return the milliseconds that `spans`, none of which overlap, last together."""
    return sum(end - start for start, end in spans)
