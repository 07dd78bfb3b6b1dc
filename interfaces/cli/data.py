"""`sluice data`: what candles are stored, holes mended, history fetched. The work is `trading.ohlcv`'s."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table

_HELP = (
    "What candles are stored; mend holes in them; fetch history. Days are UTC, in market time. "
    "Ended at any moment, `backfill` goes on where it was: what is stored is not asked for again."
)
app = typer.Typer(help=_HELP, no_args_is_help=True)

From = Annotated[str, Option("--from", metavar="DAY", help="First UTC day (2025-02-01) or ISO 8601 time.")]
To = Annotated[str, Option("--to", metavar="DAY", help="Last UTC day, included, or a time. Default: now.")]
Lengths = Annotated[
    str, Option("--timeframe", metavar="15m,1h", help="Bar lengths: 1m 5m 15m 30m 1h 4h 1d 1w 1M.")
]
Symbols = Annotated[
    str,
    Option(metavar="BTC/USDT,…", help="Symbols, or `all` that are listed. Default: the newest survivors."),
]


@app.callback()
def data() -> None:
    """What candles are stored; mend holes in them; fetch history."""


@app.command()
def status(timeframe: Lengths = "", as_json: AsJson = False) -> None:
    """Print what is stored of each bar length: bars, days, files, holes, doubtful bars, age.

    `gaps open` are holes between stored bars that nobody has asked for again (`sluice data repair` does);
    `gaps confirmed` are holes that the venue has, too.
    """
    from interfaces.cli import history_work

    report = history_work.status(timeframe)
    if as_json:
        print_json(report)
        return
    columns = ["timeframe", "symbols", "bars", "first", "last", "days", "files", "megabytes"]
    rows = [row | {"megabytes": row["bytes"] / 1e6, "newest_age": _said(row)} for row in report["stored"]]
    columns += ["bars_missing", "gaps_open", "gaps_confirmed", "quarantined", "newest_age"]
    shown = [{**row, "quarantined": sum(row["quarantined"].values())} for row in rows]
    empty = "nothing yet. Next: sluice data backfill"
    print_table(shown, columns, title=f"Candles of world {report['world']}", empty=empty)
    reasons = [
        {"timeframe": row["timeframe"], "reason": reason, "bars": count}
        for row in rows
        for reason, count in row["quarantined"].items()
    ]
    if reasons:
        print_table(reasons, title="Set aside: bars that no market can have printed")
    if report["agreement"]:
        print_table(report["agreement"], title="Bars made of our minutes against the venue's own")


@app.command()
def repair(
    since: From = "",
    until: To = "",
    timeframe: Lengths = "",
    symbols: Symbols = "",
    again: Annotated[
        bool, Option("--again", help="Ask also for what the venue has said it does not have.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find holes between stored bars, ask for them again, record what became of each, merge small files.

    By default all that is stored is looked at. What the venue does not have either is confirmed and not
    asked for again.
    """
    _run("repair", as_json, since, until, timeframe, symbols, again=again)


@app.command()
def backfill(
    since: From = "",
    until: To = "",
    timeframe: Lengths = "",
    symbols: Symbols = "",
    as_json: AsJson = False,
) -> None:
    """Fetch what is missing of a span of days, at the pace that the exchange allows.

    Says what it skipped because it was there. Without `--from` the history is as long as a scan's
    (SLUICE_HISTORY_BARS). Example: sluice data backfill --from 2025-01-01 --to 2025-02-28 --timeframe 1h
    """
    _run("backfill", as_json, since, until, timeframe, symbols)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Parquet: symbol, ts, open, high, low, close, volume.")],
    venue: Annotated[str, typer.Option(help="Whose candles they are: binance, okx.", metavar="NAME")],
    timeframe: Annotated[str, typer.Option(help="Their bar length.", metavar="T")] = "15m",
) -> None:
    """Bring candles of another venue in, for research: a pair that rests on them is never approved.

    Example: sluice data import binance_15m.parquet --venue binance
    """
    import polars as pl

    from resources.settings import load_settings
    from trading.backtest.candle_file import read_candles
    from trading.market.frames import CANDLES, conform
    from trading.market.timeframes import timeframe as find_timeframe
    from trading.store.candles import CandleStore
    from trading.store.origins import Origins

    read_candles(file)  # refuses what cannot have been printed, naming the row
    frame = pl.read_parquet(file)
    when = pl.col("ts").cast(pl.Datetime("ms", "UTC")) if frame.schema["ts"].is_integer() else pl.col("ts")
    worth = (pl.col("volume") * pl.col("close")).alias("quote_volume")
    named = frame.with_columns(when.dt.replace_time_zone("UTC").alias("open_time"), worth)
    lake = load_settings().lake_dir
    bars = Origins(lake).bring_in(
        CandleStore(lake), find_timeframe(timeframe).name, conform(named, CANDLES), venue=venue
    )
    print(f"{bars:,} candles of {venue} are stored for research; their pairs are refused by rule own_candles")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Parquet to write; one that is there is replaced.")],
    timeframe: Annotated[str, typer.Option(help="Bar length; default: the world's.", metavar="T")] = "",
    since: From = "",
    until: To = "",
    symbols: Annotated[str, Option(metavar="BTC/USDT,…", help="Default: every symbol that is stored.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write stored candles as the file that `sluice backtest`, `search` and `run --candles` read.

    Columns: symbol, ts (opening time, UTC), open, high, low, close, volume.
    Example: sluice data export candles.parquet
    """
    from resources.settings import load_settings
    from trading.market.errors import BadInput, MissingData
    from trading.ohlcv.choices import chosen_moment, chosen_timeframes
    from trading.store.candles import CandleStore

    settings = load_settings()
    bar = chosen_timeframes(timeframe, [settings.timeframe])[0].name
    start = chosen_moment(since, "--from") if since else None
    end = chosen_moment(until, "--to", is_end=True) if until else None
    if not file.absolute().parent.is_dir():
        raise BadInput(f"no folder to write {file} into; make it, or name another")
    wanted = [name.strip().upper() for name in symbols.split(",") if name.strip()] or None
    frame = CandleStore(settings.lake_dir).read(bar, start=start, end=end, symbols=wanted)
    if frame.is_empty():
        raise MissingData(f"world {settings.world} stores no such {bar} candles. Next: sluice data status")
    columns = ["symbol", "open_time", "open", "high", "low", "close", "volume"]
    frame.select(columns).rename({"open_time": "ts"}).write_parquet(file)
    told = {"file": file, "timeframe": bar, "symbols": frame["symbol"].n_unique(), "bars": frame.height}
    if as_json:
        print_json(told)
    else:
        print(f"{told['bars']:,} {bar} bars of {told['symbols']:,} symbols: {file}")


def _run(task: str, as_json: bool, *words: str, again: bool = False) -> None:
    from interfaces.cli import history_work

    asked = history_work.Asked(*words, again=again)
    settings = history_work.served()
    if not as_json:
        from interfaces.logging import in_sentences

        in_sentences()
    report = history_work.run(task, asked, settings)
    if as_json:
        print_json(report)
        return
    for line in report["said"]:
        print(line)
    failures = [{"symbol": name, "reason": reason} for name, reason in report["failed"].items()]
    if failures:
        print_table(failures[:20], title=f"Failed: {len(failures):,} symbols (the next run asks again)")


def _said(row: Mapping[str, Any]) -> str | None:
    seconds = row["newest_age_s"]
    if seconds is None:
        return None
    minutes = max(int(seconds), 0) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60:,} h"
