"""From what the venue says of an order to booked executions."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from trading.exchange.gateway import AccountGateway
from trading.execution.desk import ENTRY_HAS_S, Desk
from trading.market.orders import Fill, OrderState
from trading.store.order_log.ledger import Booking
from trading.store.order_log.positions import assets
from trading.store.order_log.records import Intent, Leg


class Settler:
    """Fetches the executions of an order and books them, with its status, in one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def settle(
        self,
        gateway: AccountGateway,
        intent: Intent,
        state: OrderState,
        fills: Sequence[Fill] | None = None,
    ) -> Booking:
        """Book what `state` says happened; executions the venue does not list yet stay expected.

        `fills` are its executions where a stream told all of them; None = the venue is asked.
        """
        if fills is None and state.filled > intent.filled:
            listed = await gateway.fills(state.symbol, order_id=state.order_id)
            fills = [fill for fill in listed if fill.order_id == state.order_id]
        prices = await self._fee_prices(fills or ())
        book = partial(self._desk.log.ledger.book, at_ms=self._desk.now_ms(), fee_prices=prices)
        has_s = ENTRY_HAS_S if intent.leg is Leg.OPEN else 0.0
        return await self._desk.durably(partial(book, intent.coid, state, fills or ()), within_s=has_s)

    async def _fee_prices(self, fills: Sequence[Fill]) -> dict[str, Decimal]:
        """Return mid prices, in the pair's quote asset, of third assets in which fees were taken."""
        wanted = {
            (fill.fee_asset, assets(fill.symbol)[1])
            for fill in fills
            if fill.fee != 0 and fill.fee_asset not in assets(fill.symbol)
        }
        if not wanted:
            return {}
        pairs = {f"{asset}/{quote}": asset for asset, quote in wanted}
        quotes = await self._desk.quotes(pairs)
        return {pairs[symbol]: (quote.bid + quote.ask) / 2 for symbol, quote in quotes.items()}
