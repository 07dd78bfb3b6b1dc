"""`sluice drill`: trouble made on purpose, on real processes, and what the invariants say afterwards."""

import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table, progress
from interfaces.drill.catalogue import DRILLS, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.execution.drills.result import DrillResult

app = typer.Typer(invoke_without_command=True)
USERS = 20
Users = Annotated[int, Option(min=1, max=2_000, help="Paper users, made for the drill.")]
Seed = Annotated[int, Option(min=0, help="Of market, faults and moments: the same seed, the same trouble.")]


@app.callback(invoke_without_command=True)
def drill(context: typer.Context) -> None:
    """Make trouble on real processes, and see what comes of it. Nothing of yours is touched.

    Each drill starts an embedded exchange, a Valkey and an engine of its own in a temporary folder, makes its
    trouble, and holds the exchange's own lists and request log against the order log. Everything is removed
    afterwards, after Ctrl-C, too; where an invariant broke, the folder stays as evidence.

    Exit code 0: everything held; 1: something was lost, doubled or broken, or the drill could not be run; 2:
    wrong use. `--json` prints one object on stdout: drill, runs, seed, passed, injected, lost, doubled,
    ledger_breaks, invariants, figures; progress goes to stderr.

    `sluice drill` alone lists the drills; what a verdict means: docs/how-to/run-a-drill.md.
    """
    if context.invoked_subcommand is not None:
        return
    print_table(
        [{"drill": each.name, "what it does": each.sentence} for each in DRILLS.values()],
        title="sluice drill NAME [--users U] [--seed S] [--json]; `all` runs each once",
    )


@app.command("kill")
def kill(
    runs: Annotated[int, Option(min=1, max=100_000, help="How often it is killed.")] = 20,
    what: Annotated[Target, Option(help="Which process.")] = Target.ENGINE,
    users: Users = 8,
    seed: Seed = 7,
    cold: Annotated[
        bool, Option("--cold", help="Start engines by a new interpreter (5 s each), not by fork.")
    ] = False,
    simulated: Annotated[
        bool, Option("--simulated", help="In simulated worlds instead: thousands of points a minute.")
    ] = False,
    points: Annotated[int, Option(min=1, help="Crash points of --simulated.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """`kill -9` of a real process at random moments: while starting, recovering, with orders in flight.

    The venue meanwhile is slow, drops connections before and after accepting, hides orders, fills in parts,
    lists fills late and twice, and does not de-duplicate client order ids. A few hundred runs take minutes:
    `sluice drill kill --runs 300` is the nightly one. `--what worker` runs two workers, lets prices fall
    through stops, and kills one or stops it past its lease. `--simulated` kills a simulated engine after
    commits and answers, alone and in series, on one thread.
    """
    if simulated:
        _finish_simulated(points, seed, as_json=as_json)
        return
    from interfaces.drill.stage import StageSettings

    settings = StageSettings(users=users, seed=seed, is_cold=cold)
    _finish("kill", as_json=as_json, settings=settings, runs=runs, what=what)


def _line(result: "DrillResult") -> dict[str, object]:
    found = result.as_dict()
    counts = {kind: found[kind] for kind in ("runs", "lost", "doubled", "ledger_breaks")}
    broken = [name for name, verdict in result.invariants.items() if verdict.broken]
    return {"drill": result.drill, "passed": result.passed, **counts, "broken": ", ".join(broken)}


def _finish_simulated(points: int, seed: int, *, as_json: bool) -> None:
    from trading.execution.drills.simulated import simulate

    with progress("crash points", points) as told:
        result = simulate(points, seed, progress=told)
    _keep(result)
    _show(result, as_json=as_json)
    if not result.passed:
        raise typer.Exit(1)


def _plain(name: str) -> None:
    """Make the command of a drill that has no options of its own."""

    def command(users: Users = USERS, seed: Seed = 7, as_json: AsJson = False) -> None:
        from interfaces.drill.stage import StageSettings

        _finish(name, as_json=as_json, settings=StageSettings(users=users, seed=seed))

    app.command(name, help=DRILLS[name].sentence)(command)


for _name in DRILLS:
    if _name != "kill":
        _plain(_name)


@app.command("all")
def every(seed: Seed = 7, users: Users = 8, as_json: AsJson = False) -> None:
    """Run each drill once, small; exit code 1 if one failed. Twenty minutes or so."""
    from interfaces.drill.stage import StageSettings

    results = []
    for name in DRILLS:
        print(f"drill {name}", file=sys.stderr)
        options = {"runs": 20} if name == "kill" else {}
        results.append(_run(name, settings=StageSettings(users=users, seed=seed), **options))
    if as_json:
        print_json([result.as_dict() for result in results])
    else:
        for result in results:
            _show(result, as_json=False)
        print_table([_line(result) for result in results], title="all drills")
    if not all(result.passed for result in results):
        raise typer.Exit(1)


def _finish(name: str, *, as_json: bool, **options: Any) -> None:
    """Run one drill, show what came of it, and end with 1 if something broke."""
    result = _run(name, **options)
    _show(result, as_json=as_json)
    if not result.passed:
        raise typer.Exit(1)


def _run(name: str, **options: Any) -> "DrillResult":
    # Ended in order by whoever ends us: a service manager or a time limit sends SIGTERM.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with progress(name) as told:
            result = DRILLS[name].run(say=_speaker(), progress=told, **options)
    finally:
        signal.signal(signal.SIGTERM, before)
    _keep(result)
    return result


def _keep(result: "DrillResult") -> None:
    """Keep it for the dashboard, with the world that is selected."""
    from datetime import UTC, datetime

    from interfaces.drill.shelf import keep
    from resources.settings import load_settings

    keep(load_settings().world_dir, result.as_dict(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _speaker() -> "Callable[[str], None]":
    from interfaces.cli.output import console

    screen, began = console(stderr=True), time.monotonic()

    def say(text: str) -> None:
        screen.print(f"{time.monotonic() - began:6.1f} s  {text}", soft_wrap=True)

    return say


def _show(result: "DrillResult", *, as_json: bool) -> None:
    if as_json:
        print_json(result.as_dict())
        return
    from trading.execution.invariants import Invariant

    meanings = {each.value: each.meaning for each in Invariant}
    print_table(
        [{"injected": kind, "times": times} for kind, times in sorted(result.injected.items())],
        title=f"{result.drill}: {result.runs:,} runs, seed {result.seed}",
    )
    print_table([{"figure": name, "value": _words(value)} for name, value in result.figures.items()])
    verdicts = [
        {
            "verdict": "holds" if verdict.holds else "BROKEN" if verdict.broken else "not judged",
            "invariant": f"{name}: {meanings[name]}" if name in meanings else name.replace("_", " "),
            "checked": verdict.checked,
            "broken": len(verdict.broken),
        }
        for name, verdict in sorted(result.invariants.items())
    ]
    print_table(verdicts)
    for kind in ("lost", "doubled", "ledger_breaks"):
        print(f"{kind.replace('_', ' ')}: {len(getattr(result, kind))}")
    found = result.as_dict()["found"]
    for line in [f"! {kind}: {sentence}" for kind, lines in found.items() for sentence in lines]:
        print(line)
    for note in result.notes:
        print(f"note: {note}")
    print("passed" if result.passed else "FAILED: what to do is in docs/how-to/run-a-drill.md")


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_words(part) for part in value)
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
