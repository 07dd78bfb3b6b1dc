"""A whole pass over several bar lengths: fetch what is missing, mend holes, and only then record the days.

What the `ohlcv` asset and `sluice data` both call. Not here: which symbols (the caller knows), the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.history.backfill import Pass, Pressure, Progress, backfill
from trading.history.days import record_days, record_scan
from trading.history.plan import bar_window
from trading.history.repair import Repair, repair
from trading.history.shelf import Shelf
from trading.market.errors import BadInput
from trading.market.lineage import Version
from trading.market.timeframes import Timeframe, to_ms


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
class Refresh:
    """What a pass over several bar lengths did: `days` are the rows of `ohlcv_days` it looked at."""

    version: Version
    days: pl.DataFrame
    passes: tuple[Pass, ...]
    repairs: tuple[Repair, ...]

    @property
    def sentence(self) -> str:
        """One line for the log."""
        said = [done.sentence for done in self.passes] + [done.sentence for done in self.repairs]
        return "; ".join(said)

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
    if end <= start:
        raise BadInput(f"the window must end after it begins at {_said(start)}, was {_said(end)}")
    if start > at:
        raise BadInput(
            f"the window must begin before market time, which is {_said(at)}, was {_said(start)}: "
            "no bar of it has closed"
        )


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
) -> tuple[list[Pass], list[Repair]]:
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
    return passes, repairs


def recorded(
    shelf: Shelf,
    done: tuple[Sequence[Pass], Sequence[Repair]],
    window: tuple[datetime, datetime],
    *,
    at: datetime,
    run_id: str,
) -> Refresh:
    """Publish what the days of `window` hold after a `refresh`, and what the refresh asked for."""
    passes, repairs = done
    version, days = record_days(shelf, [one.timeframe for one in passes], *window, at=at, run_id=run_id)
    record_scan(shelf, passes, at=at, run_id=run_id)
    return Refresh(version, days, tuple(passes), tuple(repairs))


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
