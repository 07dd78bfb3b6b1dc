"""Profit and loss of all users together, minute by minute of market time, and its fall within an hour.

Kept in the log, so that a restart in a bad hour does not begin with a clean slate. One worker writes it, the
others read it.
"""

from collections.abc import Mapping
from decimal import Decimal

from trading.exchange.gateway import Quote
from trading.market.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from trading.store.order_log import OrderLog, fleet_rows
from trading.store.order_log.records import ZERO


class FleetResult:
    """The series; `note` touches the log at most once a market minute."""

    def __init__(self, log: OrderLog) -> None:
        self._log = log
        self._minute_ms = -1
        self._bids: dict[str, Decimal] = {}

    def see(self, quotes: Mapping[str, Quote]) -> None:
        """Remember bids."""
        self._bids |= {symbol: quote.bid for symbol, quote in quotes.items()}

    def note(self, quotes: Mapping[str, Quote], now_ms: int) -> Decimal | None:
        """Book the result of this market minute once; return the fall within the hour, None if none is new.

        Open positions of all users count at their bids; one without a bid now counts at its last one, else
        at its cost. A worker that does not lead books nothing and returns what the log says.
        """
        self.see(quotes)
        minute_ms = now_ms - now_ms % MINUTE_MS
        if minute_ms == self._minute_ms:
            return None
        self._minute_ms = minute_ms
        now = self._book(minute_ms) if self._log.scope.leads else None
        with self._log.database.read() as connection:
            now = fleet_rows.newest_result(connection) if now is None else now
            highest = fleet_rows.highest_result(connection, minute_ms - HOUR_MS)
        return ZERO if now is None or highest is None else max(ZERO, highest - now)

    def _book(self, minute_ms: int) -> Decimal:
        with self._log.database.write() as connection:
            now = fleet_rows.realised(connection)
            for symbol, (held, cost) in fleet_rows.held_by_symbol(connection).items():
                bid = self._bids.get(symbol)
                now += cost if bid is None else held * bid
            fleet_rows.note_result(connection, minute_ms, now, keep_since_ms=minute_ms - DAY_MS)
        return now
