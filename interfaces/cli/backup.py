"""`sluice backup`: the order log and the users' sealed keys into a folder, while everything runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="Order log and sealed keys into a folder, checksummed, while everything runs.")


@app.command()
def backup(
    folder: Annotated[
        Path | None, Argument(help="New folder; default: backups/<time> in the world's folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a backup of the current world's order log; engine and pipeline go on meanwhile.

    It is one moment of the log: users, sealed exchange keys, intents, executions, ledger, halts. The master
    key is not in it: keep that elsewhere, or nobody can open the keys. Check it with `sluice verify FOLDER`.
    """
    from dataclasses import asdict

    from resources.settings import load_settings
    from trading.store.order_log.backup import back_up

    settings = load_settings()
    target = folder or settings.world_dir / "backups" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    made = back_up(settings.database_url, target)
    if as_json:
        print_json(asdict(made) | {"folder": target})
        return
    print(f"backup {made.backup_id} in {target}: {made.size:,} bytes, revision {made.revision}")
