"""What may be held at the same time: the bounds a new entry must meet before it is sized."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class PositionLimits:
    """Bounds over one user's open positions.

    Parameters
    ----------
    max_positions : int
        Most positions open at once.
    max_symbol_cost : Decimal or None
        Most quote units in one symbol; None = no cap.
    max_exposure : Decimal
        Largest share of capital in all positions together.
    """

    max_positions: int = 10
    max_symbol_cost: Decimal | None = None
    max_exposure: Decimal = Decimal("0.80")

    def __post_init__(self) -> None:
        if self.max_positions < 1:
            raise BadInput(f"max_positions must be at least 1, was {self.max_positions}")
        if not 0 < self.max_exposure <= 1:
            raise BadInput(f"max_exposure must lie in (0, 1], was {self.max_exposure}")


def refusal(
    symbol: str, cost: Decimal, held: Mapping[str, Decimal], capital: Decimal, limits: PositionLimits
) -> str | None:
    """Return why a new position of `cost` quote units may not be opened, or None when it may.

    `held` maps each symbol with an open or pending position to its cost in quote units.
    """
    if symbol in held:
        return f"{symbol} already has a position"
    if len(held) >= limits.max_positions:
        return f"{len(held)} positions are open, the limit is {limits.max_positions}"
    if limits.max_symbol_cost is not None and cost > limits.max_symbol_cost:
        return f"{symbol} would cost {cost:f}, the limit per symbol is {limits.max_symbol_cost}"
    exposure = sum(held.values(), Decimal(0)) + cost
    if exposure > capital * limits.max_exposure:
        return f"exposure would be {exposure:f}, the limit is {capital * limits.max_exposure:f}"
    return None
