"""`sluice report`: what a table of trades came to, as tables, JSON or a page; two of them compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.output import AsJson, print_json
from trading.market.errors import BadInput

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer()

_TRADES = typer.Argument(help="Parquet of trades, as `--out` of a backtest writes them.", metavar="TRADES")


@app.command()
def report(
    trades: Annotated[Path | None, _TRADES] = None,
    *,
    line: Annotated[
        bool, typer.Option("--line", help="The newest research pass: approved pairs, and a page for each.")
    ] = False,
    version: Annotated[
        str, typer.Option("--pass", help="Another pass: `previous` or a version of approved_symbols.")
    ] = "",
    equity: Annotated[Path | None, typer.Option(help="Parquet with time and equity.", metavar="FILE")] = None,
    candles: Annotated[
        Path | None, typer.Option(help="Parquet of candles: draws entries and exits.", metavar="FILE")
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            help="A second run's trades (with --line: a pass): what differs, and why.", metavar="TRADES"
        ),
    ] = "",
    html: Annotated[Path | None, typer.Option(help="Write a self-contained page.", metavar="FILE")] = None,
    balance: Annotated[float | None, typer.Option(help="Quote currency at the start.")] = None,
    fee: Annotated[float, typer.Option(help="Fee of one side as a fraction, for stakes.")] = 0.0,
    cost: Annotated[
        float | None, typer.Option(help="All costs of one side; default: what the trades paid.")
    ] = None,
    slots: Annotated[int | None, typer.Option(help="Positions at once, to explain what differs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print every figure of a backtest, or explain trade by trade why two of them differ.

    Figures use 365 days a year. Without --equity the equity moves when trades close.

    Examples: sluice report trades.parquet --candles candles.parquet --html report.html
    | sluice report before.parquet --against after.parquet
    | sluice report --line --html pass.html | sluice report --line --against previous
    """
    if line == (trades is not None):
        raise BadInput("either a file of trades or --line for a research pass")
    if trades is None:
        _line(version, against, html, slots=slots, as_json=as_json)
        return
    from interfaces.reports import comparison
    from interfaces.reports import report as reports
    from interfaces.reports.terminal import print_report

    drawn = None if candles is None else reports.read_candles(_existing(candles))
    made = reports.make_report(
        _read(trades),
        None if equity is None else _read(equity),
        candles=drawn,
        title=trades.stem,
        start_balance=balance,
        fee=fee,
        cost=cost,
    )
    if against:
        other = reports.make_report(
            _read(Path(against)), candles=drawn, title=Path(against).stem, start_balance=balance, fee=fee
        )
        if as_json:
            print_json(comparison.as_json(made, other, slots=slots))
        else:
            comparison.print_comparison(made, other, slots=slots)
    elif as_json:
        print_json(reports.as_json(made))
    else:
        print_report(made)
    if html is not None:
        from interfaces.reports.page import write_html

        typer.echo(f"wrote {write_html(made, html)}", err=True)


def _line(named: str, against: str, html: Path | None, *, slots: int | None, as_json: bool) -> None:
    from interfaces.reports import comparison, line_pass
    from interfaces.reports import report as reports
    from interfaces.reports.terminal import print_report
    from resources.settings import load_settings
    from trading.store.lake import Lake

    lake = Lake(load_settings().lake_dir)
    found = line_pass.line_pass(lake, named)
    made = line_pass.portfolio(found)
    if against:
        # Every pair that was backtested in either pass, approved or not.
        passes = found, line_pass.line_pass(lake, against)
        a, b = (reports.make_report(one.trades, title=one.version.version_id) for one in passes)
        if as_json:
            print_json(comparison.as_json(a, b, slots=slots))
        else:
            comparison.print_comparison(a, b, slots=slots)
    elif as_json:
        print_json(reports.as_json(made))
    else:
        print_report(made)
    if html is not None:
        pages = line_pass.write_pass(found, html)
        typer.echo(f"wrote {pages[0]} and {len(pages) - 1} pages beside it", err=True)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BadInput(f"no such file: {path}")
    return path


def _read(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(_existing(path))
    except pl.exceptions.ComputeError as error:
        raise BadInput(f"{path} is not a Parquet file") from error
