"""One run of the line, or one table: what it published, from what, and the rows themselves.

The address is `/run?run=ID`, `/run?table=NAME`, or both: the table as that run left it; or `/run?version=ID`,
to which an address of any page with a version leads. Asset pages of the Dagster UI link there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.pages import tables
from interfaces.ui.sections import Section
from interfaces.ui.world import World
from trading.market.errors import BadInput, MissingData
from trading.market.lineage import Version

MOST = 500
# Where a table is drawn rather than listed.
SEEN = {
    "approval_rules": "research",
    "approved_symbols": "research",
    "backtest_results": "research",
    "champion": "models",
    "cluster_map": "xray",
    "clusters": "xray",
    "correlations": "xray",
    "funnel_markets": "market",
    "market_regime": "market",
    "model_drift": "models",
    "model_evaluation": "models",
    "news_events": "news",
    "prediction_outcomes": "models",
    "screened_symbols": "market",
    "trade_pool": "models",
}


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run published, or a table's versions, and the rows of the table that is asked for.

    Raises
    ------
    BadInput
        If neither is named.
    MissingData
        If this world holds nothing of that run, or no such table.
    """
    if asked["version"]:
        return _of_version(world, asked["version"])
    run, name = asked["run"], asked["table"]
    if not run and not name:
        raise BadInput("which run? choose one on the page System, or Research")
    if name and name not in world.lake.assets():
        raise MissingData(f"no table {name!r} in world {world.name}")
    found = list(_versions(world, [name] if name else world.lake.assets()))
    if run:
        found = [version for version in found if version.run_id == run]
    if not found:
        raise MissingData(
            f"world {world.name} holds nothing of run {run!r}: another world's, or it published nothing"
        )
    found.sort(key=lambda version: version.created_at, reverse=True)
    shown = [_figures(found, run), _published(found)]
    if name:
        shown.insert(1, _rows(world, found[0]))
    return {"sections": shown}


def _of_version(world: World, version_id: str) -> dict[str, Any]:
    version = world.lake.version(version_id)
    found = [version]
    if version.run_id is not None:
        beside = _versions(world, world.lake.assets())
        found = [one for one in beside if one.run_id == version.run_id] or found
    found.sort(key=lambda one: one.created_at, reverse=True)
    return {"sections": [_figures(found, version.run_id or ""), _rows(world, version), _published(found)]}


def _versions(world: World, names: Iterable[str]) -> Iterable[Version]:
    for name in names:
        yield from world.lake.versions(name)


def _figures(found: list[Version], run: str) -> Section:
    boxes = [
        ("Tables", f"{len({version.asset for version in found}):,}", f"{len(found):,} versions"),
        ("Rows", f"{sum(version.rows for version in found):,}", "in all of them"),
        ("First", f"{found[-1].created_at:%Y-%m-%d %H:%M}", "market time, UTC"),
        ("Last", f"{found[0].created_at:%Y-%m-%d %H:%M}", "market time, UTC"),
    ]
    title = f"Run {run}" if run else f"Table {found[0].asset}"
    return sections.figures(title, boxes)


def _published(found: list[Version]) -> Section:
    columns = [
        ("asset", "Table", "table"),
        ("page", "Drawn on", "page"),
        ("partition", "Partition", "text"),
        ("rows", "Rows", "number"),
        ("created_at", "Market time", "time"),
        ("inputs", "From", "text"),
        ("version_id", "Version", "text"),
        ("run_id", "Run", "run"),
    ]
    rows = [
        {name: getattr(version, name) for name, _, _ in columns if name not in ("page", "inputs")}
        | {"page": SEEN.get(version.asset), "inputs": ", ".join(version.inputs)[:400]}
        for version in found[:MOST]
    ]
    return sections.table("Published", columns, rows, total=len(found))


def _rows(world: World, version: Version) -> Section:
    title = f"{version.asset}, {version.created_at:%Y-%m-%d %H:%M}"
    try:
        frame = world.version(version.asset, version.version_id)
    except MissingData:
        return sections.words(title, ["Its rows rest elsewhere: candles are drawn on the page Symbol."])
    return tables.of_frame(frame, title)
