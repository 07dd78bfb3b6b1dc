"""Which pages to ask for: the fewest that close what is missing, the oldest time first over all symbols.

Pure planning over spans; `backfill` fetches the pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.exchange.public import PAGE_BARS
from trading.exchange.scan import Want
from trading.market.timeframes import Timeframe
from trading.ohlcv.spans import Span, without


@dataclass(frozen=True, slots=True)
class Page:
    """One request: `want`, and the span `[want.since_ms, end_ms)` that its answer settles."""

    want: Want
    end_ms: int

    @property
    def key(self) -> tuple[str, int]:
        """Symbol and start: what names a page within one plan."""
        return self.want.symbol, self.want.since_ms or 0


def bar_window(timeframe: Timeframe, start_ms: int, end_ms: int, now_ms: int) -> Span:
    """Return the window from the first bar that opens in it to the last one that has closed.

    Empty (start equals end) when no bar of it has closed by `now_ms`.
    """
    opens = timeframe.floor_ms(start_ms)
    first = opens if opens == start_ms else timeframe.next_ms(opens)
    last = min(end_ms, timeframe.floor_ms(now_ms))
    return first, max(last, first)


def missing_pages(
    symbols: Sequence[str], timeframe: Timeframe, window: Span, taken: Mapping[str, Sequence[Span]]
) -> list[Page]:
    """Return the fewest pages that complete `window` for every symbol.

    Parameters
    ----------
    symbols : sequence of str
        Unified names; within one page of time they are asked for in this order.
    window : (start_ms, end_ms)
        From `bar_window`: begins at a bar's open, ends where no more bar has closed.
    taken : mapping
        Symbol -> spans that need not be asked for: answered already, or stored.

    Returns
    -------
    list of Page
        Time first, then symbol: pages that come together lie in the same few days, so a batch of them
        writes few files. Empty when nothing is missing.
    """
    if len(set(symbols)) < len(symbols):
        symbols = list(dict.fromkeys(symbols))
    place = {symbol: n for n, symbol in enumerate(symbols)}
    pages = [
        page
        for symbol in symbols
        for page in pages_of(symbol, timeframe, without(window, taken.get(symbol, ())))
    ]
    return sorted(pages, key=lambda page: (page.want.since_ms or 0, place[page.want.symbol]))


def pages_of(symbol: str, timeframe: Timeframe, missing: Sequence[Span]) -> list[Page]:
    """Return the fewest pages over the spans `missing` of one symbol; one page may close several."""
    pages: list[Page] = []
    done: int | None = None
    for start, end in missing:
        at = start if done is None else max(start, done)
        while at < end:
            # A page reaches as far as it may: what is missing further on shares it.
            reach = min(_after(timeframe, at, PAGE_BARS), max(stop for _, stop in missing))
            until = max(min(stop, reach) for begin, stop in missing if begin < reach)
            pages.append(Page(Want(symbol, since_ms=at, limit=_slots(timeframe, at, until)), until))
            at = done = until
    return pages


def _after(timeframe: Timeframe, at_ms: int, bars: int) -> int:
    if timeframe.name != "1M":
        return at_ms + bars * timeframe.ms
    for _ in range(bars):
        at_ms = timeframe.next_ms(at_ms)
    return at_ms


def _slots(timeframe: Timeframe, start_ms: int, end_ms: int) -> int:
    if timeframe.name != "1M":
        return -(-(end_ms - start_ms) // timeframe.ms)
    count = 0
    while start_ms < end_ms:
        start_ms, count = timeframe.next_ms(start_ms), count + 1
    return count
