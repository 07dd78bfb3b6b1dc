"""Prices as whole ticks and amounts as whole steps, and back, without a last digit lost.

A tick is a ratio of whole numbers (0.05 = 5/100), so that tick k stands for exactly one float64: the one
nearest to k × 5 / 100, which is what text like "12.35" is read as.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import floor, isfinite, log10
from typing import Self

from trading.market.errors import BadInput

_MOST = 2**52


@dataclass(frozen=True, slots=True)
class Grid:
    """The values k × `numerator` / `denominator`; the denominator is a power of ten."""

    numerator: int
    denominator: int

    @classmethod
    def of(cls, size: object, name: str = "tick") -> Self:
        """Return the grid of one tick or step, given as a number or as text.

        Raises
        ------
        BadInput
            If it is no positive decimal number, or finer than 1e-15.
        """
        try:
            exact = Decimal(str(size)).normalize()
        except InvalidOperation:
            raise BadInput(f"{name} must be a positive number, was {size!r}") from None
        if not exact.is_finite() or exact <= 0:
            raise BadInput(f"{name} must be a positive number, was {size!r}")
        _, digits, exponent = exact.as_tuple()
        whole = int("".join(map(str, digits)))
        if not isinstance(exponent, int) or exponent < -15 or whole * 10 ** max(exponent, 0) > 10**12:
            raise BadInput(f"{name} must lie between 1e-15 and 1e12, was {size!r}")
        return cls(whole * 10 ** max(exponent, 0), 10 ** max(-exponent, 0))

    @classmethod
    def finest(cls, most: float) -> Self:
        """Return the finest decimal grid on which prices up to `most` are exact whole numbers."""
        if not isfinite(most) or most <= 0:
            raise BadInput(f"a price must be positive and finite, was {most}")
        return cls(1, 10 ** min(22, max(0, 14 - floor(log10(most)))))

    def whole(self, value: float) -> int:
        """Return the nearest whole number of ticks."""
        count = round(value * self.denominator / self.numerator)
        if not 0 <= count < _MOST:
            raise BadInput(f"a price must be below 2^52 of its ticks, was {value} at {self}")
        return count

    def value(self, count: int) -> float:
        """Return the float64 of tick `count`."""
        return count * self.numerator / self.denominator

    def __str__(self) -> str:
        return f"{self.numerator / self.denominator:g}"
