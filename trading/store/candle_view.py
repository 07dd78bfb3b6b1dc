"""The candles as DuckDB sees them: one view over day files and rewritten months, each bar once.

The view lists files when it is asked, so it shows what was appended, compacted or rewritten since it was
made. It knows no index: of equal keys the day file written last stands, and any day file stands over the
month, the newest generation first. That gives the same bars as holdings.py at every step of a rewrite,
because day files are listed first and are deleted oldest first.
Not here: the warehouse file (warehouse.py).
"""

from pathlib import Path

import duckdb

from trading.market.frames import CANDLES, empty
from trading.store.files import make_folder, unique_name

# DuckDB refuses a pattern that no file matches: an empty file of each kind, of a timeframe nobody has.
_EMPTY_DAY = "timeframe=none/date=1970-01-01/part-00000000-0000-none.parquet"
_EMPTY_MONTH = "timeframe=none/month=1970-01/by-symbol-00000000/bucket-0000.parquet"


def create_candle_view(connection: duckdb.DuckDBPyConnection, folder: Path, schema: str) -> None:
    """Create view `candles` in `schema` over the candle files under `folder` (absolute).

    Columns: timeframe, date (UTC), then those of `trading.market.frames.CANDLES`.
    """
    for name in (_EMPTY_DAY, _EMPTY_MONTH):
        _write_empty(folder / name)
    columns = ", ".join(CANDLES)
    days = _text(folder / "timeframe=*" / "date=*" / "part-*.parquet")
    months = _text(folder / "timeframe=*" / "month=*" / "by-symbol-*" / "bucket-*.parquet")
    # File names sort by time of writing, generations by number.
    connection.execute(
        f"""
        create view {schema}.candles as
        select timeframe, date, {columns}
        from (
            select timeframe, date, {columns}, 1 as layer, filename
            from read_parquet(
                {days}, filename = true, hive_partitioning = true,
                hive_types = {{'timeframe': 'varchar', 'date': 'date'}}
            )
            union all
            select
                timeframe, (open_time at time zone 'UTC')::date as date, {columns},
                0 as layer, parse_dirpath(filename) as filename
            from read_parquet(
                {months}, filename = true, hive_partitioning = true,
                hive_types = {{'timeframe': 'varchar', 'month': 'varchar'}}
            )
        )
        qualify row_number() over (
            partition by timeframe, date, symbol, open_time order by layer desc, filename desc
        ) = 1
        """  # noqa: S608 the folder is quoted by _text, the rest is fixed here
    )


def _write_empty(path: Path) -> None:
    if not path.is_file():
        make_folder(path.parent)
        temporary = path.with_name(unique_name(".empty"))
        empty(CANDLES).write_parquet(temporary)
        temporary.replace(path)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
