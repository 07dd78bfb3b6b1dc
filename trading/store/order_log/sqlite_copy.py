"""A whole copy of a SQLite file that others write to: SQLite's online backup, then fsync and rename."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from trading.market.errors import StoreError
from trading.store.files import sync_path


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy the database `source` to `target`, as of one moment; readers and writers go on meanwhile.

    `target` is whole or not there (or what it was before): the copy is made beside it, forced to disk,
    renamed.

    Raises
    ------
    StoreError
        If either file cannot be read or written, or the disk is full.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        uri = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(beside)) as new:
            # One step: in several, a commit of another process would begin the copy anew.
            old.backup(new, pages=-1)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it
        sync_path(beside)
        beside.replace(target)
        sync_path(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot copy {source} to {target}: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def remove_journal(path: Path) -> None:
    """Move the write-ahead log of a database into its file; nobody may have it open.

    Raises
    ------
    StoreError
        If it is open elsewhere, or damaged.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be closed: {error}") from error
    if busy or mode != "delete":
        raise StoreError(f"{path} is open in another process: stop engine and pipeline first")
