"""The whole market at once, on demand: a cold scan to be started and watched in the Dagster UI.

Same code as `sluice scan`. Not an asset: its candles are `ohlcv`'s, its look is `tickers`'; what it makes is
an account of what it cost. Not here: what a scan is (trading/scan).
"""

import time
from collections.abc import Callable

import dagster as dg
from pydantic import Field

from resources.exchange import Exchange
from resources.progress import report
from resources.settings import load_settings
from resources.store import Store
from trading.exchange.pool import GatewayPool
from trading.scan.account import ScanReport
from trading.scan.progress import Listener, Progress
from trading.scan.request import ScanRequest
from trading.scan.run import run_scan
from trading.screening.rules import preset

# A line in the run's log this often, in wall seconds.
_EVERY_S = 5.0
_MOST_FAILURES = 25


class MarketScanConfig(dg.Config):
    """What to look at."""

    is_cold: bool = Field(
        default=True, description="Every symbol with all its bars; else only what is missing of survivors."
    )
    symbols: int | None = Field(default=None, description="At most so many, the most traded first.")
    bars: int = Field(default=500, description="Closed bars a symbol; 500 are one request.")
    timeframe: str = Field(default="", description="Bar length; empty = the settings'.")


@dg.op
def scan_market(
    context: dg.OpExecutionContext, config: MarketScanConfig, exchange: Exchange, store: Store
) -> None:
    """Scan once; the log says every five seconds how far it is, the metadata what each stage cost."""
    settings = load_settings(store.world)
    request = ScanRequest(
        is_cold=config.is_cold,
        timeframe=config.timeframe or settings.timeframe,
        bars=config.bars,
        symbols=config.symbols,
        rules=preset(settings.preset),
    )
    tell = _now_and_then(context.log.info)

    async def scan(pool: GatewayPool) -> ScanReport:
        return await run_scan(pool, settings.lake_dir, request, on_progress=tell, run_id=context.run_id)

    done = exchange.call(scan)
    context.log.info(_sentence(done))
    context.add_output_metadata(_figures(done))


@dg.job(description="The whole market once, at the speed the limiter allows: candles of every symbol.")
def cold_scan() -> None:
    """Run `scan_market`."""
    scan_market()


def _now_and_then(say: Callable[[str], None]) -> Listener:
    said = float("-inf")

    def tell(progress: Progress) -> None:
        nonlocal said
        report("scan", progress.done, progress.total)
        now = time.monotonic()
        if now - said >= _EVERY_S or progress.done == progress.total > 0:
            said = now
            say(progress.sentence)

    return tell


def _sentence(done: ScanReport) -> str:
    ratio = "no floor" if done.ratio is None else f"{done.ratio:.3f} of the floor of {done.floor_s:.1f} s"
    return (
        f"{done.symbols:,} symbols, {done.bars:,} bars, {done.requests:,} requests in "
        f"{done.elapsed_s:.1f} s, {ratio}; {done.http_429} refusals, {len(done.failed):,} symbols failed, "
        f"{len(done.kept):,} kept"
    )


def _figures(done: ScanReport) -> dict[str, object]:
    stages = [stage.to_dict() for stage in done.stages]
    rows = [{name: "" if value is None else value for name, value in stage.items()} for stage in stages]
    failures = [
        {"symbol": symbol, "reason": reason} for symbol, reason in list(done.failed.items())[:_MOST_FAILURES]
    ]
    return {
        "stages": dg.MetadataValue.table([dg.TableRecord(_plain(row)) for row in rows], schema=_schema(rows)),
        "elapsed (s)": done.elapsed_s,
        "floor (s)": done.floor_s,
        "elapsed over floor": done.ratio if done.ratio is not None else "no floor",
        "held by the limiter (s)": done.wait_s,
        "our CPU (s)": done.cpu_s,
        "requests": done.requests,
        "weight": done.weight,
        "http 429": done.http_429,
        "symbols": done.symbols,
        "bars stored": done.bars,
        "failed": len(done.failed),
        "failures": dg.MetadataValue.table(
            [dg.TableRecord(row) for row in failures],
            schema=dg.TableSchema([dg.TableColumn("symbol"), dg.TableColumn("reason")]),
        ),
        "quarantined": sum(done.quarantined.values()),
    }


def _plain(row: dict[str, object]) -> dict[str, str | int | float | bool | None]:
    return {
        name: value if isinstance(value, str | int | float) else str(value) for name, value in row.items()
    }


def _schema(rows: list[dict[str, object]]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name) for name in rows[0]]) if rows else dg.TableSchema([])
