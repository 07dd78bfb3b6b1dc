"""From two tellers to one story: quotes and prints of one symbol, each told once and in venue time.

Pure: values in, the new ones out. A stream pushes every value once, except around a reconnect; a poll
repeats what it said before. Bars are in candle_sequence.py, an account's news in account_sequence.py.
"""

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal

from trading.exchange.feed.events import Origin, Trade
from trading.exchange.gateway import Quote
from trading.market.orders import Side
from trading.market.timeframes import to_ms

# Keys of prints that are remembered per symbol: at 1,000 prints a second still four seconds of overlap.
_MEMORY = 4096


class QuoteSequence:
    """The best bid and ask of one symbol: never back in time, nothing told that did not change."""

    def __init__(self) -> None:
        self.last: Quote | None = None

    def offer(self, quote: Quote) -> Quote | None:
        """Return `quote` if it is news, else None."""
        last = self.last
        if last is not None and quote.at < last.at:
            return None
        self.last = quote
        return None if last is not None and _same(last, quote) else quote


def _same(one: Quote, other: Quote) -> bool:
    return (one.bid, one.ask, one.bid_amount, one.ask_amount) == (
        other.bid,
        other.ask,
        other.bid_amount,
        other.ask_amount,
    )


type _Print = tuple[int, Side, Decimal, Decimal]


class TradeSequence:
    """The public prints of one symbol.

    MEXC's prints have no id, and two buyers may take the same amount at the same price in the same
    millisecond. So prints are told apart by how many of a kind there are: a poll answers with all of
    them, and what it has more than was told is new.
    `late` counts prints told after a younger one: they are never dropped.
    """

    def __init__(self) -> None:
        self.last_ms: int | None = None
        self.late = 0
        self._told: OrderedDict[_Print, int] = OrderedDict()
        self._pushed: dict[_Print, int] = {}

    def offer(self, trades: Iterable[Trade], source: Origin) -> list[Trade]:
        """Return the prints that were not told yet, in venue time.

        With source POLL, `trades` must be all prints of the time it covers.
        """
        seen: dict[_Print, int] = {} if source is Origin.POLL else self._pushed
        fresh = []
        for trade in sorted(trades, key=lambda trade: trade.at):
            key = (to_ms(trade.at), trade.side, trade.price, trade.amount)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] > self._told.get(key, 0):
                self._told[key] = seen[key]
                fresh.append(trade)
        for trade in fresh:
            at_ms = to_ms(trade.at)
            self.late += self.last_ms is not None and at_ms < self.last_ms
            self.last_ms = at_ms if self.last_ms is None else max(self.last_ms, at_ms)
        self._forget()
        return fresh

    def _forget(self) -> None:
        while len(self._told) > _MEMORY:
            key, _ = self._told.popitem(last=False)
            self._pushed.pop(key, None)
