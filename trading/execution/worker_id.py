"""The name of an engine process: which machine (and container), which process, started when.

From the name another process on the same machine can tell that this one is dead, and take its shards at once
instead of waiting for their leases to end. Where the system does not tell (no /proc), leases end by time.
"""

import os
from hashlib import blake2b
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PIDS = Path("/proc/self/ns/pid")


def own_id() -> str:
    """Return the name of this process."""
    pid = os.getpid()
    return f"{_machine()}-{pid}-{_started(pid) or 0}"


def is_gone(worker_id: str) -> bool:
    """Whether the process of that name ran here and has ended; False where nobody can tell."""
    machine, _, rest = worker_id.partition("-")
    pid, _, started = rest.partition("-")
    if machine != _machine() or not pid.isdigit() or not started.isdigit() or not _BOOT.is_file():
        return False
    return _started(int(pid)) != int(started)


def pid_of(worker_id: str) -> int | None:
    """Return the process id in a worker's name, None if it is no such name."""
    parts = worker_id.split("-")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else None


def _machine() -> str:
    try:
        told = _BOOT.read_bytes() + bytes(_PIDS.readlink())
    except OSError:
        told = os.uname().nodename.encode()
    return blake2b(told, digest_size=4).hexdigest()


def _started(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
