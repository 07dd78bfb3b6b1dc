"""A checkout to type commands of the docs in: the project's files by links, a home of its own."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.docs.markdown import ROOT, Shown

# One size for every run of the line: seconds instead of minutes. Nothing else of a command is changed.
SMALL = "--symbols 30 --users 1 --trade-seconds 0"
SIZES = {
    "make run": f'make run ARGS="{SMALL}"',
    "make run ARGS=--no-edge": f'make run ARGS="--no-edge {SMALL}"',
    'make run ARGS="--symbols 300 --trade-seconds 20"': f'make run ARGS="{SMALL}"',
    'SLUICE_STRATEGY=$PWD/my/dips.toml make run ARGS="--symbols 300 --trade-seconds 20"': (
        f'SLUICE_STRATEGY=$PWD/my/dips.toml make run ARGS="{SMALL}"'
    ),
}
_OWN = {"data", "dagster_home", "my", "site", "report.html", ".env", ".git", ".venv"}


class Checkout:
    """A folder in which a reader's commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for entry in ROOT.iterdir():
            if entry.name not in _OWN:
                (folder / entry.name).symlink_to(entry)
        self._settle()
        (folder / "dagster_home").mkdir()
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", folder / "dagster_home")
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("SLUICE_", "DAGSTER_"))
        }
        self._environment = {
            **kept,
            "SLUICE_HOME": str(folder / "data"),
            "DAGSTER_HOME": str(folder / "dagster_home"),
        }

    def _settle(self) -> None:
        """Give make an old stamp and older files to hold it against.

        Else it would install this folder, which is gone soon, into the project's own environment.
        """
        for path in [*ROOT.glob("requirements*.lock"), ROOT / "pyproject.toml", *ROOT.glob("scripts/*.sh")]:
            copy = self.folder / path.relative_to(ROOT)
            if copy.parent.is_symlink():
                copy.parent.unlink()
                copy.parent.mkdir()
            copy.unlink(missing_ok=True)
            shutil.copy(path, copy)
            os.utime(copy, (1, 1))
        (self.folder / ".venv").mkdir()
        for entry in (ROOT / ".venv").iterdir():
            if not entry.name.startswith(".sluice-"):
                (self.folder / ".venv" / entry.name).symlink_to(entry)
        stamp = self.folder / ".venv" / ".sluice-setup"
        stamp.touch()
        os.utime(stamp, (2, 2))

    def follow(self, step: Shown) -> subprocess.CompletedProcess[str]:
        """Save the file or type the command that a page shows, in the sizes of `SIZES`."""
        if step.file:
            (self.folder / step.file).write_text(step.text)
            return subprocess.CompletedProcess(step.file, 0, "", "")
        return self.type(SIZES.get(step.text, step.text))

    def type(self, command: str) -> subprocess.CompletedProcess[str]:
        """Return how a command ended, as a shell in the checkout runs it."""
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
