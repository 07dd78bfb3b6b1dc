"""`sluice rehearse`: what the rate limit allows a fleet, in simulated time."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.execution.rehearsal.fleet import Fleet
    from trading.execution.rehearsal.scenes import Scene

app = typer.Typer(help="What the rate limit allows a fleet, in simulated time.")
_DIVISIONS = ((0.2, 0.1), (0.05, 0.0), (0.05, 0.25), (0.05, 0.5), (0.05, 0.75), (0.05, 1.0))


@app.command()
def rehearse(
    users: Annotated[int, typer.Option(help="Users behind one address.")] = 1_000,
    positions: Annotated[int, typer.Option(help="Open positions of each.")] = 3,
    rate: Annotated[float, typer.Option(help="Weight per second that the address may spend.")] = 20.0,
    burst: Annotated[float, typer.Option(help="Weight that may go at once; 0 = a quarter second's.")] = 0.0,
    rtt: Annotated[float, typer.Option(help="Seconds from the wire to the answer.")] = 0.1,
    late: Annotated[float, typer.Option(help="Mean lateness of timers, seconds.")] = 0.002,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Rehearse a mass stop, a restart, finding fills and lone exits against the limiter's own arithmetic.

    Nothing is sent anywhere. The second table divides the budget differently: `reconcile` is the share of
    the rate that looking-up gets even while exits wait, `entries leave` the share of the burst that stays
    for exits. The division in force is marked; why it is that one: docs/decisions/0032.

    Examples: `sluice rehearse`, `sluice rehearse --rate 50 --users 10000 --json`.
    """
    from trading.exchange.budget import Shares
    from trading.execution.rehearsal.fleet import Fleet

    fleet = Fleet(users, positions, rate, None if burst == 0 else burst, rtt_s=rtt, late_s=late, seed=seed)
    acts = _acts(fleet)
    scenes, divisions = [], []
    with progress("rehearsing", len(acts) + len(_DIVISIONS)) as update:
        for done, act in enumerate(acts, 1):
            scenes.append(act())
            update(done, len(acts) + len(_DIVISIONS))
        for done, (reconcile, leave) in enumerate(_DIVISIONS, len(acts) + 1):
            shares = Shares(reconcile=reconcile, entries_leave=leave)
            divisions.append(_division(replace(fleet, shares=shares), is_used=shares == Shares()))
            update(done, len(acts) + len(_DIVISIONS))
    rows = [_row(scene) for scene in scenes]
    if as_json:
        print_json({"fleet": asdict(fleet), "scenes": rows, "divisions": divisions})
        return
    print_table(rows, title=f"{users:,} users × {positions} positions, {rate:g} weight/s (seconds)")
    print_table(divisions, title="the budget divided otherwise")


def _acts(fleet: "Fleet") -> "list[Callable[[], Scene]]":
    from trading.execution.rehearsal.scenes import Sight, fills, lone_exits, mass_stop, restart

    return [
        lambda: mass_stop(fleet, entries=fleet.held),
        lambda: mass_stop(fleet, sight=Sight.POLL),
        lambda: mass_stop(fleet, is_checked=True),
        lambda: restart(fleet),
        lambda: restart(fleet, are_exits_waiting=True),
        lambda: fills(fleet, sight=Sight.STREAM),
        lambda: fills(fleet, sight=Sight.POLL),
        lambda: lone_exits(fleet),
    ]


def _row(scene: "Scene") -> dict[str, Any]:
    return asdict(scene) | {"ratio": scene.ratio}


def _division(fleet: "Fleet", *, is_used: bool) -> dict[str, Any]:
    from trading.execution.rehearsal.scenes import Sight, lone_exits, mass_stop, restart

    lone = lone_exits(fleet)
    return {
        "reconcile": fleet.shares.reconcile,
        "entries_leave": fleet.shares.entries_leave,
        "in_force": "◀" if is_used else "",
        "mass_stop_polled_ratio": mass_stop(fleet, sight=Sight.POLL).ratio,
        "restart_ratio": restart(fleet).ratio,
        "lone_exits_p99_s": lone.p99_s,
        "weight_per_s_under_load": lone.weight / lone.last_s,
    }
