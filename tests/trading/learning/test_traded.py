"""Evaluation enters what live signals would: one path, with the veto, the blend and its bounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.dataset import TrainingSet
from trading.learning.evaluation import EvaluationRules, out_of_sample
from trading.learning.models import fit_classifier
from trading.learning.novelty import Novelty
from trading.learning.predictor import ModelPredictor
from trading.learning.protocol.run import Context, run_protocol
from trading.learning.psi import reference_of
from trading.learning.shadow import Limits
from trading.learning.terms import Terms
from trading.learning.traded import Asked, candidate_entries, entries
from trading.market.frames import UTC_MS
from trading.signals.blend import Blend, BlendRules
from trading.signals.features import FEATURES
from trading.signals.generate import signal_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = tuple(FEATURES)
LEAN = EvaluationRules(kinds=("logistic",), draws=200, seeds=1, is_thorough=False)


def oversold(seed: int, count: int = 60) -> pl.DataFrame:
    """Indicator rows of one pair that wants in at every bar; the last one resembles no other."""
    rng = np.random.default_rng(seed)
    rsi = rng.uniform(12, 29, count)
    rsi[-1] = 0.001
    close = rng.uniform(94, 97, count)
    close[-1] = 9.0
    return pl.DataFrame(
        {
            "symbol": ["A/USDT"] * count,
            "open_time": pl.Series([START + timedelta(minutes=15) * k for k in range(count)]).cast(UTC_MS),
            "close": close,
            "volume": rng.uniform(5, 50, count),
            "rsi_14": rsi,
            "macd_hist": rng.normal(0, 0.5, count),
            "atr_14": rng.uniform(1, 3, count),
            "bb_upper": [104.0] * count,
            "bb_middle": [101.0] * count,
            "bb_lower": [98.0] * count,
            "ema_20": [100.0] * count,
            "ema_50": [80.0] * count,
            "ema_200": [50.0] * count,
        }
    )


def champion(x: np.ndarray, weight: float = 0.6) -> ModelPredictor:
    """A logistic model that likes a low RSI, weighed beside the rules, with bounds that differ by regime."""
    y = (x[:, NAMES.index("f_rsi")] < np.median(x[:, NAMES.index("f_rsi")])).astype(np.int64)
    model = fit_classifier("logistic", x, y, np.ones(len(x)), 0)
    gain, loss = {"calm": 0.02, "normal": 0.02, "turbulent": 0.03}, dict.fromkeys(
        ("calm", "normal", "turbulent"), 0.02
    )  # fmt: skip
    blend = Blend(weight, 0.0, gain, loss)
    terms = Terms(blend, Limits(1.0, -1.0, 100), reference_of(x, NAMES))
    return ModelPredictor("mdl-test", 0.5, NAMES, model, None, terms, Novelty.fit(x[:-1]))


def test_a_decision_is_entered_in_evaluation_exactly_if_live_signals_enter_it():
    """The same features through `signal_rows` and through `entries`: vetoed, passed and novel rows agree."""
    bars = oversold(3)
    x = signal_rows(bars).select(pl.col(NAMES).cast(pl.Float64)).to_numpy()
    model = champion(x)
    live = signal_rows(bars, model=model).filter("is_candidate")
    told = entries(model, live.select(pl.col(NAMES).cast(pl.Float64)).to_numpy(), NAMES)
    assert told.is_in.tolist() == live["is_entry"].to_list()
    assert told.is_novel.tolist() == live["is_novel"].to_list()
    assert 0 < told.is_in.sum() < len(live)
    one = live.row(-1, named=True)
    assert (one["is_novel"], one["is_entry"], one["probability"]) == (True, True, None)


def test_a_model_without_weight_is_the_rules_alone():
    """Weight 0: everything is entered, whatever the model says."""
    x = signal_rows(oversold(4)).select(pl.col(NAMES).cast(pl.Float64)).to_numpy()
    assert entries(champion(x, weight=0.0), x, NAMES).is_in.all()


def found(training: TrainingSet):
    answers = out_of_sample(training, "logistic", LEAN)
    about = (answers.predictions, answers.rows, training.x, training.features, BlendRules())
    return answers, candidate_entries(answers.models, *about)


def test_the_first_fold_is_the_rules_alone_and_no_fold_knows_its_own_outcomes(pools):
    """Outcomes of the last fold turned round change no entry: its blend stands on those before it."""
    training = pools.made(1, strength=1.0)
    answers, own = found(training)
    told = answers.predictions
    assert own.is_in[told.fold == 0].all()
    assert not own.is_in[told.fold > 0].all()
    turned = replace(told, net_return=np.where(told.fold == 4, -told.net_return, told.net_return))
    about = (answers.rows, training.x, training.features, BlendRules())
    again = candidate_entries(answers.models, turned, *about)
    assert again.is_in.tolist() == own.is_in.tolist()


def test_a_novel_decision_counts_as_the_rules_take_it(pools):
    """A row far from all others is entered where its model would have said no, and is counted."""
    training = pools.made(1, strength=1.0)
    answers, own = found(training)
    refused = np.flatnonzero((answers.predictions.fold == 4) & ~own.is_in)[0]
    x = training.x.copy()
    x[answers.rows[refused], 1] = 1e6  # says nothing about the outcome, and nothing like it was taught
    about = (answers.predictions, answers.rows, x, training.features, BlendRules())
    again = candidate_entries(answers.models, *about)
    assert again.is_novel[refused]
    assert again.is_in[refused]


def test_the_lead_is_that_of_both_as_traded(pools):
    """Beside a champion with weight 0 the lead is that over the rules; both are daily series as traded."""
    training = pools.made(1, strength=1.0, per_day=30)
    alone = run_protocol(training, LEAN).of("logistic").figures
    kind = fit_classifier("logistic", training.x, training.y, training.weight, 0)
    gain = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)
    idle = Asked("mdl-idle", 0.5, Blend(0.0, 0.0, gain, gain), lambda f: kind.predict(f.to_numpy()), none)
    beside = run_protocol(training, LEAN, Context(champion=idle)).of("logistic").figures
    assert beside["lead"] == pytest.approx(alone["lead"], abs=1e-15)
    assert alone["lead"] > 0
    assert 0 < alone["traded_coverage"] < 1
    assert beside["champion_drawdown"] > 0


def none(features: pl.DataFrame) -> None:
    """A model that cannot say what is novel."""
