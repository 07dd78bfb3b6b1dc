"""One account's news, each told once: orders only forwards, fills by trade id, balances when they change.

Pure. A fill counts as told by its trade id alone, whichever way and however late it came.
"""

from collections import OrderedDict
from collections.abc import Iterable

from trading.exchange.feed.events import Origin
from trading.market.orders import Balance, Fill, OrderState
from trading.market.timeframes import to_ms

# Ended orders and told trade ids that are remembered: a week of a busy account.
_MEMORY = 20_000


class OrderSequence:
    """The newest state of each order; a state that lies behind a known one is no news."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, OrderState] = OrderedDict()
        self._live: dict[str, OrderState] = {}

    def offer(self, order: OrderState) -> OrderState | None:
        """Return `order` if it goes beyond what was told of it, else None."""
        known = self._orders.get(order.order_id)
        if known is not None and not _goes_beyond(order, known):
            return None
        self._orders[order.order_id] = order
        self._orders.move_to_end(order.order_id)
        if order.status.is_terminal:
            self._live.pop(order.order_id, None)
        else:
            self._live[order.order_id] = order
        while len(self._orders) > _MEMORY:
            self._orders.popitem(last=False)
        return order

    def knows(self, order_id: str) -> bool:
        """Whether anything was told of this order."""
        return order_id in self._orders

    def open_orders(self) -> list[OrderState]:
        """Return the orders that can still fill, as far as is known."""
        return list(self._live.values())


def _goes_beyond(order: OrderState, known: OrderState) -> bool:
    if order.filled != known.filled:
        return order.filled > known.filled
    if known.status.is_terminal:
        return False
    return order.status is not known.status


class FillSequence:
    """Which executions were told; `last_ms` is the newest of each symbol (market time)."""

    def __init__(self) -> None:
        self.last_ms: dict[str, int] = {}
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    def offer(self, fills: Iterable[Fill]) -> list[Fill]:
        """Return those that were not told yet, in venue time."""
        fresh = []
        for fill in sorted(fills, key=lambda fill: (fill.at, fill.trade_id)):
            key = (fill.symbol, fill.trade_id)
            if key in self._told:
                continue
            self._told[key] = None
            self.last_ms[fill.symbol] = max(self.last_ms.get(fill.symbol, 0), to_ms(fill.at))
            fresh.append(fill)
        while len(self._told) > _MEMORY:
            self._told.popitem(last=False)
        return fresh


class BalanceSequence:
    """The newest balance of each asset."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Balance]] = {}

    def offer(self, balance: Balance, at_ms: int, source: Origin) -> Balance | None:
        """Return `balance` if it is newer than the one told (by market time `at_ms`) and differs.

        REST's word has no time. It was asked for after everything told before, so it goes beyond that.
        """
        known = self._known.get(balance.asset)
        if known is not None and source is Origin.POLL:
            at_ms = max(at_ms, known[0])
        if known is not None and at_ms < known[0]:
            return None
        self._known[balance.asset] = (at_ms, balance)
        return None if known is not None and known[1] == balance else balance
