"""What a search makes small: twelve losses, by the names that freqtrade's users know.

Only the names and what freqtrade's documentation says each is for are taken over; the formulas are ours and
stand at each function. In all of them: P = profit over the whole stretch as a fraction of the capital,
A and R = deepest fall of the daily result in units of the capital at the start and of its peak, n = days,
r = net return of a trade over the capital. Falls below 0.1 % count as 0.1 %. A configuration without a
trade, or without the deviation that a ratio needs, gets `WORST`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trading.backtest.search.outcome import Outcome, drawdown
from trading.market.errors import BadInput

WORST = 100_000.0
DEFAULT = "SharpeHyperOptLossDaily"
_YEAR = 365
_LEAST_FALL = 0.001
_HALF_MINUTES = 300.0  # a mean trade this long has half of the worst mark for length
_MOST_RATIO = 10.0  # profit factor and expectancy above it count as it: few trades without a loss have more


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss by name; the lower the better. `needs_trades`: the grid's sums do not tell it."""

    name: str
    about: str
    loss: Callable[[Outcome], float]
    needs_trades: bool = False

    def __call__(self, outcome: Outcome) -> float:
        """Return the loss, a finite number."""
        if outcome.trades == 0:
            return WORST
        value = self.loss(outcome)
        return value if math.isfinite(value) else WORST


def objective(name: str) -> Objective:
    """Return the objective called `name`.

    Raises
    ------
    BadInput
        Naming all there are.
    """
    if name not in OBJECTIVES:
        raise BadInput(f"objective must be one of {', '.join(OBJECTIVES)}; was {name!r}")
    return OBJECTIVES[name]


def _short_durations(o: Outcome) -> float:
    """Return m / (m + 300) + (1 - w) - tanh(2 P): m = mean minutes held, w = share of winning trades."""
    minutes = o.minutes or 0.0
    return minutes / (minutes + _HALF_MINUTES) + (1 - o.win_share) - math.tanh(2 * o.profit)


def _only_profit(o: Outcome) -> float:
    """-P."""
    return -o.profit


def _sharpe(o: Outcome) -> float:
    """-(P / n) / sd(r) × √365: profit a day over the deviation of trades."""
    return -_over(o.profit / len(o.daily), o.deviation / o.capital) * math.sqrt(_YEAR)


def _sharpe_daily(o: Outcome) -> float:
    """-mean / sd (ddof 1) of the daily result × √365."""
    spread = float(o.returns.std(ddof=1)) if len(o.returns) > 1 else 0.0
    return -_over(float(o.returns.mean()), spread) * math.sqrt(_YEAR)


def _sortino(o: Outcome) -> float:
    """-(P / n) / √mean(min(r, 0)²) × √365."""
    return -_over(o.profit / len(o.daily), (o.downside or 0.0) / o.capital) * math.sqrt(_YEAR)


def _sortino_daily(o: Outcome) -> float:
    """-mean / √mean(min(d, 0)²) of the daily result d × √365."""
    down = float(np.sqrt(np.mean(np.minimum(o.returns, 0.0) ** 2)))
    return -_over(float(o.returns.mean()), down) * math.sqrt(_YEAR)


def _max_drawdown(o: Outcome) -> float:
    """-P / A."""
    return -o.profit / _fall(drawdown(o.returns)[0])


def _max_drawdown_relative(o: Outcome) -> float:
    """-(P / A) × (1 - R) of a profit, × (1 + R) of a loss: the same fall costs more from a small account."""
    fall, share = drawdown(o.returns)
    return -o.profit / _fall(fall) * (1 - math.copysign(min(share, 1.0), o.profit))


def _max_drawdown_per_pair(o: Outcome) -> float:
    """-min over symbols of P / A, each of its own trades."""
    pairs = np.zeros((1, 1)) if o.pairs is None else o.pairs / o.capital
    return -min(float(own.sum()) / _fall(drawdown(own)[0]) for own in pairs.T)


def _calmar(o: Outcome) -> float:
    """-(P × 365 / n) / R."""
    return -o.profit * _YEAR / len(o.daily) / _fall(drawdown(o.returns)[1])


def _profit_drawdown(o: Outcome) -> float:
    """-(P - A): a point of drawdown costs a point of profit."""
    return -(o.profit - drawdown(o.returns)[0])


def _multi_metric(o: Outcome) -> float:
    """-P × ln(1 + F) × ln(1 + X) × (½ + w) × (1 - R) × k / (k + 50) of a profit, -P of a loss.

    F = profit factor, X = mean return over mean loss (expectancy), both at most 10; w = share of winners;
    k = trades: few of them say little.
    """
    if o.profit <= 0:
        return -o.profit
    factor = min(o.profit_factor, _MOST_RATIO)
    losers = o.trades * (1 - o.win_share)
    losses = (
        o.total / (o.profit_factor - 1) if math.isfinite(o.profit_factor) and o.profit_factor > 1 else 0.0
    )
    mean_loss = losses / losers if losers > 0 else 0.0
    expectancy = min(o.total / o.trades / mean_loss, _MOST_RATIO) if mean_loss > 0 else _MOST_RATIO
    kept = max(0.0, 1 - drawdown(o.returns)[1])
    weight = math.log1p(factor) * math.log1p(expectancy) * (0.5 + o.win_share) * kept
    return -o.profit * weight * o.trades / (o.trades + 50)


def _over(mean: float, spread: float) -> float:
    return mean / spread if spread > 1e-15 else -math.inf


def _fall(value: float) -> float:
    return max(value, _LEAST_FALL)


OBJECTIVES: dict[str, Objective] = {
    one.name: one
    for one in (
        Objective("ShortTradeDurHyperOptLoss", "short trades that seldom lose", _short_durations, True),
        Objective("OnlyProfitHyperOptLoss", "profit, whatever it took", _only_profit),
        Objective("SharpeHyperOptLoss", "profit a day over the deviation of trades", _sharpe),
        Objective("SharpeHyperOptLossDaily", "mean over deviation of the daily result", _sharpe_daily),
        Objective("SortinoHyperOptLoss", "profit a day over the losses of trades", _sortino, True),
        Objective("SortinoHyperOptLossDaily", "mean daily result over losing days", _sortino_daily),
        Objective("MaxDrawDownHyperOptLoss", "profit over the deepest fall", _max_drawdown),
        Objective("MaxDrawDownRelativeHyperOptLoss", "the same, scaled by the share of the peak that fell",
                  _max_drawdown_relative),
        Objective("MaxDrawDownPerPairHyperOptLoss", "the symbol with the worst profit over its deepest fall",
                  _max_drawdown_per_pair, True),
        Objective("CalmarHyperOptLoss", "yearly profit over the deepest fall from a peak", _calmar),
        Objective("ProfitDrawDownHyperOptLoss", "profit less the deepest fall", _profit_drawdown),
        Objective("MultiMetricHyperOptLoss", "profit, profit factor, expectancy, winners, fall and trades",
                  _multi_metric),
    )
}  # fmt: skip
