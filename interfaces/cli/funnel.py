"""`sluice funnel`: where the symbols went, from the newest tables of the lake. Computes no filter itself."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    import polars as pl

    from trading.store.lake import Lake

app = typer.Typer(help="Where the symbols went: stage, in, out, main reasons.")
TABLES = ("funnel_markets", "liquid_symbols", "screened_symbols")
VERDICT = ["stage", "rule", "is_kept", "value", "bound", "reason"]


@app.command()
def funnel(
    symbol: Annotated[str, typer.Argument(help="Show every verdict on this symbol, e.g. BTC/USDT.")] = "",
    option: Annotated[str, typer.Option("--symbol", help="The same, as an option.", metavar="SYMBOL")] = "",
    at: Annotated[
        str, typer.Option(help="Replay it as of a past moment, UTC, e.g. 2025-03-01T12:00Z.", metavar="TIME")
    ] = "",
    chain: Annotated[
        str, typer.Option(help="The chain to replay: a TOML file, default or owner.", metavar="FILE")
    ] = "",
    filters: Annotated[bool, typer.Option("--filters", help="One line per filter, not per stage.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print one line per stage and per filter, or every verdict on one symbol with value and bound.

    With --at nothing is looked up in tables: the chain is run again over what was known at that moment, and
    gives what it would have given then. See also `sluice screen`.
    """
    from resources.settings import load_settings
    from trading.store.lake import Lake

    settings = load_settings()
    lake, wanted = Lake(settings.lake_dir), symbol or option
    if at or chain:
        _replay(chain or settings.preset, at, wanted, as_json=as_json)
        return
    if wanted:
        rows = verdicts_on(lake, wanted)
        print_table(rows, VERDICT, title=rows[0]["symbol"], as_json=as_json)
        if not as_json:
            print(fate(rows))
        return
    rows, steps = summary(lake), filter_steps(lake)
    if as_json:
        print_json(steps if filters else rows)
        return
    if not filters:
        columns = ["stage", "in", "out", "main_reason"]
        print_table(rows, columns, title="Funnel", empty="no pass yet. Next: sluice run")
    if filters or steps:
        columns = ["stage", "rule", "in", "out", "example"]
        print_table(steps, columns, title="By filter", empty="no pass yet. Next: sluice run")
    # Fresh prices come with every bar, a funnel with every research pass: its own age counts.
    newest = [at for name in TABLES if (at := lake.looked_at(name)) is not None]
    if newest:
        at = newest[-1]
        print(f"World {settings.world}, as of {at:%Y-%m-%d %H:%M} UTC (market time).")


def summary(lake: "Lake") -> list[dict[str, Any]]:
    """Return one row per stage that has run: stage, in, out, main_reason, reasons."""
    from trading.screening.funnel import funnel_summary

    return funnel_summary(stages(lake)).to_dicts()


def filter_steps(lake: "Lake") -> list[dict[str, Any]]:
    """Return one row per filter of the pre-filter and the screen: stage, rule, in, out, example."""
    from trading.screening.chain.declared import preset_chain
    from trading.screening.funnel import rule_steps

    order = [each.called for each in preset_chain("default").filters]
    frames = [lake.read(table) for table in TABLES[1:] if lake.latest(table) is not None]
    return rule_steps(frames, order).to_dicts()


def _replay(chain: str, at: str, symbol: str, *, as_json: bool) -> None:
    from interfaces.cli.screen import DECISION, decisions_on, document, print_steps, screened

    found = screened(chain, at)
    if symbol:
        rows = decisions_on(found.sifted, symbol)
        title = f"{symbol} at {found.sifted.at:%Y-%m-%d %H:%M} UTC"
        print_table(rows, DECISION, title=title, as_json=as_json)
    elif as_json:
        print_json(document(found))
    else:
        print_steps(found, f"Funnel of chain {chain}")


def verdicts_on(lake: "Lake", symbol: str) -> list[dict[str, Any]]:
    """Return each stage's verdict on `symbol`, in order.

    Raises
    ------
    MissingData
        If no pass was made yet.
    UnknownSymbol
        If no stage has seen it; the message names near ones.
    """
    from difflib import get_close_matches

    import polars as pl

    from trading.market.errors import MissingData, UnknownSymbol

    frames = stages(lake)
    if not frames:
        raise MissingData("no pass yet in this world, so no symbol was judged. Next: sluice run")
    known = frames[0]["symbol"].to_list()
    wanted = symbol if symbol in known else symbol.upper()
    rows = [row for frame in frames for row in frame.filter(pl.col("symbol") == wanted).to_dicts()]
    if not rows:
        near = ", ".join(get_close_matches(wanted, known)) or "none"
        raise UnknownSymbol(f"no stage has seen {symbol[:40]!r}; near ones: {near}")
    return rows


def fate(rows: list[dict[str, Any]]) -> str:
    """Say in one sentence where a symbol stands after the verdicts `rows`."""
    last = rows[-1]
    if last["is_kept"]:
        return f"Passed everything so far, {last['stage']} the last."
    if last["value"] is None:
        return f"Fell at {last['stage']} by {last['rule']}: {last['reason']}"
    held = "" if last["bound"] is None else f", held against {last['bound']:,.6g}"
    return f"Fell at {last['stage']} by {last['rule']}: measured {last['value']:,.6g}{held}."


def stages(lake: "Lake") -> "list[pl.DataFrame]":
    """Return the verdicts of each stage that has run, in order, each in the shape of a funnel's table."""
    frames = [lake.read(table) for table in TABLES if lake.latest(table) is not None]
    if lake.latest("backtest_results") is not None and lake.latest("screened_symbols") is not None:
        frames.append(_backtests(lake))
    if lake.latest("approved_symbols") is not None:
        frames.append(_approvals(lake))
    return frames


def _backtests(lake: "Lake") -> "pl.DataFrame":
    """Screened symbols in the shape of the other stages: kept where the strategy traded at all."""
    import polars as pl

    from trading.market.frames import FUNNEL, conform

    screened = lake.read("screened_symbols").filter("is_kept").select("symbol")
    tested = screened.join(lake.read("backtest_results").select("symbol", "trades"), on="symbol", how="left")
    traded = pl.col("trades").fill_null(0) > 0
    named = tested.select(
        "symbol",
        pl.lit("backtest").alias("stage"),
        pl.when(traded).then(pl.lit("passed")).otherwise(pl.lit("min_trades")).alias("rule"),
        traded.alias("is_kept"),
        pl.when(~traded).then(pl.lit(0.0)).alias("value"),
        pl.when(~traded).then(pl.lit(1.0)).alias("bound"),
        pl.when(traded)
        .then(pl.format("the strategy traded {} times", "trades"))
        .otherwise(pl.lit("the strategy never traded it in the tested history"))
        .alias("reason"),
    )
    return conform(named, FUNNEL)


def _approvals(lake: "Lake") -> "pl.DataFrame":
    """Approvals in the shape of the other stages, with value and bound of the rule that failed first."""
    import polars as pl

    from trading.market.frames import FUNNEL, conform

    verdicts = lake.read("approved_symbols")
    if lake.latest("backtest_results") is not None:
        idle = lake.read("backtest_results").filter(pl.col("trades") == 0)["symbol"]
        verdicts = verdicts.filter(~pl.col("symbol").is_in(idle.to_list()))
    named = verdicts.select(
        "symbol",
        pl.lit("approval").alias("stage"),
        pl.col("failed_rule").fill_null("passed").alias("rule"),
        pl.col("is_approved").alias("is_kept"),
        "reason",
    )
    measured = pl.DataFrame(
        schema={"symbol": pl.String, "rule": pl.String, "value": pl.Float64, "bound": pl.Float64}
    )
    if lake.latest("approval_rules") is not None:
        measured = lake.read("approval_rules").select(measured.columns)
    joined = named.join(measured, on=["symbol", "rule"], how="left", maintain_order="left")
    return conform(joined, FUNNEL)
