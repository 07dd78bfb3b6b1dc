"""The model registry as a Dagster resource: what to learn from, and who is champion."""

from dataclasses import replace
from datetime import datetime

import dagster as dg
import polars as pl
import structlog

from resources.settings import load_settings
from resources.store import Store
from trading.execution.handover import exits_of
from trading.learning.dataset import DatasetRules, TrainingSet, training_set
from trading.learning.policies import PolicyRegistry
from trading.learning.protocol.book import EvaluationBook
from trading.learning.registry import ModelRegistry
from trading.learning.shelf import DatasetShelf
from trading.market.errors import BadInput, SluiceError
from trading.market.lineage import Version
from trading.market.timeframes import timeframe
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.predictor import Advice, Predictor

_log = structlog.get_logger("resources.learning")
_RULES = DatasetRules(features=tuple(FEATURES), feature_version=FEATURE_VERSION)


class Learning(dg.ConfigurableResource[None]):
    """Trains on what was decided and keeps models as content-addressed files."""

    world: str = ""

    @property
    def registry(self) -> ModelRegistry:
        """Model files and the champion pointer of this world."""
        return ModelRegistry(load_settings(self.world).world_dir / "models")

    @property
    def policies(self) -> PolicyRegistry:
        """Policies that passed their gate, and which one is asked."""
        return PolicyRegistry(load_settings(self.world).world_dir / "models")

    @property
    def book(self) -> EvaluationBook:
        """What evaluations have spent and tried in this world: error budget, trials, holdouts."""
        return EvaluationBook(load_settings(self.world).world_dir / "models")

    def champion(self, store: Store) -> Predictor | None:
        """Return the promoted model, or None: none, expired, altered, or of other features or kinds.

        A model that cannot be used never stops signals: the rules go on alone. The asset `champion` says
        why, and the operator is alerted once.
        """
        try:
            found = self.registry.champion(store.as_of(), FEATURE_VERSION)
        except (SluiceError, ImportError) as error:
            _log.warning("champion_refused", reason=str(error))
            return None
        return None if found is None else replace(found, policy=self._policy(store.as_of())[0])

    def policy_trouble(self, at: datetime) -> str:
        """Return why the registered policy cannot be asked at `at`; empty if it can, or there is none."""
        return self._policy(at)[1]

    def _policy(self, at: datetime) -> tuple[Advice | None, str]:
        """Return the policy and no words, or none and why: rules and model go on without it."""
        try:
            return self.policies.present(at, FEATURE_VERSION), ""
        except (SluiceError, ImportError) as error:
            _log.warning("policy_refused", reason=str(error))
            return None, str(error)

    def champion_id(self, store: Store) -> str | None:
        """Return the id of the model that signals ask, and of the policy beside it; None without one."""
        found = self.champion(store)
        if found is None or found.policy is None:
            return None if found is None else found.model_id
        return f"{found.model_id}+{found.policy.policy_id}"

    def training_set(self, store: Store, at: datetime) -> TrainingSet:
        """Return what may be learnt from at market time `at`."""
        return training_set(_executed(store), at, _RULES, candles=self._labels(store, at))

    def gathered(self, store: Store, at: datetime) -> tuple[TrainingSet, str]:
        """Return the same and no words; an empty set and why, where a row was refused.

        Signals stand below the training set in the line: rows that teach nothing must not stop the rules.
        """
        try:
            return self.training_set(store, at), ""
        except BadInput as error:
            _log.warning("pool_refused", reason=str(error))
            return training_set(_executed(store).clear(), at, _RULES), str(error)

    @property
    def shelf(self) -> DatasetShelf:
        """Training sets on disk, each named by its content."""
        return DatasetShelf(load_settings(self.world).world_dir / "datasets")

    def inputs(self, store: Store) -> list[str]:
        """Return what a training set is made from: names of tables, and the id of the signals it labels."""
        results = store.lake.latest("backtest_results")
        if results is None:
            return ["trade_pool", "decision_outcomes"]
        return [
            "trade_pool",
            "decision_outcomes",
            _decided(results),
            "ohlcv_days",
            "backtest_results",
            "validated_markets",
            "tickers",
        ]

    def _labels(self, store: Store, at: datetime) -> pl.DataFrame | None:
        """Decisions of the latest research pass, labelled on the candles that came after them."""
        results = store.lake.latest("backtest_results")
        if results is None:
            return None
        from trading.learning.candles import candle_labels

        # The signals that the backtest ran on; quick refreshes since then hold approved symbols only.
        decided = _decided(results)
        bar, signals = timeframe(load_settings(self.world).timeframe), store.lake.read("signals", decided)
        bars = store.candles.read(bar.name, symbols=signals["symbol"].unique().to_list(), end=at)
        return candle_labels(
            bars,
            signals,
            store.lake.read("validated_markets"),
            exits_of(results),
            tickers=store.lake.read("tickers"),
            bar_ms=bar.ms,
        )


def _executed(store: Store) -> pl.DataFrame:
    """Return decisions with their outcomes, and before them in time those that only the pool knows."""
    pool = store.lake.read("trade_pool")
    if store.lake.latest("decision_outcomes") is None:
        return pool
    # First written comes first: of one decision the ledger's row counts, with the features it was made on.
    return pl.concat([store.lake.read("decision_outcomes"), pool], how="diagonal_relaxed")


def _decided(results: Version) -> str:
    return next(name for name in results.inputs if name.startswith("v-signals-"))
