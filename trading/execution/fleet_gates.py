"""What keeps entries out right now. Asked when an entry is planned and again at the wire.

Everything here blocks entries only. Exits ask one thing of it: whether a flatten wants a position sold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from trading.execution.account_freezes import AccountFreezes
from trading.execution.fleet_book import FleetBook
from trading.execution.fleet_result import FleetResult
from trading.execution.liquidity import Liquidity
from trading.execution.peg_gate import PegGate
from trading.risk import halts
from trading.risk.fleet import ZERO, FleetRules, Wanted, fleet_refusal
from trading.risk.peg import PegRules
from trading.risk.refusal import Refusal
from trading.store.order_log import OrderLog
from trading.store.order_log.halts import Halt, HaltKind
from trading.store.order_log.records import Intent


class FleetGates:
    """Halts as of the last `refresh`, and the caps of the fleet.

    Parameters
    ----------
    book : FleetBook
        What all users have and are about to have.
    liquidity : Liquidity
        What the market bears.
    rules : FleetRules
        The caps.
    exit_rate_per_s : Decimal or None
        Orders that can be sent in a second; None = not known.
    peg : PegRules, optional
        When a dollar coin is off its peg.
    """

    def __init__(
        self,
        log: OrderLog,
        book: FleetBook,
        liquidity: Liquidity,
        rules: FleetRules,
        exit_rate_per_s: Decimal | None = None,
        peg: PegRules | None = None,
    ) -> None:
        self._log = log
        self.book = book
        self.liquidity = liquidity
        self.peg = PegGate(log, peg or PegRules())
        self.freezes = AccountFreezes(log)
        self._rules = rules
        self._exit_rate = exit_rate_per_s
        self.result = FleetResult(log)
        self._halts: Sequence[Halt] = ()
        self._freezes: Sequence[Halt] = ()
        self._version: tuple[int, int] | None = None  # of the halts as they were read
        self._written: dict[str, int] = {}  # of a set; never changes

    def refresh(self) -> None:
        """Read what holds now."""
        # The version first: a halt placed between the two reads is read again next time, never missed.
        version = self._log.halts.version()
        if version != self._version:
            self._halts = self._log.halts.active()
            self._freezes = self._log.halts.freezes()
            self._version = version
        if not self._log.scope.leads:
            self.peg.read()

    @property
    def frozen(self) -> frozenset[str]:
        """Ids of the freezes that hold."""
        return frozenset(halt.halt_id for halt in self._halts if halt.kind is HaltKind.FREEZE)

    def refusal(self, user_id: str, symbol: str, signal_set_id: str) -> Refusal | None:
        """Return why this user may not enter this symbol on this set now, or None."""
        halted = self._halted(user_id, symbol, signal_set_id)
        return halted or self.freezes.refusal(user_id, symbol) or self.peg.refusal()

    def _halted(self, user_id: str, symbol: str, signal_set_id: str) -> Refusal | None:
        halt = halts.blocking(self._halts, user_id, symbol)
        if halt is not None:
            return Refusal("halt", halt.in_words())
        if self._freezes:
            stale = halts.outdated_by(self._freezes, user_id, symbol, self._written_ms(signal_set_id))
            if stale is not None:
                return Refusal("halt", f"the set was made before the end of {stale.in_words()}")
        return None

    def over(self, wanted: Wanted, drafted: Iterable[Wanted] = ()) -> Refusal | None:
        """Return the cap of the fleet that one more entry would break, or None.

        `drafted` are entries of the same plan that are not in the log yet.
        """
        taken = self.book.taken(wanted, drafted)
        room = self.liquidity.room(wanted.symbol)
        return fleet_refusal(wanted, taken, room, self._rules, exit_rate_per_s=self._exit_rate)

    def at_the_wire(self, intent: Intent, now_ms: int) -> Refusal | None:
        """Return why a planned entry may not leave, read afresh: a halt that is committed stops it.

        It is in the book already, so the caps are asked about what is taken. One that is refused gives back
        what it took, so that the next may go.
        """
        self.refresh()
        self.book.refresh(now_ms)
        refusal = self.refusal(intent.user_id, intent.symbol, intent.signal_set_id)
        refusal = refusal or self.over(replace(self.book.of(intent), cost=ZERO))
        if refusal is not None:
            self.book.remove(intent)
        return refusal

    def selling(self, user_id: str, symbol: str) -> Halt | None:
        """Return the flatten that sells this user's position in `symbol`, or None."""
        return halts.selling(self._halts, user_id, symbol)

    def _written_ms(self, signal_set_id: str) -> int:
        if signal_set_id not in self._written:
            self._written[signal_set_id] = self._log.sets.written_wall_ms(signal_set_id)
        return self._written[signal_set_id]
