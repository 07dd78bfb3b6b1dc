"""The sections of a backtest's page that are words and tables; empty when nothing is to tell.

Every piece of text from outside goes through `text`, which escapes it.
"""

import calendar
from collections.abc import Sequence

import polars as pl

from interfaces.reports.report import TABLES, BacktestReport, evidence
from interfaces.reports.wording import duration, name, shown
from interfaces.run import wording as say
from interfaces.run.report_sections import name_of, text

MOST_TRADES, MOST_GROUPS = 300, 30
_HEAD = (
    ("total_return", "Return"), ("max_drawdown", "Deepest drawdown"), ("sharpe", "Sharpe"),
    ("profit_factor", "Profit factor"), ("win_rate", "Trades won"), ("expectancy_ratio", "Expectancy ratio"),
    ("exposure", "Time in the market"), ("market_change", "Market"),
)  # fmt: skip


def coloured(value: float | None, unit: str = "ratio") -> str:
    """Return a figure coloured by its sign."""
    css = "flat" if value is None or value == 0 else "up" if value > 0 else "down"
    return f'<span class="{css}">{text(shown(value, unit))}</span>'


def cell(value: object, unit: str) -> str:
    """Return a table's cell for a number."""
    return f'<td class="n">{text(shown(value, unit))}</td>'


def figures(report: BacktestReport) -> str:
    """The handful of figures that stand above everything."""
    rows = {row["figure"]: row for row in report.figures.rows()}
    cells = []
    for key, label in _HEAD:
        value, unit = rows[key]["value"], str(rows[key]["unit"])
        # Only what can be lost is coloured.
        is_signed = key in ("total_return", "market_change")
        told = coloured(value) if is_signed else text(shown(value, unit))  # type: ignore[arg-type]  # a number, by its key
        cells.append(f"<div><dt>{label}</dt><dd>{told}</dd></div>")
    return f'<dl class="figures">{"".join(cells)}</dl>'


def modes(report: BacktestReport) -> str:
    """The same run under other fill models, and what that changes."""
    if not report.modes:
        return ""
    shown_first = ("total_return", "trades", "max_drawdown", "profit_factor", "win_rate", "sharpe")
    names = [report.title, *report.modes]
    ours = {row["figure"]: row for row in report.figures.rows()}
    theirs = [{row["figure"]: row for row in one.rows()} for one in report.modes.values()]
    rows = []
    for key in shown_first:
        values = [ours[key]["value"], *(one[key]["value"] for one in theirs)]
        cells = "".join(
            f'<td class="n">{text(shown(value, str(ours[key]["unit"])))}</td>' for value in values
        )
        rows.append(f"<tr><th>{name(key)}</th>{cells}</tr>")
    head = "".join(f'<th class="n">{text(one, 60)}</th>' for one in names)
    base = report.figures.total_return
    gaps = ", ".join(
        f"{text(other, 40)} {text(say.percent(one.total_return - base, 2, signed=True))}"
        for other, one in report.modes.items()
    )
    lead = f"The same signals under other rules for fills. Difference of total return: {gaps}."
    return f'<p class="lead">{lead}</p>{simple_table(f"<th></th>{head}", rows)}'


def months(report: BacktestReport) -> str:
    """Years down, months across."""
    table = report.months()
    if table.is_empty():
        return ""
    most = max(abs(value) for value in table["return"]) or 1.0
    rows = []
    for year in table["year"].unique().sort():
        own = table.filter(pl.col("year") == year)
        by_month = dict(own.select("month", "return").iter_rows())
        cells = "".join(_month(by_month.get(month), most) for month in range(1, 13))
        whole = float((1 + own["return"]).product()) - 1
        rows.append(f'<tr><th>{year}</th>{cells}<td class="n whole">{coloured(whole)}</td></tr>')
    heads = "".join(f'<th class="n">{calendar.month_abbr[month]}</th>' for month in range(1, 13))
    return simple_table(f'<th></th>{heads}<th class="n">Year</th>', rows, css="months")


def _month(value: float | None, most: float) -> str:
    if value is None:
        return '<td class="n none">–</td>'
    css = "up" if value > 0 else "down" if value < 0 else "flat"
    shade = round(0.08 + 0.3 * abs(value) / most, 2) if value else 0
    return f'<td class="n heat {css}" style="--s:{shade}">{text(say.percent(value, 1))}</td>'


def groups(report: BacktestReport) -> str:
    """Exit reasons, symbols and tags."""
    parts = []
    for key in TABLES:
        table = report.table(key)
        if table.is_empty() or (key == "tag" and table["group"].to_list() == ["none"]):
            continue
        rows = [_group(row) for row in table.head(MOST_GROUPS).to_dicts()]
        rest = len(table) - MOST_GROUPS
        more = f'<p class="lead">and {rest:,} more</p>' if rest > 0 else ""
        head = (
            '<th></th><th class="n">Trades</th><th class="n">Mean</th><th class="n">Profit</th>'
            '<th class="n">Of balance</th><th class="n">Won</th><th class="n">Lost</th>'
            '<th class="n">Win rate</th><th class="n">Mean time</th>'
        )
        parts.append(f"<h3>By {name(key)}</h3>{simple_table(head, rows)}{more}")
    return "".join(parts)


def _group(row: dict[str, object]) -> str:
    cells = (
        shown(row["trades"], "count"), None, shown(row["profit"], "quote"),
        shown(row["profit_of_balance"], "ratio"), shown(row["wins"], "count"), shown(row["losses"], "count"),
        shown(row["win_rate"], "ratio"), shown(row["mean_duration_s"], "duration"),
    )  # fmt: skip
    mean = coloured(row["mean_profit_ratio"])  # type: ignore[arg-type]  # a Float64 column
    return f"<tr><th>{name_of(name(str(row['group'])))}</th>" + "".join(
        f'<td class="n">{mean if cell is None else text(cell)}</td>' for cell in cells
    ) + "</tr>"  # fmt: skip


def trades(report: BacktestReport) -> str:
    """The trades, newest first."""
    if report.closed.is_empty():
        return '<p class="lead">No trade was closed.</p>'
    rows = []
    for row in report.closed.tail(MOST_TRADES).reverse().to_dicts():
        cells = (
            f"{row['open_time']:%Y-%m-%d %H:%M}", f"{row['close_time']:%Y-%m-%d %H:%M}",
            duration(row["duration_s"]), f"{row['open_rate']:.6g}", f"{row['close_rate']:.6g}",
        )  # fmt: skip
        rows.append(
            f"<tr><th>{name_of(row['symbol'])}</th>"
            + "".join(f'<td class="n">{text(cell)}</td>' for cell in cells)
            + f'<td class="n">{coloured(row["profit_ratio"])}</td>'
            f'<td class="n">{coloured(row["profit"], "quote")}</td>'
            f"<td>{text(name(row['exit_reason']), 40)}</td></tr>"
        )
    head = (
        '<th></th><th class="n">Open</th><th class="n">Close</th><th class="n">Held</th>'
        '<th class="n">Entry</th><th class="n">Exit</th><th class="n">Return</th><th class="n">Profit</th>'
        "<th>Reason</th>"
    )
    rest = len(report.closed) - MOST_TRADES
    lead = f'<p class="lead">The newest {MOST_TRADES} of {len(report.closed):,}.</p>' if rest > 0 else ""
    return lead + simple_table(head, rows, css="trades")


def everything(report: BacktestReport) -> str:
    """Every figure with its meaning."""
    rows = [
        f"<tr><th>{name(str(row['figure']))}</th>{cell(row['value'], str(row['unit']))}"
        f"<td>{text(row['meaning'], 200)}</td></tr>"
        for row in report.figures.rows()
    ]
    return simple_table('<th></th><th class="n">Value</th><th>Meaning</th>', rows, css="all")


def is_evidence(report: BacktestReport) -> str:
    """What the statistics say, and the same trades at other costs."""
    said = [
        f"<tr><th>{name(row['question'])}</th>{cell(row['value'], row['unit'])}"
        f"<td>{text(row['meaning'], 200)}</td></tr>"
        for row in evidence(report)
    ]
    parts = (
        [simple_table('<th></th><th class="n">Value</th><th>Meaning</th>', said, css="all")] if said else []
    )
    if not said:
        parts.append('<p class="lead">Too few trades or days to say anything.</p>')
    if report.cost > 0 and not report.closed.is_empty():
        parts.append(_stress(report))
    warning = "One run, seen once: how many others were tried before it is not in this table."
    return f'<p class="lead">{warning}</p>{"".join(parts)}'


def _stress(report: BacktestReport) -> str:
    rows = [
        f"<tr><th>{row['multiple']:g}× costs</th>{cell(row['cost_per_side'], 'ratio')}"
        f'<td class="n">{coloured(row["mean_return"])}</td>{cell(row["win_rate"], "ratio")}'
        f"{cell(row['profit_factor'], 'number')}</tr>"
        for row in report.stress().to_dicts()
    ]
    head = (
        '<th></th><th class="n">One side</th><th class="n">Mean return</th><th class="n">Win rate</th>'
        '<th class="n">Profit factor</th>'
    )
    return f"<h3>The same trades at other costs</h3>{simple_table(head, rows)}"


def simple_table(head: str, rows: Sequence[str], css: str = "") -> str:
    """Return a table that scrolls sideways on a narrow screen; `head` and `rows` are markup."""
    return (
        f'<div class="scroll" tabindex="0"><table class="{css}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
