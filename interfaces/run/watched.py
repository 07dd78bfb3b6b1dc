"""A worker's side of its supervisor (workers.py): beats while its loop runs, and an end when nobody watches.

Both go over stdin, which the supervisor made one end of a socket: the system closes the other end when the
supervisor dies, however it dies, on Linux and macOS alike.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread

BEAT_S = 0.5
# After the supervisor's end: for orders on the way and the leases to be given back.
_PATIENCE_S = 10.0


@asynccontextmanager
async def watched(descriptor: int = 0) -> AsyncIterator[None]:
    """Beat for as long as the block runs; SIGTERM to this process if the supervisor is gone, then its end."""
    _hear_the_end()
    line = socket.socket(fileno=os.dup(descriptor))
    Thread(target=_end_with_supervisor, args=(line,), name="watched", daemon=True).start()
    beating = asyncio.create_task(_beat(line))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


def _hear_the_end() -> None:
    """Take SIGTERM again where the shell of the supervisor had it blocked or ignored: both are inherited."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


async def _beat(line: socket.socket) -> None:
    # By the loop, not by a thread of its own: a loop that hangs must fall silent.
    while True:
        with suppress(OSError):  # nobody listens any more: the thread sees to that
            line.send(b".", socket.MSG_DONTWAIT)
        await asyncio.sleep(BEAT_S)


def _end_with_supervisor(line: socket.socket) -> None:
    with suppress(OSError):
        while line.recv(64):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os._exit(1)  # the loop hangs and nobody is left to kill us
