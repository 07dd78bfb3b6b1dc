"""The chosen configuration on a holdout, once: opened, logged, traded, judged by all looks there were."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from trading.backtest.search.bench import Bench
from trading.backtest.search.configurations import Base, params_id
from trading.backtest.search.outcome import DAY_MS, Outcome, of_trades
from trading.backtest.strategy_file import strategy_of
from trading.backtest.validation.bootstrap import mean_p_value
from trading.backtest.validation.holdout import Holdout, HoldoutBook
from trading.backtest.validation.sharpe import deflated_sharpe, estimate, probabilistic_sharpe
from trading.backtest.validation.trials import TrialLedger, trial_batch
from trading.market.errors import BadInput

_YEAR = 365**0.5
_DRAWS = 2000
_LEAST_TRADES = 10


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the holdout showed.

    `undeflated` is the probability that the true Sharpe ratio is above 0, `probability` the same given the
    `looks` that the family of the holdout has had at holdouts, this one included: of twenty ideas without an
    edge one is confirmed at 95 %. Both None of too little.
    """

    holdout: Holdout
    trades: pl.DataFrame = field(repr=False)
    outcome: Outcome
    undeflated: float | None
    probability: float | None
    p_value: float | None
    looks: int = 1

    @property
    def is_confirmed(self) -> bool:
        """Whether ten trades or more made money there, and both 95 % and resampled days say: no luck."""
        is_sure = (self.probability or 0.0) >= 0.95 and (
            1.0 if self.p_value is None else self.p_value
        ) <= 0.05
        return is_sure and self.outcome.profit > 0 and self.outcome.trades >= _LEAST_TRADES

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        told = f"holdout {self.holdout.name}, {len(self.outcome.daily)} days, {self.outcome.trades:,} trades"
        if self.probability is None:
            return f"{told}: too little to say anything; it is spent all the same"
        sure = "confirmed" if self.is_confirmed else "not confirmed"
        return (
            f"{told}: profit {self.outcome.profit:+.2%}, Sharpe {self.outcome.sharpe * _YEAR:.2f}, "
            f"probability {self.probability:.2f} after {self.looks:,} look{'s' if self.looks > 1 else ''}, "
            f"p {self.p_value or 1.0:.3f}: {sure}"
        )


def confirm(
    bench: Bench,
    base: Base,
    book: HoldoutBook,
    name: str,
    ledger: TrialLedger,
    *,
    by: str,
    why: str,
    at: datetime,
) -> Confirmation:
    """Spend the holdout `name` on the strategy `base` and return what it showed.

    Everything that can be refused is refused before the opening; the opening is on disk before a trade is
    made. Entries lie inside the holdout; candles before it only warm indicators up, none after it is read.

    Raises
    ------
    BadInput
        If there is no such holdout, the candles do not reach its end, or nobody says who and why.
    BadStrategy
        If the strategy cannot be meant.
    HoldoutSpent
        If it, or another of its family that shares its time, was opened before.
    """
    strategy = strategy_of(dict(base.document), base.where)
    known = {one.name: one for one in book.holdouts()}
    if name not in known:
        raise BadInput(f"holdout {name} is not declared; there are {', '.join(known) or 'none'}")
    begin, end = (round(time.timestamp() * 1000) for time in (known[name].begin, known[name].end))
    if bench.span_ms[0] > begin or bench.span_ms[1] < end:
        raise BadInput(
            f"candles must cover the holdout ({known[name].begin} to {known[name].end}), "
            f"they span {bench.begin} to {bench.end}"
        )
    inside = bench.between(bench.span_ms[0], end)
    spent = book.open(name, by=by, why=why, at=at, data_id=bench.data_id)
    looks = sum(one.family == spent.family and one.opening is not None for one in book.holdouts())
    none = np.full(bench.symbols, np.nan)
    ledger.record(
        [trial_batch(f"{base.name} holdout", params_id(base.document), inside.data_id, none, at=at)]
    )
    trades = inside.trades(strategy, since_ms=begin)
    first = begin // DAY_MS
    outcome = of_trades(trades, first, (end - 1) // DAY_MS - first + 1, bench.capital)
    is_enough = len(outcome.daily) >= 8 and float(outcome.daily.std()) > 1e-15
    sharpe = estimate(outcome.daily) if is_enough else None
    return Confirmation(
        spent,
        trades,
        outcome,
        None if sharpe is None else probabilistic_sharpe(sharpe),
        None if sharpe is None else deflated_sharpe(sharpe, looks),
        mean_p_value(outcome.daily, _DRAWS, np.random.default_rng(0)) if is_enough else None,
        looks,
    )
