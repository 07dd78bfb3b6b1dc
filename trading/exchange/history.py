"""Which candles are missing: from what is stored and what is wanted to the fewest pages that close the gap.

Pure planning; the pages are fetched by `scan`, stored by the candle store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.exchange.scan import Want
from trading.market.timeframes import Timeframe

# MEXC answers at most 500 rows whatever its documentation says (see exchange.md, section 1).
PAGE_BARS = 500


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Which candles to bring up to date.

    Parameters
    ----------
    timeframe : str
        Bar length; empty = the configured one (15m).
    only_approved : bool
        Only the symbols approved last time: the quick refresh between full scans.
    concurrency : int
        Requests in flight at once; the limiter sets the pace.
    """

    timeframe: str = ""
    only_approved: bool = False
    concurrency: int = 32


@dataclass(frozen=True, slots=True)
class Held:
    """Bars of one symbol inside the window: open times (ms) of the first and the last one stored."""

    first_ms: int
    last_ms: int


def missing_pages(
    symbols: Sequence[str],
    timeframe: Timeframe,
    start_ms: int,
    end_ms: int,
    *,
    held: Mapping[str, Held],
    nothing_before: Mapping[str, int],
) -> list[Want]:
    """Return the pages that complete `[start_ms, end_ms)` for every symbol.

    Parameters
    ----------
    symbols : sequence of str
        Unified names, in the order in which they are to be asked for.
    start_ms, end_ms : int
        Window of bar opens; `end_ms` is cut to closed bars by the caller.
    held : mapping
        What the store has inside the window. Holes between first and last are another stage's task.
    nothing_before : mapping
        Symbol -> open time of its very first bar, where an earlier scan has learnt it: a young
        listing is not asked again for days on which it did not exist.

    Returns
    -------
    list of Want
        Newest page last for each symbol; empty when nothing is missing.
    """
    wants: list[Want] = []
    for symbol in symbols:
        start = max(start_ms, nothing_before.get(symbol, start_ms))
        have = held.get(symbol)
        if have is None:
            wants += _pages(symbol, timeframe, start, end_ms)
            continue
        wants += _pages(symbol, timeframe, start, have.first_ms)
        wants += _pages(symbol, timeframe, timeframe.next_ms(have.last_ms), end_ms)
    return wants


def _pages(symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> list[Want]:
    # Weeks open on Mondays and months on the first: neither is a multiple of its length since 1970.
    opens = timeframe.floor_ms(start_ms)
    first = opens if opens == start_ms else timeframe.next_ms(opens)
    step = PAGE_BARS * timeframe.ms
    return [
        Want(symbol, since_ms=since, limit=min(PAGE_BARS, -(-(end_ms - since) // timeframe.ms)))
        for since in range(first, end_ms, step)
    ]
