"""From a signal set's row and its id on the stream to the first order at the venue, the engine else idle.

The engine runs as `sluice trade` does, against the embedded exchange and Valkey on loopback, each a process
of its own (the stage of the drills). Sets come one after the other, each of one pair that nobody holds.
"""

import os
import statistics
import time
from decimal import Decimal
from typing import Any

from interfaces.drill.scene import UNCAPPED, orders
from interfaces.drill.sets import Exits, write_set
from interfaces.drill.stage import Stage, StageSettings
from trading.store.cache import ShardStreams, connect

SETS, MOST_MS, WITHIN_S, STILL_S = 20, 100.0, 5.0, 3.0
# Sold before the next set comes: room for it, and an idle engine again.
BRIEFLY = Exits(Decimal("0.05"), None, 1)


def run() -> dict[str, Any]:
    """Return the line: milliseconds from commit and from announcement to the order's arrival."""
    settings = StageSettings(
        users=1,
        speed=1.0,
        rate=400.0,
        venue_rate=800.0,
        fleet=dict(UNCAPPED),
    )
    load = os.getloadavg()[0]
    with Stage(settings, say=lambda _: None) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        waits = [each for number in range(SETS) if (each := _one(stage, number)) is not None]
        skipped = stage.log.skips()["rule"].to_list()
        stage.stop_engine(engine)
    row, told = ([each[place] for each in waits] for place in (0, 1))
    return {
        "name": "first order",
        "work": f"{SETS} sets of one signal, one user, one after the other",
        "orders": len(waits),
        "skipped": skipped,
        "row_to_order_p50_ms": round(statistics.median(row), 1),
        "row_to_order_max_ms": round(max(row), 1),
        "told_to_order_p50_ms": round(statistics.median(told), 1),
        "told_to_order_max_ms": round(max(told), 1),
        "bound": MOST_MS,
        "ok": statistics.median(row) <= MOST_MS and len(waits) == SETS,
        "load": round(load, 1),
    }


def _one(stage: Stage, number: int) -> tuple[float, float] | None:
    """Write a set, say its id; return ms from commit and from word to the order, None if none came."""
    time.sleep(STILL_S + 0.037 * (number % 10))  # not in step with anything that ticks
    pair = stage.venue.pairs()[number]
    batch = write_set(stage, [pair], number + 1, exits=BRIEFLY, is_announced=False)
    committed = time.time()
    stage.ask(_announce(str(stage.redis_url), batch.signal_set_id))
    told = time.time()

    def sent() -> list[float]:
        found = orders(stage, committed - 1)
        return [each.wall_s for each, intent in found if intent.signal_set_id == batch.signal_set_id]

    if not stage.until(sent, WITHIN_S, every_s=0.02):
        return None
    first = min(sent())
    return (first - committed) * 1000, (first - told) * 1000


async def _announce(url: str, name: str) -> None:
    client = connect(url)
    await ShardStreams(client).add(name)
    await client.aclose()
