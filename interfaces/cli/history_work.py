"""What `sluice data` does: opens the world's exchange and shelf, runs passes under a progress bar, reports.

Words of options become domain values here; the passes themselves are `trading.ohlcv`'s.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import polars as pl

from interfaces.cli.output import progress
from interfaces.run.venue import next_step
from resources.settings import Settings, load_settings
from trading.exchange.pool import GatewayPool
from trading.market.errors import ExchangeError, MissingData, SluiceError
from trading.market.symbols import Market
from trading.market.timeframes import from_ms
from trading.market.timeframes import timeframe as find_timeframe
from trading.ohlcv.agreement import AGREEMENT, agreement
from trading.ohlcv.choices import chosen_moment, chosen_symbols, chosen_timeframes
from trading.ohlcv.passes import Passes, check_window, mend, recorded, refresh
from trading.ohlcv.shelf import Shelf
from trading.ohlcv.status import history_status, said_range, stored_range, stored_timeframes
from trading.ohlcv.tidy import tidy


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of one command line."""

    since: str = ""
    until: str = ""
    timeframe: str = ""
    symbols: str = ""
    again: bool = False


def served() -> Settings:
    """Return the settings, having made sure that they name an exchange."""
    settings = load_settings()
    _ = settings.exchange_settings
    return settings


def status(timeframe: str) -> dict[str, Any]:
    """Return what is stored, as `sluice data status --json` prints it; of the exchange it asks the time."""
    from interfaces.cli import vitals

    settings = load_settings()
    shelf = Shelf.at(settings.lake_dir)
    stored = stored_timeframes(shelf)
    names = [bar.name for bar in chosen_timeframes(timeframe, stored)]
    market_ms = vitals.exchange(settings)["market_ms"]
    days = shelf.lake.latest("ohlcv_days")
    now = from_ms(market_ms) if market_ms is not None else None if days is None else days.created_at
    agreed = [] if shelf.lake.latest(AGREEMENT) is None else shelf.lake.read(AGREEMENT).to_dicts()
    return {
        "world": settings.world,
        "market_time": now,
        "stored": [row for row in history_status(shelf, now=now) if row["timeframe"] in names],
        "agreement": agreed,
    }


def run(task: str, asked: Asked, settings: Settings) -> dict[str, Any]:
    """Run `backfill` or `repair` to its end and return the report.

    Raises
    ------
    SluiceError
        If the exchange does not answer; the message says what to do next.
    """
    try:
        return asyncio.run(_run(task, asked, settings))
    except ExchangeError as error:
        kept = "What was stored before stays as it was"
        then = next_step(settings.exchange_settings.base_url)
        raise SluiceError(f"no {task}: {error}. {kept}. {then}") from error


async def _run(task: str, asked: Asked, settings: Settings) -> dict[str, Any]:
    shelf = Shelf.at(settings.lake_dir)
    async with GatewayPool(settings.exchange_settings) as pool:
        listed = await pool.public.markets()
        await pool.public.sync_clock()
        job = _Job(shelf, settings, pool, listed, pool.public.clock.now(), asked)
        return await (job.backfill() if task == "backfill" else job.repair())


class _Job:
    """One call of `sluice data backfill` or `repair`."""

    def __init__(
        self,
        shelf: Shelf,
        settings: Settings,
        pool: GatewayPool,
        listed: Sequence[Market],
        at: datetime,
        asked: Asked,
    ) -> None:
        self._shelf = shelf
        self._settings = settings
        self._pool = pool
        self._listed = listed
        self._at = at
        self._asked = asked
        self._run_id = f"data-{uuid4().hex[:12]}"

    async def backfill(self) -> dict[str, Any]:
        timeframes = chosen_timeframes(self._asked.timeframe, [self._settings.timeframe])
        symbols = chosen_symbols(self._asked.symbols, self._listed, self._survivors())
        done = []
        for bar in timeframes:
            window = self._window(bar.delta * self._settings.history_bars)
            with progress(f"{bar.name} candles") as update:
                passes = await refresh(
                    self._pool.public,
                    self._shelf,
                    symbols,
                    [bar],
                    window,
                    at=self._at,
                    run_id=self._run_id,
                    pressure=self._pool.limiter.stats,
                    on_progress=update,
                )
            done.append(self._finished(passes, window))
        return await self._report(done, symbols)

    async def repair(self) -> dict[str, Any]:
        stored = stored_timeframes(self._shelf)
        if not stored:
            raise MissingData(
                "no candles are stored yet, so there is nothing to mend. Next: sluice data backfill"
            )
        symbols = chosen_symbols(self._asked.symbols, self._listed, []) or None
        done = []
        for bar in chosen_timeframes(self._asked.timeframe, stored):
            window = self._window(None, *stored_range(self._shelf, bar.name))
            with progress(f"{bar.name} holes") as update:
                passes = await mend(
                    self._pool.public,
                    self._shelf,
                    symbols,
                    bar,
                    window,
                    at=self._at,
                    run_id=self._run_id,
                    pressure=self._pool.limiter.stats,
                    again=self._asked.again,
                    on_progress=update,
                )
            done.append(self._finished(passes, window))
        return await self._report(done, symbols or [])

    def _survivors(self) -> list[str]:
        if self._shelf.lake.latest("liquid_symbols") is None:
            return chosen_symbols("all", self._listed, [])
        return self._shelf.lake.read("liquid_symbols").filter(pl.col("is_kept"))["symbol"].sort().to_list()

    def _window(
        self, back: timedelta | None, first: datetime | None = None, last: datetime | None = None
    ) -> tuple[datetime, datetime]:
        known = said_range(self._shelf)
        midnight = self._at.replace(hour=0, minute=0, second=0, microsecond=0)
        start = first or (midnight - (back or timedelta(days=10)))
        end = last or midnight + timedelta(days=1)
        if self._asked.since:
            start = chosen_moment(self._asked.since, "--from", known=known)
        if self._asked.until:
            end = chosen_moment(self._asked.until, "--to", is_end=True, known=known)
        check_window(start, end, self._at)
        return start, end

    def _finished(self, done: Passes, window: tuple[datetime, datetime]) -> dict[str, Any]:
        """Publish what the days hold now, merge small files, and return the lines of the report."""
        refreshed = recorded(self._shelf, done, window, at=self._at, run_id=self._run_id)
        tidied = tidy(self._shelf, at=self._at, timeframes=done.timeframes)
        return {
            "window": [moment.isoformat() for moment in window],
            "passes": [asdict(one) for one in done.passes],
            "repairs": [asdict(one) for one in done.repairs],
            "tidied": asdict(tidied),
            "days": refreshed.days.height,
            "said": [*refreshed.sentences, tidied.sentence],
            "failed": refreshed.failed,
        }

    async def _report(self, done: Sequence[dict[str, Any]], symbols: Sequence[str]) -> dict[str, Any]:
        bar = find_timeframe(self._settings.timeframe)
        agreed = await agreement(self._pool.public, self._shelf, bar, at=self._at)
        return {
            "world": self._settings.world,
            "market_time": self._at,
            "agreement": agreed.to_dicts(),
            "symbols": len(symbols),
            "timeframes": [{key: one[key] for key in one if key not in ("said", "failed")} for one in done],
            "said": [line for one in done for line in one["said"]],
            "failed": {name: reason for one in done for name, reason in one["failed"].items()},
        }
