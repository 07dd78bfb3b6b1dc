"""Tables of the lake shown as they are: columns by their types, for pages whose tables others define."""

from typing import TYPE_CHECKING, Any

from interfaces.ui import sections
from interfaces.ui.sections import Section
from interfaces.ui.world import World

if TYPE_CHECKING:
    import polars as pl

MOST = 3_000
_HIDDEN = ("lineage_id", "data_id", "code_id", "parameters_id", "universe_id", "backtest_id")
_SHARES = ("return", "rate", "drawdown", "share", "probability", "excess", "slippage", "behind_first")
_KINDS = {
    "symbol": "symbol",
    "user_id": "user",
    "mode": "mode",
    "mood": "tag",
    "event": "tag",
    "verdict": "tag",
    "run_id": "run",
}


def whole(world: World, name: str, title: str, *, said: str = "", empty: str = "") -> Section:
    """Return a table of the lake; numbers that are shares by their names are shown as percent."""
    frame = world.table(name)
    if frame is None:
        return sections.table(
            title, [], [], empty=empty or f"No table {name} yet. Next: sluice run", said=said
        )
    return of_frame(frame, title, said=said)


def of_frame(frame: "pl.DataFrame", title: str, *, said: str = "") -> Section:
    """Return the first rows of a frame; nested columns, which no cell can show, are left out."""
    shown = [
        column for column in frame.columns if column not in _HIDDEN and not frame[column].dtype.is_nested()
    ]
    columns = [
        (column, column.replace("_", " "), kind_of(column, str(frame[column].dtype))) for column in shown
    ]
    return sections.table(
        title,
        columns,
        frame.head(MOST).select(shown).to_dicts(),
        said=said,
        empty="no row",
        total=frame.height,
    )


def kind_of(column: str, dtype: str) -> str:
    """Return how a column is shown."""
    if column in _KINDS:
        return _KINDS[column]
    if dtype.startswith("Datetime"):
        return "time"
    if dtype.startswith("Float"):
        return "percent" if any(column.endswith(word) for word in _SHARES) else "number"
    return "number" if dtype.startswith(("Int", "UInt")) else "text"


def one(world: World, name: str) -> dict[str, Any]:
    """Return the first row of a table, empty where there is none."""
    frame = world.table(name)
    return {} if frame is None or frame.is_empty() else frame.row(0, named=True)
