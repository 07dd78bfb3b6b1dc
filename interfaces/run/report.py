"""`report.html`: one run on one page, self-contained, for people.

Here: the page, its head and foot, and writing it. Sections are in report_sections.py, drawings in
charts.py, the look in report.css. The page asks nothing of any other address: its own policy forbids it.
"""

from collections.abc import Callable
from pathlib import Path

from interfaces import shell
from interfaces.run import report_sections as sections
from interfaces.run import wording as say
from interfaces.run.record import RunRecord
from interfaces.run.report_equity import equity
from interfaces.run.report_sections import text

_STYLE = Path(__file__).with_name("report.css")

Section = tuple[str, str, Callable[[RunRecord], str]]
SECTIONS: tuple[Section, ...] = (
    ("funnel", "Funnel", sections.funnel),
    ("scan", "Scan speed", sections.scan),
    ("approved", "Approved symbols", sections.approved),
    ("equity", "Profit and loss", equity),
    ("users", "Users", sections.users),
    ("restart", "Kill and restart", sections.restart),
    ("story", "One trade, told whole", sections.story),
    ("model", "Model", sections.model),
)


def write_report(record: RunRecord, path: Path) -> Path:
    """Write the page of `record` to `path`, whole or not at all, and return the path."""
    return shell.write_whole(page(record), path)


def page(record: RunRecord) -> str:
    """Return the page as text. Sections that have nothing to tell are left out."""
    filled = [(name, title, body) for name, title, make in SECTIONS if (body := make(record))]
    return (
        f"{shell.head(f'run of {text(record.world)}', _STYLE.read_text(encoding='utf-8'))}<body>"
        '<a class="skip" href="#main">Skip to the figures</a>'
        f"{_header(record)}{shell.main(filled)}"
        f"{_footer(record)}</body></html>\n"
    )


def _header(record: RunRecord) -> str:
    span = (
        f"{say.moment(record.market_from)} to {say.moment(record.market_to)} UTC market time, "
        f"{say.plain(record.timeframe, 20)} bars. The run took {say.seconds(record.elapsed_s)}, "
        f"{say.seconds(record.cpu_s)} of CPU."
    )
    planted = say.planted_sentence(record)
    second = f"<p>{text(planted)}</p>" if planted else ""
    minds = "".join(f"<li>{text(warning, 400)}</li>" for warning in record.warnings)
    return (
        f'<header><p class="brand"><b>Sluice</b>, run of {text(record.world)}</p><h1>{_headline(record)}</h1>'
        f'<p class="when">{text(span)}</p>'
        '<div class="declared" role="note" aria-label="What market this was">'
        f"<p><strong>{text(say.sentence(record.market), 600)}</strong></p>{second}</div>"
        f"{f'<ul class=minds>{minds}</ul>' if minds else ''}{sections.figures(record)}</header>"
    )


def _headline(record: RunRecord) -> str:
    if not record.funnel:
        return "No funnel was run."
    listed, left = record.funnel[0].came_in, record.funnel[-1].went_out
    outcome = f"{record.closed_trades:,} trades closed" if record.closed_trades else "nothing traded"
    return f"{listed:,} symbols in, <em>{left:,} approved</em>, {outcome}."


def _footer(record: RunRecord) -> str:
    followed = say.followable(record)
    rows = [("Again, on top of this run", "make run"), ("In the Dagster UI", "make dev")]
    if followed:
        rows.append(("From that trade to its candles", f"sluice lineage {followed}"))
    rows.append(("Why a symbol is not here", "sluice funnel --symbol BTC/USDT"))
    listed = "".join(f"<dt>{text(why)}</dt><dd><code>{text(command)}</code></dd>" for why, command in rows)
    return (
        f'<footer><div class="in">Ids are made from content: the same candles, code and parameters give '
        "the same ids on any machine. Everything of this run lies in the world "
        f"<code>{text(record.world)}</code>."
        f"<dl>{listed}</dl></div></footer>"
    )
