"""Where a world is served just now: told to other terminals by a file that its server holds locked.

The lock ends with the process, however it ends: what a killed run left behind is never believed.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trading.market.errors import SluiceError

ADDRESSES = "addresses.json"


def running_addresses(world_dir: Path) -> dict[str, str]:
    """Return where this world's exchange and Redis are served just now, by name; empty when nothing runs.

    `sluice run` and `sluice dev` write the file while they run, so that another terminal needs no variables.
    """
    try:
        file = (world_dir / ADDRESSES).open(encoding="utf-8")
    except FileNotFoundError:
        return {}
    with file:
        if not _is_held(file.fileno()):
            return {}
        found: dict[str, str] = json.load(file)
    return found


def require_unserved(world_dir: Path) -> None:
    """Raise if the world is being served: two exchanges on one state would spoil it."""
    running = running_addresses(world_dir)
    if running:
        raise SluiceError(
            f"world {world_dir.name} is being served at {running.get('exchange', 'an address of its own')} "
            "by another `sluice run` or `sluice dev`; end that one first"
        )


@contextmanager
def serving(world_dir: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """Tell other processes of this machine where the world is served, until the block ends."""
    path = world_dir / ADDRESSES
    world_dir.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    # The Redis URL holds a password: for this user's eyes only.
    temporary.touch(mode=0o600)
    with temporary.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(dict(addresses), file)
        file.flush()
        temporary.replace(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
