"""What reconciliation froze, as the engine asks it: entries only, per user and symbol or whole account."""

from trading.risk.refusal import Refusal
from trading.store.order_log import OrderLog


class AccountFreezes:
    """Freezes as of the last `refresh`; read from SQL at the start, so that no restart lifts one."""

    def __init__(self, log: OrderLog) -> None:
        self._log = log
        self._reasons: dict[tuple[str, str | None], str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what holds now."""
        self._reasons = {(one.user_id, one.symbol): one.reason for one in self._log.reconciliations.frozen()}

    def holds(self, user_id: str, symbol: str) -> bool:
        """Whether this user's account is in doubt as far as `symbol` goes."""
        return (user_id, symbol) in self._reasons or (user_id, None) in self._reasons

    def refusal(self, user_id: str, symbol: str) -> Refusal | None:
        """Return why this user may not enter `symbol`, or None."""
        if not self.holds(user_id, symbol):
            return None
        reason = self._reasons.get((user_id, symbol)) or self._reasons[user_id, None]
        return Refusal("account_frozen", f"venue and log do not agree: {reason} (sluice reconcile)")
