"""What the matching engine tells as it happens: orders, fills and changed balances of one account.

A port, no more: the engine calls it in the middle of its work, whoever listens must be quick and
must not call back. The private streams listen; `NOBODY` does where there are none.
"""

from typing import Protocol

from trading.simulator.accounts import Account
from trading.simulator.orders import Order, Trade

# MEXC's names of what changes a balance.
PLACED = "ENTRUST_PLACE"
DEALT = "ENTRUST"
CANCELLED = "ENTRUST_CANCEL"
UNFROZEN = "ENTRUST_UNFROZEN"


class AccountEvents(Protocol):
    """Somebody who hears of every change of an account, in the order in which they happen."""

    def order_changed(self, order: Order) -> None:
        """An order was accepted or has ended without (further) filling; `order.updated_ms` is when."""
        ...

    def filled(self, order: Order, trade: Trade) -> None:
        """A fill is booked: `order.executed` and `order.spent` hold it, `order.status` may not yet."""
        ...

    def balances_changed(self, account: Account, assets: tuple[str, ...], cause: str, at_ms: int) -> None:
        """Wallets of `assets` may have changed at market time `at_ms` because of `cause`."""
        ...


class _Nobody:
    def order_changed(self, order: Order) -> None:
        pass

    def filled(self, order: Order, trade: Trade) -> None:
        pass

    def balances_changed(self, account: Account, assets: tuple[str, ...], cause: str, at_ms: int) -> None:
        pass


NOBODY: AccountEvents = _Nobody()
