"""Logs of JSON lines that many processes append to at once, and that a crash can at most cut at the end.

Each `append_lines` is one `write` on a file opened with O_APPEND, which the kernel does not mix with others
on a local file system. A reader leaves out a line that a killed writer did not finish; the next writer
begins a line of its own. Not here: what the lines say (looks.py, quarantine.py).
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trading.store.files import refusals, sync_path

# Enough for the last lines of any log here; what is cut at its beginning is left out.
_TAIL_BYTES = 65_536


def append_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Append `rows` durably as one JSON object a line; all of them or, after a crash, a beginning of them.

    Raises
    ------
    StoreError
        If the file system refuses (full, read-only): the rows before are as they were.
    """
    lines = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows]
    if not lines:
        return 0
    with refusals(f"write to {path.name}"):
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            _write_whole(handle, "".join(lines).encode("utf-8", "backslashreplace"))
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            sync_path(path.parent)
    return len(lines)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return every whole line, oldest first; empty where there is no file."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    return list(_objects(raw.split(b"\n")))


def damaged_lines(path: Path) -> int:
    """Return how many lines are left out by `read_lines`: torn by a killed writer, or spoilt since."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return 0
    lines = [line for line in raw.split(b"\n") if line.strip()]
    return len(lines) - sum(1 for _ in _objects(lines))


def last_line(path: Path) -> dict[str, Any] | None:
    """Return the line appended last, None where there is none. Reads the end of the file only."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            raw = file.read()
    except FileNotFoundError:
        return None
    return next(_objects(reversed(raw.split(b"\n"))), None)


def _write_whole(handle: int, raw: bytes) -> None:
    size = os.fstat(handle).st_size
    # A line that a killed writer left unfinished would swallow ours.
    if size and os.pread(handle, 1, size - 1) != b"\n":
        raw = b"\n" + raw
    while raw:
        raw = raw[os.write(handle, raw) :]


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if not line.endswith(b"}"):
            continue
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
