"""What a scan is asked for. No default here depends on a world's settings."""

from dataclasses import dataclass, field

from trading.market.errors import BadInput
from trading.market.timeframes import timeframe
from trading.screening.rules import ScreeningRules

# What one request brings (see exchange.md, section 1).
PAGE_BARS = 500
_MOST_BARS = 20_000


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """One scan.

    Parameters
    ----------
    is_cold : bool
        Every sound symbol with all its bars, whatever is stored, pre-filter off. Else (warm) only what the
        pre-filter lets through, and of that only the bars that are missing.
    timeframe : str
        Bar length.
    bars : int
        Closed bars of each symbol that the screen looks at.
    symbols : int or None
        At most so many, the most traded first; None = all (cold), or as many as `rules` let through (warm).
    rules : ScreeningRules
        Bounds of pre-filter and screen.

    Raises
    ------
    BadInput, UnknownTimeframe
        If a value is out of bounds; the message names value and bound.
    """

    is_cold: bool = False
    timeframe: str = "15m"
    bars: int = PAGE_BARS
    symbols: int | None = None
    rules: ScreeningRules = field(default_factory=ScreeningRules)

    def __post_init__(self) -> None:
        timeframe(self.timeframe)
        if not 1 <= self.bars <= _MOST_BARS:
            raise BadInput(f"bars must lie between 1 and {_MOST_BARS:,}, was {self.bars}")
        if self.symbols is not None and self.symbols < 1:
            raise BadInput(f"symbols must be at least 1, was {self.symbols}")
