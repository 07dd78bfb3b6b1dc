"""Bring candles up to date: plan what is missing, fetch within the budget, store by day with lineage."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from resources.exchange import Exchange
from resources.settings import load_settings
from resources.store import Store
from trading.exchange.history import Held, HistoryRequest, missing_pages
from trading.exchange.pool import GatewayPool
from trading.exchange.scan import FetchResult, Want, fetch_candles
from trading.market.lineage import Version
from trading.market.timeframes import timeframe as find_timeframe
from trading.market.timeframes import to_ms

# One row per stored day of candles, with the id of what it held: what `ohlcv` means to those downstream.
DAYS = "ohlcv_days"
# Symbol -> its very first bar, learnt by asking for older ones and getting none.
FIRST_BARS = "first_bars"
# One row per pass over the candles: what it asked for and what it took.
SCANS = "candle_scans"
_DAY_COLUMNS = {
    "timeframe": pl.String,
    "date": pl.String,
    "version_id": pl.String,
    "content_hash": pl.String,
    "bars": pl.Int64,
}


@dataclass(frozen=True)
class HistoryOutcome:
    """What one pass over the candles did."""

    version: Version
    days: pl.DataFrame
    symbols: int
    bars: int
    requests: int
    seconds: float
    wait_s: float
    http_429: int
    failed: dict[str, str]

    @property
    def sentence(self) -> str:
        """One line for the log."""
        return (
            f"{self.bars:,} bars of {self.symbols} symbols in {self.requests} requests, {self.seconds:.1f} s "
            f"({self.wait_s:.1f} s of waiting for the limiter, summed), {len(self.failed)} failed"
        )


def fetch_history(
    exchange: Exchange,
    store: Store,
    request: HistoryRequest,
    start: datetime,
    end: datetime,
    run_id: str,
    on_progress: Callable[[int, int], None],
) -> HistoryOutcome:
    """Fetch and store what is missing of `[start, end)`, never a bar that has not closed."""
    timeframe = find_timeframe(request.timeframe or load_settings(store.world).timeframe)
    symbols = _universe(store, only_approved=request.only_approved)
    at = exchange.market_time()
    end_ms = min(to_ms(end), timeframe.floor_ms(to_ms(at)))
    wants = missing_pages(
        symbols,
        timeframe,
        to_ms(start),
        end_ms,
        held=_held(store, timeframe.name, start, end),
        nothing_before=_first_bars(store, timeframe.name),
    )
    before = exchange.call(_limiter_stats)
    fetched: FetchResult = exchange.call(
        lambda pool: fetch_candles(
            pool.public, wants, timeframe.name, concurrency=request.concurrency, on_progress=on_progress
        )
    )
    after = exchange.call(_limiter_stats)
    # A symbol whose pages did not all come is left for next time whole: a hole would never be seen again.
    complete = fetched.frame.filter(~pl.col("symbol").is_in(list(fetched.failed)))
    if complete.height:
        store.candles.append(timeframe.name, complete, tag=run_id[:8])
    _remember_first_bars(store, timeframe.name, wants, complete)
    version, days = _publish_days(store, timeframe.name, start, end, at, run_id)
    scan = {
        "run_id": run_id,
        "timeframe": timeframe.name,
        "symbols": len(symbols),
        "bars": complete.height,
        "requests": fetched.requests,
        "seconds": fetched.seconds,
        "http_429": after[1] - before[1],
        "failed": len(fetched.failed),
    }
    store.publish(SCANS, pl.DataFrame([scan]), key=["run_id"], inputs=["liquid_symbols"], run_id=run_id)
    return HistoryOutcome(
        version=version,
        days=days,
        symbols=len(symbols),
        bars=complete.height,
        requests=fetched.requests,
        seconds=fetched.seconds,
        wait_s=after[0] - before[0],
        http_429=after[1] - before[1],
        failed=fetched.failed,
    )


async def _limiter_stats(pool: GatewayPool) -> tuple[float, int]:
    return pool.limiter.stats.wait_s, pool.limiter.stats.http_429


def _universe(store: Store, *, only_approved: bool) -> list[str]:
    if only_approved:
        return store.approved()
    return store.kept("liquid_symbols")


def _held(store: Store, timeframe: str, start: datetime, end: datetime) -> dict[str, Held]:
    open_ms = pl.col("open_time").dt.epoch("ms")
    spans = (
        store.candles.scan(timeframe, start=start, end=end)
        .group_by("symbol")
        .agg(open_ms.min().alias("first"), open_ms.max().alias("last"))
        .collect()
    )
    return {symbol: Held(first, last) for symbol, first, last in spans.iter_rows()}


def _first_bars(store: Store, timeframe: str) -> dict[str, int]:
    if store.lake.latest(FIRST_BARS) is None:
        return {}
    known = store.lake.read(FIRST_BARS).filter(pl.col("timeframe") == timeframe)
    return dict(known.select("symbol", "first_open_ms").iter_rows())


def _remember_first_bars(store: Store, timeframe: str, wants: list[Want], fetched: pl.DataFrame) -> None:
    """Keep the first bar of every symbol that had none at the time we asked from."""
    asked = pl.DataFrame(
        [(want.symbol, want.since_ms) for want in wants],
        schema={"symbol": pl.String, "since_ms": pl.Int64},
        orient="row",
    )
    got = fetched.group_by("symbol").agg(pl.col("open_time").min().dt.epoch("ms").alias("first_open_ms"))
    young = (
        asked.group_by("symbol")
        .agg(pl.col("since_ms").min())
        .join(got, on="symbol")
        .filter(pl.col("first_open_ms") > pl.col("since_ms"))
        .select("symbol", pl.lit(timeframe).alias("timeframe"), "first_open_ms")
    )
    # A quiet night is no birth: nothing older may be stored.
    oldest = store.candles.scan(timeframe, symbols=young["symbol"].to_list()).group_by("symbol")
    stored = oldest.agg(pl.col("open_time").min().dt.epoch("ms").alias("stored_ms")).collect()
    young = young.join(stored, on="symbol").filter(pl.col("first_open_ms") <= pl.col("stored_ms"))
    young = young.drop("stored_ms")
    if young.is_empty():
        return
    known = store.lake.read(FIRST_BARS) if store.lake.latest(FIRST_BARS) is not None else young.clear()
    merged = pl.concat([known, young]).group_by("symbol", "timeframe").agg(pl.col("first_open_ms").min())
    store.publish(FIRST_BARS, merged.sort("symbol", "timeframe"), key=["symbol", "timeframe"])


def _publish_days(
    store: Store, timeframe: str, start: datetime, end: datetime, at: datetime, run_id: str
) -> tuple[Version, pl.DataFrame]:
    """Record what each day of the window holds now; days outside it keep the record they have."""
    known = (
        store.lake.read(DAYS) if store.lake.latest(DAYS) is not None else pl.DataFrame(schema=_DAY_COLUMNS)
    )
    first, last = str(start.date()), str(end.date())
    rows = []
    for date in store.candles.dates(timeframe):
        if first <= date < last or known.filter(timeframe=timeframe, date=date).is_empty():
            day = store.candles.version(timeframe, date, at=at, run_id=run_id)
            rows.append((timeframe, date, day.version_id, day.content_hash, day.rows))
    fresh = pl.DataFrame(rows, schema=_DAY_COLUMNS, orient="row")
    days = pl.concat([known.join(fresh, on=["timeframe", "date"], how="anti"), fresh]).sort(
        "timeframe", "date"
    )
    version = store.lake.publish(
        DAYS,
        days,
        key=["timeframe", "date"],
        at=at,
        run_id=run_id,
        inputs=days.filter(timeframe=timeframe)["version_id"].to_list(),
    )
    return version, fresh
