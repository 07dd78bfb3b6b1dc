"""Search the past, trade the days after it, move on: what a search earns where it had not looked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from trading.backtest.search.bench import Bench, Update
from trading.backtest.search.found import SearchResult
from trading.backtest.search.outcome import DAY_MS, Outcome, of_trades
from trading.backtest.validation.sharpe import deflated_sharpe, estimate
from trading.backtest.validation.trials import TrialLedger, trial_batch
from trading.market.errors import BadInput
from trading.market.lineage import digest, params_json

_YEAR = 365**0.5
Choose = Callable[[Bench], SearchResult]
_MOST_FOLDS = 1000


@dataclass(frozen=True, slots=True)
class Windows:
    """How time is cut; all lengths in ms.

    Parameters
    ----------
    train, test : int
        Length of a training window and of the days traded after it; whole days of test keep days apart.
    purge : int
        Left out before the test: what was entered there could end in it.
    embargo : int
        No entry in the first of the test.
    is_anchored : bool
        Every training window begins where the candles do; else it moves on with the test.
    """

    train: int
    test: int
    purge: int = 0
    embargo: int = 0
    is_anchored: bool = False

    def __post_init__(self) -> None:
        if self.train <= 0 or self.test <= 0 or self.purge < 0 or self.embargo < 0:
            raise BadInput("train and test must be longer than 0, purge and embargo not negative")
        if self.embargo >= self.test:
            raise BadInput(f"embargo must be shorter than test ({self.test} ms), was {self.embargo} ms")
        if self.purge >= self.train:
            raise BadInput(f"purge must be shorter than train ({self.train} ms), was {self.purge} ms")


@dataclass(frozen=True, slots=True)
class Window:
    """One fold, in ms UTC: [train_from, train_to) is searched, entries lie in [enter_from, test_to)."""

    train_from: int
    train_to: int
    test_from: int
    enter_from: int
    test_to: int


@dataclass(frozen=True, slots=True)
class WalkFold:
    """What one fold chose, and how that did on the days searched and on those after them."""

    window: Window
    values: Mapping[str, Any]
    tried: int
    inside: Outcome = field(repr=False)
    outside: Outcome = field(repr=False)
    is_edge_inside: bool = False

    def row(self) -> dict[str, Any]:
        """Return the fold as one row of a table."""
        days_in, days_out = len(self.inside.daily), len(self.outside.daily)
        return {
            "train_from": _time(self.window.train_from),
            "train_to": _time(self.window.train_to),
            "test_from": _time(self.window.test_from),
            "test_to": _time(self.window.test_to),
            **self.values,
            "trades_in": self.inside.trades,
            "profit_in_day": self.inside.profit / days_in,
            "sharpe_in": self.inside.sharpe * _YEAR,
            "trades_out": self.outside.trades,
            "profit_out_day": self.outside.profit / days_out,
            "sharpe_out": self.outside.sharpe * _YEAR,
        }


@dataclass(frozen=True, slots=True)
class WalkResult:
    """All folds, and their test days one after another.

    `trades` are those of the tests (`replay.REPLAY_TRADES`); what was open at a test's end is valued at its
    last close. `efficiency` is profit a day outside over inside (1 = all of it was kept, None where nothing
    was earned inside). `probability` is deflated by the `walks` that were ever run of the strategy.
    `stability` has a row per parameter.
    """

    strategy: str
    folds: Sequence[WalkFold]
    trades: pl.DataFrame = field(repr=False)
    outside: Outcome = field(repr=False)
    efficiency: float | None
    probability: float | None
    walks: float
    stability: pl.DataFrame

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        days, told = len(self.outside.daily), f"{len(self.folds)} folds, {self.outside.trades:,} trades"
        kept = "nothing was earned inside" if self.efficiency is None else f"efficiency {self.efficiency:.0%}"
        if self.probability is None:
            return f"{told} on {days} days outside: too little to say anything"
        sure = "holds up" if self.probability >= 0.95 else "not distinguishable from luck"
        return (
            f"{told} on {days} days that were not searched: profit {self.outside.profit:+.2%}, Sharpe "
            f"{self.outside.sharpe * _YEAR:.2f}, {kept}, probability {self.probability:.2f} after "
            f"{self.walks:,.0f} such walk{'s' if self.walks >= 1.5 else ''}: {sure}"
        )


def windows(begin_ms: int, end_ms: int, rules: Windows) -> list[Window]:
    """Return the folds that fit between two moments, oldest first; a rest at the end is left out.

    Raises
    ------
    BadInput
        If not even one fits, or more than 1,000 do.
    """
    first = begin_ms + rules.train + rules.purge
    count = (end_ms - first) // rules.test
    if count < 1:
        have, need = (end_ms - begin_ms) / DAY_MS, (rules.train + rules.purge + rules.test) / DAY_MS
        raise BadInput(f"candles must span train + purge + test = {need:g} days, they span {have:.1f}")
    if count > _MOST_FOLDS:
        raise BadInput(f"at most {_MOST_FOLDS:,} folds, these windows make {count:,}: take a longer test")
    found = []
    for test_from in range(first, first + count * rules.test, rules.test):
        train_to = test_from - rules.purge
        train_from = begin_ms if rules.is_anchored else train_to - rules.train
        found.append(
            Window(train_from, train_to, test_from, test_from + rules.embargo, test_from + rules.test)
        )
    return found


def walk_forward(
    bench: Bench,
    rules: Windows,
    choose: Choose,
    ledger: TrialLedger,
    strategy: str,
    *,
    update: Update | None = None,
) -> WalkResult:
    """Choose parameters on each training window and trade them on the days after it.

    A training window is cut off at its end: a trade that is open there counts at the last close before it, so
    that nothing of the test, not even the end of a trade, is seen by the search. In the test nothing is held
    from before, and the first entry is at its begin + embargo; candles before it only warm indicators up.

    Parameters
    ----------
    choose : callable
        A search over the bench it is given; its trials are its own to record.
    strategy : str
        Family of the walk in the ledger, where it is written as one trial of ``<strategy> walk-forward``.
    """
    cuts = windows(*bench.span_ms, rules)
    folds, tables = [], []
    for number, cut in enumerate(cuts):
        found = choose(bench.between(cut.train_from, cut.train_to))
        later = bench.between(cut.train_from, cut.test_to)
        trades = later.trades(found.best.strategy, since_ms=cut.enter_from)
        tables.append(trades)
        outside = _outside(trades, cut.test_from, cut.test_to, bench.capital)
        folds.append(
            WalkFold(
                cut,
                found.best.values,
                len(found.outcomes),
                found.outcomes[found.winner],
                outside,
                found.verdict.is_edge,
            )
        )
        if update is not None:
            update(number + 1, len(cuts))
    return _stitched(bench, rules, ledger, strategy, folds, pl.concat(tables))


def _outside(trades: pl.DataFrame, begin_ms: int, end_ms: int, capital: float) -> Outcome:
    first = begin_ms // DAY_MS
    return of_trades(trades, first, (end_ms - 1) // DAY_MS - first + 1, capital)


def _stitched(
    bench: Bench,
    rules: Windows,
    ledger: TrialLedger,
    strategy: str,
    folds: Sequence[WalkFold],
    trades: pl.DataFrame,
) -> WalkResult:
    outside = _outside(trades, folds[0].window.test_from, folds[-1].window.test_to, bench.capital)
    family = f"{strategy} walk-forward"
    what = digest(params_json({"windows": repr(rules), "chosen": [dict(fold.values) for fold in folds]}))
    none = np.full(bench.symbols, np.nan)
    ledger.record([trial_batch(family, what, bench.data_id, none, at=bench.end)])
    walks = ledger.total(family).effective
    inside = float(np.mean([fold.inside.profit / len(fold.inside.daily) for fold in folds]))
    kept = outside.profit / len(outside.daily) / inside if inside > 1e-12 else None
    is_enough = len(outside.daily) >= 8 and float(outside.daily.std()) > 1e-15
    probability = deflated_sharpe(estimate(outside.daily), walks) if is_enough else None
    return WalkResult(strategy, folds, trades, outside, kept, probability, walks, stability(folds))


def stability(folds: Sequence[WalkFold]) -> pl.DataFrame:
    """Return per parameter: the value chosen most often, in what share of folds, and how many were chosen."""
    rows = []
    for name in folds[0].values:
        chosen = [str(fold.values[name]) for fold in folds]
        most = max(dict.fromkeys(chosen), key=chosen.count)
        changes = sum(a != b for a, b in pairwise(chosen))
        rows.append((name, most, chosen.count(most) / len(chosen), len(set(chosen)), changes))
    schema = {"parameter": pl.String, "most_often": pl.String, "share": pl.Float64, "values": pl.Int64,
              "changes": pl.Int64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
