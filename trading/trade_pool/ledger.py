"""The ledger of decisions on disk: one SQLite file per world, rows that are added and never changed.

``decisions``: what was considered, as it was when it was decided; the first written row counts.
``differences``: later passes that computed other values for the same decision. ``outcomes``: what became of
it, by source, in versions. Triggers refuse every change and removal. Features are the very 64-bit floats.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trading.market.errors import BadInput, StoreError
from trading.store.files import make_folder
from trading.store.wal import turn_to_wal

_WAIT_S = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS feature_sets (version TEXT PRIMARY KEY, names TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
  decision_id TEXT PRIMARY KEY, symbol TEXT NOT NULL, bar_ms INTEGER NOT NULL, strategy TEXT NOT NULL,
  timeframe TEXT NOT NULL, decided_ms INTEGER NOT NULL, stage TEXT NOT NULL, reason TEXT,
  is_taken INTEGER NOT NULL, close REAL, score REAL, probability REAL, threshold REAL, model_id TEXT,
  model_threshold REAL, regime TEXT, weights TEXT, exits TEXT NOT NULL, signal_id TEXT, signals_version TEXT,
  approval_id TEXT, screening_id TEXT, signal_set_id TEXT, is_explored INTEGER NOT NULL,
  propensity REAL NOT NULL, feature_version TEXT NOT NULL REFERENCES feature_sets, features BLOB NOT NULL,
  content TEXT NOT NULL, UNIQUE (symbol, bar_ms, strategy));
CREATE INDEX IF NOT EXISTS decisions_by_time ON decisions (decided_ms);
CREATE TABLE IF NOT EXISTS differences (
  decision_id TEXT NOT NULL REFERENCES decisions, signals_version TEXT NOT NULL, at_ms INTEGER NOT NULL,
  names TEXT NOT NULL, PRIMARY KEY (decision_id, signals_version));
CREATE TABLE IF NOT EXISTS outcomes (
  decision_id TEXT NOT NULL REFERENCES decisions, source TEXT NOT NULL, version INTEGER NOT NULL,
  closed_ms INTEGER NOT NULL, written_ms INTEGER NOT NULL CHECK (written_ms >= closed_ms),
  why TEXT NOT NULL, net_return REAL NOT NULL, fee_ratio REAL, users INTEGER NOT NULL,
  trades INTEGER NOT NULL, cost_quote REAL, pnl_quote REAL, open_price REAL, entry_slippage REAL,
  exit_reason TEXT, PRIMARY KEY (decision_id, source, version));
"""
# Added later: a ledger written before has no value there, and its rows are read as they were written.
ADDED = {"policy_id": "TEXT", "policy_size": "REAL"}
_GUARDED = ("feature_sets", "decisions", "differences", "outcomes")
Row = dict[str, Any]


class Ledger:
    """Opens `path`; made with its tables at the first write."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._path.exists()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give one transaction that is on disk when the block ends, or leaves nothing behind."""
        make_folder(self._path.parent)
        with self._open() as database:
            turn_to_wal(database, _WAIT_S)
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            try:
                self._make(database)
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """Return what a query finds, each row by its columns' names; nothing before the first write.

        Raises
        ------
        StoreError
            If the file is no ledger or is damaged.
        """
        if not self.exists:
            return []
        with self._open() as database:
            try:
                # A first writer that died left a file without tables: nothing was written yet.
                if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'outcomes'").fetchone():
                    return []
                cursor = database.execute(query, values)
                names = [each[0] for each in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
            except sqlite3.DatabaseError as error:
                raise StoreError(f"the ledger of decisions cannot be read: {error}") from error

    def add(self, database: sqlite3.Connection, table: str, row: Row) -> bool:
        """Write a row; False, and nothing is changed, where one with its key is there."""
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        # Table and columns are this room's own words, values are bound.
        said = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608  # see above
        return database.execute(said, tuple(row.values())).rowcount == 1

    def name_features(self, database: sqlite3.Connection, version: str, names: Sequence[str]) -> None:
        """Write down what the columns of a feature version are.

        Raises
        ------
        BadInput
            If that version was written with other columns: their meaning has changed without a new name.
        """
        text = json.dumps(list(names))
        self.add(database, "feature_sets", {"version": version, "names": text})
        found = database.execute("SELECT names FROM feature_sets WHERE version = ?", (version,)).fetchone()[0]
        if found != text:
            raise BadInput(f"features {version} were written as {found}; other columns need another version")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        try:
            yield database
        finally:
            database.close()

    @staticmethod
    def _make(database: sqlite3.Connection) -> None:
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                database.execute(statement)
        has = {row[1] for row in database.execute("PRAGMA table_info(decisions)")}
        for name, kind in ADDED.items():
            if name not in has:
                database.execute(f"ALTER TABLE decisions ADD COLUMN {name} {kind}")
        for table in _GUARDED:
            for event in ("UPDATE", "DELETE"):
                database.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {table}_{event.lower()} BEFORE {event} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} are added to, never changed'); END"
                )
