"""What a strategy is: one frozen set of thresholds, shown in the launchpad and hashed into lineage."""

from dataclasses import dataclass

from trading.market.errors import BadInput
from trading.market.thresholds import MovingThreshold


@dataclass(frozen=True, slots=True)
class SignalRules:
    """Which strategy the line runs, the numbers of its default, and the gates around any.

    The default, rsi_regime, is RSI and Bollinger mean reversion, its bound moved by the market's regime:
    entry: RSI below `rsi_entry` × the regime's factor (never outside floor and ceiling) and, unless
    switched off, close below the lower band. Exit: the bar on which RSI rises above `rsi_exit` or the
    close above the middle band, whichever was not so on the bar before.

    Parameters
    ----------
    name : str
        What this set of thresholds is called in reports.
    strategy : str
        Which strategy the line runs: a name of `sluice strategies list`, or the path of a file of yours
        (.toml, or .py, which is run). Empty = the setting `strategy`, rsi_regime unless set.
    rsi_entry, rsi_exit : float
        In RSI points, 0..100; exit above entry.
    use_lower_band, use_middle_band : bool
        Whether the close must be below the lower band to enter; whether crossing the middle exits.
    band_share : float
        How far down from the middle band the lower one counts: 1 = the band itself (2 deviations), 0.75
        = 1.5 deviations. A swing about as long as the band's window widens the band and never leaves it.
    calm_factor, normal_factor, turbulent_factor : float
        Multiply `rsi_entry`; below 1 = stricter. An unknown regime counts as normal.
    rsi_floor, rsi_ceiling : float
        Hard bounds of the moved threshold.
    follows_market : bool
        Whether `threshold_multiplier` of the market's regime moves the bound too: drawn to 1 by little
        history, at least 1.5 while a dollar coin is off its peg. Factors of regimes apply as well.
    is_turbulent_blocked : bool
        Whether a turbulent market takes no entries at all.
    is_depeg_blocked : bool
        Whether no entries are taken while a dollar coin is off its peg: the money itself is in doubt.
    news_block_hours : float
        How long a blocking news event keeps a symbol out; 0 = the gate is off.
    blocking_events : tuple of str
        Event classes of `news_events` that block.
    news_half_life_hours : float
        After this time a headline's sentiment counts half in the feature.
    """

    name: str = "rsi_mean_reversion"
    strategy: str = ""
    rsi_entry: float = 30.0
    rsi_exit: float = 55.0
    use_lower_band: bool = True
    band_share: float = 0.75
    use_middle_band: bool = True
    calm_factor: float = 1.0
    normal_factor: float = 1.0
    turbulent_factor: float = 0.8
    rsi_floor: float = 15.0
    rsi_ceiling: float = 40.0
    follows_market: bool = False
    is_turbulent_blocked: bool = False
    is_depeg_blocked: bool = True
    news_block_hours: float = 24.0
    blocking_events: tuple[str, ...] = ("delisting", "hack", "halt")
    news_half_life_hours: float = 12.0

    def __post_init__(self) -> None:
        if not 0 < self.rsi_entry < self.rsi_exit < 100:
            raise BadInput(
                f"must be 0 < rsi_entry < rsi_exit < 100, were {self.rsi_entry} and {self.rsi_exit}"
            )
        if not 0 < self.rsi_floor <= self.rsi_ceiling < self.rsi_exit:
            raise BadInput(
                "must be 0 < rsi_floor <= rsi_ceiling < rsi_exit, "
                f"were {self.rsi_floor}, {self.rsi_ceiling} and {self.rsi_exit}"
            )
        if not 0 < self.band_share <= 2:
            raise BadInput(f"band_share must lie in (0, 2], was {self.band_share}")
        _ = self.entry_threshold  # refuses factors and bounds that have no meaning
        if self.news_block_hours < 0 or self.news_half_life_hours <= 0:
            raise BadInput(
                "news_block_hours must not be negative and news_half_life_hours must be positive, "
                f"were {self.news_block_hours} and {self.news_half_life_hours}"
            )

    @property
    def entry_threshold(self) -> MovingThreshold:
        """The RSI bound for entries as it moves with the regime."""
        return MovingThreshold(
            base=self.rsi_entry,
            floor=self.rsi_floor,
            ceiling=self.rsi_ceiling,
            calm=self.calm_factor,
            normal=self.normal_factor,
            turbulent=self.turbulent_factor,
            is_upper=True,
        )
