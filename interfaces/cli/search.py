"""`sluice search`: parameters searched in a grid, by Optuna or walking forward, and held against luck."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli import searching as ask
from interfaces.cli.output import AsJson, print_json, print_table, progress

if TYPE_CHECKING:
    from interfaces.cli.searching import Prepared
    from trading.backtest.search.found import SearchResult

app = typer.Typer(
    help="Search parameters without being fooled: every trial is counted, the best is held against luck.",
    no_args_is_help=True,
)


@app.command()
def grid(  # noqa: PLR0917 - Typer's options are one parameter each
    candles: ask.Candles,
    space: ask.Space_,
    strategy: ask.Strategy = "",
    objective: ask.Objective = "",
    mode: ask.Mode_ = "default",
    fee: ask.Fee = None,
    slots: ask.Slots = 0,
    markets: ask.Markets = None,
    most: Annotated[
        int, Option(help="Configurations at most; more are refused.", min=1, max=100_000)
    ] = 10_000,
    ledger: ask.Ledger = None,
    holdouts: ask.Holdouts = None,
    family: ask.Family = "research",
    top: ask.Top = 10,
    out: Annotated[
        Path | None, Option(help="Write every configuration here, Parquet.", metavar="FILE")
    ] = None,
    best: ask.Best = None,
    html: ask.Html = None,
    as_json: AsJson = False,
) -> None:
    """Run every combination of the declared values and say whether the best of them is more than luck.

    What it will cost is said first. The verdict counts these trials and all that the ledger holds of the
    strategy.

    Example: sluice search grid --candles candles.parquet --strategy rsi.toml --space rsi.space.toml
    """
    from trading.backtest.search.grid_search import configurations, estimate, grid_search

    given = ask.prepare(
        candles, strategy, space, objective, mode=mode, fee=fee, slots=slots, markets=markets, ledger=ledger,
        holdouts=holdouts, family=family,
    )  # fmt: skip
    made = configurations(given.space, given.base, most, cost=ask.rough_cost(given))
    cost = estimate(given.bench, made, given.objective)
    ask.say(str(cost))
    with progress("configurations", len(made)) as update:
        found = grid_search(given.bench, given.base, made, given.ledger, given.objective, update=update)
    _give(found, given, candles, top=top, out=out, best=best, html=html, as_json=as_json)


@app.command("optuna")
def by_optuna(  # noqa: PLR0917 - Typer's options are one parameter each
    candles: ask.Candles,
    space: ask.Space_,
    strategy: ask.Strategy = "",
    objective: ask.Objective = "",
    trials: Annotated[int, Option(help="Trials in the study, those before a resume included.")] = 100,
    seed: Annotated[int, Option(help="The same seed on the same candles suggests the same.")] = 0,
    storage: Annotated[
        Path, Option(help="SQLite file of the study: it outlives a kill.", metavar="FILE")
    ] = Path("sluice-study.db"),
    resume: Annotated[bool, Option("--resume", help="Go on with the study that is there.")] = False,
    mode: ask.Mode_ = "default",
    fee: ask.Fee = None,
    slots: ask.Slots = 0,
    markets: ask.Markets = None,
    ledger: ask.Ledger = None,
    holdouts: ask.Holdouts = None,
    family: ask.Family = "research",
    top: ask.Top = 10,
    out: Annotated[
        Path | None, Option(help="Write every configuration here, Parquet.", metavar="FILE")
    ] = None,
    best: ask.Best = None,
    html: ask.Html = None,
    as_json: AsJson = False,
) -> None:
    """Let Optuna's TPE sampler go where it was good, in a space too large for a grid.

    Example: sluice search optuna --candles c.parquet --space big.toml --trials 300 --seed 1 --resume
    """
    from trading.backtest.search.optuna_search import OptunaRules, optuna_search

    given = ask.prepare(
        candles, strategy, space, objective, mode=mode, fee=fee, slots=slots, markets=markets, ledger=ledger,
        holdouts=holdouts, family=family,
    )  # fmt: skip
    rules = OptunaRules(trials, seed, storage, resume)
    with progress("trials", trials) as update:
        found = optuna_search(
            given.bench, given.base, given.space, given.ledger, given.objective, rules, update=update
        )
    _give(found, given, candles, top=top, out=out, best=best, html=html, as_json=as_json)


@app.command("walk-forward")
def walk_forward(  # noqa: PLR0917 - Typer's options are one parameter each
    candles: ask.Candles,
    space: ask.Space_,
    strategy: ask.Strategy = "",
    objective: ask.Objective = "",
    train: Annotated[str, Option(help="Days searched in each fold, like 30d.")] = "30d",
    test: Annotated[str, Option(help="Days traded after them, like 10d.")] = "10d",
    purge: Annotated[str, Option(help="Left out before each test: as long as a trade may last.")] = "0h",
    embargo: Annotated[str, Option(help="No entry in the first of each test.")] = "0h",
    anchored: Annotated[
        bool, Option("--anchored", help="Train from the beginning on, instead of a window that moves.")
    ] = False,
    optuna_trials: Annotated[
        int, Option(help="Search each fold by that many Optuna trials; 0 = the whole grid.")
    ] = 0,
    seed: Annotated[int, Option(help="Seed of those trials.")] = 0,
    mode: ask.Mode_ = "default",
    fee: ask.Fee = None,
    slots: ask.Slots = 0,
    markets: ask.Markets = None,
    ledger: ask.Ledger = None,
    holdouts: ask.Holdouts = None,
    family: ask.Family = "research",
    out: Annotated[
        Path | None, Option(help="Write the trades outside here, Parquet.", metavar="FILE")
    ] = None,
    html: ask.Html = None,
    as_json: AsJson = False,
) -> None:
    """Search one stretch, trade the next, move on: what the search earns on days it had not seen.

    Example: sluice search walk-forward --candles c.parquet --space s.toml --train 60d --test 10d --purge 12h
    """
    from interfaces.cli import walking
    from trading.backtest.search.walk_forward import Windows
    from trading.backtest.search.walk_forward import walk_forward as walk

    given = ask.prepare(
        candles, strategy, space, objective, mode=mode, fee=fee, slots=slots, markets=markets, ledger=ledger,
        holdouts=holdouts, family=family,
    )  # fmt: skip
    rules = Windows(
        walking.length("train", train), walking.length("test", test), walking.length("purge", purge),
        walking.length("embargo", embargo), anchored,
    )  # fmt: skip
    choose = walking.chooser(given, optuna_trials, seed)
    with progress("folds") as update:
        found = walk(given.bench, rules, choose, given.ledger, given.base.name, update=update)
    walking.give(found, given, candles, out=out, html=html, as_json=as_json)


@app.command()
def confirm(  # noqa: PLR0917 - Typer's options are one parameter each
    candles: ask.Candles,
    strategy: Annotated[str, Option(help="The chosen strategy file.", metavar="FILE|NAME")],
    holdout: Annotated[str, Option(help="Name of a declared holdout; it is spent.", metavar="NAME")],
    by: Annotated[str, Option(help="Who opens it.")],
    why: Annotated[str, Option(help="Why; it is logged.")],
    mode: ask.Mode_ = "default",
    fee: ask.Fee = None,
    slots: ask.Slots = 0,
    markets: ask.Markets = None,
    ledger: ask.Ledger = None,
    holdouts: ask.Holdouts = None,
    html: ask.Html = None,
    as_json: AsJson = False,
) -> None:
    """Open a holdout once and see how the chosen configuration did there. A second time is refused.

    Example: sluice search confirm --candles c.parquet --strategy best.toml --holdout november --by ann \
        --why "chosen of 500 on 30 Nov"
    """
    from interfaces.cli.confirming import confirmed

    bench = ask.bench_of(candles, mode=mode, fee=fee, slots=slots, markets=markets)
    report, told = confirmed(
        bench, strategy, holdout, ask.holdout_book(holdouts), ask.trial_ledger(ledger),
        by=by, why=why, at=datetime.now(UTC), candles=candles,
    )  # fmt: skip
    if html is not None:
        from interfaces.reports.page import write_html

        ask.say(f"wrote {write_html(report, html)}")
    if as_json:
        print_json(told)
    else:
        from interfaces.reports.terminal import print_report

        print_report(report)
        print(told["verdict"])


def _give(
    found: "SearchResult",
    given: "Prepared",
    candles: Path,
    *,
    top: int,
    out: Path | None,
    best: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    from interfaces.reports import search_page
    from trading.backtest.search.configurations import written

    if out is not None:
        _written(out, found.table.write_parquet)
    if best is not None:
        _written(best, lambda path: path.write_text(written(found.best), encoding="utf-8"))
    report = search_page.winner_report(found, given.bench, candles, given.notes)
    if html is not None:
        ask.say(f"wrote {search_page.write_search(found, report, html, top=max(top, 50))}")
    if as_json:
        print_json(search_page.as_json(found, report, given.notes, top=top))
        return
    for note in given.notes:
        print(note)
    rows = found.table.head(top).to_dicts()
    print_table(rows, title=f"{found.strategy}: best of {len(found.outcomes):,} by {found.objective}")
    print_table(search_page.figures(found.verdict), title="is the best more than luck?")
    print_table(search_page.winner_rows(report), title="the winner", empty="it did not trade")
    print(found.verdict.sentence)


def _written(path: Path, write: Any) -> None:
    from trading.market.errors import StoreError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
    ask.say(f"wrote {path}")
