"""Pools of made-up decisions, with and without something to learn."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from trading.learning.dataset import DatasetRules, TrainingSet, training_set

START = datetime(2026, 1, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 6, 1, tzinfo=UTC)
FEATURES = tuple(f"f_{k}" for k in range(6))
RULES = DatasetRules(FEATURES, "f1")
UTC_MS = pl.Datetime("ms", "UTC")


def pool(
    seed: int,
    *,
    strength: float = 0.0,
    days: int = 45,
    per_day: int = 30,
    mean: float = -0.002,
    shuffle: bool = False,
    source: str = "paper",
) -> pl.DataFrame:
    """Decisions at random times; net return = strength % x f_0 + fat-tailed noise of 1.5 % + mean.

    `shuffle` gives each decision another one's outcome: nothing is left to learn, all else is equal.
    """
    rng = np.random.default_rng(seed)
    n = days * per_day
    seconds = np.sort(rng.integers(0, days * 86_400, n))
    x = rng.normal(size=(n, len(FEATURES)))
    net = strength * 0.01 * x[:, 0] + rng.standard_t(4, n) * 0.015 / np.sqrt(2) + mean
    net = rng.permutation(net) if shuffle else net
    decided = [START + timedelta(seconds=int(second)) for second in seconds]
    return pl.DataFrame(
        {
            "signal_id": [f"sig-{k:05d}" for k in range(n)],
            "symbol": [f"S{k % 7}/USDT" for k in range(n)],
            "bar_time": decided,
            "source": [source] * n,
            "decided_at": decided,
            "closed_at": [moment + timedelta(hours=3) for moment in decided],
            "net_return": net,
            "fee_ratio": [0.002] * n,
        }
        | {name: x[:, k] for k, name in enumerate(FEATURES)}
    ).with_columns(pl.col("bar_time", "decided_at", "closed_at").cast(UTC_MS))


def made(seed: int, **chosen: object) -> TrainingSet:
    """The training set of such a pool."""
    return training_set(pool(seed, **chosen), CUTOFF, RULES)  # type: ignore[arg-type]
