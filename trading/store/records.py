"""Version records on disk: ``tables/<asset>/<version id>/version.json`` and the LATEST pointer.

Here: names that are safe as paths, publishing a record with or without a data file, reading records
back. Not here: what the data file holds (lake.py) or how candles are stored (candles.py).
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from trading.market.errors import BadInput, NoVersion, StoreError
from trading.market.lineage import Version
from trading.store.files import publish_directory, refusals, sync_path, unique_name, write_text

RECORD = "version.json"
DATA = "data.parquet"
_LATEST = "LATEST"
_ASSET = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"v-([a-z][a-z0-9_]{0,62})-[0-9a-f]{16}")


def check_asset(asset: str) -> str:
    """Return `asset` if it is a safe table name.

    Raises
    ------
    BadInput
        If it is anything but lower-case letters, digits and underscores: names become paths.
    """
    if not _ASSET.fullmatch(asset):
        raise BadInput(f"table name must match {_ASSET.pattern}, was {asset!r}")
    return asset


def asset_of(version_id: str) -> str:
    """Return the asset inside a version id; `BadInput` if it is no version id."""
    found = _VERSION.fullmatch(version_id)
    if found is None:
        raise BadInput(f"version id must match {_VERSION.pattern}, was {version_id!r}")
    return found[1]


class Records:
    """The version records under one lake root."""

    def __init__(self, root: Path) -> None:
        self._tables = root / "tables"

    def folder(self, asset: str) -> Path:
        """Return the folder that holds all versions of `asset`."""
        return self._tables / check_asset(asset)

    def path(self, version_id: str) -> Path:
        """Return the folder of one version."""
        return self.folder(asset_of(version_id)) / version_id

    def publish(self, version: Version, write_data: Callable[[Path], None] | None) -> Version:
        """Publish `version` (and its data file, if any) whole, then point LATEST at it.

        Returns the record that stands: the earlier one when this version was already published. Raises
        `StoreError` if the file system refuses; nothing of it is visible then.
        """
        with refusals(f"publish {version.asset}"):
            self._publish(version, write_data)
        return self.get(version.version_id)

    def _publish(self, version: Version, write_data: Callable[[Path], None] | None) -> None:
        folder = self.folder(version.asset)
        target = folder / version.version_id
        if not target.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / unique_name(".new")
            temporary.mkdir()
            try:
                if write_data is not None:
                    write_data(temporary / DATA)
                    sync_path(temporary / DATA)
                (temporary / RECORD).write_text(version.to_json(), encoding="utf-8")
                sync_path(temporary / RECORD)
                publish_directory(temporary, target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        if self.latest_id(version.asset) != version.version_id:
            write_text(folder / _LATEST, version.version_id)

    def latest_id(self, asset: str) -> str | None:
        """Return the id LATEST points at, or None before the first publication."""
        try:
            return (self.folder(asset) / _LATEST).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def get(self, version_id: str) -> Version:
        """Return one record.

        Raises
        ------
        NoVersion
            If nobody published it.
        StoreError
            If the record on disk is damaged.
        """
        path = self.path(version_id) / RECORD
        try:
            return Version.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NoVersion(f"no version {version_id}: nothing with this id was published here") from None
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"version record {version_id} is damaged: {type(error).__name__}") from error

    def all(self, asset: str) -> list[Version]:
        """Return every record of `asset`, oldest market time first; equal times in order of publication."""
        return self.some(self.names(asset))

    def some(self, version_ids: Iterable[str]) -> list[Version]:
        """Return the records of `version_ids`, in the order of `all`."""
        found = [(self.get(name), (self.path(name) / RECORD).stat().st_mtime_ns) for name in version_ids]
        found.sort(key=lambda pair: (pair[0].created_at, pair[1], pair[0].version_id))
        return [version for version, _ in found]

    def names(self, asset: str) -> set[str]:
        """Return the ids of all versions of `asset`, without reading any."""
        try:
            with os.scandir(self.folder(asset)) as entries:
                return {entry.name for entry in entries if _VERSION.fullmatch(entry.name)}
        except FileNotFoundError:
            return set()

    def stamp(self, asset: str) -> int:
        """Return a number that changes when a version of `asset` comes or goes."""
        try:
            return self.folder(asset).stat().st_mtime_ns
        except FileNotFoundError:
            return 0
