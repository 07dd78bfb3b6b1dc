"""What the searches share: their options, and how files become a bench, a space and a ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

if TYPE_CHECKING:
    from trading.backtest.search.bench import Bench
    from trading.backtest.search.configurations import Base
    from trading.backtest.search.space import Space
    from trading.backtest.strategy import Strategy as Rules
    from trading.backtest.validation.holdout import HoldoutBook
    from trading.backtest.validation.trials import TrialLedger

Candles = Annotated[Path, Option(help="Parquet: symbol, ts, open, high, low, close, volume.", metavar="FILE")]
Strategy = Annotated[
    str, Option(help="Strategy file or the name of a shipped one; else the space's.", metavar="FILE|NAME")
]
Space_ = Annotated[Path, Option(help="Search file, TOML (docs/reference/search.md).", metavar="FILE")]
Objective = Annotated[
    str,
    Option(help="Loss by freqtrade's name, e.g. SharpeHyperOptLossDaily; else the space's.", metavar="NAME"),
]
Mode_ = Annotated[str, Option(help="Fill rules: default (pessimistic) or freqtrade.")]
Fee = Annotated[float | None, Option(help="Fraction of the value, both sides; default: the strategy's.")]
Slots = Annotated[int, Option(help="Open positions at most; 0 = no limit (much faster).")]
Markets = Annotated[Path | None, Option(help="JSON {symbol: {tick, step, ...}}.", metavar="FILE")]
Ledger = Annotated[
    Path | None, Option(help="Trial ledger; default: trials.jsonl of the world.", metavar="FILE")
]
Holdouts = Annotated[
    Path | None, Option(help="Log of holdouts; default: holdouts.jsonl of the world.", metavar="FILE")
]
Family = Annotated[str, Option(help="Family of ideas whose holdouts must not be seen.")]
Top = Annotated[int, Option(help="Rows of the table.")]
Best = Annotated[Path | None, Option(help="Write the winner here, a strategy file.", metavar="FILE")]
Html = Annotated[Path | None, Option(help="Write a self-contained page.", metavar="FILE")]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything a search needs; `notes` are sentences for the reader."""

    bench: "Bench"
    base: "Base"
    space: "Space"
    objective: str
    ledger: "TrialLedger"
    notes: Sequence[str]


def prepare(
    candles: Path,
    strategy: str,
    space: Path,
    objective: str,
    *,
    mode: str,
    fee: float | None,
    slots: int,
    markets: Path | None,
    ledger: Path | None,
    holdouts: Path | None,
    family: str,
) -> Prepared:
    """Read the files, leave out what lies in a holdout, and say so."""
    from trading.backtest.search.configurations import check_uses, read_base
    from trading.backtest.search.objectives import objective as objective_of
    from trading.backtest.search.space import BadSpace, read_space

    asked = read_space(space)
    if not (strategy or asked.strategy):
        raise BadSpace(f"{space}: neither it nor --strategy names a strategy file")
    # A strategy that the space names lies beside it.
    near = space.parent / asked.strategy
    base = read_base(strategy or (str(near) if near.is_file() else asked.strategy))
    check_uses(asked, base)
    name = objective_of(objective or asked.objective).name
    bench, notes = without_holdouts(
        bench_of(candles, mode=mode, fee=fee, slots=slots, markets=markets), holdout_book(holdouts), family
    )
    return Prepared(bench, base, asked, name, trial_ledger(ledger), notes)


def bench_of(candles: Path, *, mode: str, fee: float | None, slots: int, markets: Path | None) -> "Bench":
    """Return the candles of a file with the terms they are traded on."""
    from trading.backtest.candle_file import read_candles, read_markets
    from trading.backtest.replay import Mode
    from trading.backtest.search.bench import Bench
    from trading.market.errors import BadInput

    if mode not in set(Mode):
        raise BadInput(f"--mode must be default or freqtrade, was {mode!r}")
    listed = None if markets is None else read_markets(markets)
    return Bench(read_candles(candles), Mode(mode), fee=fee, slots=slots, markets=listed)


def without_holdouts(bench: "Bench", book: "HoldoutBook", family: str) -> "tuple[Bench, list[str]]":
    """Return the bench without the bars of any holdout of `family`, and what was left out, in words."""
    from trading.backtest.search.bench import without_holdouts as outside

    own = [one for one in book.holdouts() if one.family == family]
    kept, dropped = outside(bench.candles, own)
    if not dropped:
        return bench, []
    spans = ", ".join(f"{one.name} ({one.begin:%Y-%m-%d} to {one.end:%Y-%m-%d})" for one in own)
    return replace(bench, candles=kept), [f"{dropped:,} bars lie in a holdout and were left out: {spans}"]


def trial_ledger(path: Path | None) -> "TrialLedger":
    """Return the ledger at `path`, or the world's."""
    from trading.backtest.validation.trials import TrialLedger

    return TrialLedger(path or _lake() / "trials.jsonl")


def holdout_book(path: Path | None) -> "HoldoutBook":
    """Return the log of holdouts at `path`, or the world's."""
    from trading.backtest.validation.holdout import HoldoutBook

    return HoldoutBook(path or _lake() / "holdouts.jsonl")


def count_backtest(named: str, strategy: "Rules", bench: "Bench", ledger: Path | None) -> None:
    """Write one backtest of a strategy file into the ledger; without --ledger only where there is a world.

    The winner of a search on the same candles and terms is the trial that the search wrote already.
    """
    import numpy as np

    from trading.backtest.search.configurations import params_id, read_base
    from trading.backtest.validation.trials import TrialLedger, trial_batch

    path = ledger or _lake() / "trials.jsonl"
    if ledger is None and not path.parent.is_dir():
        return
    name, params = strategy.name or Path(named).stem, strategy.digest
    if Path(named).suffix != ".py":
        base = read_base(named)
        name, params = base.name, params_id(base.document)
    none = np.full(bench.symbols, np.nan)
    batch = trial_batch(name, params, bench.data_id, none, at=bench.end)
    TrialLedger(path).record([batch])


def warn_of_holdouts(bench: "Bench", book: "HoldoutBook") -> None:
    """Say which unopened holdouts the candles hold: nobody logs what `sluice backtest` sees of them."""
    for one in book.holdouts():
        if one.opening is None and one.begin < bench.end and bench.begin < one.end:
            say(
                f"warning: these candles hold the unopened holdout {one.name} ({one.begin:%Y-%m-%d} to "
                f"{one.end:%Y-%m-%d}); once seen it is no longer out of sample: use sluice search confirm"
            )


def rough_cost(given: Prepared) -> str:
    """Return what the whole space would cost by its size alone; a grid that is run is measured instead."""
    from trading.backtest.grid import estimate

    return str(estimate(given.space.size, len(given.bench.candles.bars.close), given.bench.days[1]))


def say(text: str) -> None:
    """Print a line for a person, beside JSON on stdout."""
    typer.echo(text, err=True)


def _lake() -> Path:
    from resources.settings import load_settings

    return load_settings().lake_dir
