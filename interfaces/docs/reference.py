"""Pages of the reference that are made from code: settings, commands, assets, tables.

`pages` returns them as text; `write` and `stale` hold them against docs/reference/generated. What code cannot
say stays in the pages beside them.
"""

from collections.abc import Callable
from pathlib import Path

from interfaces.docs import assets, commands, settings, tables

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "generated"
_NOTE = "*Made from the code by `sluice docs reference`; edit the code.*"
_PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "settings.md": ("All settings", settings.page),
    "commands.md": ("All commands", commands.page),
    "assets.md": ("All assets, checks, jobs and schedules", assets.page),
    "order-log-tables.md": ("Tables of the order log", tables.order_log),
    "lake-tables.md": ("Frames of the lake", tables.lake),
}


def pages() -> dict[str, str]:
    """Return file name -> Markdown of every generated page; loads the Dagster definitions (seconds)."""
    return {name: f"# {title}\n\n{_NOTE}\n\n{make().strip()}\n" for name, (title, make) in _PAGES.items()}


def write() -> list[str]:
    """Write the pages that differ and return their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    changed = [name for name, text in made.items() if _held(name) != text]
    for name in changed:
        (FOLDER / name).write_text(made[name])
    return changed


def stale() -> list[str]:
    """Return the names of pages that say something else than the code does now."""
    return [name for name, text in pages().items() if _held(name) != text]


def _held(name: str) -> str | None:
    path = FOLDER / name
    return path.read_text() if path.is_file() else None
