"""The venue's listing read again and again: what left it, was shut, came back or changed its steps.

An engine runs for weeks. A symbol that cannot be traded any more is told at once to whoever holds it, not
when its exit is due; orders are made with today's steps.
"""

from functools import partial

import structlog

from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.market.symbols import Market
from trading.market.timeframes import DAY_MS
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.records import Event

_log = structlog.get_logger("execution.listing_watch")

STEP_S = 60.0
DELISTED = "3"  # MEXC's status of a pair that it still lists and trades no more
_STUCK = "your position stays and its exit is tried again until it can be sold"
_NEWS = {
    "gone": f"the exchange does not list it any more (delisted); no new entries, {_STUCK}",
    "shut": f"the exchange has stopped its trading (halted, or closed to the API); no new entries, {_STUCK}",
    "back": "it can be traded again; exits go on",
}


def state_of(market: Market | None) -> str:
    """Return what a listing says of a symbol: back (it can be traded), shut or gone."""
    if market is None or market.status == DELISTED:
        return "gone"
    return "back" if market.is_api_tradable else "shut"


class ListingWatch:
    """One look at the whole listing a minute. A symbol that is listed for the first time is no news."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[str, str] = {}

    async def step(self) -> int:
        """Take the venue's listing over, and tell holders what it means for them; return how many changed."""
        for symbol, market in self._desk.markets.items():
            self._known.setdefault(symbol, state_of(market))
        with priority(Priority.RECONCILE):
            await self._desk.load_markets()
        now = {symbol: state_of(self._desk.markets.get(symbol)) for symbol in self._known}
        changed = {symbol: state for symbol, state in now.items() if state != self._known[symbol]}
        for symbol, state in sorted(changed.items()):
            await self._tell(symbol, state)
            self._known[symbol] = state
        return len(changed)

    async def _tell(self, symbol: str, state: str) -> None:
        at_ms, day = self._desk.now_ms(), self._desk.wall.now_ms() // DAY_MS
        holders = {trade.user_id for trade in self._desk.log.ledger.open_trades() if trade.symbol == symbol}
        _log.warning("listing_changed", symbol=symbol, state=state, holders=len(holders))
        for user_id in (OPERATOR, *sorted(holders)) if holders else ():
            payload: dict[str, object] = {"symbol": symbol, "state": state, "reason": _NEWS[state]}
            event = Event(f"listing:{symbol}:{state}:{day}:{user_id}", user_id, "listing", payload, at_ms)
            await self._desk.durably(partial(self._desk.log.outbox.post, event))
