"""A process that presses on a shared budget.

Called as `python limiter_worker.py FILE RATE BURST LEVEL WAITERS SECONDS`. Prints one line a
grant: when it was asked for and when it went, in monotonic seconds.
"""

import asyncio
import sys
import time
from pathlib import Path

from trading.exchange.throttle import Limiter, Priority


async def press(limiter: Limiter, level: Priority, waiters: int, seconds: float) -> list[tuple[float, float]]:
    """Ask with `waiters` requests at a time until `seconds` are over; 0 waiters = one now and then."""
    went: list[tuple[float, float]] = []
    end = time.monotonic() + seconds

    async def ask() -> None:
        while (asked := time.monotonic()) < end:
            await limiter.acquire(1, level)
            went.append((asked, time.monotonic()))
            if not waiters:
                await asyncio.sleep(0.15)

    await asyncio.gather(*(ask() for _ in range(max(waiters, 1))))
    limiter.close()
    return went


def main() -> None:
    """Say that we are there, wait for the word, press, and tell."""
    path, rate, burst, level, waiters, seconds = sys.argv[1:]
    limiter = Limiter(float(rate), burst=float(burst), path=Path(path))
    print("ready", flush=True)  # noqa: T201  # a program: this is how it talks to the test
    sys.stdin.readline()
    for asked, went in asyncio.run(press(limiter, Priority[level], int(waiters), float(seconds))):
        print(asked, went)  # noqa: T201  # as above


if __name__ == "__main__":
    main()
