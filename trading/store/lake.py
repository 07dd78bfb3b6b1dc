"""The lake's tables: every stage's output as immutable, content-hashed Parquet versions.

``<root>/tables/<asset>/<version id>/{data.parquet,version.json}``, and LATEST beside them. A version
appears by one rename, so any number of readers run beside the writer and never see half of one.
Candles, which grow by the minute, live in candles.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl

from trading.market.errors import BadInput, MissingData, NoVersion
from trading.market.lineage import (
    PREFIXES,
    Version,
    code_version,
    content_hash,
    params_json,
    version_id,
    with_row_ids,
)
from trading.store.files import locked
from trading.store.looks import LookLog, looks_frame
from trading.store.moments import Moments
from trading.store.records import DATA, Records, check_asset

_NO_PARAMS: Mapping[str, object] = {}
_ASSETS = {prefix: asset for asset, prefix in PREFIXES.items()}


class Lake:
    """Versioned tables under `root`; safe to use from many processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._records = Records(self.root)
        self._looks = LookLog(self.root)
        self._moments = Moments(self._records, self._looks)
        self._given: dict[str, str] = {}

    def publish(
        self,
        asset: str,
        frame: pl.DataFrame,
        *,
        key: Sequence[str],
        at: datetime,
        inputs: Sequence[str] = (),
        params: Mapping[str, object] = _NO_PARAMS,
        partition: str | None = None,
        run_id: str | None = None,
        row_group: int | None = None,
    ) -> Version:
        """Publish `frame` as a new version of `asset` and make it the latest.

        Parameters
        ----------
        asset : str
            Table name: lower-case letters, digits, underscores.
        frame : DataFrame
            The rows, in an order the caller fixes (order is content). A `lineage_id` column is put
            in front when `asset` is one of `trading.market.lineage.PREFIXES`.
        key : sequence of str
            Columns that name one row; must be unique over the frame.
        at : datetime
            Market time of the content, aware.
        inputs, params, partition, run_id
            See `trading.market.lineage.Version`. Together with content and code they make the id
            (run id and time do not).
        row_group : int, optional
            Rows in one Parquet row group; few where readers ask for few of many sorted rows.

        Returns
        -------
        Version
            The published record. The same content, code, parameters and inputs published again
            give the same id, write nothing new, and return the first record; the look at `at` is
            noted all the same (see `looks`).

        Raises
        ------
        BadInput
            If the name is unsafe, `at` is naive, or `key` is missing or not unique.
        """
        check_asset(asset)
        if at.tzinfo is None:
            raise BadInput(f"market time of {asset} must be aware (UTC), was {at.isoformat()}")
        has_ids = asset in PREFIXES
        content = frame.drop("lineage_id", strict=False) if has_ids else frame
        _check_key(asset, content, key)
        code, settings, digest = code_version(), params_json(params), content_hash(content)
        name = version_id(
            asset, digest, code_version=code, params=settings, inputs=inputs, partition=partition
        )
        version = Version(
            version_id=name,
            asset=asset,
            partition=partition,
            content_hash=digest,
            code_version=code,
            params=settings,
            inputs=tuple(inputs),
            rows=content.height,
            created_at=at,
            run_id=run_id,
        )
        rows = with_row_ids(content, PREFIXES[asset], name, key) if has_ids else content
        stands = self._records.publish(
            version, lambda path: rows.write_parquet(path, compression="zstd", row_group_size=row_group)
        )
        self._looks.add(stands, at=at, run_id=run_id)
        self._given[asset] = stands.version_id
        return stands

    def latest(self, asset: str, *, partition: str | None = None) -> Version | None:
        """Return the version published last, of `partition` if given; None before the first."""
        if partition is not None:
            return next((v for v in reversed(self.versions(asset)) if v.partition == partition), None)
        latest_id = self._records.latest_id(asset)
        return None if latest_id is None else self._records.get(latest_id)

    def given(self, asset: str) -> str | None:
        """Return the version of `asset` that this object read or published last; None if it did neither.

        What a result is made from is what its maker read, not what is newest when it publishes.
        """
        return self._given.get(asset)

    def looks(self, asset: str) -> pl.DataFrame:
        """Return one row per publication, also of unchanged content: at, version_id, run_id.

        Oldest market time first; equal times in order of publication.
        """
        return looks_frame(self._looks.all(asset, self.versions(asset)))

    def looked_at(self, asset: str) -> datetime | None:
        """Return the market time of the publication noted last; None before the first.

        Unlike `latest(...).created_at`, this moves when the same content is published again.
        """
        latest, look = self.latest(asset), self._looks.newest(asset)
        times = [] if look is None else [look.at]
        if latest is not None:
            times.append(latest.created_at)
        return max(times, default=None)

    def version_at(self, asset: str, at: datetime) -> Version | None:
        """Return what the newest look at or before market time `at` saw; None before the first.

        Raises
        ------
        BadInput
            If `at` is naive.
        """
        name = self.version_id_at(asset, at)
        return None if name is None else self._records.get(name)

    def version_id_at(self, asset: str, at: datetime) -> str | None:
        """Return the id of what `version_at` returns, without reading its record: for many moments."""
        return self._moments.version_id_at(asset, at)

    @contextmanager
    def updating(self, asset: str) -> Iterator[None]:
        """Hold `asset` for a read, a change and a publish that belong together; other holders wait.

        Not re-entrant. `publish` and `read` do not take it: only those who call it exclude each other.
        """
        with locked(self.root / "locks" / f"{check_asset(asset)}.lock"):
            yield

    def read(self, asset: str, version_id: str | None = None) -> pl.DataFrame:
        """Return the rows of one version, the latest by default.

        Raises
        ------
        MissingData
            If there is none yet; the message says what to materialise.
        """
        return pl.read_parquet(self.data_path(asset, version_id), hive_partitioning=False)

    def data_path(self, asset: str, version_id: str | None = None) -> Path:
        """Return the Parquet file of one version, the latest by default; `MissingData` as in `read`."""
        chosen = version_id or self._records.latest_id(asset)
        if chosen is None:
            raise MissingData(f"no table {asset!r} yet: materialise asset {asset} first (sluice run does)")
        version = self._records.get(chosen)
        if version.asset != asset:
            raise BadInput(f"version {chosen} belongs to {version.asset}, not to {asset}")
        path = self._records.path(chosen) / DATA
        if not path.is_file():
            raise MissingData(f"version {chosen} is a record without rows of its own (candles hold them)")
        if version_id is None:
            self._given[asset] = chosen
        return path

    def assets(self) -> list[str]:
        """Return the names of all tables that have a latest version, sorted."""
        tables = self.root / "tables"
        if not tables.is_dir():
            return []
        return sorted(entry.name for entry in tables.iterdir() if (entry / "LATEST").is_file())

    def versions(self, asset: str) -> list[Version]:
        """Return every version of `asset`, oldest market time first."""
        return self._records.all(asset)

    def version(self, version_id: str) -> Version:
        """Return one record; `NoVersion` if nobody published it."""
        return self._records.get(version_id)

    def record(self, version: Version) -> Version:
        """Publish a record without rows: for data that rests elsewhere (a day of candles)."""
        return self._records.publish(version, None)

    def history(self, asset: str) -> pl.DataFrame:
        """Return the rows of all versions, oldest version first, each row with its `version_id`.

        Raises
        ------
        MissingData
            If the table was never published.
        """
        versions = self.versions(asset)
        if not versions:
            raise MissingData(f"no table {asset!r} yet: materialise asset {asset} first (sluice run does)")
        frames = [
            self.read(asset, version.version_id).with_columns(version_id=pl.lit(version.version_id))
            for version in versions
        ]
        return pl.concat(frames, how="diagonal_relaxed")

    def find_row(self, lineage_id: str) -> tuple[Version, pl.DataFrame]:
        """Return the version that holds the row `lineage_id`, and that row as a one-row frame.

        Raises
        ------
        NoVersion
            If no published table holds such a row.
        """
        prefix, _, rest = lineage_id.partition("-")
        asset = _ASSETS.get(prefix)
        if asset is None or not rest:
            raise NoVersion(f"{lineage_id!r} is no row id of a table; known prefixes: {', '.join(_ASSETS)}")
        wanted = f"v-{asset}-{rest.partition('-')[0]}"
        if not any(version.version_id == wanted for version in self.versions(asset)):
            raise NoVersion(f"no version {wanted} here, so no row {lineage_id}")
        row = self.read(asset, wanted).filter(pl.col("lineage_id") == lineage_id)
        if row.is_empty():
            raise NoVersion(f"version {wanted} holds no row {lineage_id}")
        return self.version(wanted), row


def _check_key(asset: str, frame: pl.DataFrame, key: Sequence[str]) -> None:
    missing = [name for name in key if name not in frame.columns]
    if missing or not key:
        raise BadInput(f"key of {asset} must name its columns; missing: {', '.join(missing) or 'all'}")
    repeated = frame.filter(frame.select(key).is_duplicated())
    if repeated.height:
        example = repeated.select(key).row(0)
        raise BadInput(f"key {tuple(key)} of {asset} must be unique; {example} appears more than once")
