"""Open positions in memory, by symbol and nearest level: a quote costs what it crosses, not what is held.

A copy of the order log, never the truth: `refresh` brings it up to date (rows whose version is new are read),
`renew` one trade after a booking. Levels are the log's own, a tick wider: whether one is really crossed is
the exit machine's word (`exit_reasons.py`).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from decimal import Decimal

from trading.store.order_log import OrderLog
from trading.store.order_log.records import Intent, Leg, Trade

# How far beyond a level, as a fraction of the price, the index already calls it crossed: levels in the log
# are not rounded to ticks, those of the exit machine are.
SLACK = Decimal("0.001")


class _Levels:
    """Stops and targets of one symbol, nearest last and first; a trade more costs its place alone."""

    def __init__(self, trades: Iterable[Trade] = ()) -> None:
        self._stops: list[tuple[Decimal, str]] = []
        self._targets: list[tuple[Decimal, str]] = []
        for trade in trades:
            self.add(trade)

    def add(self, trade: Trade) -> None:
        """Take a trade in."""
        for levels, place in self._places(trade):
            insort(levels, place)

    def remove(self, trade: Trade) -> None:
        """Take out a trade, as it was taken in."""
        for levels, place in self._places(trade):
            del levels[bisect_left(levels, place)]

    def _places(self, trade: Trade) -> Iterator[tuple[list[tuple[Decimal, str]], tuple[Decimal, str]]]:
        yield self._stops, (trade.stop_price * (1 + SLACK), trade.trade_id)
        if trade.target_price is not None:
            yield self._targets, (trade.target_price * (1 - SLACK), trade.trade_id)

    def crossed(self, bid: Decimal) -> Iterator[str]:
        """Give the trades whose stop lies at `bid` or above, or whose target lies at it or below."""
        if self._stops and self._stops[-1][0] >= bid:
            first = bisect_left(self._stops, bid, key=lambda x: x[0])
            yield from (trade_id for _, trade_id in self._stops[first:])
        for price, trade_id in self._targets:
            if price > bid:
                return
            yield trade_id


class OpenBook:
    """Every open trade with its exit attempts so far.

    `follow_every_quote` are trades whose levels move with price or time (trailing stops, ladders of targets):
    they are asked at every quote of their symbol.
    """

    def __init__(self, log: OrderLog) -> None:
        self._log = log
        self._trades: dict[str, Trade] = {}
        self._attempts: dict[str, list[Intent]] = {}
        self._symbols: dict[str, dict[str, None]] = {}  # in the order in which they came
        self._levels: dict[str, _Levels] = {}
        self.follow_every_quote: set[str] = set()

    def __len__(self) -> int:
        return len(self._trades)

    @property
    def symbols(self) -> set[str]:
        """Symbols of which something is held."""
        return set(self._symbols)

    def trades(self) -> list[Trade]:
        """Return all open trades, oldest first."""
        return list(self._trades.values())

    def get(self, trade_id: str) -> Trade | None:
        """Return an open trade."""
        return self._trades.get(trade_id)

    def attempts(self, trade_id: str) -> list[Intent]:
        """Return the exit attempts of a trade, oldest first."""
        return self._attempts.get(trade_id, [])

    def begun(self) -> list[Trade]:
        """Return the trades that somebody tried to leave before."""
        return [self._trades[trade_id] for trade_id in self._attempts if trade_id in self._trades]

    def one_of(self, symbol: str) -> Trade | None:
        """Return one open trade of a symbol, the same one each time; None if nothing is held of it."""
        held = self._symbols.get(symbol)
        return self._trades[next(iter(held))] if held else None

    def of(self, symbol: str) -> list[Trade]:
        """Return the open trades of a symbol."""
        return [self._trades[trade_id] for trade_id in sorted(self._symbols.get(symbol, ()))]

    def over(self, now_ms: int) -> list[Trade]:
        """Return the trades whose maximum hold is over."""
        return [trade for trade in self._trades.values() if now_ms >= trade.deadline_ms]

    def crossed(self, symbol: str, bid: Decimal) -> list[Trade]:
        """Return the trades of `symbol` that may have to be left at `bid`, and those being left."""
        held = self._symbols.get(symbol)
        if not held:
            return []
        found = dict.fromkeys(self._levels[symbol].crossed(bid))
        for always in (self.follow_every_quote, self._attempts):
            if always:
                found |= dict.fromkeys(trade_id for trade_id in held if trade_id in always)
        return [self._trades[trade_id] for trade_id in found]

    def refresh(self) -> None:
        """Bring everything up to the log: what was opened, changed or closed by whomever."""
        versions = self._log.ledger.open_versions()
        for trade_id in [held for held in self._trades if held not in versions]:
            self._drop(trade_id)
        stale = [
            trade_id
            for trade_id, version in versions.items()
            if trade_id not in self._trades or self._trades[trade_id].version != version
        ]
        for trade in self._log.ledger.some(stale):
            self._put(trade)
        self._attempts = self._log.orders.exits_of_open_trades()

    def opened(self, trade: Trade) -> Trade | None:
        """Take a trade as an entry's booking left it, without reading it again; None if it is closed."""
        known = self._trades.get(trade.trade_id)
        if known is None or known.version < trade.version:
            self._put(trade)
        return self._trades.get(trade.trade_id)

    def renew(self, trade_id: str) -> Trade | None:
        """Read one trade and its attempts again; None if it is closed, or was never opened."""
        found = self._log.ledger.some([trade_id])
        if not found or found[0].is_closed:
            self._drop(trade_id)
            return None
        self._put(found[0])
        attempts = self._log.orders.find(trade_id=trade_id, leg=Leg.CLOSE)
        if attempts:
            self._attempts[trade_id] = sorted(attempts, key=lambda intent: intent.attempt)
        return found[0]

    def _put(self, trade: Trade) -> None:
        if trade.is_closed:
            self._drop(trade.trade_id)
            return
        known = self._trades.get(trade.trade_id)
        levels = self._levels.setdefault(trade.symbol, _Levels())
        if known is not None:
            levels.remove(known)
        levels.add(trade)
        self._trades[trade.trade_id] = trade
        self._symbols.setdefault(trade.symbol, {})[trade.trade_id] = None
        if not trade.exits.is_plain:
            self.follow_every_quote.add(trade.trade_id)

    def _drop(self, trade_id: str) -> None:
        self._attempts.pop(trade_id, None)
        self.follow_every_quote.discard(trade_id)
        trade = self._trades.pop(trade_id, None)
        if trade is None:
            return
        self._levels[trade.symbol].remove(trade)
        held = self._symbols[trade.symbol]
        held.pop(trade_id, None)
        if not held:
            del self._symbols[trade.symbol], self._levels[trade.symbol]
