"""What the market's regime is judged by: lengths, bounds, known dollar coins. No rule is applied here."""

from dataclasses import dataclass
from datetime import UTC, datetime

from trading.market.errors import BadInput

# Coins that promise to be worth a dollar; a pair of two of them is a witness of that promise.
DOLLARS = (
    *("USDT", "USDC", "FDUSD", "TUSD", "DAI", "USDE", "USD1", "PYUSD", "RLUSD", "USDP", "BUSD", "USDS"),
    "UST",
)
# A promise that was given up: from then on its pairs witness nothing, and are not the market either. UST
# broke in May 2022 and goes on as USTC, which promises nothing.
PROMISED_UNTIL = {"UST": datetime(2022, 6, 1, tzinfo=UTC)}


@dataclass(frozen=True, slots=True)
class RegimeSettings:
    """Lengths in bars and bounds of the multipliers.

    Parameters
    ----------
    half_life : int
        Of the EWMA variances.
    trend_bars : int
        Of the means that breadth and trend are held against.
    history : int
        Bars of its own past that volatility is ranked in.
    min_history : int
        Bars before a regime is named.
    reference : str
        The symbol whose trend stands for the market's.
    panic_breadth : float
        Breadth below which, with the reference falling, a normal market counts as turbulent.
    asked : tuple of 3 floats
        Raw threshold multiplier in calm, normal and turbulent markets.
    asked_off_peg : float
        Raw threshold multiplier while a dollar coin is off its peg, unless the regime asks for more.
    dollars : tuple of str
        Coins that promise a dollar: pairs of two of them are witnesses of the peg and no part of the
        market; pairs quoted in one of them make the turnover.
    max_peg_deviation : float
        Distance from 1, as a fraction, beyond which a dollar coin is off its peg.
    peg_stale_bars : int
        Bars for which the last price of a dollar pair stands in where it has no bar.
    filter_widths : tuple of 2 floats
        Standard deviation of a bar in the quiet and the loud state of the filter, over the usual one.
    filter_stays : tuple of 2 floats
        Probability that the quiet and the loud state last another bar.
    shrink_bars : int
        A multiplier counts n / (n + shrink_bars), n the bars of history: little data asks for little.
    threshold_bounds, stop_bounds : tuple of (floor, ceiling)
    """

    half_life: int = 24
    trend_bars: int = 50
    history: int = 1000
    min_history: int = 120
    reference: str = "BTC/USDT"
    panic_breadth: float = 0.2
    asked: tuple[float, float, float] = (0.9, 1.0, 1.4)
    asked_off_peg: float = 1.5
    dollars: tuple[str, ...] = DOLLARS
    max_peg_deviation: float = 0.02
    peg_stale_bars: int = 4
    filter_widths: tuple[float, float] = (0.8, 2.2)
    filter_stays: tuple[float, float] = (0.98, 0.94)
    shrink_bars: int = 200
    threshold_bounds: tuple[float, float] = (0.8, 1.5)
    stop_bounds: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        """Refuse lengths and bounds that have no meaning."""
        for name in ("half_life", "trend_bars", "history", "min_history"):
            if getattr(self, name) < 2:
                raise BadInput(f"{name} must be at least 2 bars, was {getattr(self, name)}")
        for name in ("threshold_bounds", "stop_bounds"):
            floor, ceiling = getattr(self, name)
            if not 0 < floor <= 1 <= ceiling:
                raise BadInput(f"{name} must hold 1 and be above 0, were {floor} and {ceiling}")
        if not 0 < self.max_peg_deviation < 1:
            raise BadInput(f"max_peg_deviation must be in 0..1, was {self.max_peg_deviation}")
        if self.peg_stale_bars < 0:
            raise BadInput(f"peg_stale_bars must not be negative, was {self.peg_stale_bars}")
        quiet, loud = self.filter_widths
        if not 0 < quiet < loud:
            raise BadInput(f"filter_widths must be above 0 and rising, were {quiet} and {loud}")
        for stay in self.filter_stays:
            if not 0 < stay < 1:
                raise BadInput(f"filter_stays must lie between 0 and 1, was {stay}")

    def is_peg(self, symbol: str) -> bool:
        """Return whether `symbol` is a pair of two dollar coins."""
        base, _, quote = symbol.partition("/")
        return base in self.dollars and quote in self.dollars

    def promised_until(self, symbol: str) -> datetime | None:
        """Return when the first coin of a pair gave up its promise of a dollar; None = it stands."""
        ends = [PROMISED_UNTIL[coin] for coin in symbol.split("/") if coin in PROMISED_UNTIL]
        return min(ends, default=None)

    def is_in_dollars(self, symbol: str) -> bool:
        """Return whether `symbol` is quoted in a dollar coin."""
        return symbol.partition("/")[2] in self.dollars
