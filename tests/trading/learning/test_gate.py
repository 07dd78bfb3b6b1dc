"""Each row of the gate by itself: just beyond its bound it refuses, at its bound it does not."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from trading.learning.protocol.gate import Verdict, judge
from trading.learning.protocol.report import HoldoutLook, KindReport, ProtocolReport
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import run_protocol

AT = datetime(2026, 6, 1, tzinfo=UTC)
# Rule, figure, a value that its bound refuses; a text names the figure that it must be above.
REFUSED = [
    ("taken", "trades", 199.0),
    ("full_folds", "full_folds", 3.0),
    ("median_fold_return", "median_fold", 0.0),
    ("median_fold_over_rule", "rule_median_fold", "median_fold"),
    ("median_fold_over_logistic", "logistic_median_fold", "median_fold"),
    ("median_fold_over_market", "market_median_fold", "median_fold"),
    ("median_seed_return", "seed_median_return", 0.0),
    ("random_percentile", "random_percentile", 0.949),
    ("p_value", "p_value", 0.0251),
    ("deflated_sharpe", "deflated_sharpe", 0.949),
    ("overfitting", "overfitting", 0.301),
    ("return_at_stressed_cost", "stressed_return", 0.0),
    ("max_drawdown", "max_drawdown", 0.251),
    ("drawdown_over_champion", "champion_drawdown", 0.0),
    ("lead_over_incumbent", "lead_low", 0.0),
    ("brier_skill", "brier_skill", 0.0),
    ("calibration_excess", "calibration_excess", 0.0501),
]
AT_THE_BOUND = {
    "trades": 200.0,
    "full_folds": 4.0,
    "random_percentile": 0.95,
    "p_value": 0.025,
    "deflated_sharpe": 0.95,
    "overfitting": 0.3,
    "max_drawdown": 0.25,
    "calibration_excess": 0.05,
}


@pytest.fixture(scope="module")
def promoted(pools) -> ProtocolReport:
    """A report of one kind that passes everything that could be measured; its level is 0.025."""
    rules = EvaluationRules(draws=300, seeds=2, is_thorough=False)
    report = run_protocol(pools.made(1, strength=1.0, per_day=30), rules)
    return replace(report, kinds=(report.of(judge(report).kind),))


def with_figures(report: ProtocolReport, **figures: float | None) -> ProtocolReport:
    one: KindReport = report.kinds[0]
    return replace(report, kinds=(replace(one, figures={**one.figures, **figures}),))


def failed(report: ProtocolReport) -> list[str]:
    return judge(report).table.filter(~pl.col("is_passed"))["rule"].to_list()


@pytest.mark.parametrize(("rule", "figure", "value"), REFUSED)
def test_a_figure_just_beyond_its_bound_refuses_by_its_own_rule(promoted, rule, figure, value) -> None:
    """One figure is changed and one rule fails; the reason names it."""
    told = promoted.kinds[0].figures
    changed = with_figures(promoted, **{figure: told[value] if isinstance(value, str) else value})
    assert failed(promoted) == []
    assert failed(changed) == [rule]
    judged = judge(changed)
    assert judged.verdict is Verdict.REFUSED
    assert f": {rule} " in judged.reason


def test_a_kind_that_failed_nothing_goes_before_one_that_passed_more_rules(promoted) -> None:
    """LightGBM is held against logistic, too: losing there must not hide a logistic model without a failure.

    Both pass as many rules, LightGBM earns more and fails one; logistic alone is held against one rule less.
    """
    one = promoted.kinds[0]
    logistic = replace(one, kind="logistic", figures={**one.figures, "logistic_median_fold": None})
    more = {**one.figures, "logistic_median_fold": one.figures["median_fold"], "total_return": 9.0}
    judged = judge(replace(promoted, kinds=(logistic, replace(one, kind="lightgbm", figures=more))))
    assert (judged.verdict, judged.kind) == (Verdict.PROMOTED, "logistic")


def test_a_figure_at_its_bound_passes(promoted) -> None:
    """`>=` and `<=` hold at the bound itself."""
    assert promoted.level == 0.025
    assert judge(with_figures(promoted, **AT_THE_BOUND)).verdict is Verdict.PROMOTED


def test_folds_that_could_not_be_trained_lower_no_bound(promoted) -> None:
    """Two of five trained, both full: four are asked for all the same."""
    two = with_figures(promoted, full_folds=2.0)
    two = replace(two, kinds=(replace(two.kinds[0], folds=two.kinds[0].folds.head(2)),))
    assert failed(two) == ["full_folds"]


@pytest.mark.parametrize(("name", "value"), [("decisions", 199), ("days", 29)])
def test_too_little_data_refuses_whatever_was_found_in_it(promoted, name, value) -> None:
    """200 decisions on 30 days are the least."""
    rule = {"decisions": "decisions", "days": "distinct_days"}[name]
    assert failed(replace(promoted, **{name: value})) == [rule]


def test_a_holdout_that_was_opened_must_have_earned(promoted) -> None:
    """Unopened it has no verdict; opened, 0 is not above 0."""
    look = HoldoutLook("spring", AT, AT, 100, 50, 0.0, 0.5, None)
    assert failed(replace(promoted, holdout=look)) == ["holdout_return"]
    assert failed(replace(promoted, holdout=replace(look, total_return=0.001))) == []


def test_only_what_need_not_be_there_may_be_missing(promoted) -> None:
    """Market, champion, logistic, holdout and shadow have no verdict where unmeasured; all else fails."""
    nothing = dict.fromkeys(promoted.kinds[0].figures)
    table = judge(with_figures(promoted, **nothing)).table.filter(pl.col("model").is_not_null())
    unmeasured = table.filter(pl.col("is_passed").is_null())["rule"].to_list()
    assert unmeasured == [
        "median_fold_over_logistic",
        "median_fold_over_market",
        "drawdown_over_champion",
        "holdout_return",
        "shadow_decisions",
    ]
    assert not table["is_passed"].drop_nulls().any()
