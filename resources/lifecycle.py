"""The life of a model as assets see it; what happens in it is `trading.learning.{candidacy,succession}`."""

from datetime import datetime

import polars as pl

from resources.learning import Learning
from resources.settings import load_settings
from resources.store import Store
from trading.learning import candidacy, succession
from trading.learning.candidacy import CANDIDATE, Judge, LifeRules
from trading.learning.succession import CHAMPION
from trading.signals.features import FEATURE_VERSION

__all__ = ["CANDIDATE", "CHAMPION", "LifeRules", "Lifecycle"]


class Lifecycle:
    """One world's models at market time `at`."""

    def __init__(self, store: Store, learning: Learning, at: datetime) -> None:
        self._store, self._learning, self._at = store, learning, at
        self._registry = learning.registry

    def candidate(self, rules: LifeRules, why_now: str) -> pl.DataFrame:
        """Train and evaluate, save model and evaluation; return the one row of `model_candidate`."""
        store, at, bar = self._store, self._at, load_settings(self._store.world).timeframe
        judge = Judge(
            rules,
            self._learning.book,
            self._learning.champion(store),
            lambda chosen: candidacy.daily_closes(store.candles, bar, chosen, at),
        )
        about = {"feature_version": FEATURE_VERSION, "why_now": why_now}
        return candidacy.nominate(
            self._registry, judge, lambda: self._learning.training_set(store, at), at, **about
        )

    def evaluation(self) -> pl.DataFrame:
        """Return the table of the newest candidate's evaluation, with its verdict on every row."""
        newest = self._store.lake.read("model_candidate")["evaluation_id"][0]
        return candidacy.evaluation_table(self._registry, newest)

    def champion(self) -> pl.DataFrame:
        """Let the shadow period end, or begin, promote what passed; return the one row of `champion`."""
        lake = self._store.lake
        told = lake.read("model_evaluation").row(0, named=True)
        # Of the pass before: predictions and outcomes of this one come after the champion.
        ended = None if lake.latest("prediction_outcomes") is None else lake.read("prediction_outcomes")
        return succession.succeed(self._registry, told, ended, self._at, FEATURE_VERSION)

    def state_row(self) -> pl.DataFrame:
        """Return whether the champion can be used, and if not, why, as one row."""
        row = succession.state(self._registry, self._at, FEATURE_VERSION)
        return pl.DataFrame([row], schema={name: CHAMPION[name] for name in row})
