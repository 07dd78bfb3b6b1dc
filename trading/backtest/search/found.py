"""What a search found: configurations with their figures, the winner, the verdict; all in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from trading.backtest.figures.trades import closed_trades
from trading.backtest.search.bench import Bench
from trading.backtest.search.configurations import Configuration
from trading.backtest.search.luck import Luck
from trading.backtest.search.objectives import WORST, Objective
from trading.backtest.search.outcome import Outcome, drawdown
from trading.backtest.search.verdict import Verdict, VerdictRules, judge, weight_of
from trading.backtest.strategy import Strategy
from trading.backtest.validation.baselines import pooled_random, random_entries
from trading.backtest.validation.discovery import adjusted_p_values
from trading.backtest.validation.trials import TrialLedger, trial_batch
from trading.market.errors import BadInput

_YEAR = 365**0.5
_DRAWS = 300


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A finished search over one stretch of time.

    `table` has one row per configuration, best first: its parameters, figures, loss, p-value and q-value
    (Benjamini-Hochberg), and `configuration`, its place among `configurations`.
    """

    strategy: str
    objective: str
    configurations: Sequence[Configuration] = field(repr=False)
    outcomes: Sequence[Outcome] = field(repr=False)
    table: pl.DataFrame = field(repr=False)
    winner: int
    verdict: Verdict

    @property
    def best(self) -> Configuration:
        """The winner."""
        return self.configurations[self.winner]


def best_of(losses: Sequence[float], outcomes: Sequence[Outcome], min_trades: int) -> int:
    """Return the place of the lowest loss among those with `min_trades` trades; of all, where none has."""
    order = sorted(range(len(losses)), key=lambda k: (outcomes[k].trades < min_trades, losses[k], k))
    return order[0]


def settle(
    strategy: str,
    bench: Bench,
    objective: Objective,
    configurations: Sequence[Configuration],
    outcomes: Sequence[Outcome],
    ledger: TrialLedger,
    *,
    at: datetime | None = None,
    rules: VerdictRules | None = None,
    seed: int = 0,
) -> SearchResult:
    """Write every trial down, choose the winner, and judge it by all that was ever tried of the strategy.

    Parameters
    ----------
    strategy : str
        The family under which trials are counted.
    at : datetime, optional
        Market time of the trials; the end of the candles where not given.

    Raises
    ------
    BadInput
        If there is no configuration.
    """
    if not outcomes:
        raise BadInput("a search must have at least one configuration, had 0")
    rules = rules or VerdictRules()
    found, weight = weight_of(outcomes, seed)
    data_id, when, none = bench.data_id, at or bench.end, np.full(bench.symbols, np.nan)
    ledger.record(
        trial_batch(strategy, one.params_id, data_id, none, at=when, weight=weight) for one in configurations
    )
    losses = [objective(outcome) for outcome in outcomes]
    winner = best_of(losses, outcomes, rules.min_trades)
    best = configurations[winner].strategy
    verdict = judge(
        outcomes, winner, found, ledger.total(strategy).effective, rules,
        against_random=lambda: better_than_random(bench, best),
    )  # fmt: skip
    table = _table(configurations, outcomes, losses, found, rules.min_trades)
    return SearchResult(strategy, objective.name, configurations, outcomes, table, winner, verdict)


def better_than_random(bench: Bench, strategy: Strategy) -> float | None:
    """Return the share of random entries, held as long, that did worse; None without a trade."""
    closed = closed_trades(bench.trades(strategy))
    if closed.is_empty():
        return None
    bars, symbols = bench.candles.bars, pl.Series("symbol", bench.candles.symbols)
    owner = np.repeat(np.arange(len(symbols)), np.diff(bars.offsets))
    candles = pl.DataFrame(
        {"symbol": symbols.gather(owner), "ts": bars.open_ms, "open": bars.open, "close": bars.close}
    )
    drawn = random_entries(closed, candles, cost=bench.side_cost(strategy), draws=_DRAWS, min_trades=1)
    found = pooled_random(drawn)
    return None if found is None else found.below


def _table(
    configurations: Sequence[Configuration],
    outcomes: Sequence[Outcome],
    losses: Sequence[float],
    found: Luck | None,
    min_trades: int,
) -> pl.DataFrame:
    names = list(configurations[0].values)
    columns: dict[str, Any] = {name: [_cell(one.values[name]) for one in configurations] for name in names}
    columns |= {
        "trades": [one.trades for one in outcomes],
        "profit": [one.profit for one in outcomes],
        "sharpe": [one.sharpe * _YEAR for one in outcomes],
        "max_drawdown": [drawdown(one.returns)[1] for one in outcomes],
        "win_share": [one.win_share for one in outcomes],
        "profit_factor": [one.profit_factor if np.isfinite(one.profit_factor) else None for one in outcomes],
        "loss": losses,
        "configuration": list(range(len(outcomes))),
    }
    frame = pl.DataFrame(columns, strict=False)
    if found is not None:
        frame = frame.with_columns(
            p_value=pl.Series(found.p_values), q_value=pl.Series(adjusted_p_values(found.p_values))
        )
    few = (pl.col("trades") < min_trades) | (pl.col("loss") >= WORST)
    return frame.sort(few, "loss", "configuration")


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool) else str(value)
