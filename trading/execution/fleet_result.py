"""Profit and loss of all users together, minute by minute of market time, and its fall within an hour.

Kept in the log, so that a restart in a bad hour does not begin with a clean slate.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from trading.exchange.gateway import Quote
from trading.market.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from trading.store.order_log import OrderLog, fleet_rows
from trading.store.order_log.records import ZERO, Trade


class FleetResult:
    """The series; `note` touches the log at most once a market minute."""

    def __init__(self, log: OrderLog) -> None:
        self._log = log
        self._minute_ms = -1
        self._bids: dict[str, Decimal] = {}

    def note(self, trades: Iterable[Trade], quotes: Mapping[str, Quote], now_ms: int) -> Decimal | None:
        """Book the result of this market minute once; return the fall within the hour, None if none is new.

        Open positions count at their bids; one without a bid now counts at its last one, else at its cost.
        """
        self._bids |= {symbol: quote.bid for symbol, quote in quotes.items()}
        minute_ms = now_ms - now_ms % MINUTE_MS
        if minute_ms == self._minute_ms:
            return None
        self._minute_ms = minute_ms
        open_worth = sum(
            (trade.held * self._bids.get(trade.symbol, trade.open_price) for trade in trades), ZERO
        )
        with self._log.database.write() as connection:
            now = fleet_rows.realised(connection) + open_worth
            fleet_rows.note_result(connection, minute_ms, now, keep_since_ms=minute_ms - DAY_MS)
            highest = fleet_rows.highest_result(connection, minute_ms - HOUR_MS)
        return max(ZERO, (now if highest is None else highest) - now)
