"""The page of one backtest: self-contained, dark and light, for a wide screen and a phone.

Sections are in sections.py and pictures.py, shapes in drawings.py; the look is that of `report.html`
with a few lines more. The page asks nothing of any other address: its own policy forbids it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from interfaces import shell
from interfaces.reports import pictures, sections
from interfaces.reports.report import BacktestReport
from interfaces.reports.wording import shown
from interfaces.run import report as run_report
from interfaces.run.report_sections import text

STYLES = (Path(run_report.__file__).with_name("report.css"), Path(__file__).with_name("backtest.css"))

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
    return shell.write_whole(page(report, first=first), path)


def page(report: BacktestReport, *, first: Sequence[Ready] = ()) -> str:
    """Return the page as text: sections of `first`, then our own. Those with nothing to tell are left out."""
    own = [(name, title, make(report)) for name, title, make in SECTIONS]
    filled = [ready for ready in (*first, *own) if ready[2]]
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    return (
        f"{shell.head(text(report.title, 120), style)}"
        '<body class="backtest"><a class="skip" href="#main">Skip to the figures</a>'
        f"{_header(report)}{shell.main(filled)}"
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
