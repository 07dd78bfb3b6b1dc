"""What came of one configuration, as the objectives need it: from its trades, or from the grid's sums."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One configuration over a stretch of days; every trade is one stake.

    Parameters
    ----------
    trades : int
        Entries; one still open at the end counts at its last value.
    total : float
        Sum of their net returns, in stakes.
    deviation : float
        Standard deviation of the trades' net returns (ddof 1); 0 of fewer than 2.
    win_share : float
        Share of trades with a gain; 0 without trades.
    profit_factor : float
        Gains over losses; infinite without a loss, 0 without trades.
    daily : array of shape (n_days,)
        Net returns by the UTC day on which trades ended, in stakes.
    capital : float
        Stakes that the whole capital is: slots, or the number of symbols where they are unlimited.
    minutes : float or None
        Mean time held. The three last are None where only the grid's sums are known.
    downside : float or None
        √ of the mean squared loss of trades (gains count 0).
    pairs : array of shape (n_days, n_symbols_traded) or None
        `daily` by symbol.
    """

    trades: int
    total: float
    deviation: float
    win_share: float
    profit_factor: float
    daily: Floats = field(repr=False)
    capital: float = 1.0
    minutes: float | None = None
    downside: float | None = None
    pairs: Floats | None = field(repr=False, default=None)

    @property
    def profit(self) -> float:
        """Total profit as a fraction of the capital."""
        return self.total / self.capital

    @property
    def returns(self) -> Floats:
        """Daily profit as a fraction of the capital at the start; not compounded."""
        return self.daily / self.capital

    @property
    def sharpe(self) -> float:
        """Mean over deviation (ddof 1) of the daily result, not annualised; 0 where it does not vary."""
        spread = float(self.daily.std(ddof=1)) if len(self.daily) > 1 else 0.0
        return float(self.daily.mean()) / spread if spread > 1e-15 else 0.0


def drawdown(returns: Floats) -> tuple[float, float]:
    """Return the deepest fall of 1 + Σ `returns`: in units of the start, and as a fraction of its peak."""
    equity = 1 + np.concatenate([[0.0], np.cumsum(returns)])
    top = np.maximum.accumulate(equity)
    fall = top - equity
    return float(fall.max()), float((fall / top).max())


def of_trades(trades: pl.DataFrame, first_day: int, days: int, capital: float) -> Outcome:
    """Return the outcome of a table of trades (`replay.REPLAY_TRADES`) over days counted from 1970."""
    net = trades["profit_ratio"].to_numpy()
    closed = trades["close_ts"].dt.epoch("ms").to_numpy()
    held = closed - trades["open_ts"].dt.epoch("ms").to_numpy()
    day = closed // DAY_MS - first_day
    owner = trades["symbol"].rank("dense").to_numpy().astype(np.int64) - 1
    pairs = np.zeros((days, int(owner.max()) + 1 if len(owner) else 0))
    np.add.at(pairs, (day, owner), net)
    loss = np.minimum(net, 0.0)
    n = len(net)
    return Outcome(
        trades=n,
        total=float(net.sum()),
        deviation=float(net.std(ddof=1)) if n > 1 else 0.0,
        win_share=float(np.mean(net > 0)) if n else 0.0,
        profit_factor=_factor(float(net[net > 0].sum()), -float(loss.sum())),
        daily=pairs.sum(axis=1),
        capital=capital,
        minutes=float(held.mean()) / 60_000 if n else 0.0,
        downside=float(np.sqrt(np.mean(loss**2))) if n else 0.0,
        pairs=pairs,
    )


def of_grid(figures: pl.DataFrame, daily: Floats, capital: float) -> list[Outcome]:
    """Return the outcomes of `grid.run_grid`: its figures and its daily results."""
    found = []
    for place, row in enumerate(figures.iter_rows(named=True)):
        n, mean, ratio = row["trades"], row["mean_return"] or 0.0, row["sharpe_trade"]
        factor = row["profit_factor"]
        if factor is None:
            factor = float("inf") if n and row["total_return"] > 0 else 0.0
        found.append(
            Outcome(
                trades=n,
                total=row["total_return"] or 0.0,
                deviation=abs(mean / ratio) if ratio else 0.0,
                win_share=row["win_share"] or 0.0,
                profit_factor=factor,
                daily=daily[:, place],
                capital=capital,
            )
        )
    return found


def _factor(gains: float, losses: float) -> float:
    if losses > 0:
        return gains / losses
    return float("inf") if gains > 0 else 0.0
