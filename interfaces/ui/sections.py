"""What a page is made of, as plain data: the browser draws it (static/render.js), tests read it.

A section has a `kind`, a `title` and words for whoever cannot see it. Cells are raw values; a column's `kind`
says how they are shown: text, number, percent, price, money, time, age, mode, tag; or what they lead to:
symbol, user, group, run, table, page, evaluation.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from interfaces.ui.foreign import clean

Section = dict[str, Any]
Column = tuple[str, str, str]  # key of the row, heading, kind


def figures(title: str, values: Iterable[tuple[str, Any, str]], said: str = "") -> Section:
    """A handful of figures: (name, value, a few words more)."""
    boxes = [{"name": name, "value": clean(value, 60), "more": clean(more)} for name, value, more in values]
    return {"kind": "figures", "title": title, "said": said, "figures": boxes}


def table(
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, Any]],
    *,
    said: str = "",
    empty: str = "none",
    name: str = "",
    total: int | None = None,
) -> Section:
    """Rows as lists in the order of `columns`; long ones are searchable and drawn only where they are seen.

    `total` says how many there are where only the newest are listed.
    """
    keys = [key for key, _, _ in columns]
    cells = [[clean(row.get(key)) for key in keys] for row in rows]
    return {
        "kind": "table",
        "name": name or title.lower().replace(" ", "-"),
        "title": title,
        "said": said,
        "empty": empty,
        "columns": [{"key": key, "title": head, "kind": kind} for key, head, kind in columns],
        "rows": cells,
        "total": len(cells) if total is None else total,
    }


def bars(
    title: str, rows: Iterable[tuple[str, float, float, str]], said: str = "", bad: Collection[str] = ()
) -> Section:
    """Bars of parts of a whole: (name, part, whole, words); names in `bad` stand out."""
    drawn = [
        {"name": clean(name, 60), "part": part, "whole": whole, "words": clean(words), "is_bad": name in bad}
        for name, part, whole, words in rows
    ]
    return {"kind": "bars", "title": title, "said": said, "bars": drawn}


def line(
    title: str, times: Sequence[Any], values: Sequence[float | None], kind: str, said: str = ""
) -> Section:
    """One line over time, with the words that say it: first, last, least, most."""
    known = [value for value in values if value is not None]
    return {
        "kind": "line",
        "title": title,
        "said": said,
        "values": list(values),
        "from": clean(times[0]) if times else None,
        "to": clean(times[-1]) if times else None,
        "shown": kind,
        "ends": [known[0], known[-1], min(known), max(known)] if known else [],
    }


def points(
    title: str,
    values: Iterable[tuple[float, float, int, str]],
    across: str,
    up: str,
    said: str = "",
) -> Section:
    """Points of shares against shares (both 0 to 1), sized by their count, each with its words."""
    drawn = [[x, y, count, clean(told)] for x, y, count, told in values]
    return {"kind": "points", "title": title, "said": said, "points": drawn, "across": across, "up": up}


def words(title: str, lines: Iterable[str], *, tone: str = "") -> Section:
    """Sentences."""
    return {"kind": "words", "title": title, "tone": tone, "lines": [clean(line, 900) for line in lines]}
