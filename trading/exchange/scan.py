"""Candles of many symbols at once, as fast as the limiter lets them through.

Asking and parsing happen in the event loop; what is done with the candles (storing, indicators) runs in
a thread meanwhile (batches.py). One bad symbol never stops the rest: it is reported with its reason.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import polars as pl

from trading.exchange.batches import Batches
from trading.exchange.flow import Flow
from trading.exchange.gateway import PublicGateway
from trading.market.errors import Banned, RateLimited, SluiceError, Unreachable
from trading.market.frames import CANDLES, QUARANTINE, empty

# So many requests in a row without an answer, each tried three times: the venue has gone, not the symbol.
_PATIENCE = 40


@dataclass(frozen=True, slots=True)
class Want:
    """Bars of one symbol: `limit` slots from `since_ms` on, or the last `limit` ones without it."""

    symbol: str
    since_ms: int | None = None
    limit: int = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Pages that came together.

    `frame` is `frames.CANDLES` sorted by (symbol, open_time), each bar once; `wants` are those it
    answers, also where they had no bars; `quarantined` is `frames.QUARANTINE` of their pages.
    """

    frame: pl.DataFrame
    wants: list[Want]
    quarantined: pl.DataFrame


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a fetch brought: `frame` is `frames.CANDLES` sorted by (symbol, open_time).

    With `on_batch`, `frame` is empty: the caller has had it. `failed` maps a symbol to the reason of its
    last failure (its other pages may have come); `seconds` is wall time; `requests` counts wants asked for;
    `rejected` counts rows dropped by reason, `quarantined` holds those that are the venue's fault;
    `batches` counts calls of `on_batch`, `in_flight` is the number of requests it ended with.
    """

    frame: pl.DataFrame
    failed: dict[str, str]
    seconds: float
    requests: int
    rejected: dict[str, int] = field(default_factory=dict)
    quarantined: pl.DataFrame = field(default_factory=lambda: empty(QUARANTINE))
    batches: int = 0
    in_flight: int = 0


async def fetch_candles(
    gateway: PublicGateway,
    wants: Iterable[Want],
    timeframe: str,
    *,
    concurrency: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_batch: Callable[[Batch], None] | None = None,
    whole_symbols: bool = False,
) -> FetchResult:
    """Fetch every want; the limiter sets the pace, the number in flight follows the venue's distance.

    Parameters
    ----------
    wants : iterable of Want
        Asked for in this order. Several wants may name one symbol (its pages).
    concurrency : int or None
        Requests in flight; None adapts.
    on_progress : callable or None
        Called with (done, total) after each want, in the event loop.
    on_batch : callable or None
        Called with each `Batch` in a worker thread, one at a time, in the order in which they came, while
        the network goes on. What it raises stops the fetch and is raised. When the fetch is cancelled, what
        has come is handed over before the cancellation goes on.
    whole_symbols : bool
        All pages of a symbol come in one batch, and none of them when one failed: no symbol then has a
        hole. Holds back the pages of unfinished symbols, so order the wants by symbol.

    Raises
    ------
    BadInput
        If `concurrency` is below 1. No failure of a symbol ever raises.
    """
    wall = asyncio.get_running_loop().time
    fetch = _Fetch(gateway, list(wants), timeframe, Flow(concurrency, wall=wall), on_progress)
    if whole_symbols:
        fetch.hold_until_whole()
    if on_batch is None:
        return await fetch.run(None)
    return await fetch.run(Batches(lambda pages: on_batch(_batch(pages)), wall=wall))


@dataclass(frozen=True, slots=True)
class _Page:
    want: Want
    frame: pl.DataFrame
    quarantined: list[pl.DataFrame]


class _Fetch:
    """One call of `fetch_candles`: workers that share the wants, and where their pages go."""

    def __init__(
        self,
        gateway: PublicGateway,
        wants: list[Want],
        timeframe: str,
        flow: Flow,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._gateway = gateway
        self._wants = wants
        self._timeframe = timeframe
        self._flow = flow
        self._on_progress = on_progress
        self._next = iter(wants)  # one iterator for all workers: each want is taken once
        self._workers = 0
        self._asked = self._done = self._unanswered = 0
        self._failed: dict[str, str] = {}
        self._quarantined: list[pl.DataFrame] = []
        self._kept: list[_Page] = []
        self._open: Counter[str] | None = None
        self._held: dict[str, list[_Page]] = {}

    def hold_until_whole(self) -> None:
        self._open = Counter(want.symbol for want in self._wants)

    async def run(self, batches: Batches[_Page] | None) -> FetchResult:
        began = asyncio.get_running_loop().time()
        before = Counter(getattr(self._gateway, "rejected", {}))
        try:
            async with asyncio.TaskGroup() as workers:
                self._hire(workers, batches)
        except BaseExceptionGroup as failures:
            # One exception of `on_batch`, met by several workers.
            raise failures.exceptions[0] from None
        finally:
            if batches is not None:
                await batches.close()
        return FetchResult(
            frame=_batch(self._kept).frame,
            failed=self._failed,
            seconds=asyncio.get_running_loop().time() - began,
            requests=self._asked,
            rejected=dict(Counter(getattr(self._gateway, "rejected", {})) - before),
            quarantined=_stacked(self._quarantined),
            batches=0 if batches is None else batches.handed,
            in_flight=self._flow.limit,
        )

    def _hire(self, workers: asyncio.TaskGroup, batches: Batches[_Page] | None) -> None:
        wanted = min(self._flow.limit, self._workers + len(self._wants) - self._asked)
        while self._workers < wanted:
            self._workers += 1
            workers.create_task(self._work(workers, batches))

    async def _work(self, workers: asyncio.TaskGroup, batches: Batches[_Page] | None) -> None:
        try:
            for want in self._next:
                self._asked += 1
                pages = self._release(want, await self._ask(want))
                self._done += 1
                if self._on_progress is not None:
                    self._on_progress(self._done, len(self._wants))
                if batches is None:
                    self._kept += pages
                else:
                    await batches.put(pages)
                if self._workers > self._flow.limit:
                    return
                self._hire(workers, batches)
        finally:
            self._workers -= 1

    async def _ask(self, want: Want) -> _Page | None:
        rejected: list[pl.DataFrame] = []
        try:
            frame = await self._gateway.candles(
                want.symbol,
                self._timeframe,
                since_ms=want.since_ms,
                limit=want.limit,
                on_rejected=rejected.append,
            )
        except Exception as error:
            # Whatever one symbol's answer did to us, the others are still to be had.
            self._fail(want, error)
            return None
        finally:
            self._quarantined += rejected
            self._flow.answered()
        self._unanswered = 0
        return _Page(want, frame, rejected)

    def _fail(self, want: Want, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._failed[want.symbol] = reason if isinstance(error, SluiceError) else f"unexpected {reason}"
        if not isinstance(error, Unreachable | RateLimited):
            self._unanswered = 0
            return
        self._flow.unanswered()
        self._unanswered += 1
        if isinstance(error, Banned) or self._unanswered >= _PATIENCE:
            for rest in self._next:
                self._failed.setdefault(rest.symbol, f"not asked for: the venue has gone ({reason})")

    def _release(self, want: Want, page: _Page | None) -> list[_Page]:
        """Return the pages that may go on now."""
        if self._open is None:
            return [] if page is None else [page]
        self._open[want.symbol] -= 1
        held = self._held.setdefault(want.symbol, [])
        held += [] if page is None else [page]
        if self._open[want.symbol] > 0:
            return []
        del self._held[want.symbol]
        return [] if want.symbol in self._failed else held


def _batch(pages: list[_Page]) -> Batch:
    ordered = sorted(pages, key=lambda page: _order(page.want))
    return Batch(
        frame=_joined([page.frame for page in ordered if page.frame.height]),
        wants=[page.want for page in ordered],
        quarantined=_stacked([rows for page in ordered for rows in page.quarantined]),
    )


def _order(want: Want) -> tuple[str, int]:
    return want.symbol, -1 if want.since_ms is None else want.since_ms


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frames) if frames else empty(QUARANTINE)


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
