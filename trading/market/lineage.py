"""Lineage ids: from any row back to the data, code and parameters it rests on.

A *version* is one immutable output of one stage: what it holds (content hash), what made it (code
version, parameters) and what it was made from (ids of input versions). A *row id* names one row of
one version: ``<prefix>-<version part>-<row part>``. Both are pure functions of content, so the same
data, code and parameters give the same ids on every machine, and a retry repeats no id in vain.
Rows also carry the ids of the rows they come from (a signal its screening, an order its signal), so
the chain can be walked both ways.

Wall time and run ids are recorded beside a version but are no part of its id.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path

import polars as pl

VERSION_PREFIX = "v"
# One prefix per kind of row; `sluice lineage` starts from it.
PREFIXES: dict[str, str] = {
    "validated_markets": "mkt",
    "tickers": "tic",
    "screened_symbols": "scr",
    "signals": "sig",
    "backtest_results": "bt",
    "approved_symbols": "app",
    "signal_set": "set",
    "intent": "int",
    "trade": "trd",
}
# What an approval rests on, as columns of it; they travel with the signal set to every order.
GROUNDS = ("data_id", "code_id", "parameters_id", "universe_id")


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable output of one stage.

    `asset` and `partition` say what it is, `content_hash` what it holds, `code_version` and `params`
    what made it, `inputs` which versions it read. `created_at` is market time.
    """

    version_id: str
    asset: str
    partition: str | None
    content_hash: str
    code_version: str
    params: str
    inputs: tuple[str, ...]
    rows: int
    created_at: datetime
    run_id: str | None = None

    def to_json(self) -> str:
        """Return the record as one JSON object."""
        return json.dumps(asdict(self) | {"created_at": self.created_at.isoformat()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Version":
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        raw["created_at"] = datetime.fromisoformat(raw["created_at"])
        raw["inputs"] = tuple(raw["inputs"])
        return cls(**raw)


def digest(*parts: str, size: int = 8) -> str:
    """Return a hex digest of `parts`; parts are length-framed, so no two lists collide by joining."""
    state = blake2b(digest_size=size)
    for part in parts:
        raw = part.encode()
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.hexdigest()


def content_hash(frame: pl.DataFrame) -> str:
    """Return a hash of names, types, nulls and values, in row order; the same on every machine.

    Polars' own row hashes may change between its releases, so the bytes are taken column by column.
    """
    state = blake2b(digest_size=16)
    for series in frame:
        state.update(f"{series.name}\0{series.dtype}\0{len(series)}\0".encode())
        state.update(series.is_null().to_numpy().tobytes())
        state.update(_value_bytes(series))
    return state.hexdigest()


def _value_bytes(series: pl.Series) -> bytes:
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return series.fill_null(0 if series.dtype.is_numeric() else False).to_numpy().tobytes()
    if series.dtype.is_temporal():
        return series.to_physical().fill_null(0).to_numpy().tobytes()
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        return "\0".join(series.cast(pl.String).fill_null("").to_list()).encode()
    return json.dumps(series.to_list(), sort_keys=True, default=str).encode()


def version_id(
    asset: str,
    content: str,
    *,
    code_version: str,
    params: str,
    inputs: Sequence[str],
    partition: str | None = None,
) -> str:
    """Return the id of a version: ``v-<asset>-<16 hex>``, a pure function of its arguments."""
    tail = digest(asset, partition or "", content, code_version, params, *sorted(inputs))
    return f"{VERSION_PREFIX}-{asset}-{tail}"


def row_id(prefix: str, version: str, *key: str) -> str:
    """Return the id of the row `key` of `version`: ``<prefix>-<16 hex of version>-<12 hex of row>``."""
    return f"{prefix}-{version.rsplit('-', 1)[-1]}-{digest(version, *key, size=6)}"


def with_row_ids(frame: pl.DataFrame, prefix: str, version: str, key: Sequence[str]) -> pl.DataFrame:
    """Return `frame` with a `lineage_id` column in front, one id per row from its `key` columns."""
    keys = frame.select(pl.col(name).cast(pl.String).fill_null("") for name in key).rows()
    ids = [row_id(prefix, version, *values) for values in keys]
    return frame.select(pl.Series("lineage_id", ids, dtype=pl.String), pl.exclude("lineage_id"))


def params_json(params: Mapping[str, object]) -> str:
    """Return parameters as canonical JSON (sorted keys, no spaces)."""
    return json.dumps(params, sort_keys=True, separators=(",", ":"), default=str)


@cache
def code_version(root: Path | None = None) -> str:
    """Return a hash over the source of the domain library and the assets: ``code-<12 hex>``.

    Git is not asked: an installed copy has none, and an uncommitted change is a change.
    """
    base = root or Path(__file__).resolve().parents[2]
    state = blake2b(digest_size=6)
    for folder in ("trading", "assets"):
        for path in sorted((base / folder).rglob("*.py")):
            state.update(path.relative_to(base).as_posix().encode() + b"\0" + path.read_bytes())
    return f"code-{state.hexdigest()}"
