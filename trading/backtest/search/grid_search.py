"""Every configuration of a declared grid: estimated, run, counted, judged."""

from dataclasses import dataclass

from trading.backtest.search.bench import Bench, Update
from trading.backtest.search.configurations import Base, Configuration, check_uses, numbered
from trading.backtest.search.found import SearchResult, settle
from trading.backtest.search.objectives import objective
from trading.backtest.search.space import MOST, Space
from trading.backtest.search.verdict import VerdictRules
from trading.backtest.validation.trials import TrialLedger

_SAMPLED = 9


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a grid will cost, told before it runs."""

    configurations: int
    symbols: int
    bars: int
    cpu_seconds: float
    memory_mb: float

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.configurations:,} configurations × {self.symbols:,} symbols × {self.bars:,} bars in all: "
            f"about {self.cpu_seconds:,.1f} CPU seconds and {self.memory_mb:,.0f} MB beside the candles"
        )


def configurations(space: Space, base: Base, most: int = MOST, *, cost: str = "") -> list[Configuration]:
    """Return every configuration of the grid, each checked.

    Raises
    ------
    BadSpace
        If there are more than `most`, or a parameter goes nowhere.
    BadStrategy
        If a value is out of its bounds.
    """
    space.check_size(most, cost)
    check_uses(space, base)
    return [numbered(space, base, number) for number in range(space.size)]


def estimate(bench: Bench, made: list[Configuration], objective_name: str) -> Estimate:
    """Return what `made` will cost, by running a few of them on a few symbols."""
    step = max(1, len(made) // _SAMPLED)
    some = [one.strategy for one in made[::step][:_SAMPLED]]
    needs_trades = objective(objective_name).needs_trades
    seconds = bench.seconds(some, len(made), needs_trades=needs_trades)
    # Per configuration its days, thrice (sums, centred, squared) while luck is drawn, and its document.
    memory = len(made) * (3 * 8 * bench.days[1] + 6_000) / 1e6
    rows = len(bench.candles.bars.close)
    return Estimate(len(made), bench.symbols, rows, seconds, memory)


def grid_search(
    bench: Bench,
    base: Base,
    made: list[Configuration],
    ledger: TrialLedger,
    objective_name: str,
    *,
    update: Update | None = None,
    rules: VerdictRules | None = None,
) -> SearchResult:
    """Run every configuration and settle what came of it (`found.settle`).

    Parameters
    ----------
    update : callable, optional
        Told how many configurations are done, of how many.
    """
    loss = objective(objective_name)
    strategies = [one.strategy for one in made]
    shown = {} if update is None else {"update": update}
    outcomes = bench.outcomes(strategies, needs_trades=loss.needs_trades, **shown)
    return settle(base.name, bench, loss, made, outcomes, ledger, rules=rules)
