"""The REST side of one account's feed: which pairs are asked about, since when, and how far is known.

A pair is asked about while an order of the account may still fill there; an idle account costs nothing.
"""

from dataclasses import dataclass

from trading.exchange.feed.account_sequence import OrderSequence
from trading.exchange.feed.backing import Backing
from trading.exchange.gateway import AccountGateway
from trading.exchange.throttle import Priority, priority
from trading.market.orders import Fill, OrderState
from trading.market.timeframes import to_ms

# Asked for again although already told (market time): fills may become visible late.
_OVERLAP_MS = 60_000
# A pair is asked about for this long after its last order ended (wall time), for the same reason.
_AFTER_S = 30.0


@dataclass(slots=True)
class _Pair:
    orders_since_ms: int
    fills_since_ms: int
    is_pinned: bool
    active_s: float


class AccountPolls:
    """Pairs of one account, and how far each is known. `now_s` is wall time, `at_ms` market time."""

    def __init__(self, gateway: AccountGateway, orders: OrderSequence, backing: Backing) -> None:
        self._gateway = gateway
        self._orders = orders
        self._backing = backing
        self._pairs: dict[str, _Pair] = {}
        self._awaited: dict[str, str] = {}

    def watch(self, symbol: str, at_ms: int, now_s: float, *, pinned: bool = False) -> None:
        """Ask about `symbol` from `at_ms` on; pinned pairs also while they are idle."""
        pair = self._pairs.get(symbol)
        if pair is None:
            since_ms = at_ms - _OVERLAP_MS
            self._pairs[symbol] = _Pair(since_ms, since_ms, pinned, now_s)
        else:
            pair.is_pinned |= pinned
            pair.active_s = now_s

    def await_order(self, order_id: str, symbol: str) -> None:
        """An order is at the venue that nothing was told of yet: its pair is active until then."""
        if not self._orders.knows(order_id):
            self._awaited[order_id] = symbol

    def symbols(self, now_s: float) -> list[str]:
        """Return the pairs that have to be asked about, sorted; the others are forgotten."""
        self._awaited = {i: s for i, s in self._awaited.items() if not self._orders.knows(i)}
        active = {order.symbol for order in self._orders.open_orders()}
        active |= set(self._awaited.values()) | self._backing.symbols()
        for symbol, pair in list(self._pairs.items()):
            if symbol in active:
                pair.active_s = now_s
            elif not pair.is_pinned and now_s - pair.active_s > _AFTER_S:
                del self._pairs[symbol]
        return sorted(self._pairs)

    async def ask(self, symbol: str) -> tuple[list[OrderState], list[Fill]]:
        """Return the orders and fills of `symbol` since they were last known; 20 weight.

        Raises
        ------
        ExchangeError
            If either answer is not to be had; then nothing counts as known.
        """
        pair = self._pairs[symbol]
        with priority(Priority.RECONCILE):
            # Orders first: a fill between the two answers is then told, never an order without its fill.
            orders = await self._gateway.orders_since(symbol, pair.orders_since_ms)
            fills = await self._gateway.fills(symbol, since_ms=pair.fills_since_ms)
        return orders, fills

    def answered(self, symbol: str, asked_ms: int) -> None:
        """What `ask` returned has been told: it goes on from `asked_ms`, a market time before it.

        Where fills are still owed, they are asked for from where they were last known to be whole.
        """
        pair = self._pairs[symbol]
        if symbol not in self._backing.symbols():
            pair.fills_since_ms = max(pair.fills_since_ms, asked_ms - _OVERLAP_MS)
        live = [to_ms(order.at) for order in self._orders.open_orders() if order.symbol == symbol]
        pair.orders_since_ms = min([asked_ms - _OVERLAP_MS, *live])

    async def audit(self) -> str | None:
        """Compare the resting orders with REST, at 3 weight a pair; return what was not told, or None.

        Raises
        ------
        ExchangeError
            If REST does not answer: then nothing is proven.
        """
        known = {order.order_id: order for order in self._orders.open_orders()}
        for symbol in sorted({order.symbol for order in known.values()}):
            with priority(Priority.SCAN):
                listed = {order.order_id: order for order in await self._gateway.open_orders(symbol)}
            # What was told while REST answered is no longer resting, or further than this.
            resting = {order.order_id: order for order in self._orders.open_orders()}
            for order_id, order in known.items():
                if order.symbol != symbol or resting.get(order_id) != order:
                    continue
                found = listed.get(order_id)
                if found is None or found.filled != order.filled:
                    return f"order {order_id} is not what the stream last told"
        return None
