"""The model registry as a Dagster resource: what to learn from, the verdict, and who is champion."""

from dataclasses import dataclass
from datetime import datetime

import dagster as dg
import polars as pl

from resources.settings import load_settings
from resources.store import Store
from trading.execution.handover import exits_of
from trading.learning.dataset import DatasetRules, TrainingSet, training_set
from trading.learning.evaluation import Evaluation, EvaluationRules, Verdict, evaluate
from trading.learning.registry import ModelRegistry
from trading.market.lineage import Version
from trading.market.timeframes import timeframe
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.predictor import Predictor

_RULES = DatasetRules(features=tuple(FEATURES), feature_version=FEATURE_VERSION)


@dataclass(frozen=True)
class ModelOutcome:
    """A verdict, the model it is about, and who is champion after it."""

    verdict: str
    reason: str
    kind: str | None
    model_id: str | None
    champion_id: str | None
    rows: int
    table: pl.DataFrame

    def summary(self) -> pl.DataFrame:
        """Return the one row that the table `signal_model` holds."""
        names = ("verdict", "reason", "kind", "model_id", "champion_id", "rows")
        schema = dict.fromkeys(names[:-1], pl.String) | {"rows": pl.Int64}
        return pl.DataFrame([{name: getattr(self, name) for name in names}], schema=schema)


class Learning(dg.ConfigurableResource[None]):
    """Trains on what was decided and keeps models as content-addressed files."""

    world: str = ""

    @property
    def registry(self) -> ModelRegistry:
        """Model files and the champion pointer of this world."""
        return ModelRegistry(load_settings(self.world).world_dir / "models")

    def champion(self, store: Store) -> Predictor | None:
        """Return the promoted model, or None; an expired one is none."""
        return self.registry.champion(store.as_of(), FEATURE_VERSION)

    def training_set(self, store: Store, at: datetime) -> TrainingSet:
        """Return what may be learnt from at market time `at`."""
        return training_set(store.lake.read("trade_pool"), at, _RULES, candles=self._labels(store, at))

    def evaluate(self, store: Store, rules: EvaluationRules, at: datetime) -> ModelOutcome:
        """Train, judge, and promote if every rule holds."""
        chosen = self.training_set(store, at)
        outcome: Evaluation = evaluate(chosen, rules, self.registry.champion(at, FEATURE_VERSION))
        model_id = None
        if outcome.candidate is not None:
            model_id = self.registry.save(outcome.candidate, at, outcome)
            if outcome.verdict is Verdict.PROMOTED:
                self.registry.promote(model_id, at)
        pointer = self.registry.pointer()
        return ModelOutcome(
            str(outcome.verdict),
            outcome.reason,
            outcome.candidate.kind if outcome.candidate else None,
            model_id,
            pointer.model_id if pointer else None,
            len(chosen.frame),
            outcome.table,
        )

    def inputs(self, store: Store) -> list[str]:
        """Return what a training set is made from: names of tables, and the id of the signals it labels."""
        results = store.lake.latest("backtest_results")
        if results is None:
            return ["trade_pool"]
        return [
            "trade_pool",
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


def _decided(results: Version) -> str:
    return next(name for name in results.inputs if name.startswith("v-signals-"))
