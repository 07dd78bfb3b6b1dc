"""What may be held at the same time: the bounds a new entry must meet before it is sized."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trading.market.errors import BadInput
from trading.risk.refusal import Refusal


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
) -> Refusal | None:
    """Return the bound that a new position of `cost` quote units would break, or None when it may be opened.

    Rules: `held`, `max_positions`, `symbol_cost`, `max_exposure`, each but the first with value and bound.

    `held` maps each symbol with an open or pending position to its cost in quote units.
    """
    if symbol in held:
        return Refusal("held", f"{symbol} already has a position")
    if len(held) >= limits.max_positions:
        said = f"{len(held)} positions are open, the limit is {limits.max_positions}"
        return Refusal("max_positions", said, Decimal(len(held)), Decimal(limits.max_positions))
    if limits.max_symbol_cost is not None and cost > limits.max_symbol_cost:
        said = f"{symbol} would cost {cost:f}, the limit per symbol is {limits.max_symbol_cost}"
        return Refusal("symbol_cost", said, cost, limits.max_symbol_cost)
    exposure, bound = sum(held.values(), Decimal(0)) + cost, capital * limits.max_exposure
    if exposure > bound:
        said = f"exposure would be {exposure:f}, the limit is {bound:f}"
        return Refusal("max_exposure", said, exposure, bound)
    return None
