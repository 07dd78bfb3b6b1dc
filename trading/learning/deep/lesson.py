"""What a policy is taught on, and how. Known without JAX, so that a gate can be asked where it is missing."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from trading.backtest.job import Job
from trading.backtest.walk import Floats, Ints


@dataclass(frozen=True, slots=True)
class Learning:
    """How a policy is taught: steps in all, places and bars per round, and the usual numbers of PPO."""

    steps: int = 200_000
    places: int = 256
    bars: int = 32
    epochs: int = 3
    batches: int = 4
    rate: float = 2e-3
    clip: float = 0.2
    entropy: float = 0.01
    value: float = 0.5
    trace: float = 0.95

    @property
    def rounds(self) -> int:
        """Rounds of playing and learning."""
        return max(1, self.steps // (self.places * self.bars))


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a policy is taught on.

    `features` per candle row with their `names`, raw, NaN where unknown; `probability` per candle row as a
    model said it that was not trained on these signals; `signals` the rows at whose close one stands. All of
    one training fold: its exits must lie before the fold ends.
    """

    job: Job
    features: NDArray[Any]
    names: tuple[str, ...]
    probability: Floats
    signals: Ints
