"""Whether a dollar coin has left its peg, look by look, so that one bad print is no depeg. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class PegRules:
    """When entries stop and go on.

    Parameters
    ----------
    most : Decimal
        Distance from 1 beyond which a coin is off its peg; the market regime's bound.
    looks : int
        Looks in a row, on the same side, that it takes.
    back : Decimal
        Distance within which it is back; `looks` in a row again. Below `most`: the gate must not flap.
    """

    most: Decimal = Decimal("0.02")
    looks: int = 2
    back: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        if not 0 < self.back < self.most < 1:
            raise BadInput(f"peg bounds must be 0 < back < most < 1, were {self.back} and {self.most}")
        if self.looks < 1:
            raise BadInput(f"looks must be at least 1, was {self.looks}")


@dataclass(slots=True)
class PegWatch:
    """Remembers how long each pair has been off or back; `off` maps pairs off their peg to their price."""

    rules: PegRules = field(default_factory=PegRules)
    off: dict[str, Decimal] = field(default_factory=dict)
    _streak: dict[str, int] = field(default_factory=dict)

    def look(self, prices: Mapping[str, Decimal]) -> bool:
        """Take one look at pairs of two dollar coins; return whether what is off changed.

        A pair that is missing from a look keeps its state.
        """
        before = set(self.off)
        for symbol, price in prices.items():
            distance = price - 1
            streak = self._streak.get(symbol, 0)
            if symbol in self.off:
                streak = streak + 1 if abs(distance) <= self.rules.back else 0
                if streak >= self.rules.looks:
                    del self.off[symbol]
                    streak = 0
            elif abs(distance) > self.rules.most:
                side = 1 if distance > 0 else -1
                streak = streak + side if streak * side > 0 else side
                if abs(streak) >= self.rules.looks:
                    self.off[symbol] = price
                    streak = 0
            else:
                streak = 0
            self._streak[symbol] = streak
        return set(self.off) != before
