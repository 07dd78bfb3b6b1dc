"""The page of an x-ray: one self-contained file. Here: head, header, footer, writing it.

Sections are in sections.py, the chart in chart.py, the look in page.css on top of the report's. The page asks
nothing of any address: its own policy forbids it, and allows the one script that it carries, by its hash.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from interfaces import shell
from interfaces.run import report
from interfaces.run.report_sections import text
from interfaces.xray import figures as say
from interfaces.xray import sections
from interfaces.xray.chart import Mark, chart
from trading.xray.symbol.company import GRAVE
from trading.xray.symbol.view import SymbolXray

_HERE = Path(__file__).parent
_STYLES = (Path(report.__file__).with_name("report.css"), _HERE / "page.css")

Section = tuple[str, str, Callable[[SymbolXray], str]]
SECTIONS: tuple[Section, ...] = (
    ("reading", "What the chart says", sections.reading),
    ("verdicts", "Why it was or was not screened", sections.verdicts),
    ("decisions", "Signals", sections.decisions),
    ("liquidity", "Liquidity and cost", sections.liquidity),
    ("company", "What it moves with", sections.company),
    ("news", "News", sections.news),
    ("market", "The market around it", sections.market),
)


def write_page(view: SymbolXray, path: Path) -> Path:
    """Write the page of `view` to `path`, whole or not at all, and return the path."""
    return shell.write_whole(page(view), path)


def page(view: SymbolXray) -> str:
    """Return the page as text. Sections that have nothing to tell are left out."""
    filled = [(name, title, body) for name, title, make in SECTIONS if (body := make(view))]
    script = _script()
    title = f"{text(view.symbol)} at {say.moment(view.at)}"
    quiet = '<meta name="referrer" content="no-referrer">'
    head = shell.head(title, _style(), policy=_policy(script), more=quiet)
    return (
        f'{head}<body class="xray">'
        f'<a class="skip" href="#main">Skip to the sections</a>{_header(view)}'
        f"{shell.main(filled)}"
        f"{_footer(view)}{f'<script>{script}</script>' if view.bars else ''}</body></html>\n"
    )


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _style() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in _STYLES)


@cache
def _script() -> str:
    return (_HERE / "page.js").read_text(encoding="utf-8")


def _header(view: SymbolXray) -> str:
    change = view.change_24h
    css = "up" if (change or 0) >= 0 else "down"
    moved = (
        "" if change is None else f' <small class="{css}">{say.percent(change, signed=True)} in 24 h</small>'
    )
    return (
        f'<header><p class="brand"><b>Sluice</b>, x-ray of one symbol</p><h1>{text(view.symbol)} '
        f"<em>{text(say.price(view.last))}</em>{moved}</h1>"
        f'<p class="when">As known at {say.moment(view.at)} UTC market time; '
        f"{text(sections.newest_bar(view))}.</p>"
        f'<p class="summary">{sections.prose(view.summary)}</p>{sections.figures(view)}'
        f"{chart(view, marks(view)) if view.bars else ''}</header>"
    )


def marks(view: SymbolXray) -> list[Mark]:
    """Return news and signals as marks on the bars in which they fell."""
    if not view.bars:
        return []
    opened = view.table["open_time"]
    found = []
    gravest_first = sorted(enumerate(view.news), key=lambda each: each[1].event not in GRAVE)
    for place, story in gravest_first:
        bar = int(opened.search_sorted(story.first_seen, side="right")) - 1
        kind = "grave" if story.event in GRAVE else "news"
        words = f"News, {say.moment(story.first_seen)}: {story.title}"
        found.append(Mark(bar, kind, words, f"news{place}"))
    for place, row in enumerate(view.decisions):
        bar = int(opened.search_sorted(row["open_time"], side="right")) - 1
        if row["is_entry"] or row["is_exit"]:
            kind = "entry" if row["is_entry"] else "exit"
            found.append(
                Mark(bar, kind, f"{say.moment(row['open_time'])}: {row['reason']}", f"signal{place}")
            )
    return found


def _footer(view: SymbolXray) -> str:
    read = "".join(
        f"<dt>{text(name)}</dt><dd><code>{text(version, 80)}</code></dd>"
        for name, version in view.sources.items()
    )
    return (
        '<footer><div class="in">Made from these versions, none of them published later than the moment '
        "above; candles are those that had closed by then. "
        f"<code>sluice lineage ID</code> tells what one rests on.<details><summary>Versions</summary>"
        f"<dl>{read}</dl></details></div></footer>"
    )
