"""Telegram: the bot as a real process against the fake Bot API, which counts every window of the limits.

1,000 users are told something at once (floor: 25 a second); money overtakes 1,000 queued digests; the bot is
killed with SIGKILL in the middle of a queue and started again. Times are wall time at the server: on a busy
machine they are upper bounds.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from trading.market.clock import SystemClock
from trading.notifications.fake_telegram import FakeTelegram
from trading.store.order_log import OrderLog
from trading.store.order_log.chats import Role
from trading.store.order_log.records import Event
from trading.users.directory import Directory
from trading.users.user import User

USERS, FLOOR_PER_S, MOST_RATIO, MOST_OVERTAKE_S = 1_000, 25, 1.05, 1.0
KILLS, KILL_AFTER_S = 3, 4.0
_START_S, _LONG_S = 90.0, 150.0


def run() -> list[dict[str, Any]]:
    """Return a line for the fan-out, for the overtaking and for the kills."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_all(Path(folder)))


class Scene:
    """A world with users who are linked, a fake Telegram, and the bot as a process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "bench").mkdir()
        self.log = OrderLog(f"sqlite:///{home}/bench/orders.db")
        self.log.messages.start()
        self.fake = FakeTelegram()
        self._runner = web.AppRunner(self.fake.app(), shutdown_timeout=1)
        self._url = ""
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0

    async def open(self) -> None:
        """Serve the fake Telegram."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def people(self, count: int) -> None:
        """Add users ``u1`` and on, linked to chats 1 and on."""
        directory = Directory(self.log)
        for index in range(1, count + 1):
            with self.log.database.together():
                name = f"u{index}"
                directory.add(User(user_id=name, name=name, account=f"demo:{index}"))
                self.log.chats.link(self.log.chats.code(name, Role.USER), index)

    def environment(self) -> dict[str, str]:
        """Return what the bot's process is started with."""
        return os.environ | {
            "SLUICE_HOME": str(self.home),
            "SLUICE_WORLD": "bench",
            "SLUICE_TELEGRAM_TOKEN": f"1:bench-{os.getpid()}",
            "SLUICE_TELEGRAM_URL": self._url,
            "SLUICE_LOG_LEVEL": "warning",
        }

    async def start(self) -> None:
        """Start the bot; it is there once it asks for updates."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "interfaces.cli", "bot", "run", env=self.environment()
        )
        asked = self.fake.polls
        await until(lambda: self.fake.polls > asked, _START_S)

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None

    def post(self, count: int, kind: str, **payload: object) -> list[str]:
        """Write an event for each of the first `count` users, in one transaction; return their ids."""
        self._number += 1
        names = [f"{kind}-{self._number}-{index}" for index in range(1, count + 1)]
        at_ms = SystemClock().now_ms()
        with self.log.database.together():
            for index, name in enumerate(names, 1):
                self.log.outbox.post(Event(name, f"u{index}", kind, payload, at_ms))
        return names

    async def close(self) -> None:
        """End all."""
        await self.kill()
        await self._runner.cleanup()
        self.log.close()


async def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds. TimeoutError if it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"did not come about within {seconds:g} s")
        await asyncio.sleep(0.05)


async def _all(home: Path) -> list[dict[str, Any]]:
    scene = Scene(home)
    await scene.open()
    try:
        scene.people(USERS)
        await scene.start()
        told = await _fan_out(scene)
        overtaking = await _overtaking(scene)
        killed = await kills(scene, USERS // 4, KILLS, KILL_AFTER_S)
    finally:
        await scene.close()
    return [told, overtaking, killed]


async def _fan_out(scene: Scene) -> dict[str, Any]:
    begin = time.monotonic()
    scene.post(USERS, "close_all_done")
    await until(lambda: len(scene.fake.sent) >= USERS, _LONG_S)
    took = scene.fake.sent[USERS - 1].at - scene.fake.sent[0].at
    floor = USERS / FLOOR_PER_S
    report = scene.fake.report()
    return {
        "name": "telegram.fan_out",
        "users": USERS,
        "seconds": round(took, 2),
        "seconds_from_the_first_write": round(scene.fake.sent[USERS - 1].at - begin, 2),
        "ratio_to_floor": round(took / floor, 4),
        "most_per_second": report["most_per_second"],
        "limits_broken": len(report["breaks"]),
        "load": os.getloadavg()[0],
        "ok": took / floor <= MOST_RATIO and not report["breaks"],
    }


async def _overtaking(scene: Scene) -> dict[str, Any]:
    """Digests of all users are due; then one user's order is refused."""
    before = len(scene.fake.sent)
    scene.post(USERS, "listed", text="x")
    await until(lambda: len(scene.fake.sent) >= before + 50, _LONG_S)
    queued = scene.log.messages.counts()["waiting"]
    at = time.monotonic()
    now_ms = SystemClock().now_ms()
    payload: dict[str, object] = {"symbol": "AAA/USDT", "reason": "no", "what": "sale"}
    scene.log.outbox.post(Event("money", f"u{USERS}", "order_rejected", payload, now_ms))
    await until(lambda: any("refused" in one.text for one in scene.fake.sent[before:]), _LONG_S)
    arrived = next(one.at for one in scene.fake.sent[before:] if "refused" in one.text)
    report = scene.fake.report()
    await until(lambda: len(scene.fake.sent) >= before + USERS + 1, _LONG_S)
    return {
        "name": "telegram.overtaking",
        "digests_waiting": queued,
        "seconds": round(arrived - at, 3),
        "limits_broken": len(report["breaks"]),
        "load": os.getloadavg()[0],
        "ok": arrived - at <= MOST_OVERTAKE_S and queued > 0.8 * USERS and not report["breaks"],
    }


async def kills(scene: Scene, users: int, times: int, after_s: float) -> dict[str, Any]:
    """Kill the bot `times` while it sends to `users`; count what was lost and what came twice."""
    before = len(scene.fake.sent)
    scene.post(users, "close_all_done")
    for _ in range(times):
        already = len(scene.fake.sent)
        await until(lambda: len(scene.fake.sent) > already, _START_S)  # noqa: B023 - waited for at once
        await asyncio.sleep(after_s / times)
        await scene.kill()
        await scene.start()
    await until(lambda: scene.log.messages.counts()["waiting"] == 0, _LONG_S)
    texts = Counter(one.text for one in scene.fake.sent[before:])
    twice = [count - 1 for count in texts.values() if count > 1]
    return {
        "name": "telegram.killed",
        "users": users,
        "kills": times,
        "lost": users - len(texts),
        "repeated": sum(twice),
        "limits_broken": len(scene.fake.report()["breaks"]),
        "ok": len(texts) == users and sum(twice) <= times and not scene.fake.report()["breaks"],
    }
