"""A world over which the line ran twice, one bar apart, and what each pass left: `test_line` looks at it."""

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
import polars as pl

from interfaces.run.line import JobResult, Line
from pipelines.windows import days_of_history
from resources.settings import load_settings
from tests.assets.embedded import embedded_world
from trading.market.timeframes import timeframe, to_ms
from trading.store.candles import CandleStore
from trading.store.lake import Lake

BAR = timeframe("15m")
BARS = 1000
# Two minutes into a bar: the first pass ends inside it.
START = "2026-08-17T12:02:00Z"


@dataclass
class Pass:
    """One run of `research`, the market time at which it ended, and the newest versions after it."""

    result: JobResult
    ended: datetime
    versions: dict[str, str]


@dataclass
class World:
    lake: Lake
    candles: CandleStore
    passes: list[Pass]
    instance: dg.DagsterInstance

    def events(self, which: int, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        run_id = self.passes[which].result.run_id
        return [
            record.event_log_entry.dagster_event
            for record in self.instance.get_records_for_run(run_id, of_type=kind).records
        ]

    def read(self, which: int, asset: str) -> pl.DataFrame:
        return self.lake.read(asset, self.passes[which].versions[asset])

    def kept(self, which: int) -> set[str]:
        return set(self.read(which, "liquid_symbols").filter("is_kept")["symbol"])


def _one_bar_on(market):
    """Let market time run to two minutes into the next bar."""
    target = BAR.next_ms(BAR.floor_ms(to_ms(market.now()))) + 120_000
    market.set_speed(900.0)
    while to_ms(market.now()) < target:
        time.sleep(0.02)
    market.set_speed(1.0)


@contextmanager
def two_passes(home):
    """Two passes over a market of 80 pairs, one bar apart."""
    with embedded_world(home, symbols=80, start=START) as market:
        settings = load_settings()
        line = Line(home / "unused", settings.world_dir / "dagster.log")
        lake, passes = Lake(settings.lake_dir), []
        for _ in range(2):
            result = line.run("research", tags=days_of_history(market.now(), BAR, BARS))
            newest = {asset: lake.latest(asset).version_id for asset in lake.assets()}
            passes.append(Pass(result, market.now(), newest))
            _one_bar_on(market)
        yield World(lake, CandleStore(settings.lake_dir), passes, dg.DagsterInstance.get())
