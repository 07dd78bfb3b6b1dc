"""A stop fires on two observations in a row, never on one: what was seen, and which position waits for more.

An observation is a quote that came new: a push of the stream, or an answer asked for after the one before.
Reading the same quote twice is one observation. The bid has to be executable: an amount stands behind it.
A bid that lies a step below the one before (`stop_steps.py`) fires nothing before it has stood a second.
Targets, holds and orders of people need no second look; a print that the price watch doubts never comes here.
"""

from dataclasses import dataclass

from trading.exchange.gateway import Quote
from trading.market.clock import Clock
from trading.store.order_log.records import Trade

STOPS = frozenset({"stop_loss", "trailing_stop"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation. `number` grows with each of a symbol; `wall_ms` is this machine's time.

    `stands_ms` is how many wall milliseconds the bid has yet to stand before a stop fires on it.
    """

    quote: Quote
    number: int
    wall_ms: int
    stands_ms: int = 0

    @property
    def executable(self) -> Quote | None:
        """The quote, if somebody would really buy at its bid."""
        return self.quote if self.quote.bid > 0 and self.quote.bid_amount > 0 else None


class SecondLook:
    """Remembers the newest observation of each symbol, and the first crossing of each position's stop.

    `bad_prints` counts first crossings that the next look did not confirm.
    """

    def __init__(self, wall: Clock, most_s: float) -> None:
        self._wall = wall
        self._most_ms = most_s * 1000
        self._newest: dict[str, Seen] = {}
        self._first: dict[str, dict[str, Seen]] = {}  # by symbol, by trade
        self.bad_prints = 0

    def observe(self, quote: Quote, stands_ms: int = 0) -> Seen:
        """Take a new observation."""
        before = self._newest.get(quote.symbol)
        number = 1 if before is None else before.number + 1
        seen = Seen(quote, number, self._wall.now_ms(), stands_ms)
        self._newest[quote.symbol] = seen
        return seen

    def newest(self, symbol: str) -> Seen | None:
        """Return the newest observation of a symbol."""
        return self._newest.get(symbol)

    def gone(self, symbol: str) -> None:
        """Note that a symbol that was asked for has no quote now."""
        self._newest.pop(symbol, None)

    def confirms(self, trade: Trade, seen: Seen) -> bool:
        """Whether `seen`, on which a stop is crossed, is the second look; else it is kept as the first."""
        waiting = self._first.setdefault(trade.symbol, {})
        first = waiting.get(trade.trade_id)
        if first is None or seen.wall_ms - first.wall_ms > self._most_ms:
            waiting[trade.trade_id] = seen
            return False
        return seen.number != first.number and seen.stands_ms == 0

    def calm(self, trade: Trade) -> bool:
        """Note that no stop is crossed; True if one was, on the look before: a bad print."""
        waiting = self._first.get(trade.symbol)
        if waiting is None or waiting.pop(trade.trade_id, None) is None:
            return False
        self.bad_prints += 1
        return True

    def waiting(self, symbol: str) -> list[str]:
        """Return the trades of a symbol whose first crossing waits for its second look."""
        return list(self._first.get(symbol, ()))

    def symbols_in_question(self) -> list[str]:
        """Return the symbols with such trades whose bid need not stand longer: the next look can confirm."""
        return [
            symbol
            for symbol, waiting in self._first.items()
            if waiting and (seen := self._newest.get(symbol)) is not None and seen.stands_ms == 0
        ]

    def is_waiting(self, within_ms: int) -> bool:
        """Whether a first crossing came within so many wall milliseconds and waits for its second look."""
        since_ms = self._wall.now_ms() - within_ms
        return any(first.wall_ms >= since_ms for each in self._first.values() for first in each.values())

    def forget(self, trade: Trade) -> None:
        """Drop what is known of a position that is being left, or was."""
        waiting = self._first.get(trade.symbol)
        if waiting is not None:
            waiting.pop(trade.trade_id, None)
            if not waiting:
                del self._first[trade.symbol]
