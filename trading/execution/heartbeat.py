"""A sign of life on disk, and the lock that engines of a log hold together and others alone."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trading.market.errors import StoreError


class Heartbeat:
    """Writes one small JSON file, whole or not at all: pid, wall and market time, what is going on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def beat(self, **facts: object) -> None:
        """Write `facts` and the process id."""
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"pid": os.getpid()} | facts, sort_keys=True, default=str))
        temporary.replace(self._path)


@contextmanager
def working(path: Path) -> Iterator[None]:
    """Hold the engine's lock beside other workers; `only_engine` waits for the last of them to end.

    Raises
    ------
    StoreError
        If somebody holds it alone (a restore, a flatten).
    """
    with _locked(path, fcntl.LOCK_SH, f"{path.name} is held: a restore or a flatten is under way"):
        yield


@contextmanager
def only_engine(path: Path) -> Iterator[None]:
    """Hold the engine's lock alone; the system releases it when the process dies, however it dies.

    Raises
    ------
    StoreError
        If an engine works on the log.
    """
    with _locked(path, fcntl.LOCK_EX, f"another engine holds {path.name}: end it first"):
        yield


@contextmanager
def _locked(path: Path, kind: int, refusal: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(refusal) from error
        yield
