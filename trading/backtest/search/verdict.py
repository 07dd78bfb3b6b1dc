"""One sentence on the best of many: an edge, or what luck shows anyway."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.backtest.search.luck import Luck, luck
from trading.backtest.search.outcome import Outcome
from trading.backtest.validation.discovery import discoveries
from trading.backtest.validation.overfitting import backtest_overfitting
from trading.backtest.validation.sharpe import (
    deflated_sharpe,
    estimate,
    expected_best_sharpe,
    probabilistic_sharpe,
)

Floats = NDArray[np.float64]
_YEAR = math.sqrt(365)
_LEAST_DAYS = 8  # below it not even a bootstrap is drawn
_MOST_SPLIT = 4096  # configurations that take part in the overfitting splits; the best by score


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """What a search must show to be called an edge.

    Parameters
    ----------
    probability : float
        Deflated probability that the winner's Sharpe ratio is above 0, at least.
    p_value : float
        Chance that the best of the search does as well by luck, at most.
    overfitting : float
        PBO, at most; asked where there are 16 days and two configurations that differ.
    random : float
        Share of random entries, held as long, that did worse, at least: in a market that rises, being in it
        is no skill.
    min_trades, min_days : int
        Trades of the winner, and days that were searched.
    """

    probability: float = 0.95
    p_value: float = 0.05
    overfitting: float = 0.5
    random: float = 0.95
    min_trades: int = 10
    min_days: int = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of the winner. Sharpe ratios are yearly (365 days); None = cannot be said.

    `tried` configurations are worth `worth` independent ones; with all that the ledger holds of the strategy
    `trials`. `luck_sharpe` is what the best of `trials` is expected to show without an edge. `discoveries`
    counts configurations by Benjamini-Hochberg at 5 %. `reasons` are what stands against an edge.
    """

    tried: int
    worth: float
    trials: float
    days: int
    sharpe: float | None
    luck_sharpe: float | None
    undeflated: float | None
    probability: float | None
    p_value: float | None
    overfitting: float | None
    discoveries: int
    is_edge: bool
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        told = f"of {self.tried:,} tried (worth {self.worth:,.1f}; with all tried before {self.trials:,.1f})"
        if self.sharpe is None or self.probability is None:
            return f"{told}: nothing can be said, {'; '.join(self.reasons)}"
        best = f"best Sharpe {self.sharpe:.2f}, luck alone shows {self.luck_sharpe or 0:.2f}"
        found = f"{told}, {best}, deflated probability {self.probability:.2f}"
        if self.is_edge:
            return f"{found}: distinguishable from luck on these days; confirm it on a holdout"
        return f"{found}: not distinguishable from luck ({'; '.join(self.reasons)})"


def weight_of(outcomes: Sequence[Outcome], seed: int = 0) -> tuple[Luck | None, float]:
    """Return the luck of a search, and as how many independent trials each configuration counts."""
    daily = _daily(outcomes)
    if len(daily) < _LEAST_DAYS:
        return None, 1.0
    found = luck(daily, np.random.default_rng([seed, 11]))
    return found, min(1.0, found.effective / len(outcomes))


def judge(
    outcomes: Sequence[Outcome],
    winner: int,
    found: Luck | None,
    trials: float,
    rules: VerdictRules | None = None,
    *,
    against_random: Callable[[], float | None] | None = None,
) -> Verdict:
    """Return the verdict on `outcomes[winner]`, the best of `outcomes`.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Every configuration that was tried, over the same days.
    winner : int
        The one that was chosen.
    found : Luck or None
        From `weight_of`.
    trials : float
        Independent trials of the strategy, these included (`TrialLedger.total(...).effective`).
    against_random : callable, optional
        Gives the share of random entries that did worse than the winner's; asked only where nothing else
        stands against an edge.
    """
    rules = rules or VerdictRules()
    best, n = outcomes[winner], len(outcomes[winner].daily)
    worth = 1.0 if found is None else found.effective
    trials = max(trials, worth)
    reasons = _too_little(best, n, rules)
    if found is None or float(best.daily.std()) <= 1e-15:
        return _nothing(len(outcomes), worth, trials, n, reasons)
    known = estimate(best.daily)
    probability, p_value = deflated_sharpe(known, trials), found.family_p_value(winner)
    split = _overfitting(_daily(outcomes), found)
    if probability < rules.probability:
        reasons.append(f"deflated probability below {rules.probability:g}")
    if p_value > rules.p_value:
        reasons.append(f"the best of such a search does as well by luck in {p_value:.0%} of cases")
    if split is not None and split > rules.overfitting:
        reasons.append(f"what was best in one half fell behind in the other in {split:.0%} of splits")
    share = None if reasons or against_random is None else against_random()
    if share is not None and share < rules.random:
        reasons.append(f"{1 - share:.0%} of random entries, held as long, did better")
    return Verdict(
        tried=len(outcomes),
        worth=worth,
        trials=trials,
        days=n,
        sharpe=known.sharpe * _YEAR,
        luck_sharpe=expected_best_sharpe(trials, 1 / (n - 1)) * _YEAR,
        undeflated=probabilistic_sharpe(known),
        probability=probability,
        p_value=p_value,
        overfitting=split,
        discoveries=int(discoveries(found.p_values, 0.05).sum()),
        is_edge=not reasons,
        reasons=tuple(reasons),
    )


def _nothing(tried: int, worth: float, trials: float, days: int, reasons: list[str]) -> Verdict:
    return Verdict(
        tried=tried,
        worth=worth,
        trials=trials,
        days=days,
        sharpe=None,
        luck_sharpe=None,
        undeflated=None,
        probability=None,
        p_value=None,
        overfitting=None,
        discoveries=0,
        is_edge=False,
        reasons=tuple(reasons or ["its daily result does not vary"]),
    )


def _too_little(best: Outcome, days: int, rules: VerdictRules) -> list[str]:
    reasons = []
    if best.trades < rules.min_trades:
        reasons.append(f"{best.trades} trades, at least {rules.min_trades} needed")
    if days < rules.min_days:
        reasons.append(f"{days} days, at least {rules.min_days} needed")
    return reasons


def _overfitting(daily: Floats, found: Luck) -> float | None:
    moving = np.flatnonzero(np.isfinite(found.scores))
    blocks = min(16, len(daily) // 4 * 2)
    if len(moving) < 2 or blocks < 4:
        return None
    if len(moving) > _MOST_SPLIT:
        moving = moving[np.argsort(-found.scores[moving])[:_MOST_SPLIT]]
    return backtest_overfitting(daily[:, moving], min(blocks, 14)).probability


def _daily(outcomes: Sequence[Outcome]) -> Floats:
    return np.stack([one.daily for one in outcomes], axis=1)
