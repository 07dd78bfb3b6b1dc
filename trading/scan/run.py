"""One scan from the first request to the last verdict: listing, tickers, pre-filter, candles, screen.

A scan that fails or is interrupted leaves what it has stored and nothing half; what was there stays.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.exchange.scan import FetchResult, Want, fetch_candles
from trading.market.errors import BadPayload, Unreachable
from trading.market.frames import FUNNEL, empty
from trading.market.listing import to_frame
from trading.market.symbols import Market
from trading.ohlcv.shelf import Shelf
from trading.scan.account import Account, Bucket, ScanReport, StageCost
from trading.scan.candles import Harvest, births, plan
from trading.scan.progress import Estimate, Listener, Progress
from trading.scan.request import ScanRequest
from trading.screening.filters import prefilter, survivors, validate_markets
from trading.screening.screen import judge

_LOOK_S = 0.01
_ONE_ROW = b'[[1740830400000,"1","2","0.5","1.5","10",1740831300000,"15"]]'


class Venue(Protocol):
    """What a scan needs of a `trading.exchange.pool.GatewayPool`."""

    @property
    def public(self) -> PublicGateway:
        """Market data."""
        ...

    @property
    def limiter(self) -> Bucket:
        """What every request passes."""
        ...


async def run_scan(
    venue: Venue,
    root: Path,
    request: ScanRequest,
    *,
    on_progress: Listener | None = None,
    run_id: str | None = None,
) -> ScanReport:
    """Scan the market once; candles, doubtful bars and the look itself are kept under `root`.

    Parameters
    ----------
    venue : Venue
        Gateway and limiter. The clock of the account starts with the first request made here.
    root : Path
        The world's lake.
    on_progress : callable or None
        Called with a `Progress` in the event loop, several times a second.
    run_id : str or None
        Recorded with the tables of the look.

    Returns
    -------
    ScanReport
        One bad symbol or payload never stops a scan: it is in `failed` or `quarantined`.

    Raises
    ------
    Unreachable, BadPayload, RateLimited
        If no listing or no tickers are to be had; the message says what was tried.
    StoreError
        If the disk refuses; what was stored before stays.
    """
    return await _Scan(venue, Shelf.at(Path(root)), request, on_progress, run_id).run()


class _Scan:
    def __init__(
        self,
        venue: Venue,
        shelf: Shelf,
        request: ScanRequest,
        on_progress: Listener | None,
        run_id: str | None,
    ) -> None:
        self._gateway = venue.public
        self._shelf = shelf
        self._request = request
        self._tell = on_progress or _silent
        self._run_id = run_id
        self._wall = asyncio.get_running_loop().time
        self._account = Account(venue.limiter, wall=self._wall)

    async def run(self) -> ScanReport:
        await asyncio.to_thread(_warm_up)
        self._account.begin()
        # To learn how fast market time runs takes several looks, some way off: they go on beside the rest.
        syncing = asyncio.create_task(self._sync())
        try:
            return await self._stages(syncing)
        finally:
            await syncing

    async def _stages(self, syncing: asyncio.Task[None]) -> ScanReport:
        listed, markets = await self._list(syncing)
        tickers, at = await self._look(markets)
        with self._account.stage("prefilter") as cost:
            births_of = await asyncio.to_thread(self._births, at)
            chosen, cost.reason = self._choose(markets, tickers, at, births_of)
            cost.came_in, cost.went_out = markets.height, len(chosen)
            _, asked = await asyncio.gather(
                asyncio.to_thread(self._keep_look, listed, tickers, at),
                asyncio.to_thread(plan, self._shelf, self._request, chosen, at),
            )
        harvest = Harvest(self._shelf, self._request, asked)
        fetched, measured = await self._fetch(harvest, [page.want for page in asked.pages], chosen)
        kept = self._screen(measured, tickers, markets)
        return self._report(harvest, fetched, chosen, kept)

    async def _list(self, syncing: asyncio.Task[None]) -> tuple[list[Market], pl.DataFrame]:
        self._tell(Progress("listing", 0, 1))
        with self._account.stage("listing") as cost:
            await self._until_time_is_known(syncing)
            listed = await self._gateway.markets()
            markets, funnel = validate_markets(listed)
            cost.came_in, cost.went_out, cost.reason = len(listed), markets.height, _main_reason(funnel)
        return listed, markets

    async def _sync(self) -> None:
        # A venue that is down: the listing tries both ways and tells what each ran into.
        with suppress(Unreachable, BadPayload):
            await self._gateway.sync_clock()

    async def _until_time_is_known(self, syncing: asyncio.Task[None]) -> None:
        """Wait for the first word on market time: ccxt's listing needs it."""
        while not syncing.done():
            try:
                self._gateway.clock.now_ms()
            except Unreachable:
                await asyncio.wait([syncing], timeout=_LOOK_S)
            else:
                return

    async def _look(self, markets: pl.DataFrame) -> tuple[pl.DataFrame, datetime]:
        self._tell(Progress("tickers", 0, 1))
        with self._account.stage("tickers") as cost:
            tickers = await self._gateway.tickers()
            cost.came_in = markets.height
            cost.went_out = markets.join(tickers, on="symbol", how="semi").height
        return tickers, self._gateway.clock.now()

    def _choose(
        self, markets: pl.DataFrame, tickers: pl.DataFrame, at: datetime, listed: dict[str, datetime]
    ) -> tuple[list[str], str | None]:
        """Return the symbols worth candles, most traded first, and what dropped most of the others."""
        rules, most = self._request.rules, self._request.symbols
        if self._request.is_cold:
            return _most_traded(markets, tickers)[:most], "off"
        rules = rules if most is None else replace(rules, max_survivors=most)
        funnel = prefilter(markets, tickers, rules, at=at, listed=listed)
        return survivors(funnel), _main_reason(funnel)

    async def _fetch(
        self, harvest: Harvest, wants: list[Want], chosen: list[str]
    ) -> tuple[FetchResult, pl.DataFrame]:
        bucket = self._account.bucket
        estimate = Estimate(len(wants), bucket.rate_per_s, wall=self._wall)

        def tell(done: int, total: int) -> None:
            self._tell(Progress("candles", done, total, estimate.left_s(done)))

        with self._account.stage("candles") as cost:
            tell(0, len(wants))
            fetched = await fetch_candles(
                self._gateway,
                wants,
                self._request.timeframe,
                on_progress=tell,
                on_batch=harvest.take,
                whole_symbols=True,
            )
            measured = await asyncio.to_thread(harvest.finish)
            cost.came_in, cost.went_out = len(chosen), measured.height
            if fetched.failed:
                cost.reason = f"failed: {len(fetched.failed):,}"
        return fetched, measured

    def _screen(self, measured: pl.DataFrame, tickers: pl.DataFrame, markets: pl.DataFrame) -> list[str]:
        with self._account.stage("screen") as cost:
            verdicts = empty(FUNNEL)
            if measured.height:
                verdicts = judge(measured, tickers, self._request.rules, markets=markets)
            kept = survivors(verdicts)
            cost.came_in, cost.went_out, cost.reason = measured.height, len(kept), _main_reason(verdicts)
        return kept

    def _births(self, at: datetime) -> dict[str, datetime]:
        days = None if self._request.is_cold else self._request.rules.min_listed_days
        return births(self._shelf, self._request.timeframe, at, days)

    def _keep_look(self, listed: list[Market], tickers: pl.DataFrame, at: datetime) -> None:
        """Keep what was seen, for whoever asks later who was listed and traded then."""
        lake = self._shelf.lake
        seen = lake.publish("markets", to_frame(listed), key=["exchange_id"], at=at, run_id=self._run_id)
        lake.publish("tickers", tickers, key=["symbol"], at=at, inputs=[seen.version_id], run_id=self._run_id)

    def _report(
        self, harvest: Harvest, fetched: FetchResult, chosen: list[str], kept: list[str]
    ) -> ScanReport:
        total, bucket = self._account.total(), self._account.bucket
        return ScanReport(
            is_cold=self._request.is_cold,
            timeframe=self._request.timeframe,
            source=self._gateway.source,
            stages=self._account.stages,
            rate=bucket.rate_per_s,
            burst=bucket.burst,
            requests=total.requests,
            weight=total.weight,
            elapsed_s=total.elapsed_s,
            cpu_s=total.cpu_s,
            http_429=self._account.refusals,
            symbols=len(chosen),
            kept=kept,
            bars=harvest.books.bars,
            failed={**fetched.failed, **harvest.failed},
            quarantined=dict(harvest.books.quarantined),
            batches=fetched.batches,
            in_flight=fetched.in_flight,
        )


def _warm_up() -> None:
    """Load the machine code that reads candles: half a second that is the process's start, not the scan's."""
    from trading.exchange.kline_kernel import is_flawless, read_table  # noqa: PLC0415 - numba is heavy

    table = read_table(_ONE_ROW)
    if table is not None:
        is_flawless(table, 0, 2**53, 900_000, 0)


def _silent(_: Progress) -> None:
    """Listen to nothing."""


def _most_traded(markets: pl.DataFrame, tickers: pl.DataFrame) -> list[str]:
    traded = markets.join(tickers.select("symbol", "volume_quote_24h"), on="symbol", how="left")
    return traded.sort("volume_quote_24h", "symbol", descending=[True, False], nulls_last=True)[
        "symbol"
    ].to_list()


def _main_reason(funnel: pl.DataFrame) -> str | None:
    """Return the rule that dropped most, as "rule: count"; None when nothing was dropped."""
    dropped = Counter(funnel.filter(~pl.col("is_kept"))["rule"].to_list())
    return ", ".join(f"{rule}: {count:,}" for rule, count in dropped.most_common(1)) or None


__all__ = ["ScanReport", "ScanRequest", "StageCost", "run_scan"]
