"""Whether the fills that were told add up to what the orders say was filled.

A fill may be lost on the stream, or show late over REST, while the order already counts it. Then it is
asked for until it is there. Pure; `now_s` is wall time.
"""

from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal

from trading.market.orders import Fill, OrderState

_MEMORY = 20_000
# Asked for this often, with doubling waits, before it is given up: for 5 s at first, about 20 minutes.
_TRIES = 8


@dataclass(slots=True)
class _Claim:
    symbol: str
    filled: Decimal
    due_s: float
    tries: int = 0


class Backing:
    """Fills owed by order. `given_up` counts orders whose fills never came."""

    def __init__(self, patience_s: float) -> None:
        self.given_up = 0
        self._patience_s = patience_s
        self._told: OrderedDict[str, Decimal] = OrderedDict()
        self._claims: dict[str, _Claim] = {}

    def filled(self, fill: Fill) -> None:
        """A fill was told."""
        told = self._told[fill.order_id] = self._told.get(fill.order_id, Decimal(0)) + fill.amount
        self._told.move_to_end(fill.order_id)
        while len(self._told) > _MEMORY:
            self._told.popitem(last=False)
        claim = self._claims.get(fill.order_id)
        if claim is not None and told >= claim.filled:
            del self._claims[fill.order_id]

    def claims(self, order: OrderState, now_s: float) -> None:
        """An order was told that says how much of it is filled."""
        if order.filled <= self._told.get(order.order_id, Decimal(0)):
            return
        known = self._claims.get(order.order_id)
        if known is None or order.filled > known.filled:
            self._claims[order.order_id] = _Claim(order.symbol, order.filled, now_s + self._patience_s)

    def overdue(self, now_s: float) -> list[str]:
        """Return the pairs whose fills have to be asked for now; those given up are counted."""
        symbols = set()
        for order_id, claim in list(self._claims.items()):
            if now_s < claim.due_s:
                continue
            if claim.tries >= _TRIES:
                self.given_up += 1
                # It counts as told, or the next word on the order would claim it again.
                self._told[order_id] = claim.filled
                del self._claims[order_id]
                continue
            claim.tries += 1
            claim.due_s = now_s + self._patience_s * 2**claim.tries
            symbols.add(claim.symbol)
        return sorted(symbols)

    def symbols(self) -> set[str]:
        """Return the pairs with fills that have not come."""
        return {claim.symbol for claim in self._claims.values()}

    def due_s(self) -> float | None:
        """Return when the next claim is due."""
        return min((claim.due_s for claim in self._claims.values()), default=None)
