"""One kind of model measured whole: skill, money, baselines, stress, luck, seeds, leaks, ablations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from trading.backtest.figures import ratios
from trading.backtest.validation.splits import Fold
from trading.learning.dataset import Floats
from trading.learning.models import DETERMINISTIC
from trading.learning.protocol import baselines, evidence, money, skill
from trading.learning.protocol.answers import Answers, Recipe, Sample, answers
from trading.learning.protocol.leaks import leak_meter
from trading.learning.protocol.report import ABLATIONS, FOLDS, SEEDS, STRESS, KindReport
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.scoring import Predictions, auc
from trading.learning.traded import Entries

MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
# Features by the beginning of their names; each group must earn its place.
GROUPS: dict[str, tuple[str, ...]] = {
    "news": ("f_news",),
    "regime": ("f_regime",),
    "cross-symbol": ("f_cluster", "f_breadth", "f_btc", "f_relative"),
}


@dataclass(frozen=True, slots=True)
class Beside:
    """What a kind is held against: daily series, None where there is none, and the trials.

    `champion` is the champion as it is traded, `own` what would be entered were this kind champion.
    """

    champion: Floats | None
    logistic: Floats | None
    market: Mapping[str, Floats]
    tried: float
    own: Entries


def measured(
    given: Sample,
    folds: Sequence[Fold],
    recipe: Recipe,
    found: Answers,
    rules: EvaluationRules,
    beside: Beside,
) -> KindReport:
    """Return the whole report of one recipe, whose answers with the first seed are `found`."""
    predictions, rng = found.predictions, np.random.default_rng(rules.seed)
    taken = predictions.is_taken
    done = money.filled(predictions, taken, rules.slots)
    series = money.daily(predictions, taken, rules.slots)
    rule = baselines.take_all(predictions, rules.slots)
    drawn = baselines.random_days(predictions, taken, rules.slots, rules.draws, rng)
    columns = _columns(predictions, rules) | {"take all": rule, "cash": np.zeros(len(series))}
    seeds = _seeds(given, folds, recipe, found, rules)
    table = _baselines(predictions, series, rule, drawn, beside, int(done.sum()), rules.slots)
    excess = money.excess(predictions, taken, rules.slots)
    figures = {
        **money.figures(predictions, taken, rules.slots, rules.draws, rng),
        **skill.figures(predictions, rng),
        **evidence.luck(series, excess, tried=beside.tried, draws=rules.draws, rng=rng),
        **evidence.overfitting(columns, drawn),
        **_as_traded(predictions, rule, beside, rules, rng),
        "tested": float(len(taken)),
        "full_folds": float(np.sum(money.fold_taken(predictions, done) >= rules.min_fold_taken)),
        "random_percentile": baselines.percentile(series, drawn),
        "stressed_return": _stressed(predictions, rules, rules.stress_multiple),
        "break_even_bps": _break_even_bps(predictions, done),
        "seed_median_return": float(np.median(seeds["total_return"].to_numpy())),
        **_medians(predictions, rule, beside),
        **(leak_meter(given, recipe, rules) if rules.is_thorough else {}),
    }
    return KindReport(
        recipe.kind,
        figures,
        _folds(predictions, folds, found, (series, rule), rules),
        _equity(predictions, {"model": series, "take all": rule, **_named(beside)}),
        table,
        _stress(predictions, rules),
        skill.calibration_table(predictions),
        seeds,
        _ablations(given, folds, recipe, figures, rules),
    )


def _as_traded(
    predictions: Predictions, rule: Floats, beside: Beside, rules: EvaluationRules, rng: np.random.Generator
) -> dict[str, float | None]:
    """Return what the kind would earn as champion, and its lead over the present one, both as traded.

    The lead is that of the second fold and later ones: before, no blend could have been chosen.
    """
    ours = money.daily(predictions, beside.own.is_in, rules.slots)
    theirs = rule if beside.champion is None else beside.champion
    since = int(predictions.day[predictions.fold > predictions.fold.min()].min(initial=predictions.day.max()))
    later = money.calendar(predictions) >= since
    found = evidence.over_incumbent(
        ours[later], theirs[later], level=rules.incumbent_level, draws=rules.draws, rng=rng
    )
    return found | {
        "traded_return": float(np.prod(1 + ours) - 1),
        "traded_drawdown": ratios.max_drawdown(ours),
        "traded_coverage": float(beside.own.is_in.mean()),
        "novel_share": float(beside.own.is_novel.mean()),
        "champion_drawdown": None if beside.champion is None else ratios.max_drawdown(beside.champion),
    }


def _named(beside: Beside) -> dict[str, Floats]:
    champion = {} if beside.champion is None else {"champion": beside.champion}
    logistic = {} if beside.logistic is None else {"logistic": beside.logistic}
    return {**champion, **logistic, **beside.market}


def _medians(predictions: Predictions, rule: Floats, beside: Beside) -> dict[str, float | None]:
    def median(series: Floats) -> float:
        return float(np.median(money.fold_returns(predictions, series)))

    held = [median(series) for series in beside.market.values()]
    return {
        "rule_median_fold": median(rule),
        "logistic_median_fold": None if beside.logistic is None else median(beside.logistic),
        "market_median_fold": max(held) if held else None,
    }


def _columns(predictions: Predictions, rules: EvaluationRules) -> dict[str, Floats]:
    """Return the model at the threshold used and at two around it: what a person could have chosen."""
    return {
        f"model {shift:+.2f}": money.daily(
            predictions, predictions.probability >= predictions.threshold + shift, rules.slots
        )
        for shift in (-0.02, 0.0, 0.02)
    }


def _baselines(
    predictions: Predictions,
    series: Floats,
    rule: Floats,
    drawn: Floats,
    beside: Beside,
    done: int,
    slots: int,
) -> pl.DataFrame:
    taken, every = done, int(money.filled(predictions, np.ones(len(predictions.y), np.bool_), slots).sum())
    middle = drawn[np.argsort(drawn.sum(axis=1), kind="stable")[len(drawn) // 2]]
    rows: dict[str, tuple[Floats, int | None]] = {
        "this model": (series, taken),
        "cash": (np.zeros(len(series)), 0),
        "take all (the rule)": (rule, every),
        "random choice (median of the draws)": (middle, taken),
    }
    return baselines.table(predictions, rows | {name: (one, None) for name, one in _named(beside).items()})


def _seeds(
    given: Sample, folds: Sequence[Fold], recipe: Recipe, first: Answers, rules: EvaluationRules
) -> pl.DataFrame:
    """Return the first seed, which is the model, beside others: how much of it is the seed's luck."""
    others = [] if recipe.kind in DETERMINISTIC else range(rules.seed + 1, rules.seed + rules.seeds)
    found = [(rules.seed, first), *((seed, answers(given, folds, recipe, seed)) for seed in others)]
    rows = []
    for seed, one in found:
        if one is None:
            continue
        told, taken = one.predictions, one.predictions.is_taken
        series = money.daily(told, taken, rules.slots)
        sharpe = ratios.sharpe(series) if series.std() > 1e-15 else None
        area = auc(told.probability, told.y)
        rows.append((seed, area, int(taken.sum()), float(np.prod(1 + series) - 1), sharpe))
    return pl.DataFrame(rows, schema=SEEDS, orient="row")


def _stressed(predictions: Predictions, rules: EvaluationRules, multiple: float) -> float:
    series = money.daily(predictions, predictions.is_taken, rules.slots, multiple)
    return float(np.prod(1 + series) - 1)


def _stress(predictions: Predictions, rules: EvaluationRules) -> pl.DataFrame:
    done = money.filled(predictions, predictions.is_taken, rules.slots)
    net, cost = predictions.net_return[done], predictions.cost[done]
    rows = [
        (
            multiple,
            float(np.mean(net - (multiple - 1) * cost)) if len(net) else None,
            _stressed(predictions, rules, multiple),
        )
        for multiple in MULTIPLES
    ]
    return pl.DataFrame(rows, schema=STRESS, orient="row")


def _break_even_bps(predictions: Predictions, done: money.Bools) -> float | None:
    """Return the round-trip cost, in hundredths of a percent, at which the mean entry earns nothing."""
    if not done.any():
        return None
    return float(np.mean((predictions.net_return + predictions.cost)[done])) * 1e4


def _folds(
    predictions: Predictions,
    folds: Sequence[Fold],
    found: Answers,
    series: tuple[Floats, Floats],
    rules: EvaluationRules,
) -> pl.DataFrame:
    ours, all_ = (money.fold_returns(predictions, one) for one in series)
    done = money.filled(predictions, predictions.is_taken, rules.slots)
    counts = money.fold_taken(predictions, done)
    rows = []
    for place, (number, trained) in enumerate(found.trained):
        own = predictions.fold == number
        area = auc(predictions.probability[own], predictions.y[own])
        rows.append(
            (
                number + 1, folds[number].test_from_ms, folds[number].test_to_ms, trained, int(own.sum()),
                int(counts[place]), float(ours[place]), float(all_[place]), None if np.isnan(area) else area,
            )
        )  # fmt: skip
    return pl.DataFrame(rows, schema=FOLDS, orient="row")


def _equity(predictions: Predictions, series: Mapping[str, Floats]) -> pl.DataFrame:
    days = [date(1970, 1, 1) + timedelta(days=int(day)) for day in money.calendar(predictions)]
    return pl.DataFrame(
        {"day": days} | {name: np.cumprod(1 + values) for name, values in series.items()},
        schema_overrides={"day": pl.Date},
    )


def _ablations(
    given: Sample,
    folds: Sequence[Fold],
    recipe: Recipe,
    figures: Mapping[str, float | None],
    rules: EvaluationRules,
) -> pl.DataFrame:
    rows = []
    for group, beginnings in GROUPS.items() if rules.is_thorough else ():
        gone = [name for name in given.features if name.startswith(beginnings)]
        if not gone or len(gone) == len(given.features):
            continue
        found = answers(given.without(gone), folds, recipe, rules.seed)
        if found is None:
            continue
        told = found.predictions
        series = money.daily(told, told.is_taken, rules.slots)
        area, earned = auc(told.probability, told.y), float(np.prod(1 + series) - 1)
        lost = (figures["auc"] or 0.5) - area, (figures["total_return"] or 0.0) - earned
        rows.append((group, len(gone), area, earned, *lost))
    return pl.DataFrame(rows, schema=ABLATIONS, orient="row")
