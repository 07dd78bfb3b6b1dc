"""How results reach a person or a program: tables, JSON, progress bars. Knows nothing of trading."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

# Every command that prints a table takes it: def command(as_json: AsJson = False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

Row = Mapping[str, Any]


def print_json(value: object) -> None:
    """Print `value` as one JSON document on stdout; decimals stay exact (as strings), times ISO."""
    json.dump(
        value, sys.stdout, default=_plain, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None
    )
    sys.stdout.write("\n")


def print_table(
    rows: Sequence[Row],
    columns: Sequence[str] | None = None,
    *,
    title: str = "",
    as_json: bool = False,
    empty: str = "nothing to show",
) -> None:
    """Print `rows` as a table, or as a JSON list with every column.

    Parameters
    ----------
    rows : sequence of mappings
        One per line; all with the keys of `columns`.
    columns : sequence of str, optional
        Which to show and in what order; default: the keys of the first row. JSON always has all.
    empty : str
        What a person reads when there are no rows.
    """
    if as_json:
        print_json([dict(row) for row in rows])
        return
    if not rows:
        print(f"{title}: {empty}" if title else empty)
        return
    from rich.table import Table

    names = list(columns or rows[0])
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name in names:
        numeric = all(_is_number(row[name]) for row in rows if row[name] is not None)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[name]) for name in names))
    console().print(table)


def console(*, stderr: bool = False) -> Any:
    """Return a rich console that prints text as it is: symbols and headlines are never read as markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # Piped tables keep their columns; 80 would fold them.
    width = None if stream.isatty() else 160
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False, width=width)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with time left on stderr; yields ``update(done, total)``.

    Away from a terminal it prints one line per tenth instead, so that a log shows life too.
    """
    if not sys.stderr.isatty():
        yield _line_per_tenth(description)
        return
    from rich import progress as bars

    with bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
        console=console(stderr=True),
    ) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _line_per_tenth(description: str) -> Callable[[int, int], None]:
    said = -1

    def update(done: int, total: int) -> None:
        nonlocal said
        tenth = 10 * done // total if total else 10
        if tenth > said:
            said = tenth
            print(f"{description}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return update


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _shown(value: object) -> Any:
    from rich.text import Text

    if value is None:
        return Text("–", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, float):
        return Text(f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M:%S}")
    # Text of the outside world: control characters would move the cursor.
    return Text("".join(char if char.isprintable() else "?" for char in str(value)))


def _plain(value: object) -> object:
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
