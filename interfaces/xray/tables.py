"""Tables of the page: rows and cells. Text is escaped unless it is `Safe`, which only this package makes.

On a phone rows are stacked by the style; explicit roles keep a table a table for screen readers.
"""

from interfaces.run.report_sections import text

_LONGEST = 400


class Safe(str):
    """HTML of our own making, foreign parts of it escaped already."""

    __slots__ = ()


def row(name: str, *cells: tuple[str, str], css: str = "", anchor: str = "") -> str:
    """Return a row: its name, and cells as (words, class)."""
    inner = "".join(
        f'<td role="cell"{_attribute("class", style)}>{_shown(words)}</td>' for words, style in cells
    )
    return (
        f'<tr role="row"{_attribute("class", css)}{_attribute("id", anchor)}>'
        f'<th scope="row" role="rowheader">{_shown(name)}</th>{inner}</tr>'
    )


def head(*titles: tuple[str, str]) -> str:
    """Return the cells of a head as (title, class)."""
    return "".join(
        f'<th scope="col" role="columnheader"{_attribute("class", css)}>{text(title)}</th>'
        for title, css in titles
    )


def table(titles: str, rows: str, name: str, css: str = "stack") -> str:
    """Return a table called `name` in a box of its own, which scrolls where it is too wide.

    The box takes the keyboard's focus so that keys can scroll it.
    """
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(name)}">'
        f'<table class="{css}" role="table"><thead role="rowgroup"><tr role="row">{titles}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table></div>'
    )


def _shown(words: str) -> str:
    return words if isinstance(words, Safe) else text(words, _LONGEST)


def _attribute(name: str, value: str) -> str:
    return f' {name}="{text(value, 80)}"' if value else ""
