"""Engine processes that start in a tenth of the time: forked from a server that has the imports behind it.

What is forked runs `sluice trade` as typed in a shell, in a process of its own that `kill -9` ends. The
server (`multiprocessing`'s forkserver) has imported modules and done nothing else: no database, no thread.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

from interfaces.run.children import PATIENCE_S, tail
from trading.market.errors import SluiceError

_PRELOAD = [
    "interfaces.cli.main",
    "interfaces.cli.trade",
    "interfaces.cli.flatten",
    "interfaces.logging",
    "interfaces.run.options",
    "resources.accounts",
    "trading.execution.flatten_run",
    "trading.execution.run",
    "trading.simulator.accounts",
    "uvloop",
]


class Nursery:
    """Starts `sluice …` processes by fork."""

    def __init__(self) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOAD)

    def start(
        self, name: str, arguments: Sequence[str], *, log: Path, env: Mapping[str, str]
    ) -> "ForkedChild":
        """Start one; its output goes to the end of `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        process = self._context.Process(
            target=_become, args=(list(arguments), str(log), dict(env)), name=name, daemon=False
        )
        process.start()
        return ForkedChild(name, process, log)


class ForkedChild:
    """The same answers as `interfaces.run.children.Child`."""

    def __init__(self, name: str, process: "multiprocessing.context.ForkServerProcess", log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return int(self._process.pid or 0)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def require_running(self) -> None:
        """Raise with the end of its log if it has ended."""
        if not self.is_running:
            raise SluiceError(
                f"{self.name} ended with code {self._process.exitcode}; the end of {self.log} says: "
                f"{tail(self.log)}"
            )

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._process.kill()
        self._process.join()

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        if self.is_running:
            self._process.terminate()
            self._process.join(PATIENCE_S)
        if self.is_running:
            self._process.kill()
        self._process.join()

    @property
    def exit_code(self) -> int | None:
        """What it ended with, None while it runs."""
        return self._process.exitcode


def _become(arguments: list[str], log: str, env: dict[str, str]) -> None:
    """Be `sluice arguments`, in a session of its own: Ctrl-C reaches the drill, which ends us in order."""
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.update(env)
    from interfaces.cli.main import run

    code = run(arguments)
    sys.stdout.flush()
    sys.exit(code)
