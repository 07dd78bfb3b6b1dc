"""What signals ask of a model. The models themselves live in `trading.learning`, a floor above."""

from datetime import datetime
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.signals.blend import Blend


class Advice(Protocol):
    """A registered policy: what it expects of an entry counts beside rules and model, by its own weight."""

    @property
    def policy_id(self) -> str:
        """The content-addressed id of its files."""
        ...

    @property
    def weight(self) -> float:
        """Its earned share, in [0, 1]; 0: its expectation of entries counts nothing."""
        ...

    @property
    def is_sizing(self) -> bool:
        """Whether its sizes earned that they are followed; else the rules' stay."""
        ...

    @property
    def known_at(self) -> datetime:
        """Market time since when it can be asked."""
        ...

    def expected(self, features: pl.DataFrame, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the net return it expects of an entry per row of the `f_*` columns; NaN: it cannot say."""
        ...

    def sizes(self, features: pl.DataFrame, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of the rules' stake that it takes of an entry per row, in [0, 1]."""
        ...


class Predictor(Protocol):
    """A promoted model that may veto entries."""

    @property
    def model_id(self) -> str:
        """The content-addressed id of the model file."""
        ...

    @property
    def threshold(self) -> float:
        """An entry with a lower probability is not taken."""
        ...

    @property
    def blend(self) -> Blend | None:
        """Its validated weight beside the rules; None: it alone decides, by `threshold`."""
        ...

    @property
    def policy(self) -> Advice | None:
        """A policy that is asked beside it; None: there is none that earned a weight."""
        ...

    @property
    def known_at(self) -> datetime | None:
        """Market time at which it was trained: at bars that closed before, nobody could have asked it."""
        ...

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return one probability of a net gain per row of the `f_*` columns (nulls allowed)."""
        ...

    def novelty(self, features: pl.DataFrame) -> pl.DataFrame | None:
        """Return `novelty` (1 = at the bound), `is_novel` and `novel_why` per row; None: it cannot say.

        A novel row resembles nothing the model was taught; it is not asked for a probability.
        """
        ...

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return what each feature did to each answer, in log-odds: one row per row, a column per feature."""
        ...
