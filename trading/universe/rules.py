"""The bounds by which one instrument is told from another, in one frozen value. No rule is applied here."""

from dataclasses import dataclass

from trading.market.errors import BadInput

DAY_S = 86_400.0
_SIMPLE = (2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 25, 40, 50, 100, 200, 250, 500, 1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class InstrumentRules:
    """When a name starts to mean another instrument. Ratios are factors, 3.0 = three times or a third.

    Parameters
    ----------
    min_hole_s : float
        A hole in the bars at least this long may be a delisting and a listing.
    min_scale : float
        ... if the first price after it is this many times the last one before it, or one such part.
    split_ratios : tuple of float
        Ratios (or one over them) of splits, swaps and re-denominations.
    min_gap : float
        Least ratio of a bar's open to the close before it that is looked at at all. Continuous trading
        does not print it: over 2.97 million recorded bars the largest was below 1.23 but for LUNA.
    ratio_tolerance : float
        How far, as a fraction, a price jump may lie beside a simple ratio.
    volume_share_min, volume_share_max : float
        Base volume moves against the price; by this share of the price's own jump, in logarithms.
    around_bars : int
        Bars before and after a jump whose medians are compared.
    min_bars_after : int
        With fewer bars after a jump nothing is decided yet (the jump guard holds the symbol meanwhile).
    lasting : float
        Prices after a split stay within this factor of the jump's ratio: a bad print does not.
    move_bound : float
        A close this many times below the highest (or above the lowest) price of `move_window_s` is
        flagged. It cuts nothing: a crash is the same instrument's history.
    move_window_s : float
        Seconds of bar time.
    silent_s : float
        An instrument that no listing names is over when it printed nothing for so long.
    relist_after_s : float
        A pair that was gone from the listing at least this long is another instrument when it returns.
    max_missing_share : float
        A listing that lacks more than this share of the known pairs is partial: nobody is ended by it.
    """

    min_hole_s: float = DAY_S
    min_scale: float = 3.0
    split_ratios: tuple[float, ...] = _SIMPLE
    min_gap: float = 1.8
    ratio_tolerance: float = 0.05
    volume_share_min: float = 0.4
    volume_share_max: float = 2.5
    around_bars: int = 24
    min_bars_after: int = 3
    lasting: float = 1.5
    move_bound: float = 5.0
    move_window_s: float = DAY_S
    silent_s: float = 2 * DAY_S
    relist_after_s: float = DAY_S
    max_missing_share: float = 0.2

    def __post_init__(self) -> None:
        """Refuse bounds under which every bar, or none, would be a new instrument."""
        for name in ("min_scale", "min_gap", "lasting", "move_bound"):
            if not getattr(self, name) > 1:
                raise BadInput(f"{name} must be above 1, was {getattr(self, name)}")
        for name in ("min_hole_s", "move_window_s", "silent_s", "relist_after_s"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be above 0, was {getattr(self, name)}")
        for name in ("around_bars", "min_bars_after"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, was {getattr(self, name)}")
        if not 0 < self.ratio_tolerance < 0.2:
            raise BadInput(f"ratio_tolerance must lie between 0 and 0.2, was {self.ratio_tolerance}")
        if not self.split_ratios or min(self.split_ratios) <= 1:
            raise BadInput(f"split_ratios must be factors above 1, were {self.split_ratios}")
        if not 0 < self.max_missing_share < 1:
            raise BadInput(f"max_missing_share must lie between 0 and 1, was {self.max_missing_share}")
