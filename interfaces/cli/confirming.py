"""A holdout opened from the command line: the confirmation with its report."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interfaces.cli.output import progress

if TYPE_CHECKING:
    from interfaces.reports.report import BacktestReport
    from trading.backtest.search.bench import Bench
    from trading.backtest.validation.holdout import HoldoutBook
    from trading.backtest.validation.trials import TrialLedger


def confirmed(
    bench: "Bench",
    strategy: str,
    name: str,
    book: "HoldoutBook",
    ledger: "TrialLedger",
    *,
    by: str,
    why: str,
    at: datetime,
    candles: Path,
) -> "tuple[BacktestReport, dict[str, Any]]":
    """Spend the holdout and return its report and the document of `--json`."""
    import polars as pl

    from interfaces.reports import report as reports
    from trading.backtest.search.configurations import read_base
    from trading.backtest.search.confirm import confirm
    from trading.backtest.strategy_file import strategy_of

    base = read_base(strategy)
    with progress("holdout", 1) as update:
        found = confirm(bench, base, book, name, ledger, by=by, why=why, at=at)
        update(1, 1)
    rules = strategy_of(dict(base.document), base.where)
    span = pl.read_parquet(candles)
    time = pl.from_epoch("ts", "ms") if span.schema["ts"].is_integer() else pl.col("ts")
    inside = time.dt.replace_time_zone("UTC").is_between(
        found.holdout.begin, found.holdout.end, closed="left"
    )
    made = reports.make_report(
        found.trades,
        candles=span.filter(inside),
        title=f"{base.name} on holdout {name}",
        start_balance=rules.wallet or (rules.stake * bench.capital or None),
        fee=rules.costs.fee if bench.fee is None else bench.fee,
        cost=bench.side_cost(rules),
        notes=[found.sentence],
    )
    told = {
        "verdict": found.sentence,
        "is_confirmed": found.is_confirmed,
        "holdout": {
            "name": name,
            "begin": found.holdout.begin,
            "end": found.holdout.end,
            "by": by,
            "why": why,
        },
        "probability": found.probability,
        "undeflated": found.undeflated,
        "looks": found.looks,
        "p_value": found.p_value,
        "profit": found.outcome.profit,
        "trades": found.outcome.trades,
        "report": reports.as_json(made),
    }
    return made, told
