"""Is a log, or a backup of one, whole? Checksums, the database's own check, the revision, and the ledger."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from trading.market.errors import MissingData, SluiceError
from trading.store.order_log.backup import read_backup
from trading.store.order_log.connections import connect_for_upgrade
from trading.store.order_log.log import OrderLog
from trading.store.order_log.upgrade import refuse_newer, status


@dataclass(slots=True)
class Verdict:
    """What was looked at, and one sentence for each thing that is wrong."""

    what: str
    revision: str | None = None
    epoch: int = 0
    intents: int = 0
    fills: int = 0
    trades: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def verify_log(url: str) -> Verdict:
    """Check the log at `url`, also while others write to it. An older log is only read, not upgraded.

    Raises
    ------
    MissingData
        If there is none.
    """
    verdict = Verdict(sa.make_url(url).render_as_string())
    try:
        verdict.revision = _revision(url, verdict.what)
        verdict.wrong += _pages(url)
        if not status(url).is_current:
            verdict.wrong.append(f"revision {verdict.revision} is old: `sluice log upgrade` first")
        elif verdict.is_whole:
            _books(url, verdict)
    except MissingData:
        raise
    except SluiceError as error:
        verdict.wrong.append(str(error))
    return verdict


def verify_backup(folder: Path) -> Verdict:
    """Check a backup: its checksum, and, opened as a copy, all that `verify_log` checks.

    A dump of Postgres is checked by its checksum alone.

    Raises
    ------
    MissingData
        If there is none.
    """
    try:
        found = read_backup(folder)
    except MissingData:
        raise
    except SluiceError as error:
        return Verdict(str(folder), wrong=[str(error)])
    if found.backend != "sqlite":
        return Verdict(str(folder), revision=found.revision)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "orders.db"
        shutil.copyfile(folder / found.file, copy)
        url = f"sqlite:///{copy}"
        broken = _pages(url)
        if broken:
            return Verdict(str(folder), found.revision, wrong=broken)
        OrderLog(url).close()  # an older one is upgraded, in the copy
        verdict = verify_log(url)
    verdict.what, verdict.revision = str(folder), found.revision
    return verdict


def _revision(url: str, name: str) -> str:
    found = status(url).found
    if found is None:
        raise MissingData(f"there is no order log at {name}")
    refuse_newer(found)
    return found


def _pages(url: str) -> list[str]:
    """Return what SQLite finds wrong in its own file; Postgres looks after its own pages."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return []
    try:
        with connect_for_upgrade(parsed, is_read=True) as connection:
            said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    except SluiceError as error:
        return [str(error)]
    found = [] if said == ["ok"] else [f"SQLite: {line}" for line in said[:5]]
    return found + [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in orphans[:5]]


def _books(url: str, verdict: Verdict) -> None:
    log = OrderLog(url)
    try:
        verdict.wrong += log.breaks()
        verdict.epoch = log.restores.epoch()
        verdict.intents, verdict.fills = len(log.orders.find()), len(log.fills())
        verdict.trades = len(log.ledger.all_trades())
    finally:
        log.close()
