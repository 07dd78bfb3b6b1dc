"""What may differ between the venue and the order log, by name; and which of it nobody may trade on."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.store.order_log.reconciliations import Unexplained
from trading.store.order_log.records import ZERO


class Kind(StrEnum):
    """Classes of differences. All but the last two are explained, and put right, by the check itself."""

    TAKEN_OVER = "taken_over"  # an order that the log had given up or was not sure of
    LATE_FILL = "late_fill"  # an execution of ours that was not booked
    FOREIGN_ORDER = "foreign_order"  # somebody else's order on the account
    MANUAL_TRADE = "manual_trade"  # somebody else's execution: external
    OPENING = "opening"  # held before the first check: external
    DEPOSIT = "deposit"  # external
    WITHDRAWAL = "withdrawal"  # external
    DUST = "dust"  # less than a step of the pair
    SHORTAGE = "shortage"  # the venue has less than our positions
    UNKNOWN = "unknown"  # looks like ours and is not in the log, or coins that nobody can have sent

    @property
    def freezes(self) -> bool:
        """Whether entries stop until it is gone or a person has looked."""
        return self in (Kind.SHORTAGE, Kind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `symbol` None: it is about the account; `subject` is an asset or an order id.

    `amount` in units of the asset, or of the order's base asset; above 0: the venue has more.
    """

    kind: Kind
    symbol: str | None
    subject: str
    amount: Decimal = ZERO
    text: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """Return plain values."""
        return {
            "kind": self.kind.value,
            "symbol": self.symbol,
            "subject": self.subject,
            "amount": format(self.amount, "f"),
            "text": self.text,
        }

    def unexplained(self) -> Unexplained:
        """Return it as something to freeze."""
        where = self.symbol or "the account"
        reason = f"{self.kind.value} in {where}: {self.text}"
        return Unexplained(self.symbol, self.kind.value, self.subject, self.amount, reason)
