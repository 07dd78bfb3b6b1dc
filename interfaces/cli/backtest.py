"""`sluice backtest`: a strategy file over a candle file, in both fill modes, trade by trade."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    import polars as pl

    from trading.backtest.candle_file import CandleFile, MarketRules
    from trading.backtest.detail import FetchMinutes
    from trading.backtest.replay import Replay
    from trading.backtest.strategy import Strategy

app = typer.Typer(
    help="Replay a strategy file over candles: what it would have traded, by two sets of fill rules.",
    invoke_without_command=True,
)


@app.callback()
def backtest(  # noqa: PLR0917 - Typer's options are one parameter each
    candles: Annotated[
        Path, Option(help="Parquet: symbol, ts, open, high, low, close, volume.", metavar="FILE")
    ],
    strategy: Annotated[
        str,
        Option(
            help="A name of `sluice strategies list`, or a file: TOML, or Python, which is run.",
            metavar="NAME|FILE",
        ),
    ],
    mode: Annotated[
        str,
        Option(
            help="Whose trades go to --out: default (pessimistic) or freqtrade (its rules, for comparison)."
        ),
    ] = "default",
    fee: Annotated[
        float | None, Option(help="Fraction of the value, both sides; default: the strategy's, else 0.0005.")
    ] = None,
    slots: Annotated[int, Option(help="Open positions at most; 0 = no limit.")] = 0,
    markets: Annotated[
        Path | None,
        Option(
            help="JSON {symbol: {tick, step, min_amount, min_cost}}; else tick, step 1e-8.", metavar="FILE"
        ),
    ] = None,
    detail: Annotated[
        str | None,
        Option(
            help="Finer candles (Parquet, or the word store: the 1m candles of the world in use): which came "
            "first where a bar touched stop and target.",
            metavar="FILE|store",
        ),
    ] = None,
    out: Annotated[Path | None, Option(help="Write the trades here, Parquet.", metavar="FILE")] = None,
    fills: Annotated[
        Path | None,
        Option(help="Write every buy and sale here, Parquet; --json then has them as well.", metavar="FILE"),
    ] = None,
    html: Annotated[
        Path | None, Option(help="Write a self-contained page: both modes, charts, trades.", metavar="FILE")
    ] = None,
    ledger: Annotated[
        Path | None,
        Option(
            help="Count this trial here; default: trials.jsonl of the world, where there is one.",
            metavar="FILE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a strategy file over candles, and say how much of the result hangs on the fill rules.

    A signal of a closed bar acts at the next open. Mode default: a stop that gapped fills at the open, a
    target must be passed by a tick, bars without volume fill nothing, costs are paid, what is open at the end
    is valued and marked. Mode freqtrade: as freqtrade 2026.9, trade for trade. Both are always run; the gap
    between them is the strategy's fragility.

    Example: sluice backtest --candles candles.parquet --strategy rsi.toml --slots 3 --out trades.parquet
    """
    from interfaces.cli import searching
    from trading.backtest.candle_file import read_candles, read_markets
    from trading.backtest.compiling import compilations
    from trading.backtest.replay import Mode
    from trading.backtest.search.bench import Bench
    from trading.backtest.shipped import strategy_named
    from trading.market.errors import BadInput

    if mode not in set(Mode):
        raise BadInput(f"--mode must be default or freqtrade, was {mode!r}")
    rules = strategy_named(strategy)
    listed = {} if markets is None else read_markets(markets)
    fine = _detail(detail)
    bars = read_candles(candles)
    with compilations(_say_compiling):
        runs = both_modes(
            bars,
            rules,
            fee=fee,
            slots=slots,
            markets=listed,
            detail=fine,
            wanted=mode,
            with_fills=fills is not None or rules.is_adjusted,
        )
    # Counted before anybody sees it: what was tried and dropped counts against what is kept.
    terms = Bench(bars, Mode(mode), fee=fee, slots=slots, markets=listed or None)
    searching.count_backtest(strategy, rules, terms, ledger)
    searching.warn_of_holdouts(terms, searching.holdout_book(None))
    chosen = runs[mode]
    if out is not None:
        _write(chosen.trades, out, "trades")
    if fills is not None and chosen.fills is not None:
        _write(chosen.fills, fills, "fills")
    if html is not None:
        _write_page(runs, rules, mode, candles, html, fee=fee)
    report = summary(runs, rules, mode)
    if chosen.fills is not None:
        report["fills"] = chosen.fills.to_dicts()
    if as_json:
        print_json(report)
    else:
        _print(report)


def _say_compiling() -> None:
    typer.echo("compiling the loops, once: some twenty CPU seconds; later runs start at once ...", err=True)


def both_modes(
    candles: "CandleFile",
    strategy: "Strategy",
    *,
    fee: float | None,
    slots: int,
    markets: "dict[str, MarketRules]",
    detail: "CandleFile | FetchMinutes | None" = None,
    wanted: str = "default",
    with_fills: bool = False,
) -> "dict[str, Replay]":
    """Return the replay of each mode, by the mode's name; `detail` as candles, or where to ask for them.

    A strategy that adds to positions or sells parts of them has no replay in mode freqtrade.
    """
    from trading.backtest.detail import replay_with_minutes
    from trading.backtest.replay import Mode, replay

    options: dict[str, Any] = {"fee": fee, "slots": slots, "markets": markets, "threads": 2}
    options["with_fills"] = with_fills
    runs = {}
    if wanted == Mode.FREQTRADE or not (strategy.additions or strategy.parts):
        runs[str(Mode.FREQTRADE)] = replay(candles, strategy, Mode.FREQTRADE, **options)
    if callable(detail):
        runs[str(Mode.DEFAULT)] = replay_with_minutes(candles, strategy, detail, **options)
    else:
        runs[str(Mode.DEFAULT)] = replay(candles, strategy, Mode.DEFAULT, detail=detail, **options)
    return runs


def _detail(asked: str | None) -> "CandleFile | FetchMinutes | None":
    """Return the finer candles of a file, or the world's lake as a place to ask for them."""
    if asked is None:
        return None
    if asked != "store":
        from trading.backtest.candle_file import read_candles

        return read_candles(Path(asked))
    from resources.settings import load_settings
    from trading.backtest.detail import stored_minutes
    from trading.store.candles import CandleStore

    return stored_minutes(CandleStore(load_settings().lake_dir))


def summary(runs: "dict[str, Replay]", strategy: "Strategy", mode: str) -> dict[str, Any]:
    """Return what is printed: figures per mode and symbol, reasons, what was left out, the gap."""
    from trading.backtest.columns import thin_columns
    from trading.backtest.fragility import figures, fragility, reasons

    has_both = "freqtrade" in runs
    by_symbol = fragility((runs["freqtrade"] if has_both else runs["default"]).trades, runs["default"].trades)
    columns = [name for each in strategy.expressions for name in each.indicators]
    return {
        "strategy": strategy.name,
        "mode": mode,
        "modes": {name: figures(run.trades) for name, run in runs.items()},
        "fragility": by_symbol.row(0, named=True) if by_symbol.height and has_both else None,
        "symbols": by_symbol.slice(1).to_dicts() if has_both else [],
        "exit_reasons": reasons(runs[mode].trades).to_dicts(),
        "left_out": runs["default"].left_out if mode == "default" else runs[mode].left_out,
        "ambiguous_bars": runs["default"].ambiguous,
        "resolved_bars": runs["default"].resolved,
        "thin_columns": thin_columns(columns, strategy.startup),
        "trades": runs[mode].trades.height,
    }


def _write(rows: "pl.DataFrame", path: Path, what: str) -> None:
    from trading.market.errors import StoreError

    try:
        rows.write_parquet(path)
    except OSError as error:
        raise StoreError(f"{what} cannot be written to {path}: {error}") from error


def _write_page(
    runs: "dict[str, Replay]",
    strategy: "Strategy",
    mode: str,
    candles: Path,
    path: Path,
    *,
    fee: float | None,
) -> None:
    from interfaces.reports.page import write_html
    from interfaces.reports.report import make_report, read_candles

    run, paid = runs[mode], strategy.costs.fee if fee is None else fee
    notes = []
    if run.ambiguous:
        notes.append(f"{run.ambiguous:,} bars touched stop and target: the stop was taken.")
    others = {name: other.trades for name, other in runs.items() if name != mode}
    title = f"{strategy.name or 'strategy'}, mode {mode}"
    # Costs are those the trades paid, impact included: a strategy file's own rates would leave that out.
    made = make_report(
        run.trades, candles=read_candles(candles), title=title, fee=paid, other_modes=others, notes=notes
    )
    typer.echo(f"wrote {write_html(made, path)}", err=True)


def _print(report: dict[str, Any]) -> None:
    rows = [{"mode": name, **found} for name, found in report["modes"].items()]
    print_table(rows, title=f"{report['strategy'] or 'strategy'}: one strategy, two sets of fill rules")
    if report["trades"] == 0:
        print("No trade. Left out:", report["left_out"])
    print_table(report["exit_reasons"], title=f"how trades ended, mode {report['mode']}", empty="no trades")
    worst = sorted(report["symbols"], key=lambda row: -(row["gap"] or 0))
    if "freqtrade" not in report["modes"]:
        print("mode freqtrade is not run: it does not know additions and parts of a position")
    print_table(
        worst[:10], title="fragility: what freqtrade's fills add per trade, worst ten", empty="no trades"
    )
    _print_fills(report.get("fills", []))
    left = {name: count for name, count in report["left_out"].items() if count}
    if left:
        print(
            "signals left out:",
            ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in left.items()),
        )
    if report["ambiguous_bars"]:
        print(f"{report['ambiguous_bars']:,} bars touched stop and target: the stop was taken")
    if report["resolved_bars"]:
        print(
            f"{report['resolved_bars']:,} bars touched stop and target: finer candles told which came first"
        )
    for name, bars in report["thin_columns"].items():
        print(f"{name} still remembers its first bars: startup of {bars - 1:,} would make it 0.1 % exact")


def _print_fills(fills: list[dict[str, Any]]) -> None:
    """Print how many buys and sales there were of each kind, and what they moved in quote units."""
    kinds: dict[tuple[str, str], list[float]] = {}
    for fill in fills:
        kinds.setdefault((fill["side"], fill["reason"]), []).append(fill["rate"] * fill["amount"])
    rows = [
        {"side": side, "reason": reason, "fills": len(worth), "quote": round(sum(worth), 4)}
        for (side, reason), worth in kinds.items()
    ]
    if rows:
        print_table(rows, title="buys and sales by reason")
