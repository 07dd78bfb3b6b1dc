"""Decision snapshots: every entry that was considered at the bar that had just closed, taken or not.

Written once, when it is decided. A later pass that computes other values for the same decision changes
nothing: the first written row counts, and the difference is counted. What became of it is in outcomes.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from trading.market.errors import BadInput, StoreError
from trading.market.frames import UTC_MS
from trading.market.lineage import digest
from trading.market.timeframes import to_ms
from trading.trade_pool.ledger import ADDED, Ledger, Row

type _Schema = dict[str, pl.DataType | type[pl.DataType]]

# One row per market decision: pair, closed bar and strategy. Columns `f_*` follow.
DECISIONS: _Schema = {
    "decision_id": pl.String,
    "symbol": pl.String,
    "bar_time": UTC_MS,  # open of the closed bar that the decision stands on
    "strategy": pl.String,
    "timeframe": pl.String,
    "decided_at": UTC_MS,
    "stage": pl.String,  # regime | peg | news | model | approval | listing | most | handed_over
    "reason": pl.String,
    "is_taken": pl.Boolean,  # handed over to be traded for money
    "close": pl.Float64,
    "score": pl.Float64,
    "probability": pl.Float64,
    "threshold": pl.Float64,  # of the rules
    "model_id": pl.String,
    "model_threshold": pl.Float64,
    "regime": pl.String,
    "weights": pl.String,  # JSON: what each voice counted, where signals are blends
    "exits": pl.String,  # JSON of ExitRules: how the outcome ends
    "signal_id": pl.String,
    "signals_version": pl.String,
    "approval_id": pl.String,
    "screening_id": pl.String,
    "signal_set_id": pl.String,
    "is_explored": pl.Boolean,  # drawn to be traded on paper although it was rejected
    "propensity": pl.Float64,  # how likely it was to be traded by anybody
    "feature_version": pl.String,
    "policy_id": pl.String,  # whose size it is, or whose expectation moved the bound; null: none was asked
    "policy_size": pl.Float64,  # part of the rules' stake it took, in [0, 1]; null: none said it
}
# What two passes over the same bar must agree on; ids of rows and versions differ by nature.
_COMPARED = (
    "stage",
    "is_taken",
    "close",
    "score",
    "probability",
    "threshold",
    "model_id",
    "regime",
    "weights",
    "policy_size",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a pass added: new decisions, ones that were there, and how many of those it computed otherwise."""

    new: int
    known: int
    different: int


class Snapshots:
    """The decisions in a `Ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def write(self, decisions: pl.DataFrame, features: Sequence[str]) -> Written:
        """Add decisions; those that are there stay as they are.

        Parameters
        ----------
        decisions : DataFrame
            Columns of `DECISIONS` without `decision_id`, and `features`.
        features : sequence of str
            Columns that make the feature row, in this order.

        Raises
        ------
        BadInput
            If a feature is NaN or infinite (null is allowed: unknown), if a decision is dated before its
            bar has closed, or if the feature version was written with other columns.
        """
        _refuse(decisions, features)
        counts = {"new": 0, "known": 0, "different": 0}
        if decisions.is_empty():
            return Written(**counts)
        with self._ledger.writing() as database:
            for version in decisions["feature_version"].unique():
                self._ledger.name_features(database, version, features)
            for row in _rows(decisions, features):
                if self._ledger.add(database, "decisions", row):
                    counts["new"] += 1
                    continue
                counts["known"] += 1
                query = "SELECT * FROM decisions WHERE decision_id = ?"
                cursor = database.execute(query, (row["decision_id"],))
                stands = dict(zip((each[0] for each in cursor.description), cursor.fetchone(), strict=True))
                names = _different(stands, row, features)
                if names:
                    told = {
                        "decision_id": row["decision_id"],
                        "signals_version": row["signals_version"] or "",
                    }
                    told |= {"at_ms": row["decided_ms"], "names": json.dumps(names)}
                    counts["different"] += self._ledger.add(database, "differences", told)
        return Written(**counts)

    def read(self, *, since: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        """Return decisions made in [since, until], oldest first, features as columns.

        A feature that a version does not have is null.

        Raises
        ------
        StoreError
            If a row is not the one that was written, or the file is damaged.
        """
        first = -(2**62) if since is None else to_ms(since)
        last = 2**62 if until is None else to_ms(until)
        query = "SELECT * FROM decisions WHERE decided_ms BETWEEN ? AND ? ORDER BY decided_ms, decision_id"
        rows = self._ledger.rows(query, (first, last))
        for row in rows:
            if row["content"] != _content(row):
                raise StoreError(f"decision {row['decision_id']} is not the one that was written")
        named = {
            row["version"]: json.loads(row["names"])
            for row in self._ledger.rows("SELECT * FROM feature_sets")
        }
        return pl.concat([_frame(rows), _features(rows, named)], how="horizontal")

    def of_signal(self, signal_id: str) -> dict[str, object] | None:
        """Return the decision made on a signal, columns of `DECISIONS`; None if none was made in time."""
        found = _frame(self._ledger.rows("SELECT * FROM decisions WHERE signal_id = ?", (signal_id,)))
        return None if found.is_empty() else found.row(0, named=True)

    def differences(self) -> pl.DataFrame:
        """Return one row per decision and later pass that computed it otherwise: which columns, and when."""
        rows = self._ledger.rows("SELECT * FROM differences ORDER BY at_ms, decision_id")
        schema: _Schema = {
            "decision_id": pl.String,
            "signals_version": pl.String,
            "at": UTC_MS,
            "columns": pl.String,
        }
        found = [(r["decision_id"], r["signals_version"], r["at_ms"], r["names"]) for r in rows]
        raw = pl.DataFrame(found, schema=schema | {"at": pl.Int64}, orient="row")
        return raw.with_columns(pl.col("at").cast(UTC_MS))


def decision_id(symbol: str, bar_ms: int, strategy: str) -> str:
    """Return the id of a market decision: a pure function of pair, bar and strategy."""
    return f"dec-{digest(symbol, str(bar_ms), strategy)}"


def _refuse(decisions: pl.DataFrame, features: Sequence[str]) -> None:
    needed = [name for name in (*DECISIONS, *features) if name != "decision_id"]
    missing = [name for name in needed if name not in decisions.columns]
    if missing:
        raise BadInput(f"decisions must have columns {', '.join(needed)}; missing: {', '.join(missing)}")
    for name in features:
        bad = decisions.filter(pl.col(name).is_nan() | pl.col(name).is_infinite()).head(1)
        if not bad.is_empty():
            row = bad.row(0, named=True)
            raise BadInput(
                f"{name} of {row['symbol']} at {row['bar_time']} must be a number, was {row[name]}"
            )
    early = decisions.filter(pl.col("decided_at") <= pl.col("bar_time")).head(1)
    if not early.is_empty():
        row = early.row(0, named=True)
        raise BadInput(
            f"{row['symbol']} was decided at {row['decided_at']}, before its bar {row['bar_time']} closed"
        )


def _rows(decisions: pl.DataFrame, features: Sequence[str]) -> list[Row]:
    matrix = decisions.select(pl.col(name).cast(pl.Float64) for name in features).to_numpy().astype("<f8")
    times = decisions.select(pl.col("bar_time", "decided_at").dt.epoch("ms"))
    plain = [name for name in DECISIONS if name not in ("decision_id", "bar_time", "decided_at")]
    rows = []
    for k, values in enumerate(decisions.select(plain).iter_rows(named=True)):
        row: Row = dict(values)
        row |= {"bar_ms": times["bar_time"][k], "decided_ms": times["decided_at"][k]}
        row |= {"is_taken": int(row["is_taken"]), "is_explored": int(row["is_explored"])}
        row["features"] = matrix[k].tobytes()
        row["decision_id"] = decision_id(row["symbol"], row["bar_ms"], row["strategy"])
        rows.append(row | {"content": _content(row)})
    return rows


def _content(row: Mapping[str, object]) -> str:
    """Return a digest of all that a row says."""
    said = {
        name: value
        for name, value in row.items()
        if name not in ("content", "features") and not (name in ADDED and value is None)
    }
    blob = row["features"]
    text = blob.hex() if isinstance(blob, bytes) else ""
    return digest(json.dumps(said, sort_keys=True), text)


def _different(stands: Row, row: Row, features: Sequence[str]) -> list[str]:
    names = [name for name in _COMPARED if stands.get(name) != row.get(name)]
    if stands["feature_version"] != row["feature_version"]:
        return [*names, "feature_version"]
    old, new = (np.frombuffer(each["features"], "<f8") for each in (stands, row))
    return names + [features[k] for k in np.flatnonzero(old.view(np.int64) != new.view(np.int64))]


def _frame(rows: list[Row]) -> pl.DataFrame:
    renamed = {"bar_time": "bar_ms", "decided_at": "decided_ms"}
    columns = []
    for name, dtype in DECISIONS.items():
        values = [row.get(renamed.get(name, name)) for row in rows]
        if dtype == pl.Boolean:
            values = [bool(value) for value in values]
        raw = pl.Int64 if dtype == UTC_MS else dtype
        columns.append(pl.Series(name, values, dtype=raw).cast(dtype))
    return pl.DataFrame(columns)


def _features(rows: list[Row], named: Mapping[str, list[str]]) -> pl.DataFrame:
    names = sorted({name for row in rows for name in named[row["feature_version"]]})
    place = {name: k for k, name in enumerate(names)}
    matrix = np.full((len(rows), len(names)), np.nan)
    for version in {row["feature_version"] for row in rows}:
        chosen = [k for k, row in enumerate(rows) if row["feature_version"] == version]
        values = np.frombuffer(b"".join(rows[k]["features"] for k in chosen), "<f8")
        target = [place[name] for name in named[version]]
        matrix[np.ix_(chosen, target)] = values.reshape(len(chosen), len(target))
    return pl.DataFrame(
        [pl.Series(name, matrix[:, k]).fill_nan(None) for k, name in enumerate(names)],
        schema=dict.fromkeys(names, pl.Float64),
    )
