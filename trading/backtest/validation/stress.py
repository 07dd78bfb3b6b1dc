"""The same trades at other costs: none, as assumed, twice, three times; and the cost that eats everything."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]

STRESS: dict[str, pl.DataType | type[pl.DataType]] = {
    "multiple": pl.Float64,
    "cost_per_side": pl.Float64,
    "mean_return": pl.Float64,
    "total_return": pl.Float64,  # one stake in each trade side by side: the sum, not compounded
    "win_rate": pl.Float64,
    "profit_factor": pl.Float64,  # null without a losing trade
}


def cost_stress(
    closed: pl.DataFrame, *, cost: float, multiples: Sequence[float] = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
) -> pl.DataFrame:
    """Return what the trades would have earned at other costs, had they been the same trades.

    They would not quite: stops and targets move with the cost. A second run of the engine tells exactly;
    this tells at once.

    Parameters
    ----------
    closed : DataFrame
        Columns of `figures.trades.CLOSED`; rates before costs.
    cost : float
        Fee, spread and slippage of one side, as a fraction.
    multiples : sequence of float
        Not negative; multiple × cost must stay below 1.

    Returns
    -------
    DataFrame
        Columns of `STRESS`, one row per multiple.
    """
    if cost < 0 or any(multiple < 0 or multiple * cost >= 1 for multiple in multiples):
        raise BadInput(f"multiple × cost must lie in [0, 1), were {list(multiples)} × {cost}")
    growth = closed["close_rate"].to_numpy() / closed["open_rate"].to_numpy()
    rows = [(multiple, multiple * cost, *_earned(growth, multiple * cost)) for multiple in multiples]
    return pl.DataFrame(rows, schema=STRESS, orient="row")


def break_even_cost(closed: pl.DataFrame) -> float | None:
    """Return the cost of one side at which the mean trade earns nothing; None without trades.

    From mean(close / open) × (1 - c) / (1 + c) = 1. Negative where the trades lose without any cost.
    """
    if closed.is_empty():
        return None
    growth = float(np.mean(closed["close_rate"].to_numpy() / closed["open_rate"].to_numpy()))
    return (growth - 1) / (growth + 1)


def _earned(growth: Floats, cost: float) -> tuple[float | None, ...]:
    if len(growth) == 0:
        return None, None, None, None
    net = growth * (1 - cost) / (1 + cost) - 1
    losses = -float(net[net < 0].sum())
    factor = float(net[net > 0].sum()) / losses if losses > 0 else None
    return float(net.mean()), float(net.sum()), float(np.mean(net > 0)), factor
