"""A strategy or model that was not traded before trades few users first, with less. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trading.market.errors import BadInput
from trading.market.lineage import digest

CANARY, PROMOTED, STOPPED = "canary", "promoted", "stopped"


@dataclass(frozen=True, slots=True)
class CanaryRules:
    """How a new strategy earns its place.

    Parameters
    ----------
    users : int
        So many users trade it first; drawn by seed and strategy. 0 = no canaries: all trade at once.
    stake_share : Decimal
        Of risk per trade and largest position, for those users.
    trades : int
        Closed trades that it needs ...
    days : int
        ... and days of market time.
    least : Decimal
        Profit over cost of its closed trades below which it is stopped instead of promoted, then.
    """

    users: int = 3
    stake_share: Decimal = Decimal("0.5")
    trades: int = 20
    days: int = 1
    least: Decimal = Decimal("-0.02")

    def __post_init__(self) -> None:
        if self.users < 0 or self.trades < 1 or self.days < 0:
            was = f"{self.users}, {self.trades}, {self.days}"
            raise BadInput(f"canary needs users >= 0, trades >= 1, days >= 0, was {was}")
        if not 0 < self.stake_share <= 1:
            raise BadInput(f"stake_share must lie in (0, 1], was {self.stake_share}")


def drawn(users: Iterable[str], strategy_id: str, seed: int, rules: CanaryRules) -> list[str]:
    """Return who trades a canary: the same for the same users, strategy and seed; sorted."""
    order = sorted(users, key=lambda user_id: digest(str(seed), strategy_id, user_id))
    return sorted(order[: rules.users])


def verdict(trades: int, profit: Decimal | None, days: float, rules: CanaryRules) -> str:
    """Return what becomes of a canary: it goes on, is promoted, or is stopped.

    Parameters
    ----------
    trades : int
        Closed so far.
    profit : Decimal or None
        Sum of profit over sum of cost; None before the first.
    days : float
        Of market time since it was first seen.
    """
    if trades < rules.trades or days < rules.days or profit is None:
        return CANARY
    return STOPPED if profit < rules.least else PROMOTED
