"""The promotion gate: one table of rule, value, bound, verdict, reason; a pure function of the report.

A rule that could not be measured (no candles to buy and hold, no shadow period yet) has no verdict, null: it
is shown and stops nobody here. Whoever swaps the champion waits for the shadow period.
"""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from trading.learning.protocol.report import KindReport, ProtocolReport

# One row per model and rule; rules about the data have no model. `is_passed` is null where not measured.
EVALUATION: dict[str, pl.DataType | type[pl.DataType]] = {
    "model": pl.String,
    "rule": pl.String,
    "value": pl.Float64,
    "comparison": pl.String,
    "bound": pl.Float64,
    "is_passed": pl.Boolean,
    "reason": pl.String,
}
type Row = tuple[str | None, str, float | None, str, float | None, bool | None, str]


class Verdict(StrEnum):
    """What becomes of a candidate."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    NO_DATA = "no_data"
    FAILED = "failed"  # what it was to learn from, or on, was refused: the reason says by whom


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, why, about which kind, and the whole table."""

    verdict: Verdict
    reason: str
    kind: str | None
    table: pl.DataFrame


def judge(report: ProtocolReport) -> Judgement:
    """Return what becomes of the best kind of the report. The same report gives the same judgement."""
    table = _data_rows(report)
    short = [row for row in table if row[5] is False]
    if not report.kinds:
        why = "; ".join(row[6] for row in short) or "no fold had gains and losses to learn from"
        return Judgement(Verdict.NO_DATA, why, None, _frame(table))
    rows = {one.kind: _rows(report, one) for one in report.kinds}
    best = max(report.kinds, key=lambda one: (*_passed(rows[one.kind]), _number(one, "total_return"))).kind
    failed = [*short, *(row for row in rows[best] if row[5] is False)]
    table += [row for own in rows.values() for row in own]
    if failed:
        return Judgement(Verdict.REFUSED, f"{best}: {failed[0][6]}", best, _frame(table))
    return Judgement(Verdict.PROMOTED, f"{best}: every rule passed", best, _frame(table))


def _passed(rows: list[Row]) -> tuple[bool, int]:
    """Whether no rule failed, which goes before how many passed: one more may only mean one more measured."""
    return all(row[5] is not False for row in rows), sum(row[5] is True for row in rows)


def _number(one: KindReport, name: str) -> float:
    value = one.figures.get(name)
    return -1.0 if value is None else value


def _data_rows(report: ProtocolReport) -> list[Row]:
    rules = report.rules
    return [
        _row(None, "decisions", float(report.decisions), ">=", float(rules.min_decisions)),
        _row(None, "distinct_days", float(report.days), ">=", float(rules.min_days)),
        _row(None, "label_classes", float(report.classes), ">=", 2.0),
    ]


def _rows(report: ProtocolReport, one: KindReport) -> list[Row]:
    rules, told = report.rules, one.figures
    champion_fall = told["champion_drawdown"]
    fall = None if champion_fall is None else rules.drawdown_ratio * champion_fall
    # Of the folds asked for: one that could not be trained is not full, and lowers no bound.
    folds = len(one.folds) if rules.fold_days else rules.folds
    asked: list[tuple[str, float | None, str, float | None]] = [
        ("taken", told["trades"], ">=", float(rules.min_taken)),
        ("full_folds", told["full_folds"], ">=", float(min(rules.min_full_folds, folds))),
        ("median_fold_return", told["median_fold"], ">", 0.0),
        ("median_fold_over_rule", told["median_fold"], ">", told["rule_median_fold"]),
        ("median_fold_over_logistic", told["median_fold"], ">", told["logistic_median_fold"]),
        ("median_fold_over_market", told["median_fold"], ">", told["market_median_fold"]),
        ("median_seed_return", told["seed_median_return"], ">", 0.0),
        ("random_percentile", told["random_percentile"], ">=", rules.min_percentile),
        ("p_value", told["p_value"], "<=", report.level),
        ("deflated_sharpe", told["deflated_sharpe"], ">=", rules.min_deflated_sharpe),
        ("overfitting", told["overfitting"], "<=", rules.max_overfitting),
        ("return_at_stressed_cost", told["stressed_return"], ">", 0.0),
        ("max_drawdown", told["max_drawdown"], "<=", rules.max_drawdown),
        ("drawdown_over_champion", told["traded_drawdown"], "<=", fall),
        ("lead_over_incumbent", told["lead_low"], ">", 0.0),
        ("brier_skill", told["brier_skill"], ">", 0.0),
        ("calibration_excess", told["calibration_excess"], "<=", rules.max_calibration_error),
        ("holdout_return", None if report.holdout is None else report.holdout.total_return, ">", 0.0),
        ("shadow_decisions", None, ">=", float(rules.min_shadow)),
    ]
    return [_row(one.kind, *rule, optional=rule[0] in _OPTIONAL) for rule in asked]


# What need not be there: without candles, champion, holdout or a shadow period nobody is refused for it.
_OPTIONAL = {
    "median_fold_over_logistic": "it is the logistic model, or none competes",
    "median_fold_over_market": "no candles of every tested day",
    "drawdown_over_champion": "there is no champion",
    "holdout_return": "no holdout was opened",
    "shadow_decisions": "counted live, before the champion is swapped",
}


def _row(
    model: str | None,
    rule: str,
    value: float | None,
    comparison: str,
    bound: float | None,
    *,
    optional: bool = False,
) -> Row:
    if optional and (value is None or bound is None):
        return model, rule, value, comparison, bound, None, f"{rule} not measured: {_OPTIONAL[rule]}"
    if value is None or bound is None:
        why = f"{rule} has no value, must be {comparison} {bound}"
        return model, rule, value, comparison, bound, False, why
    passed = {">=": value >= bound, ">": value > bound, "<=": value <= bound}[comparison]
    return model, rule, value, comparison, bound, passed, _told(rule, value, comparison, bound)


def _told(rule: str, value: float, comparison: str, bound: float) -> str:
    return f"{rule} {value:.4g}, must be {comparison} {bound:.4g}"


def _frame(table: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(table, schema=EVALUATION, orient="row")
