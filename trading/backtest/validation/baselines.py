"""What anybody could have had: entries at random with the same holding times, and buying and holding."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from trading.market.errors import BadInput, InvalidBars
from trading.market.lineage import digest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# One row per symbol with enough trades. Ratios are fractions, net of the same cost.
RANDOM_ENTRIES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "trades": pl.Int64,
    "mean_return": pl.Float64,
    "random_mean": pl.Float64,
    "random_sd": pl.Float64,  # of the mean of one set
    "percentile": pl.Float64,  # share of random sets that did worse, ties half
    "p_value": pl.Float64,
}
HELD: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "total_return": pl.Float64,
    "max_drawdown": pl.Float64,  # at closes
}


def random_entries(
    closed: pl.DataFrame,
    candles: pl.DataFrame,
    *,
    cost: float,
    draws: int = 1000,
    seed: int = 0,
    min_trades: int = 8,
) -> pl.DataFrame:
    """Hold each symbol's trades against as many random entries, each held as long as one of them.

    A random entry buys at the open of any bar of the symbol and sells at the close of the bar that ends its
    holding time. For the p-value the random outcomes are moved up to a mean of zero where it is negative:
    standing still in a falling market is no skill, and in a rising one being in it is none.

    Parameters
    ----------
    closed : DataFrame
        Columns of `figures.trades.CLOSED`.
    candles : DataFrame
        `symbol`, a time (`ts`, `time` or `open_time`), `open`, `close`; one timeframe, no holes needed.
    cost : float
        Fee, spread and slippage of one side, as a fraction in [0, 1).
    draws, seed : int
        Random sets per symbol; seeded per symbol, so that a figure does not depend on the others.
    min_trades : int
        Symbols with fewer are left out.

    Returns
    -------
    DataFrame
        Columns of `RANDOM_ENTRIES`, by symbol.
    """
    if draws < 1 or min_trades < 1:
        raise BadInput(f"draws and min_trades must be at least 1, were {draws} and {min_trades}")
    _check_cost(cost)
    bars = {key[0]: frame for key, frame in _sorted(candles).partition_by("symbol", as_dict=True).items()}
    rows = []
    for key, own in sorted(closed.partition_by("symbol", as_dict=True).items()):
        symbol = str(key[0])
        if len(own) < min_trades or symbol not in bars:
            continue
        hold = _bars_held(own, bars[symbol])
        outcome = _random_row(own, bars[symbol], hold, cost, draws, [seed, int(digest(symbol), 16)])
        rows.append((symbol, len(own), *outcome))
    return pl.DataFrame(rows, schema=RANDOM_ENTRIES, orient="row")


@dataclass(frozen=True, slots=True)
class PooledRandom:
    """All symbols' trades beside all random sets: mean returns, and the share of sets that did worse.

    `below` takes the sets' means as normal and symbols as independent; None where the sets do not vary.
    """

    mean: float
    random_mean: float
    below: float | None


def pooled_random(drawn: pl.DataFrame) -> PooledRandom | None:
    """Return the rows of `random_entries` as one, each weighted by its trades; None of none."""
    if drawn.is_empty():
        return None
    n = pl.col("trades")
    mean, random_mean, spread = drawn.select(
        ((n * pl.col("mean_return")).sum() / n.sum()).alias("mean"),
        ((n * pl.col("random_mean")).sum() / n.sum()).alias("random_mean"),
        ((n * pl.col("random_sd")).pow(2).sum().sqrt() / n.sum()).alias("spread"),
    ).row(0)
    return PooledRandom(mean, random_mean, NormalDist(random_mean, spread).cdf(mean) if spread > 0 else None)


def buy_and_hold(candles: pl.DataFrame, *, cost: float) -> pl.DataFrame:
    """Return what holding each symbol from its first open to its last close brought, net; `HELD`."""
    _check_cost(cost)
    paid, got = pl.col("open").first() * (1 + cost), pl.col("close").last() * (1 - cost)
    return (
        _sorted(candles)
        .group_by("symbol", maintain_order=True)
        .agg(
            (got / paid - 1).alias("total_return"),
            (1 - pl.col("close") / pl.col("close").cum_max()).max().alias("max_drawdown"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in HELD.items())
    )


def _sorted(candles: pl.DataFrame) -> pl.DataFrame:
    name = next((name for name in ("ts", "time", "open_time") if name in candles.columns), None)
    if name is None:
        raise BadInput(f"candles must have a column ts, time or open_time, had {', '.join(candles.columns)}")
    bad = candles.filter(~((pl.col("open") > 0) & (pl.col("close") > 0)).fill_null(False)).head(1)
    if not bad.is_empty():
        raise InvalidBars(f"open and close must be above 0, were {bad.row(0, named=True)}")
    return candles.select("symbol", pl.col(name).alias("time"), "open", "close").sort("symbol", "time")


def _bars_held(own: pl.DataFrame, bars: pl.DataFrame) -> Ints:
    """Return the holding time of each trade in bars, at least 1."""
    times = bars["time"]
    step = times.diff().min()
    step_s = step / 1000 if isinstance(step, int) else step.total_seconds() if step is not None else 0.0  # type: ignore[union-attr]  # times are ms or Datetime
    if not step_s > 0:
        return np.ones(len(own), np.int64)
    held = np.ceil(own["duration_s"].to_numpy() / step_s).astype(np.int64)
    return np.clip(held, 1, len(bars))


def _random_row(
    own: pl.DataFrame, bars: pl.DataFrame, hold: Ints, cost: float, draws: int, seed: list[int]
) -> tuple[float, ...]:
    mean = float(own["profit_ratio"].to_numpy().mean())
    paid, got = bars["open"].to_numpy() * (1 + cost), bars["close"].to_numpy() * (1 - cost)
    means = _random_means(paid, got, hold, draws, np.random.default_rng(seed))
    same = np.isclose(means, mean, rtol=0, atol=1e-12)
    below = float(np.mean((means < mean) & ~same) + 0.5 * np.mean(same))
    lifted = means + max(0.0, -float(means.mean()))
    p_value = (1 + int(np.sum(lifted >= mean - 1e-12))) / (1 + draws)
    return mean, float(means.mean()), float(means.std(ddof=1)) if draws > 1 else 0.0, below, p_value


def _check_cost(cost: float) -> None:
    if not 0 <= cost < 1:
        raise BadInput(f"cost must lie in [0, 1), was {cost}")


@njit(cache=True)
def _random_means(paid: Floats, got: Floats, hold: Ints, draws: int, rng: np.random.Generator) -> Floats:
    out = np.empty(draws)
    for draw in range(draws):
        total = 0.0
        for bars in hold:
            entry = int(rng.random() * (len(paid) - bars + 1))
            total += got[entry + bars - 1] / paid[entry] - 1.0
        out[draw] = total / len(hold)
    return out
