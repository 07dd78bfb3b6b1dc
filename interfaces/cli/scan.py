"""`sluice scan`: look at the whole market once and say what each stage cost. Decides nothing itself."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from interfaces.run.venue import MarketPlace
    from trading.scan.account import ScanReport
    from trading.scan.progress import Listener, Progress
    from trading.scan.request import ScanRequest

app = typer.Typer(help="Scan the market at the speed the limiter allows; what each stage cost.")
COLUMNS = ["stage", "in", "out", "requests", "weight", "wait_s", "cpu_s", "elapsed_s"]
_SHOWN_FAILURES = 5
# No venue allows an address more, and the budget's file is shared: what one command claims, all may use.
_MOST_RATE, _MOST_BURST = 1_000.0, 5_000.0


@app.command()
def scan(
    cold: Annotated[
        bool, Option("--cold", help="Every symbol with all its bars, stored or not; no pre-filter.")
    ] = False,
    symbols: Annotated[
        int | None, Option(min=1, max=20_000, help="At most so many, the most traded first.", metavar="N")
    ] = None,
    rate: Annotated[
        float | None,
        Option(help="Weight per second we allow ourselves; default: the settings'.", metavar="R"),
    ] = None,
    burst: Annotated[
        float | None, Option(help="Weight that may go at once; default: rate / 4.", metavar="B")
    ] = None,
    timeframe: Annotated[str, Option(help="Bar length; default: the settings'.", metavar="T")] = "",
    bars: Annotated[int, Option(min=1, max=20_000, help="Closed bars a symbol; 500 are one request.")] = 500,
    as_json: Annotated[bool, Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Listing, tickers, pre-filter, candles, screen: once, as fast as the request budget allows.

    A warm scan (the default) fetches only what is missing of the symbols that the pre-filter lets through. It
    finds the exchange of the running world; where none runs it starts the embedded one until it is done, so
    `sluice scan --cold` works on an empty machine. The floor is (total weight - burst) / rate: by then the
    budget has paid for all. A scan can end a little sooner, by what its last request still owes the bucket.
    Exit code 1 when no symbol could be looked at, 2 for a value out of bounds.
    """
    from interfaces.run.venue import market_place
    from resources.settings import load_settings

    _require_inside("rate", rate, 0, _MOST_RATE)
    _require_inside("burst", burst, 1, _MOST_BURST)
    if not as_json:
        from interfaces.logging import in_sentences

        in_sentences()
    settings = load_settings()
    request = _request(settings.preset, timeframe or settings.timeframe, bars, symbols, is_cold=cold)
    began = time.monotonic()
    with market_place(settings, symbols=symbols, rate=rate, burst=burst, say=_say) as place:
        started_s = time.monotonic() - began
        report, prepared_s = _scan(place, request)
    _print(place, report, request, as_json=as_json, exchange_start_s=started_s if place.started else None,
           startup_s=began - _PROCESS_BEGAN + prepared_s)  # fmt: skip
    if report.symbols and len(report.failed) >= report.symbols:
        raise typer.Exit(1)


def _request(
    preset_name: str, timeframe: str, bars: int, symbols: int | None, *, is_cold: bool
) -> "ScanRequest":
    from trading.market.errors import BadInput
    from trading.scan.request import ScanRequest
    from trading.screening.rules import preset

    try:
        return ScanRequest(
            is_cold=is_cold, timeframe=timeframe, bars=bars, symbols=symbols, rules=preset(preset_name)
        )
    except BadInput as error:
        print(f"sluice: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


def _require_inside(name: str, value: float | None, least: float, most: float) -> None:
    """End with code 2 if `value` is below `least` (at it, where that is 0), above `most`, or no number."""
    if value is None or (value > 0 and least <= value <= most):
        return
    lower = f"at least {least:g}" if least else "above 0"
    print(f"sluice: {name} must be {lower} and at most {most:,.0f}, was {value:g}", file=sys.stderr)
    raise typer.Exit(2)


def _scan(place: "MarketPlace", request: "ScanRequest") -> "tuple[ScanReport, float]":
    """Return the report, and the seconds until its first request."""
    from interfaces.run.venue import next_step
    from trading.market.errors import ExchangeError, SluiceError

    last: list[Progress] = []
    began = time.monotonic()
    try:
        with _bar(last) as tell:
            report = asyncio.run(_run(place, request, tell))
    except ExchangeError as error:
        told = f"no scan: {error}. What was stored before stays as it was. "
        raise SluiceError(told + next_step(place.exchange.base_url)) from error
    except KeyboardInterrupt:
        told = f" at {last[0].stage} {last[0].done:,} of {last[0].total:,}" if last else ""
        print(f"sluice: scan interrupted{told}; what had come is stored", file=sys.stderr)
        raise typer.Exit(130) from None
    return report, time.monotonic() - began - report.elapsed_s


async def _run(place: "MarketPlace", request: "ScanRequest", tell: "Listener") -> "ScanReport":
    from trading.exchange.pool import GatewayPool
    from trading.scan.run import run_scan

    pool = GatewayPool(place.exchange)  # not entered: that would ask for the time before the clock runs
    try:
        return await run_scan(pool, Path(place.lake_dir), request, on_progress=tell)
    finally:
        await pool.close()


@contextmanager
def _bar(last: "list[Progress]") -> "Iterator[Listener]":
    """Show how far the scan is; away from a terminal one line per tenth of the candles."""
    show = _tenths() if not sys.stderr.isatty() else None
    if show is not None:

        def tell_lines(progress: "Progress") -> None:
            last[:] = [progress]
            show(progress)

        yield tell_lines
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[left]}", markup=False),
    )
    with bars.Progress(*columns, console=console(stderr=True), transient=True) as shown:
        task = shown.add_task("listing", total=1, left="")

        def tell(progress: "Progress") -> None:
            last[:] = [progress]
            left = "" if progress.eta_s is None else f"{progress.eta_s:.0f} s left"
            shown.update(
                task,
                description=progress.stage,
                completed=progress.done,
                total=max(progress.total, 1),
                left=left,
            )

        yield tell


def _tenths() -> "Listener":
    said: dict[str, int] = {}

    def show(progress: "Progress") -> None:
        tenth = 10 * progress.done // progress.total if progress.total else 10
        if tenth > said.get(progress.stage, -1):
            said[progress.stage] = tenth
            print(progress.sentence, file=sys.stderr, flush=True)

    return show


def _print(
    place: "MarketPlace",
    report: "ScanReport",
    request: "ScanRequest",
    *,
    as_json: bool,
    exchange_start_s: float | None,
    startup_s: float,
) -> None:
    if as_json:
        more = {"world": place.world, "startup_s": round(startup_s, 3)}
        if exchange_start_s is not None:
            more["exchange_start_s"] = round(exchange_start_s, 3)
        print_json(report.to_dict() | more)
        return
    rows: list[dict[str, Any]] = [stage.to_dict() for stage in report.stages]
    total = {"requests": report.requests, "weight": report.weight, "wait_s": round(report.wait_s, 3)}
    total |= {"cpu_s": round(report.cpu_s, 3), "elapsed_s": round(report.elapsed_s, 3)}
    rows.append(dict.fromkeys(COLUMNS) | {"stage": "all"} | total)
    kind = "Cold" if report.is_cold else "Warm"
    title = (
        f"{kind} scan of world {place.world}: {report.symbols:,} symbols, {request.bars} x {report.timeframe}"
    )
    print_table(rows, COLUMNS, title=title)
    reasons = [f"{stage.stage}: {stage.reason}" for stage in report.stages if stage.reason]
    if reasons:
        print(f"Dropped most by: {'; '.join(reasons)}.")
    print(_verdict(report))
    print(f"Kept {len(report.kept):,} symbols; {report.bars:,} bars stored in {report.batches} batches.")
    started = (
        ""
        if exchange_start_s is None
        else f" An exchange was started for it ({exchange_start_s:.1f} s) and ended."
    )
    print(f"Process start, before the first request: {startup_s:.1f} s.{started}")
    _print_failures(report)


def _verdict(report: "ScanReport") -> str:
    floor = f"({report.weight:,} weight - {report.burst:g} burst) / {report.rate:g} per s"
    if report.ratio is None:
        told = (
            f"All fitted into the bucket of {report.burst:g}, so no floor; elapsed {report.elapsed_s:.1f} s"
        )
    else:
        told = (
            f"Floor {floor} = {report.floor_s:.1f} s; elapsed {report.elapsed_s:.1f} s, "
            f"{report.ratio:.3f} of it"
        )
    return f"{told}. Refusals (429): {report.http_429}."


def _print_failures(report: "ScanReport") -> None:
    if report.quarantined:
        reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in sorted(report.quarantined.items()))
        print(f"Bars set aside as not believable: {reasons}.")
    for symbol, reason in list(report.failed.items())[:_SHOWN_FAILURES]:
        print(f"Failed: {symbol}: {reason}")
    if len(report.failed) > _SHOWN_FAILURES:
        print(f"... and {len(report.failed) - _SHOWN_FAILURES:,} more; --json lists all.")


def _say(text: str) -> None:
    print(f"sluice: {text}", file=sys.stderr, flush=True)


def _process_began() -> float:
    """Return when this process started, on the monotonic clock; now, where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        booted = time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic() - (booted - ticks / _ticks_per_s())
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic()


def _ticks_per_s() -> int:
    import os

    return os.sysconf("SC_CLK_TCK")


_PROCESS_BEGAN = _process_began()
