"""Policies before the gate: planted is promoted, shuffled is refused, nothing later is looked at."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from bench.taught import NAMES, taught_market
from trading.learning.deep.lesson import Learning, Lesson
from trading.learning.deep.policy_gate import POLICY_RULES, evaluate_policy
from trading.learning.protocol.gate import EVALUATION, Verdict
from trading.market.errors import MissingData

pytest.importorskip("jax", reason="the extra ai is not installed: make ai")

QUICK = replace(POLICY_RULES, seeds=2, draws=200)
HOW = Learning(steps=100_000)


def lesson(*, shuffled: bool = False, days: int = 40) -> Lesson:
    """Eight symbols, forty days, about forty signals a day and one in ten bars turning."""
    world = taught_market(1, symbols=8, bars=96 * days, shuffled=shuffled)
    signals = np.sort(np.concatenate([world.older, world.newer]))[::2]
    return Lesson(world.job, world.features, NAMES, world.probability, signals)


def test_a_planted_edge_is_promoted_by_every_rule() -> None:
    """Five purged folds, two seeds: above cash, all signals, the signal alone, chance; at twice the costs."""
    found = evaluate_policy(lesson(), HOW, QUICK)
    assert found.verdict is Verdict.PROMOTED
    assert found.reason == "policy: every rule passed"
    assert dict(found.table.schema) == EVALUATION
    assert found.table["is_passed"].all()
    assert min(found.seeds) > 0
    assert found.policy is not None
    assert (
        found.fit.weight > 0.1
    )  # 0.46: also held to the ordinary exits its word on entries is worth something
    best = found.baselines.sort("median_fold", descending=True)["baseline"].to_list()
    assert best[:2] == ["this policy", "the signal alone"]
    assert best[-1] == "every signal"


def test_shuffled_returns_are_refused() -> None:
    """Nothing is there: the policy stays out, or loses, and the table says by which rules it falls."""
    found = evaluate_policy(lesson(shuffled=True), HOW, QUICK)
    assert found.verdict is Verdict.REFUSED
    assert found.fit.weight == 0
    assert (found.figures["total_return"] or 0.0) <= 0.0
    failed = found.table.filter(~pl.col("is_passed"))["rule"].to_list()
    assert {"median_fold_return", "random_percentile", "p_value", "return_at_stressed_cost"} <= set(failed)


def test_too_few_days_give_no_verdict_and_no_policy() -> None:
    """Five days and five folds: nothing is measured, the reason says how many days there must be."""
    found = evaluate_policy(lesson(days=5), HOW, QUICK)
    assert (found.verdict, found.policy) == (Verdict.NO_DATA, None)
    assert found.reason == "distinct_days 5, must be >= 30"


def test_what_comes_after_the_last_trade_changes_no_byte_of_a_policy() -> None:
    """Features and probabilities of the newer half in ruins: units and lessons of the older half stand."""
    from trading.learning.deep.ppo import teach

    world = taught_market(2, symbols=4, bars=400)
    plain = Lesson(world.job, world.features, NAMES, world.probability, world.older)
    is_later = np.tile(np.arange(400) >= 200, 4)
    ruined = replace(
        plain,
        features=np.where(is_later[:, None], 1e6, world.features),
        probability=np.where(is_later, 0.9, world.probability),
    )
    one, two = (teach(each, Learning(steps=30_000)) for each in (plain, ruined))
    assert one.to_files() == two.to_files()


def test_without_the_extra_it_is_refused_with_the_command(monkeypatch) -> None:
    """Before anything is played."""
    told = lesson(days=5)
    monkeypatch.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
    with pytest.raises(MissingData, match=r"teaching a policy needs the extra `ai`.*`make ai`"):
        evaluate_policy(told, HOW, QUICK)
