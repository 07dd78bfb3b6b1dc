"""How often the gate promotes what has no edge, and how large an edge must be for it to be seen.

Made-up decisions with a market in them: decisions of a day share a shock, tails are fat, and one feature
of eight carries the edge. Without an edge, outcomes keep their days (whole days change places), so that what
symbols share stays as it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from scipy.stats import binomtest

from trading.learning.dataset import DatasetRules, TrainingSet, training_set
from trading.learning.protocol.gate import Verdict, judge
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import run_protocol
from trading.market.errors import BadInput
from trading.market.frames import UTC_MS

START = datetime(2026, 1, 1, tzinfo=UTC)
FEATURES = tuple(f"f_{k}" for k in range(8))
EDGES = (0.0, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.011)
POWER: dict[str, pl.DataType | type[pl.DataType]] = {
    "edge_bps": pl.Float64,  # mean net return of the best decile over the mean decision's
    "seeds": pl.Int64,
    "promoted": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,  # Wilson's interval, 95 %
    "high": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class World:
    """Made-up decisions: so many days and a day, mean net return, spread, and the part all of a day share."""

    days: int = 120
    a_day: int = 30
    mean: float = 0.0
    spread: float = 0.02
    shared: float = 0.3

    def __post_init__(self) -> None:
        if self.days < 31 or self.a_day < 2:
            raise BadInput(f"must be days >= 31 and a_day >= 2, were {self.days} and {self.a_day}")


def planted(world: World, edge: float, seed: int, *, is_shuffled: bool = False) -> TrainingSet:
    """Return a training set in which a feature moves the expected net return by `edge` per deviation.

    `is_shuffled` gives each day's decisions the outcomes of another day, whole: nothing is left to learn.
    """
    rng = np.random.default_rng([seed, 20261130])
    n = world.days * world.a_day
    day = np.repeat(np.arange(world.days), world.a_day)
    x = rng.normal(size=(n, len(FEATURES)))
    common = rng.normal(0, world.spread * world.shared**0.5, world.days)[day]
    own = rng.standard_t(4, n) / 2**0.5 * world.spread * (1 - world.shared) ** 0.5
    net = world.mean + edge * x[:, 0] + common + own
    if is_shuffled:
        order = rng.permutation(world.days)
        net = net.reshape(world.days, world.a_day)[order].ravel()
    at = [
        START + timedelta(days=int(d), minutes=int(m))
        for d, m in zip(day, np.tile(np.linspace(0, 1200, world.a_day), world.days), strict=True)
    ]
    frame = pl.DataFrame(
        {
            "signal_id": [f"sig-{k}" for k in range(n)],
            "symbol": [f"S{k % world.a_day}/USDT" for k in range(n)],
            "bar_time": at,
            "source": ["paper"] * n,
            "decided_at": at,
            "closed_at": [one + timedelta(hours=3) for one in at],
            "net_return": net,
            "fee_ratio": [0.002] * n,
        }
        | {name: x[:, k] for k, name in enumerate(FEATURES)}
    ).with_columns(pl.col("bar_time", "decided_at", "closed_at").cast(UTC_MS))
    rules = DatasetRules(FEATURES, "made-up", weights=(("paper", 1.0),), max_age_days=None)
    return training_set(frame, START + timedelta(days=world.days + 2), rules)


def power(
    edges: Sequence[float] = EDGES,
    seeds: int = 50,
    *,
    world: World | None = None,
    rules: EvaluationRules | None = None,
    level: float | None = None,
    update: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Return how often a model is promoted, by size of the edge; 0 is measured on shuffled days.

    Parameters
    ----------
    edges : sequence of float
        Net return per deviation of the feature that carries it.
    seeds : int
        Worlds per edge.
    rules : EvaluationRules, optional
        The defaults, without what informs and gates nothing, and one seed per model: the median of the
        seeds is one more rule to pass, so false promotions are counted with one rule less.
    level : float, optional
        What each kind may spend; the first night's share of the budget where not given.

    Returns
    -------
    DataFrame of `POWER`
    """
    world = world or World()
    rules = replace(rules or EvaluationRules(), seeds=1, is_thorough=False)
    rows = []
    for place, edge in enumerate(edges):
        promoted = 0
        for seed in range(seeds):
            made = planted(world, edge, seed, is_shuffled=edge == 0.0)
            report = run_protocol(made, rules)
            report = report if level is None else replace(report, level=level)
            promoted += judge(report).verdict is Verdict.PROMOTED
            if update is not None:
                update(place * seeds + seed + 1, len(edges) * seeds)
        low, high = binomtest(promoted, seeds).proportion_ci(0.95, method="wilson")
        rows.append((_best_decile_bps(edge), seeds, promoted, promoted / seeds, low, high))
    return pl.DataFrame(rows, schema=POWER, orient="row")


def _best_decile_bps(edge: float) -> float:
    """Return by how much the best tenth of decisions beats the mean one: 1.755 deviations of a normal."""
    return round(1e4 * edge * 1.755, 1)
