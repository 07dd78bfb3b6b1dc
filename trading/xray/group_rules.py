"""Thresholds of correlations, alerts and clusters, as the launchpad shows them. Imports nothing heavy."""

import math
from dataclasses import dataclass

from trading.market.errors import BadInput

METHODS = ("pearson", "spearman")
# An alert that is false more often than once in twenty is none.
MOST_FALSE = 0.05
# Fewer earlier windows say too little about how much a correlation varies by itself.
LEAST_WINDOWS = 4
# Hennig (2007): a group of which less is found again on resampled bars has dissolved.
DISSOLVED = 0.5


@dataclass(frozen=True, slots=True)
class PeerRules:
    """Over which windows peers are looked for, and how.

    Parameters
    ----------
    windows : tuple of int
        Lengths in bars; a window longer than the history is left out.
    method : str
        "pearson", or "spearman": of ranks, which one wild bar cannot bend.
    count : int
        Peers kept for each symbol and window.
    min_bars : int
        Common bars below which a pair has no value.
    min_share : float
        Share of the window that a pair must have in common; below it the pair has no value there.
    """

    windows: tuple[int, ...] = (96, 288, 960)
    method: str = "pearson"
    count: int = 20
    min_bars: int = 30
    min_share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not self.windows or min(self.windows) < self.min_bars or len({*self.windows}) < len(self.windows):
            raise BadInput(
                f"windows must be different lengths of at least {self.min_bars} bars, were {self.windows}"
            )
        if self.method not in METHODS:
            raise BadInput(f"method must be one of {', '.join(METHODS)}, was {self.method!r}")
        if self.count < 1:
            raise BadInput(f"count must be at least 1, was {self.count}")
        if self.min_bars < 3:
            raise BadInput(f"min_bars must be at least 3, was {self.min_bars}")
        if not 0 < self.min_share <= 1:
            raise BadInput(f"min_share must be above 0 and at most 1, was {self.min_share}")

    def least(self, window: int) -> int:
        """Return how many common bars a pair needs in a window of `window` bars."""
        return max(self.min_bars, math.ceil(self.min_share * window))


@dataclass(frozen=True, slots=True)
class AlertRules:
    """When a pair counts as decoupled.

    Parameters
    ----------
    window : int
        Bars of the newest window, and of each earlier one.
    earlier : int
        Most earlier windows it is held against; with fewer than 4 in the history nothing is tested.
    peers : int
        Closest peers of each symbol in the earlier windows that are tested.
    coupled : float
        Correlation in the earlier windows from which a pair counts as coupled.
    least_drop : float
        Drop of Fisher's z that is no news; only what goes beyond it is tested. It also covers that the
        pairs tested were chosen because their correlation was high.
    false_share : float
        Expected share of false alerts among the alerts of one look, at most.
    min_share : float
        Share of a window that both must have.
    """

    window: int = 96
    earlier: int = 9
    peers: int = 20
    coupled: float = 0.5
    least_drop: float = 0.1
    false_share: float = 0.01
    min_share: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.window < 30:
            raise BadInput(f"window must be at least 30 bars, was {self.window}")
        if self.earlier < LEAST_WINDOWS:
            raise BadInput(f"earlier must be at least {LEAST_WINDOWS} windows, was {self.earlier}")
        if self.peers < 1:
            raise BadInput(f"peers must be at least 1, was {self.peers}")
        for name, most in (("coupled", 1), ("false_share", MOST_FALSE), ("min_share", 1)):
            if not 0 < getattr(self, name) <= most:
                raise BadInput(f"{name} must be above 0 and at most {most}, was {getattr(self, name)}")
        if self.least_drop < 0:
            raise BadInput(f"least_drop must be at least 0, was {self.least_drop}")


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How groups are looked for.

    Parameters
    ----------
    components : int
        Principal components kept.
    min_share : float
        Share of the bars a symbol must have; others are noise.
    min_cluster_size : int or None
        Fewest members of a group; None takes about 1 in 170 symbols, at least 5.
    min_cosine : float
        Cosine to the centre of the nearest group from which noise is softly assigned to it.
    least_strength : float
        How many times as strong as the strongest component of chance the market's first one must be; else
        all is noise.
    seed : int
        Of the randomised decomposition.
    """

    components: int = 15
    min_share: float = 0.6
    min_cluster_size: int | None = None
    min_cosine: float = 0.5
    least_strength: float = 1.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.components < 2:
            raise BadInput(f"components must be at least 2, was {self.components}")
        if not 0 < self.min_share <= 1:
            raise BadInput(f"min_share must be above 0 and at most 1, was {self.min_share}")
        if self.min_cluster_size is not None and self.min_cluster_size < 2:
            raise BadInput(f"min_cluster_size must be at least 2, was {self.min_cluster_size}")
        if self.least_strength < 0:
            raise BadInput(f"least_strength must be at least 0, was {self.least_strength}")
        if not -1 <= self.min_cosine <= 1:
            raise BadInput(f"min_cosine must lie in -1..1, was {self.min_cosine}")

    def smallest(self, symbols: int) -> int:
        """Return the fewest members of a group among `symbols` symbols."""
        return self.min_cluster_size or max(5, round(symbols / 170))
