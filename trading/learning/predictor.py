"""A registered model as signals use it: one predict path, and what explains an answer."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from trading.learning.contributions import contributions
from trading.learning.dataset import Floats
from trading.learning.models import Classifier
from trading.learning.novelty import Novelty
from trading.learning.terms import Terms
from trading.market.errors import BadInput
from trading.signals.blend import Blend
from trading.signals.predictor import Advice


@dataclass(frozen=True, slots=True)
class ModelPredictor:
    """What `trading.signals.predictor.Predictor` asks for, by a classifier and its terms."""

    model_id: str
    threshold: float
    features: tuple[str, ...]
    classifier: Classifier
    known_at: datetime | None = None
    terms: Terms | None = None
    veto: Novelty | None = None
    policy: Advice | None = None

    @property
    def blend(self) -> Blend | None:
        """Validated weights beside the rules; None for a model saved without."""
        return None if self.terms is None else self.terms.blend

    def predict(self, features: pl.DataFrame) -> Floats:
        """Return one probability per row; null features are unknown.

        Raises
        ------
        BadInput
            If a column is missing.
        """
        return self.classifier.predict(self._matrix(features))

    def novelty(self, features: pl.DataFrame) -> pl.DataFrame | None:
        """Return `novelty`, `is_novel` and `novel_why` per row; None for a model saved without a veto."""
        if self.veto is None:
            return None
        self._require(features)
        return self.veto.columns(features, self.features)

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return each feature's contribution to each answer, in log-odds; columns are the features."""
        x = self._matrix(features)
        medians = np.zeros(len(self.features)) if self.terms is None else self.terms.reference.medians
        return pl.DataFrame(contributions(self.classifier, x, medians), schema=list(self.features))

    def _require(self, features: pl.DataFrame) -> None:
        missing = [name for name in self.features if name not in features.columns]
        if missing:
            raise BadInput(f"model {self.model_id} needs columns {', '.join(missing)}")

    def _matrix(self, features: pl.DataFrame) -> Floats:
        self._require(features)
        x = features.select(pl.col(name).cast(pl.Float64) for name in self.features).to_numpy()
        return np.ascontiguousarray(x.astype(np.float64))
