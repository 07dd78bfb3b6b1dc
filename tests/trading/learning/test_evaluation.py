"""Promotion has to be earned: planted relations pass, noise and leaks do not."""

import numpy as np
import polars as pl
import pytest

from trading.learning.evaluation import EvaluationRules, Verdict, evaluate
from trading.learning.protocol.answers import Answers, Recipe, answers, sample
from trading.learning.protocol.folds import clock, outer_folds
from trading.market.errors import BadInput
from trading.market.timeframes import DAY_MS

QUICK = EvaluationRules(draws=300, seeds=2, is_thorough=False)
LEAN = EvaluationRules(draws=200, seeds=1, is_thorough=False)


def out_of_sample(training, kind: str, rules: EvaluationRules) -> Answers | None:
    given = sample(training, clock(training))
    return answers(given, outer_folds(given.times, rules), Recipe(kind), rules.seed)


def test_a_planted_relation_is_promoted_with_every_rule_on_record(pools) -> None:
    """Returns follow one feature: both models see it, one becomes the candidate."""
    found = evaluate(pools.made(1, strength=1.0, per_day=30), QUICK)
    assert found.verdict is Verdict.PROMOTED
    assert found.reason.endswith("every rule passed")
    assert found.candidate is not None
    mine = found.table.filter((pl.col("model") == found.candidate.kind) | pl.col("model").is_null())
    assert mine["is_passed"].drop_nulls().all()
    assert set(found.table["model"].drop_nulls()) == {"logistic", "lightgbm"}
    assert found.report is not None
    own = found.report.of(found.candidate.kind)
    assert own.figures["mean_return"] > 0 > own.figures["rule_median_fold"]


@pytest.mark.parametrize("mean", [-0.002, 0.004])
def test_shuffled_outcomes_are_refused_seed_after_seed(pools, mean: float) -> None:
    """Five pools each, in a losing and in a winning market: none is promoted, and AUC is 0.5 within 3 SE."""
    for seed in range(5):
        found = evaluate(pools.made(seed, strength=1.0, shuffle=True, mean=mean), LEAN)
        assert found.verdict is Verdict.REFUSED
        assert found.report is not None
        for one in found.report.kinds:
            assert abs(one.figures["auc"] - 0.5) < 3 * one.figures["auc_error"]


def test_a_relation_too_small_for_its_costs_is_refused_by_name(pools) -> None:
    """There is something to learn, and nothing to earn."""
    found = evaluate(pools.made(1, strength=0.3), QUICK)
    assert found.verdict is Verdict.REFUSED
    assert found.candidate is not None
    failed = found.table.filter(~pl.col("is_passed"))
    assert failed["reason"].str.contains("must be").all()


def test_a_model_never_sees_what_it_is_tested_on(pools) -> None:
    """A feature that is the decision's own number: trees could learn it by heart, and are not helped."""
    training = pools.made(3, shuffle=True)
    number = np.arange(len(training.frame), dtype=np.float64)
    leaky = pools.pool(3, shuffle=True).with_columns(f_0=pl.Series(number))
    from trading.learning.dataset import training_set

    found = out_of_sample(training_set(leaky, pools.CUTOFF, pools.RULES), "lightgbm", QUICK)
    assert found is not None
    from trading.learning.scoring import auc

    assert abs(auc(found.predictions.probability, found.predictions.y) - 0.5) < 0.08


def test_a_later_week_never_changes_an_earlier_prediction(pools) -> None:
    """With the day blocks held still, adding days at the end leaves the first folds as they were."""
    short = pools.made(4, strength=1.0, days=30)
    frame = pools.pool(4, strength=1.0, days=30)
    later = pools.pool(9, strength=1.0, days=5).with_columns(
        pl.col("decided_at", "closed_at", "bar_time") + pl.duration(days=30),
        signal_id="later-" + pl.col("signal_id"),
    )
    from trading.learning.dataset import training_set

    longer = training_set(pl.concat([frame, later]), pools.CUTOFF, pools.RULES)
    # 30 days in 6 blocks of 5; 35 days in 7: the same blocks and one more.
    one = out_of_sample(short, "lightgbm", EvaluationRules(folds=5))
    two = out_of_sample(longer, "lightgbm", EvaluationRules(folds=6))
    assert one is not None
    assert two is not None
    n = len(one.rows)
    assert np.array_equal(two.predictions.probability[:n], one.predictions.probability)
    assert (two.predictions.day[n:] >= short.t0.max() // DAY_MS).all()


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ({"days": 45, "per_day": 4}, "decisions 180, must be >= 200"),
        ({"days": 29, "per_day": 10}, "distinct_days 29, must be >= 30"),
    ],
)
def test_too_little_to_promote_on_is_measured_and_refused(pools, chosen: dict, reason: str) -> None:
    """The candidate is shown with its figures; the missing days are the first reason against it."""
    found = evaluate(pools.made(1, **chosen), QUICK)
    assert found.verdict is Verdict.REFUSED
    assert found.reason.endswith(reason)
    assert found.candidate is not None
    assert len(found.table) > 3


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ({"days": 5, "per_day": 50}, "distinct_days 5, must be >= 30"),
        ({"mean": 1.0}, "label_classes 1, must be >= 2"),
    ],
)
def test_too_little_to_measure_is_no_data_and_says_so(pools, chosen: dict, reason: str) -> None:
    """No verdict, no candidate, no exception: the rules trade on."""
    found = evaluate(pools.made(1, **chosen), QUICK)
    assert (found.verdict, found.reason, found.candidate) == (Verdict.NO_DATA, reason, None)


def test_an_empty_pool_is_no_data(pools) -> None:
    """The first pass of every market."""
    from trading.learning.dataset import training_set

    found = evaluate(training_set(pools.pool(1).clear(), pools.CUTOFF, pools.RULES))
    assert found.verdict is Verdict.NO_DATA
    assert found.reason.startswith("decisions 0, must be >= 200")
    assert len(found.table) == 3


class Oracle:
    """A champion that knows the outcome: no honest model can beat it."""

    model_id, threshold, known_at, blend, policy = "mdl-oracle", 0.5, None, None, None

    def __init__(self, frame: pl.DataFrame, features: tuple[str, ...]) -> None:
        self.known = {tuple(row[:-1]): row[-1] for row in frame.select(*features, "net_return").rows()}

    def predict(self, features: pl.DataFrame) -> np.ndarray:
        return np.array([float(self.known[row] > 0) for row in features.rows()])

    def novelty(self, features: pl.DataFrame) -> None:
        return None


def test_a_challenger_must_beat_the_champion_on_the_same_decisions(pools) -> None:
    """What would be promoted alone is refused beside an oracle, and by that rule."""
    training = pools.made(1, strength=1.0, per_day=30)
    found = evaluate(training, QUICK, Oracle(training.frame, pools.FEATURES))
    assert found.verdict is Verdict.REFUSED
    assert "lead_over_incumbent" in found.reason or "drawdown_over_champion" in found.reason


def test_the_same_training_set_gives_the_same_verdict_and_table(pools) -> None:
    """Seeds are part of the rules."""
    one, two = (evaluate(pools.made(2, strength=0.6), QUICK) for _ in range(2))
    assert one.table.equals(two.table)
    assert one.figures == two.figures


def test_rules_that_cannot_be_met_are_refused() -> None:
    """Five folds need more than five days."""
    with pytest.raises(BadInput, match="folds < min_days"):
        EvaluationRules(folds=5, min_days=5)
