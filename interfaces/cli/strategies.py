"""`sluice strategies`: those that come with Sluice, and what each says of itself."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(
    help="Strategies that come with Sluice. Any name goes into `sluice backtest --strategy NAME`, and into "
    "`strategy` in the launchpad of `signals`; a file of your own goes by its path.",
    no_args_is_help=True,
)


@app.callback()
def strategies() -> None:
    """Strategies that come with Sluice."""


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """Print every strategy: what it does, where it may run, its first bar, its exits."""
    from trading.backtest.shipped import names, shipped_strategy

    rows = [_row(shipped_strategy(name)) for name in names()]
    shown = ["strategy", "about", "runs_on", "startup"]
    print_table(rows, shown, title="Strategies", as_json=as_json)
    if not as_json:
        print("One of them: sluice strategies show rsi_mean_reversion")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name of the list.")],
    as_json: AsJson = False,
) -> None:
    """Print the file: idea, source, when it fails, its numbers. A copy of it is a start for your own."""
    from trading.backtest.shipped import shipped_strategy, text_of

    text = text_of(name)
    if as_json:
        print_json({**_row(shipped_strategy(name)), "text": text})
    else:
        print(text, end="")


@app.command()
def measure(
    candles: Annotated[
        Path, typer.Option(help="Parquet: symbol, ts, open, high, low, close, volume.", metavar="FILE")
    ],
    fee: Annotated[
        float | None, typer.Option(help="Fraction of the value, both sides; default: the strategy's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run every strategy that candles suffice for over a file: both modes, costs paid, no slots, no search.

    Profits are means per trade in percent; `gap` is what freqtrade's fills and its missing costs add. Most
    lose: they are known rules at their textbook numbers.

    Example: sluice strategies measure --candles candles.parquet
    """
    from interfaces.cli.backtest import both_modes
    from trading.backtest.candle_file import read_candles
    from trading.backtest.fragility import figures
    from trading.backtest.shipped import names, shipped_strategy
    from trading.signals.line_columns import line_only

    read, rows = read_candles(candles), []
    chosen = [shipped_strategy(name) for name in names()]
    chosen = [each for each in chosen if not line_only(each.entry.columns)]
    with typer.progressbar(chosen, label="strategies", file=sys.stderr) as shown:
        for strategy in shown:
            runs = both_modes(read, strategy, fee=fee, slots=0, markets={})
            rows.append(_measured(strategy.name, {name: figures(run.trades) for name, run in runs.items()}))
    print_table(rows, title=f"shipped strategies over {candles.name}", as_json=as_json)


def _measured(name: str, by_mode: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours, theirs = by_mode["default"], by_mode["freqtrade"]
    means = [100 * (each["mean_profit"] or 0.0) for each in (ours, theirs)]
    return {
        "strategy": name,
        "trades": ours["trades"],
        "wins_pct": round(100 * ours["wins"] / max(ours["trades"], 1), 1),
        "mean_pct": round(means[0], 3),
        "median_pct": round(100 * (ours["median_profit"] or 0.0), 2),
        "worst_pct": round(100 * (ours["worst"] or 0.0), 1),
        "freqtrade_mean_pct": round(means[1], 3),
        "gap_pct": round(means[1] - means[0], 3),
    }


def _row(strategy: Any) -> dict[str, Any]:
    from trading.signals.line_columns import line_only

    columns = [column for each in strategy.expressions for column in each.indicators]
    own = line_only(tuple(dict.fromkeys(columns)))
    return {
        "strategy": strategy.name,
        "about": strategy.about,
        "runs_on": "the line" if own else "candles and the line",
        "startup": strategy.startup,
        "stoploss": strategy.stoploss,
        "columns": sorted(set(columns)),
        "digest": strategy.digest,
    }
