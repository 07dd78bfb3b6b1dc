"""A lake as it stood at a past moment, onto which a replay lays tables of its own, published nowhere else.

Reads give the replay's own table first, else what the newest look at or before the moment saw. What is
published goes to a folder of the replay. Candles are not here: they are asked for up to a time anyway.
"""

from datetime import datetime
from pathlib import Path

import polars as pl

from trading.market.errors import NoVersion
from trading.market.lineage import Version
from trading.store.lake import Lake


class PastLake(Lake):
    """`main` as of `at`; publishes under `own`.

    Parameters
    ----------
    main : Lake
        Only read.
    own : Path
        Folder of what this replay publishes.
    at : datetime
        Market time, aware.
    """

    def __init__(self, main: Lake, own: Path, at: datetime) -> None:
        super().__init__(own)
        self._main, self._at = main, at

    def latest(self, asset: str, *, partition: str | None = None) -> Version | None:
        """Return the replay's newest version, else the one that was known at the moment."""
        own = super().latest(asset, partition=partition)
        return own if own is not None else self._main.version_at(asset, self._at)

    def looked_at(self, asset: str) -> datetime | None:
        """Return the market time of the newest look at or before the moment."""
        own = super().looked_at(asset)
        return own if own is not None else self.looks(asset)["at"].max()  # type: ignore[return-value]  # a Datetime column or empty

    def looks(self, asset: str) -> pl.DataFrame:
        """Return the looks up to the moment, of the world and of the replay."""
        known = self._main.looks(asset).filter(pl.col("at") <= self._at)
        return pl.concat([known, super().looks(asset)])

    def version_at(self, asset: str, at: datetime) -> Version | None:
        """Return what was known at `at`, never later than the moment."""
        return self._main.version_at(asset, min(at, self._at))

    def version_id_at(self, asset: str, at: datetime) -> str | None:
        """Return the id of what `version_at` returns."""
        return self._main.version_id_at(asset, min(at, self._at))

    def data_path(self, asset: str, version_id: str | None = None) -> Path:
        """Return the Parquet file of a version; without an id, of what `latest` returns."""
        found = self.latest(asset) if version_id is None else self.version(version_id)
        if found is None:
            return super().data_path(asset)  # says what is missing
        self._given[asset] = found.version_id
        is_own = any(version.version_id == found.version_id for version in super().versions(asset))
        if is_own:
            return super().data_path(asset, found.version_id)
        return self._main.data_path(asset, found.version_id)

    def versions(self, asset: str) -> list[Version]:
        """Return the versions known at the moment and the replay's own."""
        known = [version for version in self._main.versions(asset) if version.created_at <= self._at]
        return known + super().versions(asset)

    def version(self, version_id: str) -> Version:
        """Return a record of the replay, else of the world."""
        try:
            return super().version(version_id)
        except NoVersion:
            return self._main.version(version_id)
