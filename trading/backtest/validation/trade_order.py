"""Monte Carlo of trades: how much of a drawdown was luck of the order, and of the end luck of the draw."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TradeOrder:
    """Largest drawdowns of the same trades in other orders (the end is the same in all of them).

    `percentile` is the share of orders with a shallower drawdown than the one that happened, ties half:
    near 0 the history was kind. `drawdown_95` is what one order in twenty exceeds.
    """

    drawdown: float
    percentile: float
    drawdown_median: float
    drawdown_95: float
    drawdown_worst: float
    draws: int


@dataclass(frozen=True, slots=True)
class TradeLuck:
    """Ends of as many trades drawn with replacement: `loss_probability` is the share below the start."""

    total_return: float
    low_5: float
    median: float
    high_95: float
    loss_probability: float
    drawdown_95: float
    draws: int


def shuffled_order(
    profit_ratios: Floats, draws: int, rng: np.random.Generator, stake: float = 1.0
) -> TradeOrder:
    """Return the distribution of the largest drawdown over random orders of the trades.

    Parameters
    ----------
    profit_ratios : array of shape (n,)
        Net return of each trade in the order in which they closed; at least 1, each above -1.
    stake : float
        Share of equity in each trade, in (0, 1]; compounding.
    """
    _check(profit_ratios, draws, stake)
    drawn = _orders(profit_ratios * stake, draws, rng)
    ours = _drawdown(profit_ratios * stake)
    same = np.isclose(drawn, ours, rtol=0, atol=1e-12)
    median, high = np.quantile(drawn, [0.5, 0.95])
    return TradeOrder(
        drawdown=float(ours),
        percentile=float(np.mean((drawn < ours) & ~same) + 0.5 * np.mean(same)),
        drawdown_median=float(median),
        drawdown_95=float(high),
        drawdown_worst=float(drawn.max()),
        draws=draws,
    )


def redrawn(profit_ratios: Floats, draws: int, rng: np.random.Generator, stake: float = 1.0) -> TradeLuck:
    """Return where as many trades would have ended, each drawn at random from those that happened."""
    _check(profit_ratios, draws, stake)
    ends, falls = _redraw(profit_ratios * stake, draws, rng)
    low, median, high = np.quantile(ends, [0.05, 0.5, 0.95])
    return TradeLuck(
        total_return=float(np.prod(1 + profit_ratios * stake) - 1),
        low_5=float(low),
        median=float(median),
        high_95=float(high),
        loss_probability=float(np.mean(ends < 0)),
        drawdown_95=float(np.quantile(falls, 0.95)),
        draws=draws,
    )


def _check(profit_ratios: Floats, draws: int, stake: float) -> None:
    if len(profit_ratios) == 0 or not np.isfinite(profit_ratios).all() or (profit_ratios <= -1).any():
        raise BadInput(f"profit_ratios must be at least 1 finite number above -1, were {len(profit_ratios)}")
    if draws < 1:
        raise BadInput(f"draws must be at least 1, was {draws}")
    if not 0 < stake <= 1:
        raise BadInput(f"stake must lie in (0, 1], was {stake}")


@njit(cache=True)
def _drawdown(returns: Floats) -> float:
    wealth = peak = 1.0
    deepest = 0.0
    for value in returns:
        wealth *= 1.0 + value
        peak = max(peak, wealth)
        deepest = max(deepest, 1.0 - wealth / peak)
    return deepest


@njit(cache=True)
def _orders(returns: Floats, draws: int, rng: np.random.Generator) -> Floats:
    out = np.empty(draws)
    order = returns.copy()
    for draw in range(draws):
        for last in range(len(order) - 1, 0, -1):
            other = int(rng.random() * (last + 1))
            order[last], order[other] = order[other], order[last]
        out[draw] = _drawdown(order)
    return out


@njit(cache=True)
def _redraw(returns: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    ends, falls = np.empty(draws), np.empty(draws)
    n = len(returns)
    for draw in range(draws):
        wealth = peak = 1.0
        deepest = 0.0
        for _ in range(n):
            wealth *= 1.0 + returns[int(rng.random() * n)]
            peak = max(peak, wealth)
            deepest = max(deepest, 1.0 - wealth / peak)
        ends[draw] = wealth - 1.0
        falls[draw] = deepest
    return ends, falls
