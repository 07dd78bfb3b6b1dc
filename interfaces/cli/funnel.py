"""`sluice funnel`: where the symbols went, from the newest tables of the lake. Computes no filter itself."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    import polars as pl

    from trading.store.lake import Lake

app = typer.Typer(help="Where the symbols went: stage, in, out, main reasons.")
TABLES = ("funnel_markets", "liquid_symbols", "screened_symbols")


@app.command()
def funnel(
    symbol: Annotated[str, typer.Argument(help="Show every verdict on this symbol, e.g. BTC/USDT.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print one line per stage, or every verdict on one symbol with value and bound."""
    from resources.settings import load_settings
    from trading.store.lake import Lake

    lake = Lake(load_settings().lake_dir)
    if symbol:
        print_table(
            verdicts_on(lake, symbol),
            ["stage", "rule", "is_kept", "value", "bound", "reason"],
            title=symbol,
            as_json=as_json,
        )
        return
    stages = summary(lake)
    if as_json:
        print_json(stages)
    else:
        print_table(
            stages, ["stage", "in", "out", "main_reason"], title="Funnel", empty="no pass yet: sluice run"
        )


def summary(lake: "Lake") -> list[dict[str, Any]]:
    """Return one row per stage that has run: stage, in, out, main_reason, reasons."""
    from trading.screening.funnel import funnel_summary

    return funnel_summary(_stages(lake)).to_dicts()


def verdicts_on(lake: "Lake", symbol: str) -> list[dict[str, Any]]:
    """Return each stage's verdict on `symbol`, in order.

    Raises
    ------
    UnknownSymbol
        If no stage has seen it; the message names near ones.
    """
    from difflib import get_close_matches

    import polars as pl

    from trading.market.errors import UnknownSymbol

    frames = _stages(lake)
    rows = [row for frame in frames for row in frame.filter(pl.col("symbol") == symbol).to_dicts()]
    if not rows:
        known = frames[0]["symbol"].to_list() if frames else []
        near = ", ".join(get_close_matches(symbol.upper(), known)) or "none"
        raise UnknownSymbol(f"no stage has seen {symbol!r}; near ones: {near}")
    return rows


def _stages(lake: "Lake") -> "list[pl.DataFrame]":
    frames = [lake.read(table) for table in TABLES if lake.latest(table) is not None]
    if lake.latest("approved_symbols") is not None:
        frames.append(_as_funnel(lake.read("approved_symbols")))
    return frames


def _as_funnel(approvals: "pl.DataFrame") -> "pl.DataFrame":
    """Approvals in the shape of the other stages; the score stands for the value."""
    import polars as pl

    from trading.market.frames import FUNNEL, conform

    named = approvals.select(
        "symbol",
        pl.lit("approval").alias("stage"),
        pl.col("failed_rule").fill_null("passed").alias("rule"),
        pl.col("is_approved").alias("is_kept"),
        pl.col("score").alias("value"),
        pl.lit(None, dtype=pl.Float64).alias("bound"),
        "reason",
    )
    return conform(named, FUNNEL)
