"""Several engine processes on one order log, watched: one that dies or falls silent is started again.

Which users each serves is their own matter (leases in the log); this only keeps so many of them alive. Each
worker's stdin is one end of a socket: it beats there, and sees there when its supervisor is gone
(watched.py).
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event

# Below the eight seconds that `sluice dev` waits for us.
PATIENCE_S = 7.0
# A worker that dies at once is not started in a tight loop.
PAUSE_S, MOST_PAUSE_S = 1.0, 30.0
_STEADY_S = 60.0  # one that ran so long begins with the short pause again
# A silent worker's leases have ended by then (five seconds). It is killed because it may stand still in
# mid-commit, and then nobody else can write until it is gone.
SILENT_S = 6.0
FIRST_BEAT_S = 90.0  # a start imports everything, on a machine that may be busy
LOOK_S = 0.2
OPTION = "--supervised"


class Workers:
    """Keeps `count` processes of `sluice trade` running until `stop` is set or all have ended well.

    Parameters
    ----------
    arguments : sequence of str
        Of each process, after ``sluice trade``.
    say : callable
        Told when one has died or was killed.
    command : sequence of str
        What comes before `arguments`.
    silent_s : float
        Seconds without a beat after which a worker is killed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        count: int,
        say: Callable[[str], None],
        *,
        command: Sequence[str] = (sys.executable, "-m", "interfaces.cli", "trade", OPTION),
        silent_s: float = SILENT_S,
    ) -> None:
        self._command = [*command, *arguments]
        self._say = say
        self._silent_s = silent_s
        self.stop = Event()
        self._slots: list[_Slot] = [_Slot(number) for number in range(1, count + 1)]

    def run(self) -> int:
        """Watch until told to stop; return 0, or 1 if a worker had to be killed at the end."""
        try:
            while not self.stop.is_set() and not all(slot.is_done for slot in self._slots):
                for slot in self._slots:
                    self._look(slot)
                self._kill_silent()
                self.stop.wait(LOOK_S)
        finally:
            is_clean = self._end()
        return 0 if is_clean else 1

    def pids(self) -> list[int]:
        """Return the process ids of those that run."""
        return [slot.process.pid for slot in self._slots if slot.process is not None]

    def _look(self, slot: "_Slot") -> None:
        now_s = time.monotonic()
        if slot.process is not None:
            slot.listen(now_s)
            code = slot.process.poll()
            if code is None:
                return
            slot.is_done = code == 0
            slot.forget()
            if not slot.is_done:
                slot.note_death(now_s)
                self._say(
                    f"worker {slot.number} ended with code {code}; another starts in {slot.pause_s:g} s"
                )
        elif not slot.is_done and now_s >= slot.due_s:
            slot.start(self._command, now_s)

    def _kill_silent(self) -> None:
        """Kill the one that is silent longest; the others may only be waiting for the lock that it holds."""
        now_s = time.monotonic()
        silent = [slot for slot in self._slots if slot.silent_s(now_s) > self._bound_s(slot)]
        if not silent:
            return
        worst = max(silent, key=lambda slot: slot.silent_s(now_s))
        self._say(f"worker {worst.number} gave no sign of life for {worst.silent_s(now_s):.0f} s: killed")
        if worst.process is not None:
            worst.process.kill()
            worst.process.wait()
        for slot in self._slots:
            slot.heard_s = now_s

    def _bound_s(self, slot: "_Slot") -> float:
        return self._silent_s if slot.has_beaten else max(FIRST_BEAT_S, self._silent_s)

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
        for slot in self._slots:
            slot.forget()
        return is_clean


class _Slot:
    """One place for a worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.is_done = False
        self.has_beaten = False
        self.heard_s = 0.0
        self.due_s = 0.0
        self.pause_s = PAUSE_S
        self._began_s = 0.0
        self._line: socket.socket | None = None

    def start(self, command: Sequence[str], now_s: float) -> None:
        self._line, theirs = socket.socketpair()
        self._line.setblocking(False)
        with theirs:
            # A session of its own: Ctrl-C reaches us first, and we end the workers.
            self.process = subprocess.Popen(command, stdin=theirs, start_new_session=True)
        self.has_beaten, self._began_s, self.heard_s = False, now_s, now_s

    def listen(self, now_s: float) -> None:
        """Take the beats that have come."""
        if self._line is None:
            return
        with suppress(OSError):  # nothing there, or its end is closed
            while self._line.recv(4096):
                self.has_beaten, self.heard_s = True, now_s

    def silent_s(self, now_s: float) -> float:
        return 0.0 if self.process is None else now_s - self.heard_s

    def forget(self) -> None:
        self.process = None
        if self._line is not None:
            self._line.close()
            self._line = None

    def note_death(self, now_s: float) -> None:
        is_steady = now_s - self._began_s >= _STEADY_S
        self.pause_s = PAUSE_S if is_steady or self.due_s == 0.0 else min(2 * self.pause_s, MOST_PAUSE_S)
        self.due_s = now_s + self.pause_s
