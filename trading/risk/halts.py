"""What a halt means for orders. Halts block entries only; a flatten also sells. Pure.

==============  =============  =====================  ===============================  ======================
kind            new entries    resting entries        exits                            after it is lifted
==============  =============  =====================  ===============================  ======================
stop_entries    refused        cancelled              all of them go on                entries go on at once
freeze          refused        cancelled              all of them go on                sets from before the
                                                                                       lift never trade, and
                                                                                       every account is read
                                                                                       against the log first
flatten         refused        cancelled              all of them go on, and every     as stop_entries
                                                      position is sold
==============  =============  =====================  ===============================  ======================

Why a freeze keeps its hands off exits: docs/decisions/0035.
"""

from collections.abc import Iterable

from trading.store.order_log.halts import Halt, HaltKind, HaltScope


def blocking(halts: Iterable[Halt], user_id: str, symbol: str) -> Halt | None:
    """Return a halt that keeps this user out of this symbol, the widest first; None = none does."""
    order = {HaltScope.FLEET: 0, HaltScope.USER: 1, HaltScope.SYMBOL: 2}
    found = [halt for halt in halts if halt.covers(user_id, symbol)]
    return min(found, key=lambda halt: (order[halt.scope], halt.at_wall_ms), default=None)


def selling(halts: Iterable[Halt], user_id: str, symbol: str) -> Halt | None:
    """Return the flatten that sells this user's position in this symbol, or None."""
    return blocking((halt for halt in halts if halt.kind is HaltKind.FLATTEN), user_id, symbol)


def outdated_by(freezes: Iterable[Halt], user_id: str, symbol: str, written_wall_ms: int) -> Halt | None:
    """Return the lifted freeze before whose end a signal set was written: such a set is not traded any more.

    Parameters
    ----------
    freezes : iterable of Halt
        Freezes that were lifted (`Halts.freezes`).
    written_wall_ms : int
        This machine's time at which the set was written.
    """
    found = [
        halt
        for halt in freezes
        if halt.covers(user_id, symbol)
        and halt.lifted_wall_ms is not None
        and halt.at_wall_ms <= halt.lifted_wall_ms
        and written_wall_ms <= halt.lifted_wall_ms
    ]
    return min(found, key=lambda halt: halt.at_wall_ms, default=None)
