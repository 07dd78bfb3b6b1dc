"""The front door of lineage: any id in, one tree out. Reads lake, candles and order log."""

import re
from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from trading.market.errors import BadInput, NoVersion
from trading.market.lineage import PREFIXES, VERSION_PREFIX
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.lineage.checks import Checks
from trading.store.lineage.node import Node
from trading.store.lineage.orders import Orders
from trading.store.lineage.rows import Rows
from trading.store.lineage.versions import Versions
from trading.store.order_log import OrderLog

_ASSETS = {prefix: asset for asset, prefix in PREFIXES.items()}
IN_LOG = (PREFIXES["signal_set"], PREFIXES["intent"], PREFIXES["trade"])
_VERSION = re.compile(rf"{VERSION_PREFIX}-([a-z][a-z0-9_]*)-([0-9a-f]{{16}})")
# Ids of the order log are made from a signal set's row part, which is the shorter one.
_ROW = re.compile(rf"({'|'.join(_ASSETS)})-(?:[0-9a-f]{{16}}|[0-9a-f]{{12}})-[0-9a-f]{{12}}")
_CLIENT_ID = re.compile(r"[a-z2-7]{26}")
# What live trading taught: the one table whose rows come from the order log.
POOL = "trade_pool"
# Fewer characters would fit half the store.
MIN_SHORT = 4


class Lineage:
    """Answers for one world.

    Parameters
    ----------
    log : OrderLog or None
        None where the world has no order log yet.
    """

    def __init__(self, lake: Lake, candles: CandleStore, log: OrderLog | None = None) -> None:
        self._lake = lake
        self._candles = candles
        self._log = log

    def trace(self, asked: str, *, verify: bool = False) -> Node:
        """Return what `asked` rests on (`made_from`) and what came of it (`led_to`).

        Parameters
        ----------
        asked : str
            A row id, a version id, a client order id, or the beginning of an id that only one has.
        verify : bool
            Also compare days of candles with their records (tables are always compared).

        Raises
        ------
        NoVersion
            If it is no id, or nobody published it; the message names the known prefixes.
        BadInput
            If a shortened id fits several.
        """
        orders = Orders(self._log)
        full = self._complete(asked.strip(), orders)
        versions = Versions(self._lake, Checks(self._lake, self._candles, days=verify))
        rows = Rows(self._lake, versions)
        if full.startswith(f"{VERSION_PREFIX}-"):
            node = versions.back(full)
            return replace(node, led_to=(*versions.forward(full), *orders.after_version(full)))
        if full.partition("-")[0] in IN_LOG:
            node = orders.back(full, rows.back, versions.back)
            return replace(node, led_to=(*orders.forward(full), *self._lesson(node, versions)))
        return replace(rows.back(full), led_to=rows.forward(full, orders.after_row))

    def _lesson(self, node: Node, versions: Versions) -> tuple[Node, ...]:
        """Return the first trade pool that holds a trade's decision, and what was learnt from it."""
        signal = node.facts.get("signal_id") if node.kind == "trade" else None
        for version in self._lake.versions(POOL) if signal is not None else ():
            pool = pl.scan_parquet(self._lake.data_path(POOL, version.version_id), hive_partitioning=False)
            if pool.filter(pl.col("signal_id") == signal).select(pl.len()).collect().item():
                return (replace(versions.bare(version), led_to=versions.forward(version.version_id)),)
        return ()

    def _complete(self, asked: str, orders: Orders) -> str:
        """Return the full id that `asked` names or shortens."""
        version = _VERSION.fullmatch(asked)
        if version is not None:
            return self._lake.version(asked).version_id
        if _ROW.fullmatch(asked):
            if asked.partition("-")[0] not in IN_LOG:
                self._lake.find_row(asked)
            return asked
        if _CLIENT_ID.fullmatch(asked) and (intent := orders.by_client_id(asked)) is not None:
            return intent
        fits = sorted(set(self._fits(asked, orders)))
        if not fits:
            raise NoVersion(f"no lineage id {_cut(asked)!r} here; ids begin with {known_prefixes()}")
        if len(fits) > 1:
            raise BadInput(f"{asked!r} must fit one id, fits {len(fits)} or more: {', '.join(fits[:5])}")
        return fits[0]

    def _fits(self, asked: str, orders: Orders) -> Iterable[str]:
        prefix, _, rest = asked.partition("-")
        if prefix == VERSION_PREFIX:
            asset, _, start = rest.partition("-")
            return self._versions(asset, start) if len(start) >= MIN_SHORT else ()
        if prefix not in _ASSETS or len(rest) < MIN_SHORT:
            return ()
        return orders.begins_with(asked) if prefix in IN_LOG else self._rows(_ASSETS[prefix], asked)

    def _versions(self, asset: str, start: str) -> list[str]:
        if asset not in self._lake.assets():
            return []
        ids = (version.version_id for version in self._lake.versions(asset))
        return [name for name in ids if name.rpartition("-")[2].startswith(start)]

    def _rows(self, asset: str, asked: str) -> list[str]:
        found: list[str] = []
        for version in self._versions(asset, asked.split("-")[1]):
            table = pl.scan_parquet(self._lake.data_path(asset, version), hive_partitioning=False)
            begins = pl.col("lineage_id").str.starts_with(asked)
            found += table.select("lineage_id").filter(begins).head(5).collect()["lineage_id"].to_list()
        return found


def known_prefixes() -> str:
    """Return the prefixes of ids with what they name, for people."""
    kinds = ", ".join(f"{prefix}- ({asset})" for prefix, asset in _ASSETS.items())
    return f"{VERSION_PREFIX}- (a version of a table), {kinds}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
