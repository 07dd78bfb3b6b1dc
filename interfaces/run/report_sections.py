"""The sections of report.html: each a function from a run record to HTML, empty when nothing is to tell.

Every piece of text from outside goes through `text`, which escapes it.
"""

from collections.abc import Sequence
from html import escape

from interfaces.run import charts
from interfaces.run import wording as say
from interfaces.run.record import Approved, RunRecord, Stage, UserLine


def text(value: object, limit: int = say.MAX_TEXT) -> str:
    """Return foreign text fit for HTML: control characters out, cut, escaped, its direction kept inside."""
    return escape(say.plain(value, limit), quote=True)


def name_of(value: object) -> str:
    """Return a name from outside, its writing direction kept inside."""
    return f"<bdi>{text(value, 60)}</bdi>"


def signed(amount: str | float, unit: str = "") -> str:
    """Return an amount coloured by its sign (and the sign stands for itself)."""
    shown = say.money(amount)
    css = "up" if shown.startswith("+") else "down" if shown.startswith("−") else "flat"
    return f'<span class="{css}">{shown}{unit}</span>'


def figures(record: RunRecord) -> str:
    """The handful of figures that stand above everything."""
    pairs = [
        (f"P&amp;L, {text(mode, 20)} money", f"{signed(str(total))} <small>USDT</small>")
        for mode, total in sorted(say.total_pnl(record).items())
    ]
    pairs += [
        ("Orders", f"{record.orders:,} <small>{record.fills:,} fills</small>"),
        ("Closed trades", f"{record.closed_trades:,} <small>{record.open_positions:,} open</small>"),
        ("Lost orders", f"{record.lost:,}"),
        ("Doubled orders", f"{record.doubled:,}"),
    ]
    return (
        '<dl class="figures">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in pairs) + "</dl>"
    )


def funnel(record: RunRecord) -> str:
    """The stream that narrows, with what fell out and why."""
    if not record.funnel:
        return ""
    lead = (
        '<p class="lead">What each stage let through and the rules that dropped the rest. '
        "The stream's width is the square root of the count, so that a handful of thousands can be seen.</p>"
    )
    parts = [lead, _stream(record.funnel, "first")]
    if record.second_funnel:
        again = "Second pass, with what the first one taught"
        parts.append(
            f"<details><summary>{again}</summary>{_stream(record.second_funnel, 'second')}</details>"
        )
    return "".join(parts)


def _stream(stages: Sequence[Stage], name: str) -> str:
    widest = max(stage.came_in for stage in stages) or 1
    return (
        '<ol class="funnel">'
        + "".join(
            _stage(stage, widest, f"{name}-{k}", is_last=k == len(stages) - 1)
            for k, stage in enumerate(stages)
        )
        + "</ol>"
    )


def _stage(stage: Stage, widest: int, name: str, *, is_last: bool) -> str:
    reasons = ", ".join(f"{count:,} by {say.rule_name(rule)}" for rule, count in stage.reasons.items())
    drawing = charts.stream(
        name,
        f"{say.stage_title(stage)}: {stage.came_in:,} in, {stage.went_out:,} out",
        f"Dropped: {reasons}." if reasons else "Nothing was dropped.",
        before=stage.came_in / widest,
        after=stage.went_out / widest,
        css="last" if is_last else "",
    )
    why = f"dropped: {reasons}" if reasons else "nothing dropped"
    return (
        f'<li><div class="name"><b>{text(say.stage_title(stage))}</b>'
        f"<span>{text(stage.stage, 40)}, {say.seconds(stage.seconds)}</span></div>"
        f'<div class="draw">{drawing}</div><div class="kept"><b>{stage.went_out:,}</b> '
        f'<span>of {stage.came_in:,}</span><span class="why">{text(why, 600)}</span></div></li>'
    )


def scan(record: RunRecord) -> str:
    """How long the candles took, beside one after another and beside what the venue allows."""
    if record.scan is None:
        return ""
    speed = record.scan
    longest = max(speed.one_by_one_s, speed.took_s, speed.floor_s) or 1.0
    rows = (
        ("One symbol after another", speed.one_by_one_s, "guess", f"extrapolated from {speed.sample}"),
        ("As it was", speed.took_s, "", "measured"),
        ("The exchange's own limit", speed.floor_s, "floor", f"{speed.rate_per_s:g} requests a second"),
    )
    bars = ""
    for k, (label, value, css, how) in enumerate(rows):
        title = f"{label}: {say.seconds(value)}"
        drawing = charts.bar(f"scan-{k}", title, how, share=value / longest, css=css)
        bars += f'<dt>{text(label)}</dt><dd class="s">{say.seconds(value)}</dd><dd class="b">{drawing}</dd>'
    return (
        f'<p class="lead"><strong>{text(say.scan_sentence(speed), 400)}</strong> '
        f'{text(say.scan_conditions(speed))}</p><dl class="speeds">{bars}</dl>'
    )


def approved(record: RunRecord) -> str:
    """What may be traded, with its backtest, costs paid."""
    if not record.approved:
        return (
            '<p class="lead">None. In a market without an edge that is the right answer; the funnel above '
            "says which rule each symbol failed.</p>"
        )
    head = _head(
        "Symbol",
        "Trades",
        "Won",
        "Return",
        "At 2× costs",
        "Drawdown",
        "Profit factor",
        "Beats random",
        left=("Symbol", "Edge"),
        last="Edge",
    )
    lead = (
        '<p class="lead">Backtests on closed candles with spread, slippage and fees paid. "Beats random": '
        "the share of random entry sets that did worse.</p>"
    )
    return lead + _table(head, "".join(_approved(row) for row in record.approved))


def _approved(row: Approved) -> str:
    factor = "–" if row.profit_factor is None else f"{row.profit_factor:.2f}"
    cells = (
        f"{row.trades:,}",
        say.percent(row.win_rate, 0),
        _return(row.total_return),
        _return(row.total_return_2x_costs),
        say.percent(row.max_drawdown),
        factor,
        say.percent(row.random_percentile),
    )
    mark = '<span class="tag">planted by the market</span>' if row.is_planted else "none declared"
    return (
        f'<tr><th scope="row">{name_of(row.symbol)}<code>{text(row.lineage_id, 80)}</code></th>'
        + "".join(f'<td class="n">{cell}</td>' for cell in cells)
        + f"<td>{mark}</td></tr>"
    )


def _return(fraction: float) -> str:
    css = "up" if fraction > 0 else "down" if fraction < 0 else "flat"
    return f'<span class="{css}">{say.percent(fraction, signed=True)}</span>'


def users(record: RunRecord) -> str:
    """One row per user."""
    if not record.users:
        return ""
    head = _head(
        "User",
        "Money",
        "Orders",
        "Closed",
        "Won",
        "Open",
        "P&amp;L USDT",
        left=("User", "Money"),
        last="Signals not followed",
    )
    lead = (
        '<p class="lead">Each sizes every signal by the own account and limits; what was not followed keeps '
        "the rule that said no.</p>"
    )
    return lead + _table(head, "".join(_user(user) for user in record.users))


def _user(user: UserLine) -> str:
    skips = ", ".join(f"{count:,} by {say.rule_name(rule)}" for rule, count in user.skips.items()) or "–"
    counts = (user.orders, user.closed_trades, user.wins, user.open_positions)
    return (
        f'<tr><th scope="row">{name_of(user.name or user.user_id)}</th><td>{text(user.mode, 20)}</td>'
        + "".join(f'<td class="n">{count:,}</td>' for count in counts)
        + f'<td class="n">{signed(user.pnl_quote)}</td><td class="fold">{text(skips, 400)}</td></tr>'
    )


def restart(record: RunRecord) -> str:
    """The engine's death on purpose and what became of its orders."""
    if record.kill is None:
        return ""
    kill = record.kill
    pairs = (
        ("orders in flight when it died", f"{kill.in_flight:,}"),
        ("positions open", f"{kill.open_positions:,}"),
        ("until it was back", say.seconds(kill.restart_s)),
        ("orders lost", _bad(record.lost)),
        ("orders doubled", _bad(record.doubled)),
    )
    boxes = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in pairs)
    return (
        f'<p class="lead">At {say.moment(kill.at_market)} market time the engine was killed with no warning, '
        "and started again. Every order is written down before it is sent, so the second life can ask the "
        f'exchange what became of each.</p><dl class="kill">{boxes}</dl>'
    )


def _bad(count: int) -> str:
    return f'<span class="{"up" if count == 0 else "down"}">{count:,}</span>'


def story(record: RunRecord) -> str:
    """One trade from candle to exit."""
    if not record.story:
        return ""
    steps = "".join(
        f'<li><time datetime="{text(step.when, 40)}">{text(say.moment(step.when))}</time>'
        f"<div><b>{text(say.heading(step.what))}</b><p>{text(step.detail, 600)}</p>"
        f"{f'<code>{text(step.lineage_id, 80)}</code>' if step.lineage_id else ''}</div></li>"
        for step in record.story
    )
    lead = '<p class="lead">Market time. Each id can be followed with <code>sluice lineage</code>.</p>'
    return f'{lead}<ol class="story">{steps}</ol>'


def model(record: RunRecord) -> str:
    """What the model learnt from the pool, and whether it may speak."""
    verdicts = say.verdicts(record.model)
    said = "".join(
        f'<p class="lead">{text(verdict.heading)}<strong>{text(verdict.verdict)}</strong>'
        f"{': ' + text(verdict.reason, 400) if verdict.reason else ''}</p>"
        for verdict in verdicts
    )
    pool = f'<p class="lead">The trade pool holds {record.trade_pool_rows:,} decisions.</p>'
    rows = next((verdict.rules for verdict in reversed(verdicts) if verdict.rules), [])
    table = _table(_head("Rule", "Value", "Bound", left=("Rule",), last="Verdict"), "".join(map(_rule, rows)))
    return said + pool + (table if rows else "")


def _rule(row: dict[str, object]) -> str:
    return (
        f'<tr><th scope="row">{text(say.rule_name(str(row.get("rule"))))}</th>'
        f'<td class="n">{text(say.number(row.get("value")))}</td>'
        f'<td class="n">{text(say.number(row.get("bound")))}</td>'
        f"<td>{text(say.number(row.get('verdict')))}</td></tr>"
    )


def _head(*titles: str, left: Sequence[str], last: str) -> str:
    cells = [(title, "" if title in left else ' class="n"') for title in titles] + [(last, "")]
    return "".join(f'<th scope="col"{css}>{title}</th>' for title, css in cells)


def _table(head: str, rows: str) -> str:
    # Wide tables scroll inside their own box; the box takes the keyboard's focus so that keys can scroll it.
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
