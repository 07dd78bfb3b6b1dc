"""The shadow period: a promoted candidate predicts live and trades nothing, for a length fixed beforehand.

Length and limits are declared before the first decision; outcomes are looked at once, when the last of them
is known. Whoever looks every day stops on a good day, and a bound of 5 % is then wrong far more often.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from trading.learning.scoring import Predictions
from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class ShadowRules:
    """How a candidate that passed its evaluation is watched before it may trade.

    Parameters
    ----------
    decisions : int
        Length: the first so many decisions after its start. 0 = no shadow period.
    error_rate : float
        Chance that a model which is as good as its evaluation said is sent back, for both limits together.
    max_wait_days : float
        A decision without an outcome for so long (a delisted pair) is left out.
    draws, seed : int
        Resamplings behind the limits, and their seed.
    """

    decisions: int = 100
    error_rate: float = 0.05
    max_wait_days: float = 7.0
    draws: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.decisions < 0:
            raise BadInput(f"decisions must not be negative, was {self.decisions}")
        if not 0 < self.error_rate < 1:
            raise BadInput(f"error_rate must lie between 0 and 1, was {self.error_rate}")


@dataclass(frozen=True, slots=True)
class Limits:
    """The worst means that an evaluation allows for in so many decisions: Brier, net return taken."""

    brier: float
    net_return: float
    decisions: int
    max_wait_days: float = 7.0


@dataclass(frozen=True, slots=True)
class Shadow:
    """A declared shadow period; nothing of it changes once it has begun."""

    model_id: str
    started_at: datetime
    decisions: int
    worst_brier: float
    worst_return: float
    max_wait_days: float = 7.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self) | {"started_at": self.started_at.isoformat()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Shadow":
        """Read what `to_dict` wrote."""
        return cls(**(dict(raw) | {"started_at": datetime.fromisoformat(raw["started_at"])}))


@dataclass(frozen=True, slots=True)
class ShadowVerdict:
    """What a whole shadow period came to."""

    is_passed: bool
    brier: float
    net_return: float | None
    reason: str


def limits(predictions: Predictions, rules: ShadowRules) -> Limits:
    """Return what `rules.decisions` decisions of a model as good as these predictions are allowed to show.

    Days are drawn with replacement until there are enough decisions: what one day has in common stays
    together. Each limit gets half of the error rate.
    """
    days = np.unique(predictions.day)
    rows = [np.flatnonzero(predictions.day == day) for day in days]
    brier = (predictions.probability - predictions.y) ** 2
    rng = np.random.default_rng(rules.seed)
    scores, means = np.empty(rules.draws), np.zeros(rules.draws)
    needed = max(rules.decisions, 1)
    for draw in range(rules.draws):
        parts, count = [], 0
        while count < needed:
            part = rows[int(rng.integers(len(days)))]
            parts.append(part)
            count += len(part)
        chosen = np.concatenate(parts)[:needed]
        scores[draw] = brier[chosen].mean()
        taken = chosen[predictions.is_taken[chosen]]
        means[draw] = predictions.net_return[taken].mean() if len(taken) else 0.0
    share = rules.error_rate / 2
    return Limits(
        float(np.quantile(scores, 1 - share)),
        float(np.quantile(means, share)),
        rules.decisions,
        rules.max_wait_days,
    )


def watched(shadow: Shadow, outcomes: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Return the decisions that the period is about: the first so many since its start, by time.

    Parameters
    ----------
    outcomes : DataFrame
        `model_id`, `symbol`, `decided_at`, `probability`, `is_taken`, and `net_return`, null until known.
    at : datetime
        Market time of the look.
    """
    given_up = at - timedelta(days=shadow.max_wait_days)
    is_lost = pl.col("net_return").is_null() & (pl.col("decided_at") < given_up)
    ours = (pl.col("model_id") == shadow.model_id) & (pl.col("decided_at") >= shadow.started_at)
    return outcomes.filter(ours & ~is_lost).sort("decided_at", "symbol").head(shadow.decisions)


def seen(shadow: Shadow, outcomes: pl.DataFrame, at: datetime) -> int:
    """Return how many of the period's decisions have ended. The only thing told before its end."""
    return watched(shadow, outcomes, at)["net_return"].drop_nulls().len()


def verdict(shadow: Shadow, outcomes: pl.DataFrame, at: datetime) -> ShadowVerdict | None:
    """Return what the whole period came to; None while it lasts, whatever it shows so far."""
    rows = watched(shadow, outcomes, at)
    if seen(shadow, outcomes, at) < shadow.decisions:
        return None
    net = rows["net_return"].to_numpy()
    brier = float(np.mean((rows["probability"].to_numpy() - (net > 0)) ** 2))
    taken = net[rows["is_taken"].to_numpy()]
    mean = float(taken.mean()) if len(taken) else 0.0
    is_passed = brier <= shadow.worst_brier and mean >= shadow.worst_return
    reason = (
        f"{len(rows)} decisions: Brier {brier:.4f}, must be <= {shadow.worst_brier:.4f}; mean net return of "
        f"{len(taken)} taken {mean:.3%}, must be >= {shadow.worst_return:.3%}"
    )
    return ShadowVerdict(is_passed, brier, mean if len(taken) else None, reason)
