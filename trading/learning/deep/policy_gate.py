"""A policy before the same gate as any model: walk-forward, purged, costs paid, held against simple things.

The statistics and bounds are the protocol's (`trading.learning.protocol`); what differs is that a policy has
no probability to calibrate, that its own exits count, and that it must beat the very signal it stands around.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from trading.backtest.validation.splits import Fold
from trading.backtest.walk import Bools, Floats, Ints
from trading.learning.deep.environment import FULL, Environment, Played
from trading.learning.deep.extra import require_extra
from trading.learning.deep.lesson import Learning, Lesson
from trading.learning.deep.policy import Policy, at_random, fixed
from trading.learning.policies import at_signals
from trading.learning.policy_weight import PolicyFit, SizeFit, fit_policy_sizes, fit_policy_weight
from trading.learning.protocol import baselines, evidence, money
from trading.learning.protocol.folds import Clock, outer_folds
from trading.learning.protocol.gate import EVALUATION, Row, Verdict
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.scoring import Predictions, break_even
from trading.risk.exit_machine import WHOLE

POLICY_RULES = EvaluationRules(kinds=("policy",), seeds=10)  # a policy hangs more on its seed than a model
_CHANCES = 10
_PLACES = 512


@dataclass(frozen=True, slots=True)
class Unseen:
    """What the first seed said of signals it had not seen, and what the rules' exits gave there."""

    expected: Floats
    sizes: Floats
    net: Floats
    day: Ints


@dataclass(frozen=True, slots=True)
class PolicyEvaluation:
    """What becomes of a policy.

    `table` has the gate's rules (`gate.EVALUATION`), `baselines` one row per simple thing
    (`protocol.baselines.BASELINES`), `seeds` the total return per seed; `policy` is the first seed's, taught
    on everything: only a promoted one may be used. `fit` is the weight that its expectation of entries earned
    beside the rules, `sizes` whether its stakes did, by the first seed's unseen folds. None where there was
    too little to measure.
    """

    verdict: Verdict
    reason: str
    table: pl.DataFrame = field(repr=False)
    figures: Mapping[str, float | None]
    baselines: pl.DataFrame = field(repr=False)
    seeds: tuple[float, ...]
    policy: Policy | None = field(repr=False)
    fit: PolicyFit | None = None
    sizes: SizeFit | None = None
    unseen: Unseen | None = field(default=None, repr=False)


def evaluate_policy(
    lesson: Lesson,
    how: Learning | None = None,
    rules: EvaluationRules = POLICY_RULES,
    *,
    level: float | None = None,
    tried: float = 1.0,
    update: Callable[[int, int], None] | None = None,
) -> PolicyEvaluation:
    """Teach a policy walk-forward, play each fold it has not seen, and judge what it earned.

    Parameters
    ----------
    lesson : Lesson
        All signals, oldest and newest; every probability by a model that had not seen its outcome.
    how : Learning, optional
        How each policy is taught.
    rules : EvaluationRules
        Folds, embargo, seeds and bounds.
    level, tried : float, optional
        Share of the error budget (`error_rate` where not given) and independent trials so far.
    update : callable, optional
        Told (policies taught, of how many).

    Raises
    ------
    MissingData
        If the extra `ai` is not installed.
    """
    require_extra("teaching a policy")
    from trading.learning.deep.ppo import teach  # noqa: PLC0415 - JAX: costs seconds

    how = how or Learning()
    order = np.argsort(lesson.job.bars.open_ms[lesson.signals], kind="stable")
    lesson = replace(lesson, signals=lesson.signals[order])
    whole = _play(lesson, lesson.signals, fixed(FULL))
    clock = _clock(lesson, whole)
    days = len(np.unique(clock.day))
    if days <= rules.folds:
        rows = [_row("distinct_days", float(days), ">=", float(rules.min_days))]
        return PolicyEvaluation(Verdict.NO_DATA, rows[0][6], _frame(rows), {}, _no_baselines(), (), None)
    folds = [fold for fold in outer_folds(clock, rules) if len(fold.test) and len(fold.train)]
    found: list[Trial] = []
    worth: list[Floats] = []
    sizes: list[Floats] = []
    for number in range(rules.seeds):
        parts = []
        for place, fold in enumerate(folds):
            policy = teach(replace(lesson, signals=lesson.signals[fold.train]), how, rules.seed + number)
            parts.append(
                policy.play(lesson.job, lesson.features, lesson.probability, lesson.signals[fold.test])
            )
            if number == 0:
                asked = lesson.signals[fold.test]
                seen = at_signals(lesson.features[asked], lesson.probability[asked])
                worth.append(policy.expected(seen))
                sizes.append(policy.act(seen)[0])
            if update is not None:
                update(number * len(folds) + place + 1, rules.seeds * len(folds))
        found.append(_trial(lesson, clock, folds, parts, whole))
    told = _Told(found, rules, rules.error_rate if level is None else level, tried)
    figures, table = told.figures(), told.table(days)
    failed = [row for row in table if row[5] is False]
    verdict = Verdict.REFUSED if failed else Verdict.PROMOTED
    reason = f"policy: {failed[0][6]}" if failed else "policy: every rule passed"
    chance = [_play(lesson, found[0].signals, at_random(seed)).earned for seed in range(_CHANCES)]
    held = found[0].rule
    unseen = Unseen(np.concatenate(worth), np.concatenate(sizes), held.net_return, held.day)
    fit = fit_policy_weight(unseen.expected, held.net_return, held.day, held.fold)
    return PolicyEvaluation(
        verdict, reason, _frame(table), figures, told.simple(chance), told.totals,
        teach(lesson, how, rules.seed), fit,
        fit_policy_sizes(unseen.sizes, held.net_return, held.day, held.fold), unseen,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """What one seed's policies made of all test folds: `mine` with their exits, `rule` held to the exits."""

    signals: Ints
    mine: Predictions
    rule: Predictions
    taken: Bools


def _play(lesson: Lesson, signals: Ints, act: Callable[..., Ints]) -> Played:
    places = max(1, min(_PLACES, len(signals)))
    env = Environment(lesson.job, lesson.features, lesson.probability, unit=1.0, places=places)
    return env.play(signals, act)


def _clock(lesson: Lesson, whole: Played) -> Clock:
    """Return when each signal stood, and when its trade ended at the latest: a policy only leaves earlier."""
    bars, bar_ms = lesson.job.bars, lesson.job.terms.bar_ms
    begin = bars.open_ms[lesson.signals] + bar_ms
    return Clock(begin, np.where(whole.row >= 0, bars.open_ms[whole.row] + bar_ms, begin))


def _trial(lesson: Lesson, clock: Clock, folds: list[Fold], parts: list[Played], whole: Played) -> Trial:
    rows = np.concatenate([fold.test for fold in folds])
    number = np.repeat(np.arange(len(folds)), [len(fold.test) for fold in folds])
    size = np.concatenate([part.size for part in parts])
    earned = np.concatenate([part.earned for part in parts])
    held = whole.earned[rows]
    bound = np.concatenate(
        [
            np.full(len(fold.test), break_even(whole.earned[fold.train], np.ones(len(fold.train))))
            for fold in folds
        ]
    )
    said = lesson.probability[lesson.signals[rows]]
    cost = _round_trip(lesson, lesson.signals[rows])

    def told(net: Floats, paid: Floats) -> Predictions:
        return Predictions(
            said,
            bound,
            np.full(len(rows), 0.5),
            (net > 0).astype(np.int64),
            net,
            paid,
            clock.day[rows],
            number,
        )

    return Trial(lesson.signals[rows], told(earned, cost * size), told(held, cost), size > 0)


def _round_trip(lesson: Lesson, signals: Ints) -> Floats:
    """Return fee, spread and slippage of both sides, a fraction of the stake."""
    job = lesson.job
    k = np.searchsorted(job.bars.offsets, signals, side="right") - 1
    fees = job.venue.fees.entry[0, k] + job.venue.fees.leave[0, k]
    paid: Floats = fees + 2.0 * job.venue.cost[k] / WHOLE
    return paid


@dataclass(frozen=True, slots=True)
class _Told:
    """The figures of the first seed's trial beside the others."""

    trials: list[Trial]
    rules: EvaluationRules
    level: float
    tried: float

    @property
    def totals(self) -> tuple[float, ...]:
        """Total return per seed."""
        return tuple(float(np.prod(1 + self._series(trial)) - 1) for trial in self.trials)

    def _series(self, trial: Trial, multiple: float = 1.0) -> Floats:
        return money.daily(trial.mine, trial.taken, self.rules.slots, multiple)

    def _beside(self) -> dict[str, Floats]:
        """Return what every signal, and the signal alone above its fold's break-even, earn a day."""
        rule = self.trials[0].rule
        return {
            "every signal": baselines.take_all(rule, self.rules.slots),
            "the signal alone": money.daily(rule, rule.is_taken, self.rules.slots),
        }

    def figures(self) -> dict[str, float | None]:
        """Return money, luck, overfitting and the lead over the signal alone, as the protocol has them."""
        rules, first, rng = self.rules, self.trials[0], np.random.default_rng(self.rules.seed)
        series, beside = self._series(first), self._beside()
        usual = money.daily(first.rule, first.taken, rules.slots)
        excess = series - (usual - money.excess(first.rule, first.taken, rules.slots))
        drawn = baselines.random_days(first.rule, first.taken, rules.slots, rules.draws, rng)
        columns = {f"seed {place}": self._series(trial) for place, trial in enumerate(self.trials)}
        columns |= beside | {"cash": np.zeros(len(series))}

        def median(values: Floats) -> float:
            return float(np.median(money.fold_returns(first.mine, values)))

        return {
            **money.figures(first.mine, first.taken, rules.slots, rules.draws, rng),
            **evidence.luck(series, excess, tried=self.tried, draws=rules.draws, rng=rng),
            **evidence.overfitting(columns, drawn),
            **evidence.over_incumbent(
                series, beside["the signal alone"], level=rules.incumbent_level, draws=rules.draws, rng=rng
            ),
            "full_folds": float(np.sum(money.fold_taken(first.mine, first.taken) >= rules.min_fold_taken)),
            "random_percentile": baselines.percentile(series, drawn),
            "stressed_return": float(np.prod(1 + self._series(first, rules.stress_multiple)) - 1),
            "seed_median_return": float(np.median(self.totals)),
            "rule_median_fold": median(beside["every signal"]),
            "alone_median_fold": median(beside["the signal alone"]),
        }

    def table(self, days: int) -> list[Row]:
        """Return the gate's rules with value and bound."""
        rules, told = self.rules, self.figures()
        folds = len(np.unique(self.trials[0].mine.fold))
        asked: list[tuple[str, float | None, str, float | None]] = [
            ("distinct_days", float(days), ">=", float(rules.min_days)),
            ("taken", told["trades"], ">=", float(rules.min_taken)),
            ("full_folds", told["full_folds"], ">=", float(min(rules.min_full_folds, folds))),
            ("median_fold_return", told["median_fold"], ">", 0.0),
            ("median_fold_over_rule", told["median_fold"], ">", told["rule_median_fold"]),
            ("median_fold_over_signal_alone", told["median_fold"], ">", told["alone_median_fold"]),
            ("median_seed_return", told["seed_median_return"], ">", 0.0),
            ("random_percentile", told["random_percentile"], ">=", rules.min_percentile),
            ("p_value", told["p_value"], "<=", self.level),
            ("deflated_sharpe", told["deflated_sharpe"], ">=", rules.min_deflated_sharpe),
            ("overfitting", told["overfitting"], "<=", rules.max_overfitting),
            ("return_at_stressed_cost", told["stressed_return"], ">", 0.0),
            ("max_drawdown", told["max_drawdown"], "<=", rules.max_drawdown),
            ("lead_over_signal_alone", told["lead_low"], ">", 0.0),
        ]
        return [_row(*each) for each in asked]

    def simple(self, chance: list[Floats]) -> pl.DataFrame:
        """Return the policy beside cash, every signal, the signal alone and the median of random policies."""
        first, slots = self.trials[0], self.rules.slots
        series = self._series(first)
        drawn = [
            money.daily(replace(first.mine, net_return=net), np.ones(len(net), np.bool_), slots)
            for net in chance
        ]
        middle = drawn[int(np.argsort([one.sum() for one in drawn], kind="stable")[len(drawn) // 2])]
        rows: dict[str, tuple[Floats, int | None]] = {
            "this policy": (series, int(first.taken.sum())),
            "cash": (np.zeros(len(series)), 0),
            "random policy (median)": (middle, None),
        }
        return baselines.table(first.mine, rows | {name: (one, None) for name, one in self._beside().items()})


def _row(rule: str, value: float | None, comparison: str, bound: float | None) -> Row:
    if value is None or bound is None:
        why = f"{rule} has no value, must be {comparison} {bound}"
        return "policy", rule, value, comparison, bound, False, why
    passed = {">=": value >= bound, ">": value > bound, "<=": value <= bound}[comparison]
    why = f"{rule} {value:.4g}, must be {comparison} {bound:.4g}"
    return "policy", rule, value, comparison, bound, bool(passed), why


def _frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=EVALUATION, orient="row")


def _no_baselines() -> pl.DataFrame:
    return pl.DataFrame(schema=baselines.BASELINES)
