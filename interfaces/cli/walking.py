"""Walk-forward on the command line: lengths of time, who searches a fold, and how folds are shown."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interfaces.cli import searching as ask
from interfaces.cli.output import print_json, print_table
from trading.market.errors import BadInput, StoreError

if TYPE_CHECKING:
    from interfaces.cli.searching import Prepared
    from trading.backtest.search.bench import Bench
    from trading.backtest.search.found import SearchResult
    from trading.backtest.search.walk_forward import WalkResult

_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def length(name: str, told: str) -> int:
    """Return a length like 30d, 12h or 90m in milliseconds."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", told)
    if found is None:
        raise BadInput(f"--{name} must be like 30d, 12h or 90m, was {told!r}")
    return int(found[1]) * _MS[found[2]]


def chooser(given: "Prepared", trials: int, seed: int) -> "Callable[[Bench], SearchResult]":
    """Return what searches one training window: the whole grid, or `trials` of Optuna."""
    if trials:
        from trading.backtest.search.optuna_search import OptunaRules, optuna_search

        rules = OptunaRules(trials, seed)
        return lambda bench: optuna_search(
            bench, given.base, given.space, given.ledger, given.objective, rules
        )
    from trading.backtest.search.grid_search import configurations, grid_search

    made = configurations(given.space, given.base)
    return lambda bench: grid_search(bench, given.base, made, given.ledger, given.objective)


def give(
    found: "WalkResult",
    given: "Prepared",
    candles: Path,
    *,
    out: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Write and print a finished walk."""
    from interfaces.reports import walk_page
    from trading.backtest.search.configurations import numbered

    if out is not None:
        try:
            found.trades.write_parquet(out)
        except OSError as error:
            raise StoreError(f"{out} cannot be written: {error}") from error
        ask.say(f"wrote {out}")
    first = numbered(given.space, given.base, 0).strategy
    report = walk_page.outside_report(
        found, given.bench, candles, given.notes, stake=first.stake, cost=given.bench.side_cost(first)
    )
    if html is not None:
        ask.say(f"wrote {walk_page.write_walk(found, report, html)}")
    if as_json:
        print_json(walk_page.as_json(found, report, given.notes))
        return
    for note in given.notes:
        print(note)
    print_table(shown_folds(found), title=f"{found.strategy}: inside and outside, fold by fold")
    print_table(found.stability.to_dicts(), title="how steady the choice was")
    print(found.sentence)


def shown_folds(found: "WalkResult") -> list[dict[str, Any]]:
    """Return the folds as rows for a terminal: days without their hours."""
    return [
        {
            key: f"{value:%Y-%m-%d}" if key.endswith(("_from", "_to")) else value
            for key, value in fold.row().items()
        }
        for fold in found.folds
    ]
