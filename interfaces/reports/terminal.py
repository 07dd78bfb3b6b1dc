"""A backtest in the terminal: the figures, then the tables that people look at first."""

from interfaces.cli.output import print_table
from interfaces.reports.report import TABLES, BacktestReport, evidence
from interfaces.reports.wording import name, shown

_MOST_ROWS = 20
FIRST = (
    "begin", "end", "trades", "total_return", "profit", "cagr", "max_drawdown", "max_drawdown_from",
    "max_drawdown_to", "max_drawdown_duration_s", "sharpe", "sortino", "calmar", "trade_sharpe",
    "trade_sortino", "trade_calmar", "sqn", "profit_factor", "expectancy", "expectancy_ratio",
    "win_rate", "wins", "draws", "losses", "win_streak", "loss_streak", "best_trade", "worst_trade",
    "best_day", "worst_day", "mean_duration_s", "exposure", "most_open", "market_change",
)  # fmt: skip


def print_report(report: BacktestReport) -> None:
    """Print the report as tables on stdout."""
    for note in report.notes:
        print(note)
    rows = {str(row["figure"]): row for row in report.figures.rows()}
    modes = {mode: {str(row["figure"]): row for row in one.rows()} for mode, one in report.modes.items()}
    print_table([_figure(rows[key], modes, key) for key in FIRST], title=report.title)
    for key in TABLES:
        groups = report.table(key)
        if key == "tag" and groups["group"].to_list() in ([], ["none"]):
            continue
        print_table(
            [_group(row) for row in groups.head(_MOST_ROWS).to_dicts()],
            title=f"by {name(key)}" + (f", first {_MOST_ROWS}" if len(groups) > _MOST_ROWS else ""),
        )
    months = [
        {"month": f"{row['year']}-{row['month']:02d}", "return": shown(row["return"], "ratio")}
        for row in report.months().to_dicts()
    ]
    print_table(months, title="by month")
    said = [
        {
            "question": name(row["question"]),
            "answer": shown(row["value"], row["unit"]),
            "meaning": row["meaning"],
        }
        for row in evidence(report)
    ]
    print_table(said, title="Is it evidence?", empty="too few trades or days to say")
    if report.cost > 0 and not report.closed.is_empty():
        print_table(report.stress().to_dicts(), title="the same trades at other costs")


def _figure(
    row: dict[str, object], modes: dict[str, dict[str, dict[str, object]]], key: str
) -> dict[str, str]:
    unit = str(row["unit"])
    told = {"figure": name(key), "value": shown(row["value"], unit)}
    told |= {mode: shown(one[key]["value"], unit) for mode, one in modes.items()}
    return told | {"meaning": str(row["meaning"])}


def _group(row: dict[str, object]) -> dict[str, object]:
    return {
        "": row["group"],
        "trades": row["trades"],
        "mean": shown(row["mean_profit_ratio"], "ratio"),
        "profit": shown(row["profit"], "quote"),
        "of balance": shown(row["profit_of_balance"], "ratio"),
        "won": row["wins"],
        "drawn": row["draws"],
        "lost": row["losses"],
        "win rate": shown(row["win_rate"], "ratio"),
        "mean time": shown(row["mean_duration_s"], "duration"),
    }
