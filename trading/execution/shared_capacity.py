"""How much of a symbol's capacity the entries of one signal set have taken, all users together.

The gate approved a symbol for the users of that night; users join, capital grows. What the set says that the
symbol bears is not gone beyond: a tally in memory, read from the log once; what other workers take is counted
before each plan, and the plan is written only if they took nothing meanwhile (`takes`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from trading.market.orders import TradeSignal
from trading.store.order_log import OrderLog, takes
from trading.store.order_log.records import Intent
from trading.store.order_log.takes import Take

_SETS_KEPT = 16  # an expired set is never traded, and few are live at once


@dataclass(slots=True)
class Claim:
    """Room taken by entries that are not on disk yet."""

    is_kept: bool = False


class SharedCapacity:
    """The tally of each live set; a set that is not known yet is read from the log (a restart)."""

    def __init__(self, log: OrderLog) -> None:
        self._log = log
        self._sets: dict[str, dict[str, Decimal]] = {}
        self._read_at: dict[str, int] = {}  # set -> the newest take when its tally was read

    def refusal(self, signal_set_id: str, signal: TradeSignal, cost: Decimal) -> str | None:
        """Return why an entry of `cost` quote units, fee included, finds no room; None where it does.

        A signal without a capacity (of a set from before there was one) bears everything.
        """
        if signal.capacity_quote is None:
            return None
        taken = self._tally(signal_set_id).get(signal.symbol, Decimal(0))
        if taken + cost <= signal.capacity_quote:
            return None
        room = f"{signal.symbol} bears {signal.capacity_quote:.2f} of all users together"
        return f"{room}, {taken:.2f} are taken, {cost:.2f} do not fit"

    def count(self, found: Iterable[Take]) -> None:
        """Count what other workers took."""
        for take in found:
            tally = self._sets.get(take.signal_set_id)
            if tally is not None and take.seq > self._read_at[take.signal_set_id]:
                tally[take.symbol] = tally.get(take.symbol, Decimal(0)) + take.cost

    @contextmanager
    def claim(self, signal_set_id: str, intents: Sequence[Intent]) -> Iterator[Claim]:
        """Count entries while they are being written down; given back unless the block says `is_kept`."""
        claim = Claim()
        self._add(signal_set_id, intents, 1)
        try:
            yield claim
        finally:
            if not claim.is_kept:
                self._add(signal_set_id, intents, -1)

    def _add(self, signal_set_id: str, intents: Sequence[Intent], sign: int) -> None:
        tally = self._tally(signal_set_id)
        for intent in intents:
            tally[intent.symbol] = tally.get(intent.symbol, Decimal(0)) + sign * intent.reserved

    def _tally(self, signal_set_id: str) -> dict[str, Decimal]:
        if signal_set_id not in self._sets:
            while len(self._sets) >= _SETS_KEPT:
                oldest = next(iter(self._sets))
                del self._sets[oldest], self._read_at[oldest]
            # Before the tally: a take between the two is counted twice rather than not at all.
            with self._log.database.read() as connection:
                self._read_at[signal_set_id] = takes.last(connection)
            self._sets[signal_set_id] = self._log.orders.committed(signal_set_id)
        return self._sets[signal_set_id]
