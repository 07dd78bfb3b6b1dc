"""Ratios of risk and return. Pure functions on arrays; NaN where a ratio has no meaning.

Two families, because people compare with two kinds of report. Those of *daily* returns are the textbook's
(empyrical's definitions, 365 days a year). Those of *trades* are the ones that freqtrade prints: profits
of trades over the starting balance, spread over the days of the test.
"""

import math

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 365  # the market never closes

Floats = NDArray[np.float64]
_NAN = float("nan")


def cagr(first: float, last: float, days: float) -> float:
    """Return the yearly growth that turns `first` into `last` in `days`; -1 of a total loss."""
    if days <= 0 or first <= 0:
        return _NAN
    return -1.0 if last <= 0 else (last / first) ** (DAYS_PER_YEAR / days) - 1


def volatility(returns: Floats) -> float:
    """Return the yearly standard deviation of daily returns (ddof 1)."""
    return float(returns.std(ddof=1)) * math.sqrt(DAYS_PER_YEAR) if len(returns) > 1 else _NAN


def sharpe(returns: Floats) -> float:
    """Return the yearly Sharpe ratio of daily returns over cash that earns nothing (ddof 1)."""
    if len(returns) < 2:
        return _NAN
    return _over(float(returns.mean()), float(returns.std(ddof=1))) * math.sqrt(DAYS_PER_YEAR)


def sortino(returns: Floats) -> float:
    """Return the yearly Sortino ratio: mean over the root mean square of the returns below 0 (all n)."""
    if len(returns) < 2:
        return _NAN
    below = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return _over(float(returns.mean()), below) * math.sqrt(DAYS_PER_YEAR)


def max_drawdown(returns: Floats) -> float:
    """Return the largest fall of compounded returns, in [0, 1], starting from 1."""
    if len(returns) == 0:
        return _NAN
    wealth = np.concatenate([np.ones(1), np.cumprod(1 + returns)])
    return float(np.max(1 - wealth / np.maximum.accumulate(wealth)))


def calmar(returns: Floats) -> float:
    """Return the yearly growth of daily returns over their largest drawdown."""
    if len(returns) == 0:
        return _NAN
    return _over(cagr(1.0, float(np.prod(1 + returns)), len(returns)), max_drawdown(returns))


def omega(returns: Floats) -> float:
    """Return the sum of daily gains over the sum of daily losses (threshold 0)."""
    return _over(float(returns[returns > 0].sum()), -float(returns[returns < 0].sum()))


def value_at_risk(returns: Floats, share: float = 0.05) -> float:
    """Return the daily return that `share` of the days fall short of."""
    return float(np.quantile(returns, share)) if len(returns) else _NAN


def expected_shortfall(returns: Floats, share: float = 0.05) -> float:
    """Return the mean of the worst `share` of daily returns, at least one (empyrical's CVaR)."""
    if len(returns) == 0:
        return _NAN
    worst = int((len(returns) - 1) * share) + 1
    return float(np.partition(returns, worst - 1)[:worst].mean())


def sqn(profits: Floats) -> float:
    """Return Van Tharp's system quality number: root of n × mean / deviation (ddof 1) of trade profits."""
    if len(profits) < 2:
        return _NAN
    return math.sqrt(len(profits)) * _over(float(profits.mean()), float(profits.std(ddof=1)))


def profit_factor(profits: Floats) -> float:
    """Return gains over losses; NaN without a losing trade."""
    return _over(float(profits[profits > 0].sum()), -float(profits[profits < 0].sum()))


def expectancy(profits: Floats) -> tuple[float, float]:
    """Return what a trade is expected to earn, in quote, and the same per unit of the mean loss.

    Expectancy = win rate × mean win - loss rate × mean loss, the rates over all trades, draws among them.
    The ratio is (1 + mean win / mean loss) × win rate - 1, as freqtrade prints it: without draws the first
    over the mean loss. It is NaN without a losing trade.
    """
    n = len(profits)
    if n == 0:
        return _NAN, _NAN
    wins, losses = profits[profits > 0], -profits[profits < 0]
    win_rate, mean_win = len(wins) / n, float(wins.mean()) if len(wins) else 0.0
    mean_loss = float(losses.mean()) if len(losses) else 0.0
    earned = win_rate * mean_win - len(losses) / n * mean_loss
    return earned, (1 + mean_win / mean_loss) * win_rate - 1 if mean_loss > 0 else _NAN


def trade_sharpe(profits: Floats, start_balance: float, days: int) -> float:
    """Return freqtrade's Sharpe: profit per day over the deviation (ddof 0) of single trades, × √365."""
    return _per_day(profits, start_balance, days, profits)


def trade_sortino(profits: Floats, start_balance: float, days: int) -> float:
    """Return freqtrade's Sortino: the same over the deviation of the losing trades."""
    return _per_day(profits, start_balance, days, profits[profits < 0])


def trade_calmar(profits: Floats, start_balance: float, days: int, drawdown: float) -> float:
    """Return freqtrade's Calmar: percent earned per day over the largest relative drawdown, × √365."""
    mean = float(profits.sum()) / start_balance / max(1, days) * 100
    return _over(mean, drawdown) * math.sqrt(DAYS_PER_YEAR)


def streaks(profits: Floats) -> tuple[int, int]:
    """Return the longest run of winning and of losing trades; a draw ends both."""
    longest = [0, 0]
    for place, is_hit in enumerate((profits > 0, profits < 0)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], is_hit.astype(np.int8), [0]])))
        longest[place] = int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
    return longest[0], longest[1]


def _per_day(profits: Floats, start_balance: float, days: int, spread_of: Floats) -> float:
    if len(spread_of) == 0:
        return _NAN
    mean = float(profits.sum()) / start_balance / max(1, days)
    return _over(mean, float(spread_of.std()) / start_balance) * math.sqrt(DAYS_PER_YEAR)


def _over(value: float, by: float) -> float:
    # Rounding leaves a deviation of 1e-18 where all values are equal: that is none.
    return value / by if by > 1e-15 else _NAN
