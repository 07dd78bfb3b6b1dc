"""Proof of life of a private stream: an order that was acknowledged over REST must show on it.

A quiet account and a dead stream look alike; only an order of our own tells them apart. Pure.
"""

from collections import OrderedDict

_MEMORY = 4096


class Echoes:
    """Which acknowledged orders the stream still owes."""

    def __init__(self) -> None:
        self._owed: OrderedDict[str, float] = OrderedDict()
        self._heard: OrderedDict[str, None] = OrderedDict()

    def acknowledged(self, order_id: str, now_s: float) -> None:
        """REST has acknowledged this order; its echo may have come before."""
        if order_id not in self._heard:
            self._owed[order_id] = now_s

    def heard(self, order_id: str) -> None:
        """The stream has told of this order."""
        self._owed.pop(order_id, None)
        self._heard[order_id] = None
        while len(self._heard) > _MEMORY:
            self._heard.popitem(last=False)

    def overdue(self, now_s: float, bound_s: float) -> list[str]:
        """Return, once, the orders that were acknowledged `bound_s` ago or longer and never echoed."""
        late = [order_id for order_id, since in self._owed.items() if now_s - since >= bound_s]
        for order_id in late:
            del self._owed[order_id]
        return late

    def forgive(self) -> None:
        """Owe nothing any more: the stream is known to be down, and polling has taken over."""
        self._owed.clear()

    def due_s(self, bound_s: float) -> float | None:
        """Return the wall time at which the next one is overdue."""
        return min(self._owed.values()) + bound_s if self._owed else None
