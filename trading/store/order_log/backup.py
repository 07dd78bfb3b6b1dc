"""Backups of the order log, sealed keys of users included: taken while others write, checked, put back whole.

A backup is a folder: the database as of one moment, and `manifest.json` with a SHA-256 of it. It is made
beside its name and renamed when it is on disk, so it is whole or not there. The master key that opens users'
keys is in no backup: keep it elsewhere.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from trading.market.clock import Clock, SystemClock
from trading.market.errors import BadInput, MissingData, StoreError
from trading.store.files import sync_path
from trading.store.order_log.sqlite_copy import copy_sqlite, remove_journal
from trading.store.order_log.upgrade import refuse_newer, sqlite_path, status

MANIFEST = "manifest.json"
_NAMES = {"sqlite": "orders.db", "postgresql": "orders.dump"}


@dataclass(frozen=True, slots=True)
class Backup:
    """What the manifest says: `backup_id` is a part of the checksum, times are this machine's."""

    backup_id: str
    backend: str
    revision: str
    taken_wall_ms: int
    file: str
    size: int
    sha256: str


# Given the URL of a copy and the backup it is of: makes it a restored log.
Prepare = Callable[[str, Backup], object]


def back_up(url: str, folder: Path, wall: Clock | None = None) -> Backup:
    """Write a backup of the log at `url` into the new folder `folder`; engine and pipeline go on meanwhile.

    Raises
    ------
    BadInput
        If `folder` is there already: a backup is never written over.
    MissingData
        If there is no log.
    StoreError
        If the log cannot be read, the disk is full, or Postgres's ``pg_dump`` is missing or fails.
    """
    if folder.exists():
        raise BadInput(f"{folder} is there already: a backup is never written over")
    parsed, at = sa.make_url(url), (wall or SystemClock()).now_ms()
    revision = status(url).found
    if revision is None:
        raise MissingData(f"there is no order log at {parsed.render_as_string()}")
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        beside.mkdir(parents=True)
        file = beside / _NAMES[parsed.get_backend_name()]
        _dump(parsed, file)
        digest = sha256_of(file)
        made = Backup(
            digest[:12], parsed.get_backend_name(), revision, at, file.name, file.stat().st_size, digest
        )
        (beside / MANIFEST).write_text(json.dumps(asdict(made), indent=1, sort_keys=True))
        for path in (file, beside / MANIFEST, beside):
            sync_path(path)
        beside.rename(folder)
        sync_path(folder.parent)
    except OSError as error:
        raise StoreError(f"backup to {folder} failed, nothing is left of it: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return made


def read_backup(folder: Path) -> Backup:
    """Return the manifest of a backup whose file is what was written.

    Raises
    ------
    MissingData
        If there is no backup of that name.
    StoreError
        If it is damaged, or of a newer release.
    """
    try:
        found = Backup(**json.loads((folder / MANIFEST).read_text()))
    except FileNotFoundError as error:
        raise MissingData(f"no backup at {folder}: it has no {MANIFEST}") from error
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{folder / MANIFEST} cannot be read: {error}") from error
    refuse_newer(found.revision)
    try:
        digest = sha256_of(folder / found.file)
    except OSError as error:
        raise StoreError(f"backup {folder}: {found.file} cannot be read: {error}") from error
    if digest != found.sha256:
        raise StoreError(f"backup {folder} is damaged: {found.file} has SHA-256 {digest}, not {found.sha256}")
    return found


def put_back(folder: Path, url: str, prepare: Prepare, wall: Clock | None = None) -> Path | None:
    """Put the SQLite backup `folder` in the place of the log at `url`; nobody may have that log open.

    `prepare` is given the URL of the copy and the backup, and makes it a restored log, before it takes the
    place. Killed at any moment, the old log or the restored one is there, whole.

    Returns
    -------
    Path or None
        Where the log that was there is kept; None if there was none.

    Raises
    ------
    StoreError
        If the backup is damaged, or cannot be put there.
    BadInput
        If backup or `url` is not SQLite.
    """
    found, path = read_backup(folder), sqlite_path(sa.make_url(url))
    if path is None or found.backend != "sqlite":
        raise BadInput(
            "Postgres is restored by its own pg_restore into an empty database; after that, and before "
            "anything is started, `sluice restore --in-place BACKUP`"
        )
    at = (wall or SystemClock()).now_ms()
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / found.file, beside)
        prepare(f"sqlite:///{beside}", found)
        remove_journal(beside)
        sync_path(beside)
        kept = _keep(path, at)
        beside.replace(path)
        sync_path(path.parent)
    except OSError as error:
        raise StoreError(f"backup {folder} cannot be put at {path}: {error}") from error
    finally:
        for name in (beside, *(beside.with_name(beside.name + end) for end in ("-wal", "-shm"))):
            name.unlink(missing_ok=True)
    return kept


def _keep(path: Path, at: int) -> Path | None:
    """Keep the log that is there under another name, and leave its file without a journal beside it.

    A write-ahead log that stayed would be applied to the restored file.
    """
    if not path.exists():
        return None
    kept = path.with_name(f"{path.name}.replaced-{at}")
    try:
        copy_sqlite(path, kept)
    except StoreError:  # damaged: kept as it is, journal and all
        for end in ("", "-wal", "-shm"):
            source = path.with_name(path.name + end)
            if source.exists():
                source.rename(kept.with_name(kept.name + end))
        return kept
    try:
        remove_journal(path)
    except StoreError:
        kept.unlink()
        raise
    return kept


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _dump(url: sa.URL, file: Path) -> None:
    path = sqlite_path(url)
    if path is not None:
        copy_sqlite(path, file)
        return
    program = shutil.which("pg_dump") or _newest_pg_dump()
    if program is None:
        raise StoreError(
            "a backup of Postgres needs its pg_dump, which is not on this machine: "
            "take one where the server is"
        )
    # By the environment: a password in the arguments would be seen by every user of this machine.
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({} if url.password is None else {"PGPASSWORD": str(url.password)})
    command = [program, "--format=custom", f"--file={file}", f"--dbname={plain}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise StoreError(f"pg_dump failed: {done.stderr.strip().splitlines()[-1]}")


def _newest_pg_dump() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
    return str(found[-1]) if found else None
