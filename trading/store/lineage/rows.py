"""Rows of the lake's tables as nodes: which rows of earlier tables they come from, which came of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from trading.market.errors import NoVersion
from trading.market.lineage import PREFIXES, Version
from trading.store.lake import Lake
from trading.store.lineage.node import Node
from trading.store.lineage.versions import Versions

Row = Mapping[str, object]
Orders = Callable[[str, str], tuple[Node, ...]]

# More rows of one table than this are told as one group.
MAX_ROWS = 3
_KINDS = {
    "validated_markets": "market",
    "tickers": "ticker",
    "screened_symbols": "screening",
    "signals": "signal",
    "backtest_results": "backtest",
    "approved_symbols": "approval",
}


@dataclass(frozen=True, slots=True)
class Link:
    """Rows of `child` come from those of `parent` whose id stands in column `on`, or of equal symbol."""

    parent: str
    child: str
    on: str = "symbol"


LINKS = (
    Link("validated_markets", "screened_symbols"),
    Link("tickers", "screened_symbols"),
    Link("screened_symbols", "signals", on="screening_id"),
    Link("signals", "backtest_results"),
    Link("backtest_results", "approved_symbols", on="backtest_id"),
)


class Rows:
    """Walks between rows; one object per answer."""

    def __init__(self, lake: Lake, versions: Versions) -> None:
        self._lake = lake
        self._versions = versions
        self._told: set[str] = set()

    def back(self, row_id: str) -> Node:
        """Return a row with the rows and versions it rests on."""
        try:
            version, frame = self._lake.find_row(row_id)
        except NoVersion:
            return Node(row_id, "row", "not in this lake any more", check="gone")
        row = frame.row(0, named=True)
        node = _node(version, row)
        if row_id in self._told:
            return node.repeated()
        self._told.add(row_id)
        parents = [
            parent
            for link in LINKS
            if link.child == version.asset
            for parent in self._parents(link, version, row)
        ]
        return replace(node, made_from=(*parents, self._versions.back(version.version_id)))

    def forward(self, row_id: str, orders: Orders) -> tuple[Node, ...]:
        """Return what came of a row: rows of later tables, and what `orders` tells of it."""
        version, frame = self._lake.find_row(row_id)
        row = frame.row(0, named=True)
        found = list(orders(version.asset, row_id))
        for link in LINKS:
            if link.parent == version.asset:
                found += self._children(link, version, row, orders)
        return tuple(found)

    def _parents(self, link: Link, version: Version, row: Row) -> list[Node]:
        if link.on != "symbol":
            named = row.get(link.on)
            return [self.back(str(named))] if named is not None else []
        found: list[Node] = []
        for name in version.inputs:
            if name.startswith(f"v-{link.parent}-"):
                rows = self._where(name, "symbol", row.get("symbol"))
                found += self._told_back(name, rows, row)
        return found

    def _told_back(self, version_id: str, rows: pl.DataFrame, row: Row) -> list[Node]:
        if rows.height <= MAX_ROWS:
            return [self.back(name) for name in rows["lineage_id"]]
        group = _group(version_id, rows, row)
        # A group of signals hides why its symbol is there at all; its few distinct origins are told.
        origins: list[str] = []
        if "screening_id" in rows.columns:
            origins = rows["screening_id"].drop_nulls().unique().sort().to_list()
        return [replace(group, made_from=tuple(self.back(name) for name in origins))]

    def _children(self, link: Link, version: Version, row: Row, orders: Orders) -> list[Node]:
        key = row.get("symbol") if link.on == "symbol" else row["lineage_id"]
        found: list[Node] = []
        for user in self._versions.users_of(version.version_id):
            if user.asset == link.child:
                rows = self._where(user.version_id, link.on, key)
                found += self._told_forward(user, rows, row, orders)
        return found

    def _told_forward(self, version: Version, rows: pl.DataFrame, row: Row, orders: Orders) -> list[Node]:
        records = rows.to_dicts()
        if len(records) <= MAX_ROWS:
            return [
                replace(_node(version, record), led_to=self.forward(record["lineage_id"], orders))
                for record in records
            ]
        after = [(record, orders(version.asset, record["lineage_id"])) for record in records]
        acted = tuple(replace(_node(version, record), led_to=nodes) for record, nodes in after if nodes)
        return [replace(_group(version.version_id, rows, row), led_to=acted)]

    def _where(self, version_id: str, column: str, value: object) -> pl.DataFrame:
        path = self._lake.data_path(version_id.split("-")[1], version_id)
        lazy = pl.scan_parquet(path, hive_partitioning=False)
        if value is None or column not in lazy.collect_schema():
            return lazy.head(0).collect()
        return lazy.filter(pl.col(column) == value).collect()


def _node(version: Version, row: Row) -> Node:
    at = row.get("open_time")
    return Node(
        str(row["lineage_id"]),
        _KINDS.get(version.asset, version.asset),
        _what(version.asset, row),
        at=at if isinstance(at, datetime) else version.created_at,
        facts={name: value for name, value in row.items() if name != "lineage_id"},
    )


def _group(version_id: str, rows: pl.DataFrame, row: Row) -> Node:
    asset = version_id.split("-")[1]
    counts = "".join(
        f", {rows[flag].sum()} {flag.removeprefix('is_')}"
        for flag in ("is_entry", "is_exit")
        if flag in rows.columns
    )
    return Node(
        version_id,
        "rows",
        f"{rows.height} rows of {asset} on {row.get('symbol')}{counts} (ids begin {PREFIXES[asset]}-)",
        facts={"lineage_ids": rows["lineage_id"].to_list()},
    )


def _what(asset: str, row: Row) -> str:
    say = _SENTENCES.get(asset)
    name = row.get("symbol")
    return say(row) if say is not None else f"row of {asset}" + (f" on {name}" if name else "")


def _market(row: Row) -> str:
    return f"{row.get('symbol')} is listed as {row.get('full_name')}, tick {_shown(row.get('tick'))}"


def _ticker(row: Row) -> str:
    volume = _shown(row.get("volume_quote_24h"), ",.0f")
    return f"{row.get('symbol')} at {_shown(row.get('last'))}, {volume} in quote units in 24 h"


def _screening(row: Row) -> str:
    verdict = "kept" if row.get("is_kept") else f"dropped by {row.get('rule')}"
    return f"{row.get('symbol')} {verdict}: {row.get('reason')}"


def _signal(row: Row) -> str:
    side = "entry" if row.get("is_entry") else "exit" if row.get("is_exit") else "vetoed entry"
    return f"{row.get('symbol')} {side} at close {_shown(row.get('close'))}: {row.get('reason')}"


def _backtest(row: Row) -> str:
    earned = _shown(row.get("total_return"), "+.1%")
    return f"{row.get('symbol')} backtested: {row.get('trades')} trades, {earned} after costs"


def _approval(row: Row) -> str:
    return f"{row.get('symbol')} {'approved' if row.get('is_approved') else 'refused'}: {row.get('reason')}"


_SENTENCES: dict[str, Callable[[Row], str]] = {
    "validated_markets": _market,
    "tickers": _ticker,
    "screened_symbols": _screening,
    "signals": _signal,
    "backtest_results": _backtest,
    "approved_symbols": _approval,
}


def _shown(value: object, form: str = ".8g") -> str:
    return format(value, form) if isinstance(value, int | float) else "unknown"
