"""Faults in how orders behave: out of sight, half filled, filled before the cancel, refused on a whim."""

from dataclasses import dataclass, field

from trading.simulator.book import Take
from trading.simulator.faults import Fault, Struck
from trading.simulator.orders import Kind, Order, OrderRequest
from trading.simulator.wire import Refusal


@dataclass(slots=True)
class _Veil:
    until_s: float
    calls: int | None


@dataclass(slots=True)
class Veils:
    """Orders that exist but are not shown yet, by order id."""

    _veils: dict[str, _Veil] = field(default_factory=dict)

    def hide(self, fault: Fault, order: Order, wall_s: float) -> None:
        """Keep `order` out of sight as the fault says."""
        calls = int(fault.rule.number("for_calls"))
        until_s = float("inf") if calls else wall_s + fault.rule.number("for_s")
        self._veils[order.order_id] = _Veil(until_s, calls or None)

    def hides(self, order: Order, wall_s: float) -> bool:
        """Return whether `order` is out of sight; asking counts."""
        if not self._veils:
            return False
        veil = self._veils.get(order.order_id)
        if veil is None:
            return False
        if wall_s >= veil.until_s or veil.calls == 0:
            del self._veils[order.order_id]
            return False
        if veil.calls is not None:
            veil.calls -= 1
        return True


def refuse_by_mood(struck: Struck, request: OrderRequest, last: int) -> None:
    """Refuse what the venue does not take today: market orders, or prices outside its band.

    Raises
    ------
    Refusal
        30019 or 30087.
    """
    if struck["market_disabled"] is not None and request.kind is Kind.MARKET:
        raise Refusal(30019, "API market order is disabled")
    band = struck["price_band"]
    if band is not None and request.kind is not Kind.MARKET:
        share = band.rule.number("share")
        if not last * (1 - share) <= request.price <= last * (1 + share):
            raise Refusal(30087, "Order price exceeds allowed range")


def fill_share(struck: Struck) -> float | None:
    """Return which share of an order may ever fill; None: all."""
    fault = struck["partial_fill"]
    return None if fault is None else fault.rule.number("share")


def at_most(order: Order, takes: list[Take]) -> list[Take]:
    """Return the fills of a taker, cut to what the order may ever fill."""
    if order.most is None:
        return takes
    kept, left = [], order.most
    for take in takes:
        if left > 0:
            kept.append(Take(take.price, min(take.steps, left)))
        left -= take.steps
    return kept
