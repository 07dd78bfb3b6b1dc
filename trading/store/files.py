"""Whole files or none: durable atomic writes, and a lock between processes.

Not here: what is written (lake.py, candles.py, warehouse.py).
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from trading.market.errors import StoreError

_SYSTEM_SAID = re.compile(r"([^:]+?) \(os error (\d+)\)")


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turn a refusal of the file system (full, read-only, no permission) into a `StoreError`.

    A file that is gone stays `FileNotFoundError`: readers list again then.

    Parameters
    ----------
    doing : str
        What was tried, with the name of the file or table: "write 15m candles of 2025-03-01".
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refused(doing, error.strerror or type(error).__name__) from error
    except pl.exceptions.ComputeError as error:
        # Polars' Parquet writer wraps what the system said.
        found = _SYSTEM_SAID.search(str(error))
        if found is None or int(found[2]) == errno.ENOENT:
            raise
        raise _refused(doing, found[1]) from error


def _refused(doing: str, told: str) -> StoreError:
    return StoreError(f"could not {doing}: {told}; what was stored before is untouched")


def unique_name(stem: str) -> str:
    """Return `stem` with this process and a random part: no two writers ever share it."""
    return f"{stem}-{os.getpid()}-{secrets.token_hex(4)}"


def sync_path(path: Path) -> None:
    """Force a file's bytes, or a directory's entries, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make `path` and its parents so that a crash cannot lose them with what is put there next."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_path(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step: a reader sees the old text or the new, never a part."""
    temporary = path.with_name(unique_name(f".{path.name}"))
    temporary.write_text(text, encoding="utf-8")
    sync_path(temporary)
    temporary.replace(path)
    sync_path(path.parent)


def publish_directory(temporary: Path, target: Path) -> bool:
    """Give the finished directory `temporary` its public name; False when that name is already taken.

    The files inside must be synced by the caller. A directory that another writer published first
    under the same name is kept (equal name means equal content here) and `temporary` is removed.
    """
    sync_path(temporary)
    try:
        temporary.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(temporary, ignore_errors=True)
        return False
    sync_path(target.parent)
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` alone; the operating system frees it if this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
