"""The page of one backtest: self-contained, dark and light, for a wide screen and a phone.

Sections are in sections.py and pictures.py, shapes in drawings.py; the look is that of `report.html`
with a few lines more. The page asks nothing of any other address: its own policy forbids it.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from interfaces.reports import pictures, sections
from interfaces.reports.report import BacktestReport
from interfaces.reports.wording import shown
from interfaces.run import report as run_report
from interfaces.run.report_sections import text

STYLES = (Path(run_report.__file__).with_name("report.css"), Path(__file__).with_name("backtest.css"))
# Nothing is loaded, nothing runs: even text that slipped through as markup could do nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

type Section = tuple[str, str, str]

SECTIONS: tuple[tuple[str, str, Callable[[BacktestReport], str]], ...] = (
    ("modes", "Fill models", sections.modes),
    ("equity-s", "Equity and drawdown", pictures.equity),
    ("exposure", "Exposure", pictures.exposure),
    ("months", "Months", sections.months),
    ("evidence", "Is it evidence?", sections.is_evidence),
    ("groups", "Where it came from", sections.groups),
    ("charts", "Entries and exits", pictures.charts),
    ("trades", "Trades", sections.trades),
    ("all", "Every figure", sections.everything),
)


# Id, title and HTML of a section that is made elsewhere.
type Ready = tuple[str, str, str]


def write_html(report: BacktestReport, path: Path, *, first: Sequence[Ready] = ()) -> Path:
    """Write the page of `report` to `path`, whole or not at all; `first` as of `page`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(page(report, first=first), encoding="utf-8")
    temporary.replace(path)
    return path


def page(report: BacktestReport, *, first: Sequence[Ready] = ()) -> str:
    """Return the page as text: sections of `first`, then our own. Those with nothing to tell are left out."""
    own = [(name, title, make(report)) for name, title, make in SECTIONS]
    filled = [ready for ready in (*first, *own) if ready[2]]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in filled)
    body = "".join(
        f'<section id="{name}" aria-labelledby="{name}-h"><h2 id="{name}-h">{title}</h2>{content}</section>'
        for name, title, content in filled
    )
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>Sluice: {text(report.title, 120)}</title><style>{style}</style></head>"
        '<body class="backtest"><a class="skip" href="#main">Skip to the figures</a>'
        f'{_header(report)}<main id="main"><nav aria-label="Sections"><ul>{links}</ul></nav>{body}</main>'
        '<footer><div class="in">Figures use 365 days a year. A backtest is an argument, not a promise.'
        "</div></footer></body></html>\n"
    )


def _header(report: BacktestReport) -> str:
    found = report.figures
    span = f"{shown(found.begin, 'time')} to {shown(found.end, 'time')} UTC, {found.days:,} days."
    notes = "".join(f"<li>{text(note, 400)}</li>" for note in report.notes)
    symbols = report.closed["symbol"].n_unique()
    told = (
        f"{found.trades:,} trades on {symbols:,} {'symbol' if symbols == 1 else 'symbols'}, "
        f"<em>{text(shown(found.total_return, 'ratio'))}</em>."
        if found.trades
        else "No trade was closed."
    )
    return (
        f'<header><p class="brand"><b>Sluice</b>, {text(report.title, 120)}</p><h1>{told}</h1>'
        f'<p class="when">{text(span)}</p>{f"<ul class=minds>{notes}</ul>" if notes else ""}'
        f"{sections.figures(report)}</header>"
    )
