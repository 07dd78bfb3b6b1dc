"""What keeps entries out right now. Asked when an entry is planned and again at the wire.

Everything here blocks entries only. Exits ask one thing of it: whether a flatten wants a position sold.
"""

from collections.abc import Sequence

from trading.risk import halts
from trading.risk.refusal import Refusal
from trading.store.order_log import OrderLog
from trading.store.order_log.halts import Halt, HaltKind
from trading.store.order_log.records import Intent


class FleetGates:
    """Halts as of the last `refresh`. The order log is read each time: others place and lift them."""

    def __init__(self, log: OrderLog) -> None:
        self._log = log
        self._halts: Sequence[Halt] = ()
        self._freezes: Sequence[Halt] = ()
        self._written: dict[str, int] = {}  # of a set; never changes

    def refresh(self) -> None:
        """Read what holds now."""
        self._halts = self._log.halts.active()
        self._freezes = self._log.halts.freezes()

    @property
    def frozen(self) -> frozenset[str]:
        """Ids of the freezes that hold."""
        return frozenset(halt.halt_id for halt in self._halts if halt.kind is HaltKind.FREEZE)

    def refusal(self, user_id: str, symbol: str, signal_set_id: str) -> Refusal | None:
        """Return why this user may not enter this symbol on this set now, or None."""
        halt = halts.blocking(self._halts, user_id, symbol)
        if halt is not None:
            return Refusal("halt", halt.in_words())
        if self._freezes:
            stale = halts.outdated_by(self._freezes, user_id, symbol, self._written_ms(signal_set_id))
            if stale is not None:
                return Refusal("halt", f"the set was made before the end of {stale.in_words()}")
        return None

    def at_the_wire(self, intent: Intent) -> Refusal | None:
        """Return why a planned entry may not leave, read afresh: a halt that is committed stops it."""
        self.refresh()
        return self.refusal(intent.user_id, intent.symbol, intent.signal_set_id)

    def selling(self, user_id: str, symbol: str) -> Halt | None:
        """Return the flatten that sells this user's position in `symbol`, or None."""
        return halts.selling(self._halts, user_id, symbol)

    def _written_ms(self, signal_set_id: str) -> int:
        if signal_set_id not in self._written:
            self._written[signal_set_id] = self._log.sets.written_wall_ms(signal_set_id)
        return self._written[signal_set_id]
