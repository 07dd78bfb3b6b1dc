"""The shadow period of a policy: it is asked of decisions and trades nothing, for a length fixed beforehand.

What is judged is what would be traded: its word on entries by the weight it earned, its sizes where they were
earned, held to the exits of the rules, as gain per decision over the rules' whole stakes. Its limit is
declared before the first decision, and the outcomes are looked at once, as a model's are (`shadow`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from trading.learning.dataset import Floats, Ints
from trading.learning.policies import KeptPolicy
from trading.learning.shadow import ShadowRules


@dataclass(frozen=True, slots=True)
class Say:
    """What a policy may change: entries by a weight beside what the rules earn, and sizes or not."""

    weight: float
    is_sizing: bool
    rules_return: float
    margin: float = 0.0

    def gained(self, expected: Floats, sizes: Floats, net: Floats) -> Floats:
        """Return per decision what it earned over the rules' whole stake; 0 where it left all as it was."""
        share = np.where(np.isfinite(sizes), sizes, 1.0) if self.is_sizing else np.ones(len(net))
        if self.weight > 0:
            word = np.where(np.isfinite(expected), expected, self.rules_return)
            is_in = (1 - self.weight) * self.rules_return + self.weight * word >= self.margin
            share = share * is_in
        gained: Floats = net * (share - 1.0)
        return gained


@dataclass(frozen=True, slots=True)
class Watch:
    """A declared shadow period of a policy; nothing of it changes once it has begun."""

    policy_id: str
    started_at: datetime
    decisions: int
    worst_gain: float
    rules_return: float
    margin: float = 0.0
    max_wait_days: float = 7.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self) | {"started_at": self.started_at.isoformat()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Watch":
        """Read what `to_dict` wrote."""
        return cls(**(dict(raw) | {"started_at": datetime.fromisoformat(raw["started_at"])}))


@dataclass(frozen=True, slots=True)
class WatchVerdict:
    """What a whole shadow period came to."""

    is_passed: bool
    gain: float
    reason: str


def worst_gain(gained: Floats, day: Ints, rules: ShadowRules) -> float:
    """Return the mean gain that so many decisions of a policy as good as on unseen folds come to at worst.

    Whole days are drawn with replacement until there are enough decisions; the share `error_rate` lies below.
    """
    days = [np.flatnonzero(day == each) for each in np.unique(day)]
    rng, needed = np.random.default_rng(rules.seed), max(rules.decisions, 1)
    means = np.empty(rules.draws)
    for draw in range(rules.draws):
        parts: list[Ints] = []
        count = 0
        while count < needed:
            parts.append(days[int(rng.integers(len(days)))])
            count += len(parts[-1])
        means[draw] = gained[np.concatenate(parts)[:needed]].mean()
    return float(np.quantile(means, rules.error_rate))


def watched(watch: Watch, decisions: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Return the decisions that the period is about: the first so many since its start with a probability.

    Parameters
    ----------
    decisions : DataFrame
        `symbol`, `decided_at`, `probability` (a policy speaks beside a champion only), features as decided
        upon, and `net_return`, null until known; one without an outcome for too long is left out.
    at : datetime
        Market time of the look.
    """
    given_up = at - timedelta(days=watch.max_wait_days)
    is_lost = pl.col("net_return").is_null() & (pl.col("decided_at") < given_up)
    ours = (pl.col("decided_at") >= watch.started_at) & pl.col("probability").is_not_null()
    return decisions.filter(ours & ~is_lost).sort("decided_at", "symbol").head(watch.decisions)


def seen(watch: Watch, decisions: pl.DataFrame, at: datetime) -> int:
    """Return how many of the period's decisions have ended. The only thing told before its end."""
    return watched(watch, decisions, at)["net_return"].drop_nulls().len()


def verdict(watch: Watch, policy: KeptPolicy, decisions: pl.DataFrame, at: datetime) -> WatchVerdict | None:
    """Return what the whole period came to; None while it lasts, whatever it shows so far."""
    if seen(watch, decisions, at) < watch.decisions:
        return None
    rows = watched(watch, decisions, at)
    given = rows, rows["probability"].to_numpy()
    say = Say(policy.weight, policy.is_sizing, watch.rules_return, watch.margin)
    gained = say.gained(policy.expected(*given), policy.sizes(*given), rows["net_return"].to_numpy())
    gain = float(gained.mean())
    reason = (
        f"{len(rows)} decisions: mean gain over the rules' stakes {gain:.3%}, "
        f"must be >= {watch.worst_gain:.3%}"
    )
    return WatchVerdict(gain >= watch.worst_gain, gain, reason)
