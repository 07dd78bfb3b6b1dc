"""Parquet files of candles as clean columns: which files, which timeframe, which rows are kept out.

Nothing is repaired. A row that no market can have printed is left out and listed with its reason.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from trading.market.errors import BadInput, MissingData
from trading.market.timeframes import TIMEFRAMES

COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")


class Rejected(NamedTuple):
    """A row that was kept out; `open_ms` is None where the time itself is missing."""

    symbol: str
    open_ms: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class CandleFile:
    """One file's kept rows, sorted by symbol and time.

    `frame` has `symbol`, `open_ms` (Int64) and OHLCV as Float64; `timeframe` is inferred.
    """

    path: Path
    timeframe: str
    frame: pl.DataFrame
    rejected: list[Rejected]


def read_candle_files(path: Path) -> list[CandleFile]:
    """Return the candle file at `path`, or all ``*.parquet`` of the folder `path`.

    Raises
    ------
    MissingData
        If there is no such file, or no Parquet file in the folder.
    BadInput
        If a file is no Parquet, columns are missing, a timeframe is not one of MEXC's, or two files hold the
        same symbol.
    """
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not paths or not all(file.is_file() for file in paths):
        raise MissingData(f"no Parquet candles at {path}; give a .parquet file or a folder of them")
    files = [_read(file) for file in paths]
    _refuse_shared_symbols(files)
    return files


def _read(path: Path) -> CandleFile:
    frame = pl.scan_parquet(path)
    try:
        names = frame.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{path.name}: not a readable Parquet file ({error})") from None
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise BadInput(f"{path.name}: columns {', '.join(missing)} are missing; needed: {', '.join(COLUMNS)}")
    rows = frame.select(
        pl.col("symbol").cast(pl.String),
        _milliseconds(frame.collect_schema()["ts"]).alias("open_ms"),
        *(pl.col(name).cast(pl.Float64) for name in (*_PRICES, "volume")),
    ).collect()
    # Copies of two million rows are what costs memory here: sort and filter only what needs it.
    if not rows.select(_in_order().all()).item():
        rows = rows.sort("symbol", "open_ms", maintain_order=True)
    timeframe = _infer_timeframe(rows, path)
    reasons = rows.select(_reason(TIMEFRAMES[timeframe].ms).alias("reason"))["reason"]
    if reasons.null_count() == len(rows):
        return CandleFile(path, timeframe, rows, [])
    kept = rows.filter(reasons.is_null())
    if kept.is_empty():
        raise BadInput(f"{path.name}: none of its {len(rows)} rows is a possible candle")
    bad = rows.select("symbol", "open_ms").with_columns(reasons).filter(reasons.is_not_null())
    return CandleFile(path, timeframe, kept, [Rejected(*row) for row in bad.iter_rows()])


def _in_order() -> pl.Expr:
    symbol, before = pl.col("symbol"), pl.col("symbol").shift(1)
    later = pl.col("open_ms") >= pl.col("open_ms").shift(1)
    return ((symbol > before) | ((symbol == before) & later)).fill_null(value=False).slice(1)


def _milliseconds(kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Datetime):
        return pl.col("ts").dt.epoch("ms")
    return pl.col("ts").cast(pl.Int64)


def _infer_timeframe(frame: pl.DataFrame, path: Path) -> str:
    """Return the timeframe whose length is the commonest step between bars of one symbol."""
    same = pl.col("symbol") == pl.col("symbol").shift(1)
    steps = frame.select(pl.col("open_ms").diff().filter(same).alias("step")).filter(pl.col("step") > 0)
    if steps.is_empty():
        raise BadInput(f"{path.name}: no symbol has two bars, so the timeframe cannot be inferred")
    common = int(steps["step"].mode().min())  # type: ignore[arg-type]  # Int64 column: min() is an int
    names = {frame.ms: name for name, frame in TIMEFRAMES.items() if name not in ("1w", "1M")}
    if common not in names:
        raise BadInput(f"{path.name}: bars are {common} ms apart; known are {', '.join(names.values())}")
    return names[common]


def _reason(length_ms: int) -> pl.Expr:
    values = [pl.col(name) for name in (*_PRICES, "volume")]
    prices = [pl.col(name) for name in _PRICES]
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    repeats = (pl.col("open_ms") == pl.col("open_ms").shift(1)) & (
        pl.col("symbol") == pl.col("symbol").shift(1)
    )
    return (
        pl.when(pl.col("symbol").is_null() | pl.col("open_ms").is_null())
        .then(pl.lit("no symbol or time"))
        .when(pl.any_horizontal(value.is_null() | ~value.is_finite() for value in values))
        .then(pl.lit("a value is missing or not finite"))
        .when(pl.any_horizontal(price <= 0 for price in prices))
        .then(pl.lit("a price is zero or negative"))
        .when((pl.col("high") < top) | (pl.col("low") > bottom))
        .then(pl.lit("open or close outside high and low"))
        .when(pl.col("volume") < 0)
        .then(pl.lit("negative volume"))
        .when(pl.col("open_ms") % length_ms != 0)
        .then(pl.lit("opens between bars"))
        .when(repeats)
        .then(pl.lit("same symbol and time as the row before"))
    )


def _refuse_shared_symbols(files: list[CandleFile]) -> None:
    owner: dict[str, Path] = {}
    for file in files:
        for symbol in file.frame["symbol"].unique(maintain_order=True).to_list():
            other = owner.setdefault(symbol, file.path)
            if other != file.path:
                raise BadInput(
                    f"{symbol} is in both {other.name} and {file.path.name}; "
                    "one symbol, one file: choose a file, or a folder without the other"
                )
