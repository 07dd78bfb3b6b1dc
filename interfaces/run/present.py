"""A run record in the terminal: funnel, scan, approved, people, kill, one trade, model.

Works piped (plain, 100 columns), and in narrow terminals. Not here: wording of figures (wording.py) and
the page for the browser (report.py).
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from interfaces.run import wording as say
from interfaces.run.record import RunRecord, Stage

PIPED_COLUMNS = 100
# Below this width a table drops the columns that matter least.
NARROW = 84
PLANTED = "planted"
# 200 users are a wall of lines; the report has all of them.
MAX_USERS = 20


def to_json(record: RunRecord) -> str:
    """Return what `sluice run --json` prints: one JSON object."""
    return json.dumps(record.to_dict(), ensure_ascii=False, default=str)


def present(record: RunRecord, *, report: Path | None = None, console: Console | None = None) -> None:
    """Print `record` for a person.

    Parameters
    ----------
    report : Path, optional
        Where report.html was written; named among the things to do next.
    console : Console, optional
        Where to print; default: stdout, plain and 100 columns wide when it is no terminal.
    """
    out = console or _console()
    is_narrow = out.width < NARROW
    for part in (
        _market(record),
        *_funnel("Funnel", record.funnel, is_narrow),
        *_funnel("Funnel, second pass", record.second_funnel, is_narrow),
        *_scan(record),
        *_approved(record, is_narrow),
        *_trading(record, is_narrow),
        *_story(record),
        *_model(record),
        *_warnings(record),
        *_next(record, report),
    ):
        out.print(part)


def _console() -> Console:
    width = None if sys.stdout.isatty() else PIPED_COLUMNS
    return Console(width=width, markup=False, emoji=False, highlight=False)


def _head(title: str) -> RenderableType:
    return Group(Text(), Rule(Text(title, style="bold"), align="left", characters="─", style="dim"))


def _table(*columns: tuple[str, str]) -> Table:
    """Return a light table; a column is (title, "left" or "right")."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, show_edge=False)
    for title, side in columns:
        # A figure that is cut is a wrong figure; words may fold.
        is_figure = side == "right"
        least = None if is_figure else 12
        table.add_column(title, justify=side, no_wrap=is_figure, overflow="fold", min_width=least)  # type: ignore[arg-type]  # rich's literal
    return table


def _inset(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 1))


def _line(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, 1))


def _market(record: RunRecord) -> RenderableType:
    span = f"{say.moment(record.market_from)} to {say.moment(record.market_to)} UTC (market time)"
    took = f"{say.seconds(record.elapsed_s)} of wall time, {say.seconds(record.cpu_s)} of CPU"
    return Group(
        _head(f"World {say.plain(record.world)}"),
        _line(say.sentence(record.market)),
        _line(f"{span}, {say.plain(record.timeframe)} bars", "dim"),
        _line(took, "dim"),
    )


def _funnel(title: str, stages: Sequence[Stage], is_narrow: bool) -> list[RenderableType]:
    if not stages:
        return []
    table = _table(("stage", "left"), ("in", "right"), ("out", "right"), ("seconds", "right"))
    if not is_narrow:
        table.add_column("", no_wrap=True)
    table.add_column("main reason dropped", overflow="fold")
    widest = max(stage.came_in for stage in stages) or 1
    for stage in stages:
        row = [say.plain(stage.stage), f"{stage.came_in:,}", f"{stage.went_out:,}", f"{stage.seconds:.1f}"]
        bar = [] if is_narrow else [Text(_bar(stage.went_out, widest), style="cyan")]
        table.add_row(*map(Text, row), *bar, Text(say.main_reason(stage)))
    return [_head(title), _inset(table)]


def _bar(value: int, widest: int, columns: int = 16) -> str:
    """Return a bar as long as the square root of the share, so that a handful of 2,610 can be seen."""
    return "━" * (0 if value == 0 else max(1, round(columns * (value / widest) ** 0.5)))


def _scan(record: RunRecord) -> list[RenderableType]:
    if record.scan is None:
        return []
    return [
        _head("Scan"),
        _line(say.scan_sentence(record.scan), "bold"),
        _line(say.scan_conditions(record.scan), "dim"),
    ]


def _approved(record: RunRecord, is_narrow: bool) -> list[RenderableType]:
    if not record.approved:
        sentence = (
            "No symbol was approved: a normal outcome in a market without an edge. The funnel says why."
        )
        return [_head("Approved"), _line(sentence)]
    table = _table(("symbol", "left"), ("trades", "right"), ("won", "right"), ("return", "right"))
    if not is_narrow:
        for title in ("2x costs", "drawdown", "factor", "beats random"):
            table.add_column(title, justify="right", no_wrap=True)
    table.add_column("edge", no_wrap=True)
    for row in record.approved:
        figures = [str(row.trades), say.percent(row.win_rate, 0), say.percent(row.total_return, signed=True)]
        if not is_narrow:
            figures += [
                say.percent(row.total_return_2x_costs, signed=True),
                say.percent(row.max_drawdown),
                "–" if row.profit_factor is None else f"{row.profit_factor:.2f}",
                say.percent(row.random_percentile),
            ]
        mark = Text(PLANTED, style="yellow") if row.is_planted else Text("–", style="dim")
        table.add_row(Text(say.plain(row.symbol, 30)), *map(Text, figures), mark)
    planted = say.planted_sentence(record)
    note = [_line(planted, "yellow")] if planted else []
    return [_head("Approved, with their backtests (costs paid)"), _inset(table), *note]


def _trading(record: RunRecord, is_narrow: bool) -> list[RenderableType]:
    counts = (
        f"{record.orders:,} orders, {record.fills:,} fills, {record.closed_trades:,} trades closed, "
        f"{record.open_positions:,} positions open"
    )
    parts: list[RenderableType] = [_head("Trading"), _line(counts, "bold")]
    for mode, total in sorted(say.total_pnl(record).items()):
        parts.append(_line(f"P&L of closed trades, {say.plain(mode, 20)} money: {say.money(total)} USDT"))
    if record.kill is not None:
        parts.append(
            _line(say.kill_sentence(record), "" if record.lost + record.doubled == 0 else "bold red")
        )
    if record.users:
        parts += [Text(), _inset(_users(record, is_narrow))]
    left = len(record.users) - MAX_USERS
    if left > 0:
        parts.append(_line(f"… and {left:,} more users in the report", "dim"))
    return parts


def _users(record: RunRecord, is_narrow: bool) -> Table:
    table = _table(("user", "left"), ("orders", "right"), ("closed", "right"), ("won", "right"))
    table.add_column("P&L USDT", justify="right", no_wrap=True)
    table.add_column("open", justify="right", no_wrap=True)
    if not is_narrow:
        table.add_column("mode", no_wrap=True)
        table.add_column("signals not followed", overflow="fold")
    for user in record.users[:MAX_USERS]:
        figures = [f"{user.orders:,}", f"{user.closed_trades:,}", f"{user.wins:,}"]
        pnl = say.money(user.pnl_quote)
        style = "green" if pnl.startswith("+") else "red" if pnl.startswith("−") else ""
        skips = ", ".join(f"{say.rule_name(rule)}: {count:,}" for rule, count in user.skips.items()) or "–"
        rest = [] if is_narrow else [Text(say.plain(user.mode, 20)), Text(skips, style="dim")]
        table.add_row(
            Text(say.plain(user.name or user.user_id, 40)),
            *map(Text, figures),
            Text(pnl, style=style),
            Text(f"{user.open_positions:,}"),
            *rest,
        )
    return table


def _story(record: RunRecord) -> list[RenderableType]:
    if not record.story:
        return []
    parts: list[RenderableType] = [_head("One trade told whole")]
    for step in record.story:
        line = Text.assemble((say.moment(step.when), "dim"), "  ", (say.heading(step.what), "bold"))
        parts += [Padding(line, (0, 0, 0, 1)), Padding(Text(say.plain(step.detail, 400)), (0, 0, 0, 19))]
        if step.lineage_id:
            parts.append(Padding(Text(say.plain(step.lineage_id), style="dim cyan"), (0, 0, 0, 19)))
    return parts


def _model(record: RunRecord) -> list[RenderableType]:
    parts: list[RenderableType] = [_head("Model")]
    verdicts = say.verdicts(record.model)
    for verdict in verdicts:
        reason = f": {verdict.reason}" if verdict.reason else ""
        parts.append(Padding(Text.assemble(verdict.heading, (verdict.verdict, "bold"), reason), (0, 0, 0, 1)))
    parts.append(_line(f"The trade pool holds {record.trade_pool_rows:,} decisions.", "dim"))
    rules = next((verdict.rules for verdict in reversed(verdicts) if verdict.rules), [])
    return [*parts, Text(), _inset(_rules(rules))] if rules else parts


def _rules(rules: Sequence[dict[str, object]]) -> Table:
    table = _table(("rule", "left"), ("value", "right"), ("bound", "right"), ("verdict", "left"))
    for row in rules:
        figures = [say.number(row.get(name)) for name in ("value", "bound", "verdict")]
        table.add_row(*map(Text, (say.rule_name(str(row.get("rule"))), *figures)))
    return table


def _warnings(record: RunRecord) -> list[RenderableType]:
    if not record.warnings:
        return []
    return [_head("Mind"), *(_line(say.plain(text, 400), "yellow") for text in record.warnings)]


def _next(record: RunRecord, report: Path | None) -> list[RenderableType]:
    steps = [("make dev", "see this very run in the Dagster UI, 127.0.0.1:3000")]
    followed = say.followable(record)
    if followed:
        steps.append((f"sluice lineage {say.plain(followed)}", "what it rests on, down to the candles"))
    if report is not None:
        steps.append((f"open {report}", "the report in a browser"))
    steps.append(("sluice funnel --symbol BTC/USDT", "where a symbol fell, and why"))
    lines = []
    for command, why in steps:
        lines += [_line(command, "bold cyan"), Padding(Text(why, style="dim"), (0, 0, 0, 5))]
    return [_head("Next"), *lines]
