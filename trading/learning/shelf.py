"""Training sets on disk: named by their content, never changed, and checked byte for byte before use.

Layout under the root: ``<dataset_id>/data.parquet`` and ``manifest.json``, which holds the file's SHA-256. A
set appears by one rename. Built twice, the file is the same bytes (of one Polars release, which is named).
"""

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from trading.learning.dataset import TRAINING, TrainingSet
from trading.market.errors import BadInput, NoVersion, StoreError
from trading.market.lineage import content_hash, digest, params_json
from trading.store.files import make_folder, publish_directory, refusals, sync_path, unique_name

DATA, MANIFEST = "data.parquet", "manifest.json"
_LEAST_ROWS, _LEAST_DAYS = 200, 30


class DatasetShelf:
    """The training sets under `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, chosen: TrainingSet) -> Path:
        """Write a set once; return its folder. The same set again writes nothing.

        Raises
        ------
        StoreError
            If the disk refuses, or a set of that name is there and damaged.
        """
        folder = self._root / chosen.dataset_id
        if folder.is_dir():
            self.manifest(chosen.dataset_id)
            return folder
        data = to_bytes(chosen.frame)
        record = {**chosen.manifest, "polars": pl.__version__, "bytes": len(data), "sha256": _sha(data)}
        make_folder(self._root)
        ready = self._root / unique_name(".new")
        with refusals(f"write training set {chosen.dataset_id}"):
            try:
                ready.mkdir()
                for name, content in ((DATA, data), (MANIFEST, _text(record))):
                    (ready / name).write_bytes(content)
                    sync_path(ready / name)
                publish_directory(ready, folder)
            finally:
                shutil.rmtree(ready, ignore_errors=True)
        return folder

    def load(self, dataset_id: str, feature_version: str | None = None) -> TrainingSet:
        """Return a set after checking that every byte is the one that was written.

        Parameters
        ----------
        dataset_id : str
            As `ids` lists them.
        feature_version : str, optional
            What the caller's features are; another one is refused.

        Raises
        ------
        NoVersion
            If there is no such set.
        StoreError
            If a byte was altered, a file is missing, or it holds other features than `feature_version`.
        """
        manifest = self.manifest(dataset_id)
        path = self._root / dataset_id / DATA
        data = path.read_bytes() if path.is_file() else b""
        if _sha(data) != manifest["sha256"]:
            raise StoreError(f"training set {dataset_id}: {DATA} is not the file that was written")
        config = manifest["config"]
        if feature_version is not None and config["feature_version"] != feature_version:
            told = f"holds features {config['feature_version']}, these are {feature_version}"
            raise StoreError(f"training set {dataset_id} {told}")
        frame = pl.read_parquet(BytesIO(data))
        if f"ds-{digest(content_hash(frame), params_json(config))}" != dataset_id:
            raise StoreError(f"training set {dataset_id}: its rows and rules are not those of its name")
        told_to = {
            name: value for name, value in manifest.items() if name not in ("polars", "bytes", "sha256")
        }
        return TrainingSet(dataset_id, frame, tuple(config["features"]), config["feature_version"], told_to)

    def manifest(self, dataset_id: str) -> dict[str, Any]:
        """Return what is said of a set; `NoVersion` if there is none, `StoreError` if it cannot be read."""
        path = self._root / dataset_id / MANIFEST
        if dataset_id not in self.ids():
            raise NoVersion(f"no training set {dataset_id[:60]!r} here; sluice datasets list names them")
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"training set {dataset_id}: {MANIFEST} cannot be read") from error
        if found.get("dataset_id") != dataset_id or "sha256" not in found:
            raise StoreError(f"training set {dataset_id}: {MANIFEST} is not the one that was written")
        return found

    def ids(self) -> list[str]:
        """Return the names of all sets, sorted."""
        return sorted(path.name for path in self._root.glob("ds-*") if path.is_dir())


def to_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as Parquet: the same rows give the same bytes."""
    target = BytesIO()
    frame.write_parquet(target, compression="zstd", compression_level=3, statistics=True)
    return target.getvalue()


def why_untrainable(
    chosen: TrainingSet, *, least_rows: int = _LEAST_ROWS, least_days: int = _LEAST_DAYS
) -> str | None:
    """Return why nothing can be learnt from a set, or None: empty, few rows or days, one class only."""
    rows = len(chosen.frame)
    if rows == 0:
        return "the training set is empty: no decision has a known outcome yet"
    if rows < least_rows:
        return f"too few decisions: {rows}, at least {least_rows} are asked for"
    if chosen.days < least_days:
        return f"too few days: decisions of {chosen.days}, at least {least_days} are asked for"
    gains = int(chosen.y.sum())
    if gains in (0, rows):
        return f"one class only: all {rows} decisions are {'gains' if gains else 'losses'}"
    return None


def require_trainable(chosen: TrainingSet, feature_version: str, **bounds: int) -> None:
    """Raise BadInput with the reason if nothing can be learnt from a set, or it holds other features."""
    if chosen.feature_version != feature_version:
        told = f"holds features {chosen.feature_version}, these are {feature_version}"
        raise BadInput(f"training set {chosen.dataset_id} {told}")
    missing = [name for name in (*TRAINING, *chosen.features) if name not in chosen.frame.columns]
    if missing:
        raise BadInput(f"training set {chosen.dataset_id} has no column {', '.join(missing)}")
    why = why_untrainable(chosen, **bounds)
    if why is not None:
        raise BadInput(why)


def _sha(data: bytes) -> str:
    return sha256(data).hexdigest()


def _text(record: Mapping[str, object]) -> bytes:
    return json.dumps(record, indent=1, sort_keys=True).encode()
