"""One user: what they allow the engine to do with their account. Values only."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.market.errors import BadInput

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Mode(StrEnum):
    """Paper is the default. Live is chosen on purpose, with consent; the engine says why it is not open."""

    PAPER = "paper"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class User:
    """One user and their bounds.

    `account` names a key in the key ring (never the key itself). `capital` in quote units;
    `risk_per_trade` and `daily_loss_limit` are fractions of it. An empty `allowed` allows everything
    that is not `blocked`.
    """

    user_id: str
    name: str
    account: str
    mode: Mode = Mode.PAPER
    capital: Decimal = Decimal(10_000)
    risk_per_trade: Decimal = Decimal("0.01")
    max_positions: int = 5
    daily_loss_limit: Decimal = Decimal("0.05")
    allowed: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    is_paused: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.user_id):
            raise BadInput(f"user id must be 1 to 32 letters, digits, - or _, was {self.user_id!r}")
        if not self.capital.is_finite() or not self.capital > 0:
            raise BadInput(f"capital must be above 0, was {self.capital}")
        if self.max_positions < 1:
            raise BadInput(f"max_positions must be at least 1, was {self.max_positions}")
        for name in ("risk_per_trade", "daily_loss_limit"):
            value = getattr(self, name)
            if not value.is_finite() or not 0 < value < 1:
                raise BadInput(f"{name} must lie between 0 and 1, was {value}")

    def refuses(self, symbol: str) -> str | None:
        """Return why this user does not trade `symbol`, or None if they do."""
        if symbol in self.blocked:
            return f"{symbol} is on the user's block list"
        if self.allowed and symbol not in self.allowed:
            return f"{symbol} is not on the user's list of allowed symbols"
        return None
