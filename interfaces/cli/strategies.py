"""`sluice strategies`: those that come with Sluice, and what each says of itself."""

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
