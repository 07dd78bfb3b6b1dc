"""Open positions watched, and left: stop, target and maximum hold by the one exit machine of `trading.risk`.

Why a position is left: `exit_reasons.py`; how it is sold: `selling.py`.

Exits arm from the order log alone, so they are armed the moment a process starts. A print that the
price watch doubts sells nothing: the second look, a second later, decides.
"""

from collections.abc import Mapping
from functools import partial

import structlog

from trading.exchange.gateway import Quote
from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.execution.exit_reasons import ExitReasons
from trading.execution.fleet_result import FleetResult
from trading.execution.selling import Seller
from trading.execution.wire import Wire
from trading.market.errors import SluiceError
from trading.store.order_log.records import IN_FLIGHT, Intent, IntentStatus, Leg, Trade

_log = structlog.get_logger("execution.exits")


class Exits:
    """Watches every open trade with one call for all quotes, and sells."""

    def __init__(self, desk: Desk, wire: Wire) -> None:
        self._desk = desk
        self._reasons = ExitReasons(desk)
        self._seller = Seller(desk, wire)
        self._result = FleetResult(desk.log)

    async def step(self) -> int:
        """Look once at all open trades; return how many there are. Goes before all other requests."""
        with priority(Priority.EXIT):
            return await self._step()

    async def _step(self) -> int:
        self._desk.fleet.refresh()
        await self._void_unsent()
        trades = self._desk.log.ledger.open_trades()
        if not trades:
            self._note_result(trades, {})
            return 0
        before = self._desk.log.orders.exits_of_open_trades()
        self._seller.begin()
        self._reasons.refresh()
        quotes = await self._desk.quotes(trade.symbol for trade in trades)
        self._note_result(trades, quotes)
        paid = {trade.symbol: (trade.open_price, trade.opened_ms) for trade in trades}
        believed = self._desk.prices.believe(quotes, paid, at_ms=self._desk.now_ms())
        await self._desk.together(
            partial(self._watch, trade, before.get(trade.trade_id, []), quotes.get(trade.symbol))
            for trade in trades
            if trade.user_id not in self._desk.unreplayed
            and (trade.symbol in believed or trade.symbol not in quotes)
        )
        return len(trades)

    def _note_result(self, trades: list[Trade], quotes: Mapping[str, Quote]) -> None:
        fall = self._result.note(trades, quotes, self._desk.now_ms())
        if fall is not None:
            self._desk.fleet.book.drawdown = fall

    async def _void_unsent(self) -> None:
        """An exit that was written and not sent (a crash between) has an old price: plan it anew."""
        for intent in self._desk.log.orders.find(statuses=[IntentStatus.NEW], leg=Leg.CLOSE):
            why = "not sent before the engine stopped"
            await self._desk.durably(partial(self._desk.log.orders.void, intent.coid, why))

    async def _watch(self, trade: Trade, before: list[Intent], quote: Quote | None) -> None:
        if any(intent.status in IN_FLIGHT for intent in before) or not self._seller.pace.is_due(
            trade.trade_id
        ):
            return
        try:
            reason = self._reasons.of(trade, before, quote)
            if reason is not None:
                await self._seller.leave(trade, before, reason, quote)
        except SluiceError as error:
            self._seller.pace.put_off(trade.trade_id)
            await self._desk.told.note(trade.user_id, error)
            _log.warning("exit_failed", user=trade.user_id, symbol=trade.symbol, error=f"{error!r}")
