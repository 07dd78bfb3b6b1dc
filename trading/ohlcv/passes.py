"""A whole pass over several bar lengths: fetch what is missing, mend holes, and only then record the days.

What the `ohlcv` asset and `sluice data` both call. Not here: which symbols (the caller knows), the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.market.errors import BadInput
from trading.market.lineage import Version
from trading.market.timeframes import Timeframe, to_ms
from trading.ohlcv.backfill import Pass, Pressure, Progress, backfill
from trading.ohlcv.days import record_days, record_scan
from trading.ohlcv.plan import bar_window
from trading.ohlcv.repair import Repair, repair
from trading.ohlcv.shelf import Shelf


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Which candles to bring up to date.

    Parameters
    ----------
    timeframes : tuple of str
        Bar lengths, e.g. 15m and 1h; empty = the configured one.
    only_approved : bool
        Only the symbols approved last time: the quick refresh between full scans.
    concurrency : int
        Requests in flight at once; 0 adapts to the venue's distance. The limiter sets the pace.
    max_gap_pages : int
        Requests that one pass may spend on holes between stored bars; what is left waits for the next.
    """

    timeframes: tuple[str, ...] = ()
    only_approved: bool = False
    concurrency: int = 0
    max_gap_pages: int = 200


@dataclass(frozen=True, slots=True)
class Passes:
    """What was done, before it is put on record: one pass and one repair per bar length."""

    passes: tuple[Pass, ...]
    repairs: tuple[Repair, ...]

    @property
    def timeframes(self) -> list[str]:
        """Return the bar lengths that were worked on, in order."""
        return list(
            dict.fromkeys([*(one.timeframe for one in self.passes), *(one.timeframe for one in self.repairs)])
        )


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a pass over several bar lengths did: `days` are the rows of `ohlcv_days` it looked at."""

    version: Version
    days: pl.DataFrame
    passes: tuple[Pass, ...]
    repairs: tuple[Repair, ...]

    @property
    def sentence(self) -> str:
        """One line for the log."""
        return "; ".join(self.sentences)

    @property
    def sentences(self) -> list[str]:
        """One line per pass and repair."""
        return [done.sentence for done in self.passes] + [done.sentence for done in self.repairs]

    @property
    def failed(self) -> dict[str, str]:
        """Symbol -> reason of its last failure."""
        found: dict[str, str] = {}
        for failed in [done.failed for done in self.passes] + [done.failed for done in self.repairs]:
            found |= failed
        return found


def check_window(start: datetime, end: datetime, at: datetime) -> None:
    """Raise if a window is reversed, or begins after market time.

    Raises
    ------
    BadInput
        The message names both times.
    """
    if start > at:
        raise BadInput(
            f"the window must begin before market time, which is {_said(at)}, was {_said(start)}: "
            "no bar of it has closed"
        )
    if end <= start:
        raise BadInput(f"the window must end after it begins at {_said(start)}, was {_said(end)}")


async def refresh(
    gateway: PublicGateway,
    shelf: Shelf,
    symbols: Sequence[str],
    timeframes: Sequence[Timeframe],
    window: tuple[datetime, datetime],
    *,
    at: datetime,
    run_id: str,
    pressure: Pressure,
    request: HistoryRequest = HistoryRequest(),
    on_progress: Progress | None = None,
) -> Passes:
    """Fetch what is missing of `window` for every bar length, then ask again for holes between bars.

    Raises
    ------
    BadInput
        If the window begins after market time `at`.
    """
    check_window(*window, at)
    passes: list[Pass] = []
    repairs: list[Repair] = []
    for timeframe in timeframes:
        span = bar_window(timeframe, to_ms(window[0]), to_ms(window[1]), to_ms(at))
        done = await backfill(
            gateway,
            shelf,
            symbols,
            timeframe,
            span,
            now_ms=to_ms(at),
            tag=run_id[:8],
            pressure=pressure,
            concurrency=request.concurrency or None,
            on_progress=on_progress,
        )
        passes.append(done)
        # A hole over the window's first midnight has its bar before it on the day before.
        looked_at = (to_ms(window[0] - timedelta(days=1)), span[1])
        repairs.append(
            await repair(
                gateway,
                shelf,
                timeframe,
                looked_at,
                at=at,
                tag=run_id[:8],
                symbols=symbols,
                most_pages=request.max_gap_pages,
            )
        )
    return Passes(tuple(passes), tuple(repairs))


async def mend(
    gateway: PublicGateway,
    shelf: Shelf,
    symbols: Sequence[str] | None,
    timeframe: Timeframe,
    window: tuple[datetime, datetime],
    *,
    at: datetime,
    run_id: str,
    pressure: Pressure,
    again: bool = False,
    on_progress: Progress | None = None,
) -> Passes:
    """Mend the holes of `window`, however many; with `again` also what was answered with nothing.

    `symbols` None = all that are stored. With `again` the ledger forgets the window: every slot that no
    bar is stored for is asked for once more, also before a symbol's first bar and after its last.
    """
    check_window(*window, at)
    span = bar_window(timeframe, to_ms(window[0]), to_ms(window[1]), to_ms(at))
    passes: list[Pass] = []
    if again:
        wanted = symbols or stored_symbols(shelf, timeframe)
        shelf.coverage.forget(timeframe.name, span, wanted)
        passes.append(
            await backfill(
                gateway,
                shelf,
                wanted,
                timeframe,
                span,
                now_ms=to_ms(at),
                tag=run_id[:8],
                pressure=pressure,
                on_progress=on_progress,
            )
        )
    mended = await repair(
        gateway,
        shelf,
        timeframe,
        span,
        at=at,
        tag=run_id[:8],
        symbols=symbols,
        again=again,
        on_progress=on_progress,
    )
    return Passes(tuple(passes), (mended,))


def stored_symbols(shelf: Shelf, timeframe: Timeframe) -> list[str]:
    """Return the symbols that have bars of this length, sorted."""
    return sorted(shelf.candles.last_open(timeframe.name))


def recorded(
    shelf: Shelf,
    done: Passes,
    window: tuple[datetime, datetime],
    *,
    at: datetime,
    run_id: str,
) -> Refresh:
    """Publish what the days of `window` hold after a `refresh`, and what the refresh asked for."""
    version, days = record_days(shelf, done.timeframes, *window, at=at, run_id=run_id)
    if done.passes:
        record_scan(shelf, done.passes, at=at, run_id=run_id)
    return Refresh(version, days, done.passes, done.repairs)


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
