"""Markets in which nothing can be earned, stops included: prices that move without leaps, and no drift.

`bench.approval`'s markets are drawn in three steps a bar, and the price leaps between them. A stop that is
filled at its price inside such a leap is a gift of the candles, and a search that is offered stops finds it.
Here a price is a continuous path: between two of its steps the highest and lowest point are those of a
Brownian bridge, so a stop's price was really passed at that price, and the expected price never changes, so
no rule that knows the past earns anything before costs. Tails and clusters of volatility are as there.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest.validation.shuffle import block_shuffled

Floats = NDArray[np.float64]
STEPS, BLOCK, TAIL = 3, 4, 4.0  # steps a bar; bars a shuffled block; degrees of freedom of a step
START, BAR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=15)


def fair_market(seed: int, symbols: int, bars: int) -> pl.DataFrame:
    """Return CANDLES of `symbols` x `bars`, their hours put into another order.

    Given its variance a step is normal (so a step as such is Student's t), and half of the variance is taken
    off its mean: the expected price after it is the price before.
    """
    rng = np.random.default_rng([seed, 7])
    spread = _volatility(rng, symbols + 1, STEPS * bars)
    beta, size = rng.uniform(0, 1.2, (symbols, 1)), rng.lognormal(0, 0.4, (symbols, 1))
    moves = spread * rng.normal(size=spread.shape)
    variance = (size * spread[1:]) ** 2 + (beta * spread[:1]) ** 2
    path = np.cumsum(size * moves[1:] + beta * moves[:1] - variance / 2, axis=1)
    path = np.concatenate([np.zeros((symbols, 1)), path], axis=1)
    before, after = path[:, :-1], path[:, 1:]
    top, bottom = (bridge_extreme(before, after, variance, sign, rng) for sign in (1.0, -1.0))
    shape = (symbols, bars, STEPS)
    logs = {
        "open": before[:, ::STEPS],
        "high": top.reshape(shape).max(axis=2),
        "low": bottom.reshape(shape).min(axis=2),
        "close": after[:, STEPS - 1 :: STEPS],
    }
    times = pl.datetime_range(START, START + BAR * (bars - 1), BAR, eager=True).cast(pl.Datetime("ms", "UTC"))
    frame = pl.DataFrame(
        {
            "symbol": np.repeat([f"S{k:03d}/USDT" for k in range(symbols)], bars),
            "open_time": pl.concat([times] * symbols),
            **{name: 10 * np.exp(values).ravel() for name, values in logs.items()},
            "volume": rng.lognormal(8, 1, symbols * bars),
        }
    ).with_columns(quote_volume=pl.col("volume") * pl.col("close"))
    return block_shuffled(frame, BLOCK, rng)


def bridge_extreme(
    before: Floats, after: Floats, variance: Floats, sign: float, rng: np.random.Generator
) -> Floats:
    """Return the highest (`sign` 1) or lowest (-1) point of Brownian paths between two known ends.

    References
    ----------
    Glasserman (2003), Monte Carlo methods in financial engineering, 6.4: the law of a bridge's maximum,
    inverted. Whatever the drift is, it is the same once both ends are known.
    """
    drawn = -2 * variance * np.log1p(-rng.random(before.shape))
    extreme: Floats = (before + after + sign * np.sqrt((after - before) ** 2 + drawn)) / 2
    return extreme


def _volatility(rng: np.random.Generator, count: int, steps: int) -> Floats:
    """Return the deviation of each step: in clusters, and now and then far larger."""
    calm = np.zeros((count, steps))
    shocks = rng.normal(0, 0.08, (count, steps))
    for t in range(1, steps):
        calm[:, t] = 0.985 * calm[:, t - 1] + shocks[:, t]
    found: Floats = 0.0016 * np.exp(calm) * np.sqrt(TAIL / rng.chisquare(TAIL, calm.shape))
    return found
