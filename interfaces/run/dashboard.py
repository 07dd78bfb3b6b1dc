"""The dashboard beside everything else that `sluice dev` serves."""

from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from interfaces.run.children import Child, free_port, wait_for

READY_S = 60.0
_HOST = "127.0.0.1"


def port_for(wanted: int) -> int:
    """Return `wanted` if nobody listens on it, else a free port: another world's dashboard may stay open."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, wanted))
        except OSError:
            return free_port()
    return wanted


def first_password(home: Path) -> str | None:
    """Make the account `operator` if there is no account; return its password, None where there is one.

    Asked before the process starts: what that process prints goes to a log, where no password belongs.
    """
    from interfaces.ui.access.accounts import FILE, Accounts

    return Accounts(home / FILE).ensure_one()


def start(logs: Path, environment: Mapping[str, str], port: int) -> Child:
    """Start `sluice ui` on a port of this machine."""
    return Child("dashboard", ["ui", "--port", str(port)], log=logs / "dashboard.log", env=environment)


def wait_until_up(child: Child, port: int) -> None:
    """Wait until it answers; raise `SluiceError` with the end of its log if it does not."""
    wait_for(child, lambda: _answers(port), within_s=READY_S)


def said(port: int, password: str | None) -> str:
    """Return where it is, and how to log in for the first time."""
    who = "" if password is None else f"; log in as operator, password {password} (shown once)"
    return f"Dashboard  http://{_HOST}:{port}/{who}"


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://{_HOST}:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
