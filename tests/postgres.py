"""A real Postgres for tests: in a temporary folder, on a free port of 127.0.0.1, ended by its pid."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

_NUMBERS = count(1)


def missing() -> str | None:
    """Say what is not here that a Postgres test needs, or None."""
    try:
        import psycopg  # noqa: F401
    except ModuleNotFoundError:
        return "no psycopg: uv pip install --require-hashes -r requirements-postgres.lock"
    if _program("postgres") is None:
        return "no Postgres server on this machine (Debian: apt install postgresql)"
    if os.geteuid() == 0 and _other_user() is None:
        return "Postgres does not run as root and there is no user postgres or nobody"
    return None


@dataclass(frozen=True)
class Server:
    """A running server; every test gets an empty database in it."""

    port: int
    pid: int

    def new_database(self) -> str:
        """Return the URL of an empty database: a schema of its own, since a real one costs 0.5 s and 7 MB."""
        import psycopg

        name = f"log_{next(_NUMBERS)}"
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"postgresql+psycopg://sluice@127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{name}"

    def _dsn(self) -> str:
        return f"postgresql://sluice@127.0.0.1:{self.port}/postgres"


@contextmanager
def running(*, fsync: bool = False) -> Iterator[Server]:
    """Start a server and end it with the block. Without `fsync` a new database costs a fifth."""
    user = _other_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="sluice-pg-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    initdb = [str(_program("initdb")), "-D", str(data), "-U", "sluice", "-A", "trust", "-N", "-E", "UTF8"]
    subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, user=user, cwd=folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(_program("postgres")), "-D", str(data)]
    settings: dict[str, object] = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "on" if fsync else "off",
    }
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=folder)
    try:
        _wait(port, process, folder)
        yield Server(port, process.pid)
    finally:
        process.send_signal(signal.SIGQUIT)  # nobody needs these data: no waiting for clients, no checkpoint
        process.wait(20)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    import psycopg

    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError((folder / "log").read_text())
        try:
            psycopg.connect(f"postgresql://sluice@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Postgres did not start within 30 s")


def _program(name: str) -> Path | None:
    found = shutil.which(name)
    if found is not None:
        return Path(found).resolve()
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return installed[-1] if installed else None


def _other_user() -> str | None:
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)
