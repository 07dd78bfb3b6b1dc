"""The page of a period decided again: per moment who was approved then and now, and which rule changed it."""

from pathlib import Path
from typing import Any

from interfaces import shell
from interfaces.reports.page import STYLES
from interfaces.reports.sections import simple_table
from interfaces.run.report_sections import name_of, text

_MOST_ROWS = 200


def write_page(outcome: dict[str, Any], path: Path) -> Path:
    """Write the page of `resources.replays.ReplayOutcome.to_dict()` whole or not at all; return the path."""
    return shell.write_whole(page(outcome), path)


def page(outcome: dict[str, Any]) -> str:
    """Return the page as text; self-contained, it asks nothing of any other address."""
    told = outcome["moments"]
    compared = [each for each in told if each["approved_before"] is not None]
    changed = sum(len({row["symbol"] for row in each["changes"]}) for each in compared)
    head = (
        f"{len(told):,} moments decided again, {len(compared):,} of them on record: "
        f"<em>{changed:,} verdicts changed</em>."
    )
    links = "".join(f'<li><a href="#m{k}">{each["at"]:%m-%d %H:%M}</a></li>' for k, each in enumerate(told))
    body = "".join(_moment(each, k) for k, each in enumerate(told))
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    return (
        f"{shell.head(text(outcome['replay_id'], 60), style)}"
        '<body class="backtest"><a class="skip" href="#main">Skip to the decisions</a>'
        f'<header><p class="brand"><b>Sluice</b>, decisions again</p><h1>{head}</h1>'
        f'<p class="when">{text(outcome["replay_id"], 60)}, {text(outcome["code_now"], 40)}</p></header>'
        f'<main id="main"><nav aria-label="Moments"><ul>{links}</ul></nav>{body}</main>'
        '<footer><div class="in">Each moment knows what was known then; candles are those stored now.'
        "</div></footer></body></html>\n"
    )


def _moment(each: dict[str, Any], number: int) -> str:
    before, now = each["approved_before"], each["approved_now"]
    was = "No decision of then is on record." if before is None else f"{len(before)} approved then"
    signals = ", ".join(f"{count:,} {name}" for name, count in each["signals"].items())
    lead = f"{was}; {len(now)} of {each['judged']:,} judged are approved now. Signals: {signals}."
    parts = [f'<p class="lead">{text(lead, 300)}</p>']
    if before is not None:
        rows = [_change(row) for row in each["changes"][:_MOST_ROWS]]
        head = (
            '<th></th><th>Change</th><th>Then</th><th>Now</th><th>Rule</th><th class="n">Value then</th>'
            '<th class="n">Bound</th><th class="n">Value now</th><th class="n">Bound</th>'
        )
        same = '<p class="lead">Every verdict is the same.</p>'
        parts.append(simple_table(head, rows, css="gate") if rows else same)
    fell = [
        f'<tr><th>{text(row["rule"], 60)}</th><td class="n">{row["dropped"]:,}</td></tr>'
        for row in each["refused_by"]
    ]
    if fell:
        parts.append(f"<h3>Refused by</h3>{simple_table('<th></th><th class=n>Pairs</th>', fell)}")
    title = f"{each['at']:%Y-%m-%d %H:%M}"
    return (
        f'<section id="m{number}" aria-labelledby="m{number}-h"><h2 id="m{number}-h">{title}</h2>'
        f"{''.join(parts)}</section>"
    )


def _change(row: dict[str, Any]) -> str:
    words = (row["change"], row["before"] or "–", row["now"] or "–", row["rule"] or "–")
    numbers = (row["value_before"], row["bound_before"], row["value_now"], row["bound_now"])
    return (
        f"<tr><th>{name_of(row['symbol'])}</th>"
        + "".join(f"<td>{text(word, 60)}</td>" for word in words)
        + "".join(f'<td class="n">{"–" if one is None else text(f"{one:.4g}")}</td>' for one in numbers)
        + "</tr>"
    )
