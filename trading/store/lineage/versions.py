"""Versions as nodes: what each was made from, down to days of candles, and which were made from it."""

import json
from dataclasses import replace

from trading.market.errors import NoVersion
from trading.market.lineage import Version
from trading.store.lake import Lake
from trading.store.lineage.checks import GONE, Checks
from trading.store.lineage.node import Node

CANDLES = "ohlcv"


class Versions:
    """Walks the graph of versions; one object per answer, so that each version is told in full once."""

    def __init__(self, lake: Lake, checks: Checks) -> None:
        self._lake = lake
        self._checks = checks
        self._told: set[str] = set()
        self._users: dict[str, list[Version]] | None = None

    def back(self, version_id: str, path: frozenset[str] = frozenset()) -> Node:
        """Return a version with everything it rests on.

        `path` holds the assets between the question and here. What a pass learnt from is an earlier pass
        of the same assets, and so on to the first one ever: the chain is cut where an asset comes again.
        """
        try:
            version = self._lake.version(version_id)
        except NoVersion:
            return Node(version_id, "version", "not in this lake any more", check=GONE)
        node = self.bare(version)
        if version_id in self._told:
            return node.repeated()
        if version.asset in path:
            return replace(node, is_cut=bool(version.inputs))
        self._told.add(version_id)
        below = path | {version.asset}
        return replace(node, made_from=tuple(self.back(name, below) for name in version.inputs))

    def bare(self, version: Version) -> Node:
        """Return a version without its neighbours."""
        is_day = version.asset == CANDLES
        what = (
            f"{version.partition}, {version.rows:,} bars"
            if is_day
            else f"{version.asset}, {version.rows:,} rows"
        )
        return Node(
            version.version_id,
            "candles" if is_day else "version",
            what,
            at=version.created_at,
            check=self._checks.of(version),
            facts={
                "asset": version.asset,
                "partition": version.partition,
                "content_hash": version.content_hash,
                "code_version": version.code_version,
                "params": json.loads(version.params),
                "rows": version.rows,
                "run_id": version.run_id,
            },
        )

    def users_of(self, version_id: str) -> list[Version]:
        """Return the versions that name `version_id` among their inputs, oldest first."""
        if self._users is None:
            self._users = {}
            for asset in self._lake.assets():
                for version in self._lake.versions(asset):
                    for name in version.inputs:
                        self._users.setdefault(name, []).append(version)
        return sorted(self._users.get(version_id, []), key=lambda found: (found.created_at, found.asset))

    def forward(
        self, version_id: str, told: set[str] | None = None, path: frozenset[str] = frozenset()
    ) -> tuple[Node, ...]:
        """Return the versions made from `version_id`, and from those, each told once and cut as in `back`."""
        told = set() if told is None else told
        found = []
        for version in self.users_of(version_id):
            node = self.bare(version)
            if version.version_id in told:
                found.append(node.repeated())
                continue
            if version.asset in path:
                found.append(replace(node, is_cut=bool(self.users_of(version.version_id))))
                continue
            told.add(version.version_id)
            below = path | {version.asset}
            found.append(replace(node, led_to=self.forward(version.version_id, told, below)))
        return tuple(found)
