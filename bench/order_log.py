"""Marking orders SENT: one commit per order, as a plain caller does it, against the log's group commit.

Sixteen tasks write, like the engine's. Wall time counts here, since what is saved is waiting for the disk:
both run in turns on the same file system in one run, and only their ratio is judged. Where strace works the
fsyncs of both are counted too. `loop_lag_*` is how late a timer of 1 ms fired while the sixteen wrote, in ms.
"""

import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from trading.store.order_log import OrderLog

WRITES, TASKS, ROUNDS, LEAST = 800, 16, 3, 3.0


def run() -> dict[str, Any]:
    """Return intents per second both ways, their ratio, fsyncs, and how late the event loop was."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = [
            (_round(folder, f"s{n}", _one_by_one), _round(folder, f"g{n}", _grouped)) for n in range(ROUNDS)
        ]
        ratios = [single["wall_s"] / grouped["wall_s"] for single, grouped in rounds]
        single, grouped = rounds[ratios.index(statistics.median_low(ratios))]
        fsyncs = _fsyncs(Path(folder))
    ratio = statistics.median_low(ratios)
    return {
        "name": "order_log",
        "work": f"{WRITES} orders NEW -> SENT by {TASKS} tasks, each on disk before its task goes on",
        "ours_wall_s": round(grouped["wall_s"], 4),
        "ours_cpu_s": round(grouped["cpu_s"], 4),
        "peer": "one commit per write, on the loop",
        "peer_wall_s": round(single["wall_s"], 4),
        "peer_cpu_s": round(single["cpu_s"], 4),
        "ratio": round(ratio, 2),
        "ratios": [round(found, 2) for found in ratios],
        "bound": LEAST,
        "ok": ratio >= LEAST,
        "intents_per_s_single": round(WRITES / single["wall_s"]),
        "intents_per_s_grouped": round(WRITES / grouped["wall_s"]),
        "commits_grouped": grouped["commits"],
        "fsyncs_single": fsyncs["single"],
        "fsyncs_grouped": fsyncs["grouped"],
        "loop_lag_p99_ms_single": round(single["lag_p99_ms"], 2),
        "loop_lag_p99_ms_grouped": round(grouped["lag_p99_ms"], 2),
    }


def _round(folder: str, name: str, way: Callable[[OrderLog, str], Any]) -> dict[str, Any]:
    log = _log(Path(folder) / f"{name}.db")
    lags: list[float] = []
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(_all(log, way, lags))
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        commits = getattr(log.writer, "commits", 0)
    finally:
        log.close()
    return spent | {"commits": commits, "lag_p99_ms": statistics.quantiles(lags, n=100)[98] * 1000}


async def _all(log: OrderLog, way: Callable[[OrderLog, str], Any], lags: list[float]) -> None:
    async def one(task: int) -> None:
        for number in range(task, WRITES, TASKS):
            assert await way(log, f"c{number}")

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - began - 0.001)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(one(task) for task in range(TASKS)))
    watching.cancel()


async def _one_by_one(log: OrderLog, coid: str) -> bool:
    done = log.orders.mark_sent(coid)
    await asyncio.sleep(0)  # as the engine did: the loop turns between two writes
    return done


async def _grouped(log: OrderLog, coid: str) -> bool:
    return await log.durably(partial(log.orders.mark_sent, coid))


def _fsyncs(folder: Path) -> dict[str, int | None]:
    """Count the fsyncs of one round each way, less those of its set-up, under strace; None without it."""
    works = ["strace", "-f", "-o", "/dev/null", "true"]
    if shutil.which("strace") is None or subprocess.run(works, check=False, capture_output=True).returncode:
        return {"single": None, "grouped": None}  # not installed, or tracing is not allowed here
    set_up = _traced(folder, "none")
    return {way: _traced(folder, way) - set_up for way in ("single", "grouped")}


def _traced(folder: Path, way: str) -> int:
    out, script = (
        folder / f"{way}.strace",
        f"import bench.order_log as b; b.one_round({str(folder)!r}, {way!r})",
    )
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(out), sys.executable, "-c", script]
    subprocess.run(command, check=True, capture_output=True)
    return sum("sync(" in line and "resumed" not in line for line in out.read_text().splitlines())


def one_round(folder: str, way: str) -> None:
    """Do one round, or only its set-up (way "none"): what `_fsyncs` traces."""
    ways = {"single": _one_by_one, "grouped": _grouped}
    if way in ways:
        _round(folder, f"traced-{way}", ways[way])
    else:
        _log(Path(folder) / "traced-none.db").close()


def _log(path: Path) -> OrderLog:
    from decimal import Decimal

    from trading.market.orders import OrderType, Side
    from trading.store.order_log.records import Intent, Leg
    from trading.users.directory import Directory
    from trading.users.user import User

    log = OrderLog(f"sqlite:///{path}")
    Directory(log).add(User(user_id="u1", name="One", account="demo:1"))
    with log.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO signal_sets VALUES ('set-1', '{}', '15m', 1, 1, 9999999999999, 1)"
        )
    intents = [
        Intent(
            coid=f"c{n}", intent_id=f"i{n}", trade_id=f"t{n}", user_id="u1", signal_set_id="set-1",
            signal_id="s", approval_id="a", symbol=f"S{n}/USDT", leg=Leg.OPEN, attempt=1, side=Side.BUY,
            type=OrderType.IOC, amount=Decimal(1), price=Decimal(1), reserved=Decimal(1),
            stop_loss=Decimal("0.05"), take_profit=None, max_hold_s=60, expires_ms=2**50, created_ms=1,
        )
        for n in range(WRITES)
    ]  # fmt: skip
    log.orders.plan_entries("u1", "set-1", intents, [], place=0, at_ms=1)
    return log
