"""`sluice restore`: a backup in the place of the order log; the venue is asked before anything leaves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json

if TYPE_CHECKING:
    from trading.store.order_log.backup import Backup

app = typer.Typer(help="A backup in the place of the order log; starts frozen and replays the venue first.")


@app.command()
def restore(
    folder: Annotated[Path, Argument(help="Folder that `sluice backup` wrote.")],
    in_place: Annotated[
        bool,
        Option("--in-place", help="The database is back already (pg_restore): only mark it as restored."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the current world's order log. Stop engine and pipeline first.

    The log that was there is kept beside it. The restored one is frozen: nobody enters anything until `sluice
    lift`, signal sets from before that are void, and the engine reads every account at the venue, writes down
    what happened since the backup, and only then sells or buys. Killed on the way, the old log or the new one
    is there.
    """
    from resources.settings import load_settings
    from trading.execution.heartbeat import only_engine
    from trading.execution.run import LOCK
    from trading.store.order_log.backup import put_back, read_backup

    settings = load_settings()
    with only_engine(settings.world_dir / LOCK):
        found = read_backup(folder)
        if in_place:
            kept, epoch = None, _mark(settings.database_url, found)
        else:
            kept = put_back(folder, settings.database_url, _mark)
            epoch = _epoch(settings.database_url)
    if as_json:
        print_json({"backup_id": found.backup_id, "epoch": epoch, "kept": kept, "is_frozen": True})
        return
    print(f"restored from backup {found.backup_id}: epoch {epoch}, frozen")
    if kept is not None:
        print(f"the log that was there is kept as {kept.name}")
    print("start the engine: it reads every account first. Then look, and `sluice halts`, `sluice lift`")


def _mark(url: str, found: "Backup") -> int:
    from trading.store.order_log import OrderLog

    log = OrderLog(url)
    try:
        return log.restores.begin(found.backup_id, found.taken_wall_ms).epoch
    finally:
        log.close()


def _epoch(url: str) -> int:
    from trading.store.order_log import OrderLog

    log = OrderLog(url)
    try:
        return log.restores.epoch()
    finally:
        log.close()
