"""Open an SQLite file in write-ahead mode while others open and close it too.

Turning a file to WAL, recovering it and taking its log away with the last connection ask for the whole file,
and SQLite answers BUSY there without asking the busy handler (sqlite.org/wal.html, section 8): the second of
two processes that come at once would fail on its first line. Here it waits like any other writer.
Not here: what either database holds, and the retries of transactions.
"""

import sqlite3
import time

_PRIMARY = 0xFF
_FIRST_WAIT_S = 0.002
_LONGEST_WAIT_S = 0.1


def turn_to_wal(database: sqlite3.Connection, wait_s: float) -> None:
    """Set `journal_mode = WAL`, trying again for up to `wait_s` wall seconds while the file is held.

    Parameters
    ----------
    database : sqlite3.Connection
        In autocommit mode: the mode cannot be changed inside a transaction.
    wait_s : float
        After it the last `sqlite3.OperationalError` is raised as it came.

    Raises
    ------
    sqlite3.Error
        The file is no database, or is held for longer than `wait_s`.
    """
    ends = time.monotonic() + wait_s
    wait = _FIRST_WAIT_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= ends:
                raise
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
        else:
            return


def _is_busy(error: sqlite3.OperationalError) -> bool:
    # BUSY_RECOVERY and BUSY_SNAPSHOT carry BUSY in their low byte.
    return error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
