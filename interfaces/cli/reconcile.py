"""`sluice reconcile`: do exchange and order log agree, account by account, and what is frozen."""

import time
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from interfaces.cli import halting
from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.execution.reconcile_report import Report
    from trading.store.order_log import OrderLog

app = typer.Typer(help="Do exchange and order log agree, account by account; what is frozen and why.")


@app.command()
def reconcile(
    users: Annotated[str, Option("--users", help="Only these, with commas between; default: all.")] = "",
    ask: Annotated[bool, Option("--ask", help="Have the running engine check them now, and wait.")] = False,
    wait_s: Annotated[float, Option("--wait-s", help="How long to wait for --ask at most.", min=0.0)] = 120.0,
    lift: Annotated[str, Option("--lift", help="End this freeze: you have looked.", metavar="FREEZE")] = "",
    why: halting.Why = "",
    by: halting.By = "",
    as_json: AsJson = False,
) -> None:
    """Print the report of the last check of every account: outcome, differences by kind, weight and seconds.

    The engine checks accounts after a start, after an outage and every 15 minutes: open orders, trades since
    the last check, balances. What it can explain it books (`explained`); what it cannot freezes entries of
    that user's symbol (`frozen`), never exits. Exit code 1 unless every account was checked and all agree.

    Examples: sluice reconcile --ask; sluice reconcile --users ada,bob --json;
    sluice reconcile --lift freeze-… --why 'sold by hand'
    """
    from resources.settings import load_settings
    from trading.store.order_log import OrderLog

    settings = load_settings()
    log = OrderLog(settings.database_url)
    try:
        if lift:
            halting.require_why(why)
            ended = log.reconciliations.lift(lift, by=halting.who(by), why=why)
            print(f"lifted: {ended.reason}")
        names = _users(log, users)
        answered = _ask(log, names, wait_s) if ask else True
        found = _report(settings, log, names)
    finally:
        log.close()
    if as_json:
        print_json(found.as_dict() | {"answered": answered})
    else:
        _show(found, is_answered=answered)
    if not (found.is_clean and answered):
        raise typer.Exit(1)


def _users(log: "OrderLog", wanted: str) -> list[str]:
    from trading.users.directory import Directory

    directory = Directory(log)
    if wanted:
        return [directory.get(name.strip()).user_id for name in wanted.split(",") if name.strip()]
    return [user.user_id for user in directory.all()]


def _ask(log: "OrderLog", names: list[str], wait_s: float) -> bool:
    """Ask the engine and wait; False if it did not answer in time."""
    log.reconciliations.ask(names)
    until = time.monotonic() + wait_s
    while log.reconciliations.asked() & set(names):
        if time.monotonic() >= until:
            return False
        time.sleep(0.2)
    return True


def _report(settings: "Settings", log: "OrderLog", names: list[str]) -> "Report":
    from trading.execution.reconcile_report import report
    from trading.execution.settings import EngineSettings

    rate = settings.exchange.rate_per_s
    return report(log, names, rate_per_s=rate, share=EngineSettings().reconcile_share)


def _print_ages(found: "Report") -> None:
    """Say how old the report is, and why an account may be in it that was not checked yet."""
    if found.oldest_check_at is not None:
        print(f"oldest check: {found.oldest_check_at:%Y-%m-%d %H:%M:%S} UTC; --ask has all done now")
        return
    count = sum(row["checked_at"] is None for row in found.rows)
    if count == 0:  # no users
        return
    print(
        f"never checked yet: {count:,} of {len(found.rows):,}. An account that holds nothing waits for its "
        f"turn within the budget, while an engine runs (all: {found.pass_s:.0f} s); --ask has all done now"
    )


def _show(found: "Report", *, is_answered: bool) -> None:
    rows = [
        row | {"differences": ", ".join(str(one["kind"]) for one in row["differences"]) or row["error"]}
        for row in found.rows
    ]
    columns = [
        "user",
        "outcome",
        "cause",
        "checked_at",
        "seconds",
        "weight",
        "open",
        "unclear",
        "differences",
    ]
    print_table(rows, columns, title="Last check of each account", empty="no users")
    for one in found.frozen:
        print(f"frozen {one.freeze_id}: {one.user_id}, {one.symbol or 'all symbols'}: {one.reason}")
    for said in found.breaks:
        print(f"ledger: {said}")
    if not is_answered:
        print("the engine did not answer in time: is it running? (sluice status)")
    print(f"weight {found.weight:,} in {found.seconds:.1f} s; a full pass costs at least {found.floor:,}:")
    print(f"{found.floor_s:.1f} s at the venue's whole rate, {found.pass_s:.1f} s within its budget")
    _print_ages(found)
    agreed = "clean: exchange and log agree" + ("" if is_answered else ", by checks made before this one")
    print(agreed if found.is_clean else "NOT clean")
