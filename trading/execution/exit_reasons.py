"""Why an open position is to be left now: the one exit machine of `trading.risk`, and what goes before it.

A symbol whose delisting is announced with a time is left before it, whatever the price; and everything of a
user who asked to close all. Once an exit has begun it goes on until nothing sellable is left, whatever the
price does then.
"""

from collections.abc import Mapping

from trading.exchange.gateway import Quote
from trading.execution.desk import Desk
from trading.risk.exits import ExitRules, PriceBar, exit_decision
from trading.store.order_log.records import Intent, IntentStatus, Trade
from trading.users.gates import CLOSE_ALL

DELISTING = "delisting"  # the exit reason of a position whose symbol stops trading
FLATTEN = "flatten"  # of a position that a person ordered sold


class ExitReasons:
    """Says of each open trade why it is left, if it is."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._leaving: Mapping[str, object] = {}  # symbols that stop trading soon, as of this step
        self._closing: set[str] = set()  # users who asked to close everything

    def refresh(self) -> None:
        """Read what the log orders sold: symbols that end, users who close."""
        lead_ms = self._desk.settings.delisting_lead_s * 1000
        self._leaving = self._desk.log.news_holds.leaving(self._desk.now_ms(), lead_ms)
        self._closing = {request.user_id for request in self._desk.log.wishes.open_requests(CLOSE_ALL)}

    def of(self, trade: Trade, before: list[Intent], quote: Quote | None) -> str | None:
        """Return the reason, or None while it stays. `before` are the exit attempts made so far."""
        begun = [intent for intent in before if intent.status is not IntentStatus.VOID]
        if self._desk.fleet.selling(trade.user_id, trade.symbol) is not None:
            return begun[-1].exit_reason if begun else FLATTEN
        # A flatten that was lifted sells no more; any other exit that has begun goes on.
        if begun and begun[-1].exit_reason != FLATTEN:
            return begun[-1].exit_reason
        if trade.user_id in self._closing:
            return CLOSE_ALL
        if trade.symbol in self._leaving:
            return DELISTING
        is_over = self._desk.now_ms() >= trade.deadline_ms
        if quote is None:
            return "max_hold" if is_over else None
        # One rule book for backtest and live: here a bar is an instant, and the hold is 1 when over.
        rules = ExitRules(
            stop_loss=float(trade.stop_loss),
            take_profit=None if trade.take_profit is None else float(trade.take_profit),
            max_hold_bars=1,
        )
        now, tick = PriceBar.at(float(quote.bid)), self._desk.market(trade.symbol).tick
        found = exit_decision(rules, now, entry=float(trade.open_price), bars_held=int(is_over), tick=tick)
        return None if found is None else found.reason
