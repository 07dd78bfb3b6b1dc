"""A sign of life on disk, and the lock that keeps a second engine off the same log."""

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
def only_engine(path: Path) -> Iterator[None]:
    """Hold the engine's lock; the system releases it when the process dies, however it dies.

    Raises
    ------
    StoreError
        If another engine runs on the same log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another engine holds {path.name}: one engine per order log") from error
        yield
