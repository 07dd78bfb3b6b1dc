"""Candles of many symbols at once, as fast as the limiter lets them through.

One bad symbol never stops the rest: it is reported with its reason.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.market.errors import BadInput, SluiceError
from trading.market.frames import CANDLES, empty


@dataclass(frozen=True, slots=True)
class Want:
    """Bars of one symbol: `limit` slots from `since_ms` on, or the last `limit` ones without it."""

    symbol: str
    since_ms: int | None = None
    limit: int = 500


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a scan brought: `frame` is `frames.CANDLES` sorted by (symbol, open_time).

    `failed` maps a symbol to the reason of its last failure (its other pages may be in `frame`);
    `seconds` is wall time; `requests` counts pages asked for; `rejected` counts rows dropped by reason.
    """

    frame: pl.DataFrame
    failed: dict[str, str]
    seconds: float
    requests: int
    rejected: dict[str, int] = field(default_factory=dict)


async def fetch_candles(
    gateway: PublicGateway,
    wants: Iterable[Want],
    timeframe: str,
    *,
    concurrency: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> FetchResult:
    """Fetch every want, at most `concurrency` at a time; the limiter sets the pace.

    Parameters
    ----------
    wants : iterable of Want
        Several wants may name one symbol (its pages).
    on_progress : callable or None
        Called with (done, total) after each want, in the event loop.

    Raises
    ------
    BadInput
        If `concurrency` is below 1. No failure of a symbol ever raises.
    """
    if concurrency < 1:
        raise BadInput(f"concurrency must be at least 1, was {concurrency}")
    queue = list(wants)
    began = time.monotonic()
    before = Counter(getattr(gateway, "rejected", {}))
    pages: dict[int, pl.DataFrame] = {}
    failed: dict[str, str] = {}
    done = 0
    waiting = iter(enumerate(queue))

    async def work() -> None:
        nonlocal done
        for place, want in waiting:  # one iterator for all workers: each want is taken once
            try:
                frame = await gateway.candles(
                    want.symbol, timeframe, since_ms=want.since_ms, limit=want.limit
                )
                if frame.height:
                    pages[place] = frame
            except SluiceError as error:
                failed[want.symbol] = f"{type(error).__name__}: {error}"
            done += 1
            if on_progress is not None:
                on_progress(done, len(queue))

    await asyncio.gather(*(work() for _ in range(min(concurrency, len(queue)))))
    return FetchResult(
        frame=_joined([pages[place] for place in sorted(pages, key=lambda place: _order(queue[place]))]),
        failed=failed,
        seconds=time.monotonic() - began,
        requests=len(queue),
        rejected=dict(Counter(getattr(gateway, "rejected", {})) - before),
    )


def _order(want: Want) -> tuple[str, int]:
    return want.symbol, -1 if want.since_ms is None else want.since_ms


def _joined(pages: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of `pages` in order, each bar once; sorting is only for pages that overlap."""
    if not pages:
        return empty(CANDLES)
    whole = pl.concat(pages, rechunk=True)
    symbol, at = pl.col("symbol"), pl.col("open_time")
    follows = (symbol > symbol.shift()) | ((symbol == symbol.shift()) & (at > at.shift()))
    if whole.select(follows.all(ignore_nulls=True)).item():  # the first row has none before it: null
        return whole
    key = ["symbol", "open_time"]
    return whole.unique(key, keep="last").sort(key)
