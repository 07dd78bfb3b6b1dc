"""Several engine processes on one order log, watched: one that dies is started again.

Which users each serves is their own matter (leases in the log); this only keeps so many of them alive.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from threading import Event

PATIENCE_S = 10.0
# A worker that dies at once is not started in a tight loop.
PAUSE_S, MOST_PAUSE_S = 1.0, 30.0
_STEADY_S = 60.0  # one that ran so long begins with the short pause again


class Workers:
    """Keeps `count` processes of `sluice trade` running until `stop` is set or all have ended well.

    Parameters
    ----------
    arguments : sequence of str
        Of each process, after ``sluice trade``.
    say : callable
        Told when one has died.
    """

    def __init__(self, arguments: Sequence[str], count: int, say: Callable[[str], None]) -> None:
        self._arguments = arguments
        self._say = say
        self.stop = Event()
        self._slots: list[_Slot] = [_Slot(number) for number in range(1, count + 1)]

    def run(self) -> int:
        """Watch until told to stop; return 0, or 1 if a worker had to be killed at the end."""
        try:
            while not self.stop.is_set() and not all(slot.is_done for slot in self._slots):
                for slot in self._slots:
                    self._look(slot)
                self.stop.wait(0.2)
        finally:
            is_clean = self._end()
        return 0 if is_clean else 1

    def pids(self) -> list[int]:
        """Return the process ids of those that run."""
        return [slot.process.pid for slot in self._slots if slot.process is not None]

    def _look(self, slot: "_Slot") -> None:
        now_s = time.monotonic()
        if slot.process is not None:
            code = slot.process.poll()
            if code is None:
                return
            slot.process, slot.is_done = None, code == 0
            if not slot.is_done:
                slot.note_death(now_s)
                self._say(
                    f"worker {slot.number} ended with code {code}; another starts in {slot.pause_s:g} s"
                )
        elif not slot.is_done and now_s >= slot.due_s:
            command = [sys.executable, "-m", "interfaces.cli", "trade", *self._arguments]
            # A session of its own: Ctrl-C reaches us first, and we end the workers.
            slot.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
            slot.began_s = now_s

    def _end(self) -> bool:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        is_clean = True
        deadline = time.monotonic() + PATIENCE_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                is_clean = False
                process.kill()
                process.wait()
        return is_clean


class _Slot:
    """One place for a worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.is_done = False
        self.began_s = 0.0
        self.due_s = 0.0
        self.pause_s = PAUSE_S

    def note_death(self, now_s: float) -> None:
        is_steady = now_s - self.began_s >= _STEADY_S
        self.pause_s = PAUSE_S if is_steady or self.due_s == 0.0 else min(2 * self.pause_s, MOST_PAUSE_S)
        self.due_s = now_s + self.pause_s
