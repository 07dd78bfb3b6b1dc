"""Every listed price looked at every few seconds, so that a jump is held before anybody trades on it.

What is held or about to be entered is judged by its own loops, far more often; this one is for all the rest.
"""

from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk


class MarketWatch:
    """One call for all quotes, judged by the desk's price watch. Goes behind all other requests."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def step(self) -> int:
        """Look once at the whole market; return how many were judged (0: the look is not believed)."""
        with priority(Priority.SCAN):
            quotes = await self._desk.quotes(self._desk.markets)
        self._desk.fleet.peg.look(quotes, self._desk.now_ms())
        self._desk.fleet.result.see(quotes)
        return self._desk.prices.survey(quotes, at_ms=self._desk.now_ms())
