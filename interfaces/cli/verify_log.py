"""`sluice verify`: whether the order log, or a backup of it, is whole, and whether the venue agrees."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="Is the order log, or a backup, whole: checksum, pages, revision, ledger, venue.")


@app.command()
def verify(
    folder: Annotated[
        Path | None, Argument(help="Folder of a backup; default: the current world's log.")
    ] = None,
    venue: Annotated[
        bool, Option("--venue", help="Also hold the log against every account's orders at the exchange.")
    ] = False,
    seed: Annotated[
        int | None, Option(help="Seed of the exchange's demo accounts; default: that of the world.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check checksums, the database's own pages, the revision and every sum of the ledger.

    With --venue (the world's exchange must run) also that no order or execution of the venue is missing in
    the log, none is there twice, and balances are what the ledger says. Exit code 1 if anything is wrong.
    """
    from dataclasses import asdict

    from resources.settings import load_settings
    from trading.store.order_log.verify import verify_backup, verify_log

    settings = load_settings()
    verdict = verify_log(settings.database_url) if folder is None else verify_backup(folder)
    orders = _ask_the_venue(verdict.wrong, seed) if venue and folder is None and verdict.is_whole else None
    if as_json:
        print_json(asdict(verdict) | {"is_whole": verdict.is_whole, "venue_orders": orders})
    else:
        state = "whole" if verdict.is_whole else "NOT whole"
        print(f"{verdict.what}: {state}; revision {verdict.revision}, epoch {verdict.epoch}")
        print(f"{verdict.intents:,} orders intended, {verdict.fills:,} executions, {verdict.trades:,} trades")
        if orders is not None:
            print(f"{orders:,} orders at the venue were held against it")
        for line in verdict.wrong:
            print(f"- {line}")
    if not verdict.is_whole:
        raise typer.Exit(1)


def _ask_the_venue(wrong: list[str], seed: int | None) -> int:
    from interfaces.cli.trade import demo_keys
    from interfaces.run.audit import audit_venue
    from resources.accounts import key_ring
    from resources.settings import load_settings
    from trading.execution.judge import Evidence
    from trading.store.order_log import OrderLog
    from trading.store.order_log.records import PENDING
    from trading.users.keys import DemoKeyRing

    settings = load_settings()
    log = OrderLog(settings.database_url)
    try:
        # Users may trade by hand; and while an engine runs, something may be on its way.
        is_settled = not log.orders.find(statuses=PENDING)
        evidence = Evidence(is_exclusive=False, is_settled=is_settled)
        ring = key_ring(settings, log, DemoKeyRing(demo_keys(settings.record_path, seed)))
        audit = audit_venue(settings, ring, log, evidence=evidence)
    finally:
        log.close()
    wrong += audit.warnings
    return audit.orders
