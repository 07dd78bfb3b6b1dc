"""The ledger of what the venue has been asked: per bar length and symbol, the spans it has answered.

It tells "asked, and there was nothing" (a young listing, a quiet night) from "never asked", which the
candles alone cannot. A span enters only after its candles are durably stored, so a process killed at any
moment asks again for what it had not written down, and for nothing else. SQLite: one transaction a batch.
Not here: the candles (trading/store), and which bars are missing inside an answered span (`repair`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from trading.market.errors import StoreError
from trading.ohlcv.spans import Span, union, without
from trading.store.wal import turn_to_wal

# Symbol, start, end.
Answer = tuple[str, int, int]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS covered (
    timeframe TEXT NOT NULL,
    symbol TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    PRIMARY KEY (timeframe, symbol, start_ms)
) WITHOUT ROWID
"""
_BUSY_S = 60.0


class Coverage:
    """The ledger in the file `path`; many processes and threads may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def record(self, timeframe: str, answers: Iterable[Answer]) -> None:
        """Write down, durably and together, that the venue has answered these spans.

        Parameters
        ----------
        timeframe : str
            Unified name of the bar length.
        answers : iterable of (symbol, start_ms, end_ms)
            In any order; overlaps with each other and with earlier ones are fine.
        """
        fresh: dict[str, list[Span]] = {}
        for symbol, start, end in answers:
            fresh.setdefault(symbol, []).append((start, end))
        with self._writing() as database:
            for symbol, spans in fresh.items():
                known = _of(database, timeframe, symbol)
                _replace(database, timeframe, symbol, union([*known, *spans]))

    def forget(self, timeframe: str, span: Span, symbols: Sequence[str] | None = None) -> None:
        """Take `span` out again, of all symbols by default: its bars are lost and must be asked for."""
        with self._writing() as database:
            for symbol in self.spans(timeframe) if symbols is None else symbols:
                known = _of(database, timeframe, symbol)
                kept = [part for own in known for part in without(own, [span])]
                if kept != known:
                    _replace(database, timeframe, symbol, kept)

    def spans(self, timeframe: str) -> dict[str, list[Span]]:
        """Return symbol -> what has been answered, in order, no two of which touch."""
        if not self.path.is_file():
            return {}
        found: dict[str, list[Span]] = {}
        with self._open() as database:
            rows = database.execute(
                "SELECT symbol, start_ms, end_ms FROM covered WHERE timeframe = ? ORDER BY symbol, start_ms",
                (timeframe,),
            )
            for symbol, start, end in rows:
                found.setdefault(symbol, []).append((start, end))
        return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)) as database:
                turn_to_wal(database, _BUSY_S)
                # A span that outlives its candles would hide a hole for ever: both reach the disk, in order.
                database.execute("PRAGMA synchronous = FULL")
                database.execute(_SCHEMA)
                yield database
        except sqlite3.Error as error:
            raise StoreError(f"ledger {self.path.name} of what was asked: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database:
            # The write lock comes first: two processes that read and then write would lose one of the two.
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")


def _of(database: sqlite3.Connection, timeframe: str, symbol: str) -> list[Span]:
    rows = database.execute(
        "SELECT start_ms, end_ms FROM covered WHERE timeframe = ? AND symbol = ? ORDER BY start_ms",
        (timeframe, symbol),
    )
    return [(start, end) for start, end in rows]


def _replace(database: sqlite3.Connection, timeframe: str, symbol: str, spans: Sequence[Span]) -> None:
    database.execute("DELETE FROM covered WHERE timeframe = ? AND symbol = ?", (timeframe, symbol))
    rows = [(timeframe, symbol, start, end) for start, end in spans]
    database.executemany("INSERT INTO covered VALUES (?, ?, ?, ?)", rows)
