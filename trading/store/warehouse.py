"""The DuckDB file that people query: copies of the newest tables, the order log, and views on the candles.

Built beside the published file and put in its place by one rename, so no reader ever waits, fails or
sees half of it. The candles are not copied: the view reads the lake's Parquet files by absolute path.
Not here: dbt's models, which are built on the result.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl
import sqlalchemy as sa

from trading.market.errors import MissingData, StoreError
from trading.store.candle_view import create_candle_view
from trading.store.files import sync_path
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.order_log.decided import decided_skips, decided_trades

SCHEMA = "raw"
# 1.5 reads this format too: a way back while DuckDB 2.0 is young. Autoloading would try the network.
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "storage_compatibility_version": "v1.5.0",
}
# Another process may hold the file for a moment (dbt, a curious person): wall seconds between tries.
_PAUSES_S = (0.1, 0.3, 1.0, 3.0)


def build_warehouse(lake_root: Path, order_log_url: str, target: Path) -> dict[str, int]:
    """Build a new warehouse file and publish it at `target` by rename.

    Parameters
    ----------
    lake_root : Path
        The lake whose latest table versions are copied to schema `raw`, one table each, and whose
        candles show as view `raw.candles`.
    order_log_url : str
        SQLAlchemy URL of the order log; its frames are copied to `raw` too (`intents`, `fills`,
        `closed_trades`, `decisions`, `skips`, `signal_sets`, `users` ...). A SQLite file that does not
        exist yet is not created: the tables are then absent.
    target : Path
        Where readers look.

    Returns
    -------
    dict of str to int
        Rows by table.

    Raises
    ------
    StoreError
        If DuckDB refuses; what was published before stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with duckdb.connect(str(temporary), config=CONFIG) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"create schema {SCHEMA}")
            rows = _copy_lake(connection, Lake(lake_root))
            rows |= _copy_order_log(connection, order_log_url)
            create_candle_view(connection, Path(lake_root).resolve() / "candles", SCHEMA)
        sync_path(temporary)
        temporary.replace(target)
        sync_path(target.parent)
    except duckdb.Error as error:
        raise StoreError(f"warehouse {target.name} was not built: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def query(path: Path, sql: str, params: Sequence[object] = ()) -> pl.DataFrame:
    """Return the result of one read-only statement on a published warehouse.

    The connection lives for this statement only. A file that another process is writing to is tried
    again for a few seconds.

    Raises
    ------
    MissingData
        If there is no such file; the message says how to make it.
    StoreError
        If the statement is wrong, writes, or the file stays locked.
    """
    if not path.is_file():
        raise MissingData(f"no warehouse at {path}: materialise asset warehouse first (sluice run does)")

    def ask() -> pl.DataFrame:
        # Attached to a private instance: connecting to the path would join any connection this process
        # still has to the file of the same name that was swapped out, and show its old content.
        with duckdb.connect(config=_READ_CONFIG) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"attach {_text(path)} as warehouse (read_only)")
            connection.execute("use warehouse")
            relation = connection.sql(sql, params=list(params)) if params else connection.sql(sql)
            found: pl.DataFrame = pl.DataFrame() if relation is None else relation.pl()
            return found

    try:
        return _patiently(ask)
    except duckdb.Error as error:
        raise StoreError(f"warehouse query failed: {error}") from error


_READ_CONFIG = {name: value for name, value in CONFIG.items() if name != "storage_compatibility_version"}


def _patiently(ask: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    for pause_s in _PAUSES_S:
        try:
            return ask()
        except duckdb.IOException:
            time.sleep(pause_s)
    return ask()


def _copy_lake(connection: duckdb.DuckDBPyConnection, lake: Lake) -> dict[str, int]:
    rows: dict[str, int] = {}
    for asset in lake.assets():
        try:
            path = lake.data_path(asset)
        except MissingData:
            continue  # a record without rows: candles, which have their view
        connection.execute(
            f'create table {SCHEMA}."{asset}" as from read_parquet({_text(path)}, hive_partitioning=false)'
        )
        rows[asset] = _count(connection, asset)
    return rows


def _copy_order_log(connection: duckdb.DuckDBPyConnection, url: str) -> dict[str, int]:
    file = sa.engine.make_url(url).database if url.startswith("sqlite") else None
    if url.startswith("sqlite") and (file is None or not Path(file).is_file()):
        return {}
    log = OrderLog(url)
    frames: Mapping[str, pl.DataFrame] = {
        "closed_trades": log.closed_trades(),
        "decided_trades": decided_trades(log.database),
        "decided_skips": decided_skips(log.database),
        "open_trades": log.open_trades(),
        "decisions": log.decisions(),
        "intents": log.intents(),
        "fills": log.fills(),
        "skips": log.skips(),
        "signal_sets": log.signal_sets(),
        "users": log.user_summary(),
    }
    rows: dict[str, int] = {}
    for name, frame in frames.items():
        connection.register("frame_to_copy", frame.to_arrow())
        # A lake table of the same name would be a copy of these rows: the log is the truth.
        connection.execute(f'create or replace table {SCHEMA}."{name}" as from frame_to_copy')
        connection.unregister("frame_to_copy")
        rows[name] = _count(connection, name)
    return rows


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    # fetchall: a result that is not read to its end blocks the connection (DuckDB 2.0).
    found = connection.execute(f'select count(*) from {SCHEMA}."{table}"').fetchall()  # noqa: S608 names are checked by the lake or fixed here
    return int(found[0][0])


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
