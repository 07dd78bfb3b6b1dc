"""`sluice drill flush-redis`: FLUSHALL while users trade; what was in it comes back out of SQL."""

import random
import time
from dataclasses import replace

from redis.asyncio import Redis

from interfaces.drill.judging import cache_wrongs, judge
from interfaces.drill.scene import sell_all
from interfaces.drill.sets import thin, write_set
from interfaces.drill.stage import Say, Stage, StageSettings
from trading.execution.drills.figures import spread
from trading.execution.drills.result import DrillResult, Progress
from trading.store.cache import connect
from trading.store.order_log.records import PENDING

FLUSHES = 5
PAIRS = 8
# Wall seconds in which the cache must show again what SQL says.
WITHIN_S = 30.0


def flush_redis(settings: StageSettings, *, say: Say, progress: Progress | None = None) -> DrillResult:
    """Empty the Valkey `FLUSHES` times, with orders on their way, and time until it is a projection again."""
    result = DrillResult("flush-redis", seed=settings.seed)
    with Stage(
        replace(settings, speed=10.0, rate=400.0, venue_rate=800.0, fleet={"minute_share": None}), say
    ) as stage:
        engine = stage.start_engine()
        stage.until_beating(engine)
        draw = random.Random(settings.seed)
        rebuilt: list[float] = []
        for number in range(1, FLUSHES + 1):
            write_set(stage, draw.sample(thin(stage.venue.pairs(), 3 * PAIRS), PAIRS), number)
            stage.until(lambda: stage.log.orders.find(statuses=PENDING), 5.0, every_s=0.02)
            time.sleep(draw.uniform(0.0, 1.0))
            stage.ask(_flush(stage))
            result.inject("FLUSHALL")
            # With a set announced after it: a stream that is gone must not hide the set.
            result.inject(
                "FLUSHALL with orders in flight", int(bool(stage.log.orders.find(statuses=PENDING)))
            )
            rebuilt += _until_rebuilt(stage, result)
            result.runs += 1
            if progress is not None:
                progress(number, FLUSHES)
        sell_all(stage, result)
        stage.stop_engine(engine)
        judge(stage, result)
        result.figures["seconds_until_rebuilt"] = spread(rebuilt)
        stage.is_evidence = not result.passed
    return result


async def _flush(stage: Stage) -> None:
    client: Redis = connect(stage.redis_url or "")
    try:
        await client.flushall()
    finally:
        await client.aclose()


def _until_rebuilt(stage: Stage, result: DrillResult) -> list[float]:
    """Wait until the cache agrees with SQL at one look; trading goes on meanwhile."""
    began = time.monotonic()
    wrongs: list[str] = []

    def agrees() -> bool:
        nonlocal wrongs
        wrongs = cache_wrongs(stage)
        return not wrongs

    is_whole = stage.until(agrees, WITHIN_S, every_s=0.1)
    result.judge("cache_rebuilt", [] if is_whole else wrongs[:3])
    return [time.monotonic() - began] if is_whole else []
