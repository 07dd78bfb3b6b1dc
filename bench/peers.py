"""Peers that cannot share this project's environment: each gets one of its own, outside the repository.

Built with uv on first use where the package registry answers, kept in the machine's folder for temporary
files (or `SLUICE_BENCH_PEERS`). A peer that cannot be built is a skipped line with its reason.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = {
    "vectorbt": ["vectorbt==1.2.0", "vectorbt-rust==1.2.0"],
    "freqtrade": ["freqtrade==2026.9"],
    "streamlit": ["streamlit==1.67.0", "plotly==7.1.0"],
    "rejax": ["rejax==0.1.3", "jax>=0.12,<0.13"],  # without the second it takes a gymnax that it cannot run
}
_MOST_S = 900.0


class PeerMissing(Exception):
    """The peer cannot be run here; the message says why."""


def python_of(peer: str) -> Path:
    """Return the interpreter of `peer`'s environment, building it if it is not there.

    Raises
    ------
    PeerMissing
        If it cannot be built.
    """
    home = Path(os.environ.get("SLUICE_BENCH_PEERS", Path(tempfile.gettempdir()) / "sluice-peers")) / peer
    python = home / "bin" / "python"
    if (home / ".complete").is_file():
        return python
    uv = Path(sys.executable).parent / "uv"
    try:
        _run([str(uv), "venv", "-q", "--clear", "--python", sys.executable, str(home)])
        _run([str(uv), "pip", "install", "-q", "--python", str(python), *_PACKAGES[peer]])
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissing(f"{peer} could not be installed: {type(error).__name__}") from error
    (home / ".complete").touch()
    return python


def ask(peer: str, script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of this folder's neighbours with `peer`'s interpreter; return the JSON of its last line.

    Raises
    ------
    PeerMissing
        If there is no such environment, or the script fails.
    """
    python = python_of(peer)
    try:
        done = _run([str(python), str(ROOT / script), *arguments])
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissing(f"{peer} failed: {error}") from error
    return json.loads(done.splitlines()[-1])  # type: ignore[no-any-return]  # what the script printed


def _run(command: list[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_MOST_S)
    return done.stdout
