"""Candles and markets as files that a person hands to `sluice backtest`: read, checked, flattened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trading.backtest.fees import NO_FEES, MarketFees
from trading.backtest.market_fees import market_fees
from trading.backtest.walk import Bars, Ints
from trading.market.errors import BadInput, InvalidBars
from trading.market.ticks import Grid

COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")
_LAST_MS = 7_258_118_400_000  # 2200-01-01: microseconds taken for milliseconds lie beyond
_MOST_FILLED = 50_000_000  # bars of all symbols once holes are filled: some 5 GB
_RULES = ("tick", "step", "min_amount", "min_cost", "maker", "taker", "fees", "fee_asset", "fee_discount")


@dataclass(frozen=True, slots=True)
class CandleFile:
    """Candles of one file: symbols in the order of their first appearance, and their rows end to end.

    `bar_ms` is the smallest step between two bars of one symbol; `bars.per_unit` is still empty.
    """

    symbols: list[str]
    bars: Bars
    bar_ms: int


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What one market asks of prices and amounts."""

    tick: Grid
    step: Grid
    min_amount: float = 0.0
    min_cost: float = 0.0
    fees: MarketFees = NO_FEES


PLAIN_MARKET = MarketRules(Grid.of("1e-8"), Grid.of("1e-8", "step"))


def read_candles(path: Path) -> CandleFile:
    """Return the candles of a Parquet file with `COLUMNS`; `ts` is a time, or milliseconds UTC.

    Raises
    ------
    InvalidBars
        If there are none, a column is missing or of another type, a symbol has one bar only, or a bar
        cannot have been printed or is not after the one before it: the first such row is named.
    """
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidBars(f"{path} cannot be read as Parquet: {error}") from error
    return candle_file(frame)


def candle_file(frame: pl.DataFrame) -> CandleFile:
    """Return the candles of a frame with `COLUMNS`, each symbol's ascending; raises as `read_candles`."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InvalidBars(f"candles need the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    if frame.is_empty():
        raise InvalidBars("candles must have at least two bars per symbol, found none at all")
    _check_types(frame.schema)
    table = frame.select(
        pl.col("symbol").cast(pl.String),
        _ms(frame.schema["ts"]).alias("ts"),
        *(pl.col(name).cast(pl.Float64) for name in COLUMNS[2:]),
    ).with_row_index("row")
    _check_values(table)
    symbols = table["symbol"].unique(maintain_order=True)
    if not table["symbol"].is_sorted() or len(symbols) > 1:
        rank = pl.col("symbol").cast(pl.Enum(symbols)).to_physical()
        table = table.with_columns(rank=rank).sort("rank", "row", maintain_order=True)
    offsets = _offsets(table["symbol"])
    open_ms = table["ts"].to_numpy().astype(np.int64)
    bar_ms = _check_order(table, open_ms, offsets)
    columns = {name: np.ascontiguousarray(table[name].to_numpy()) for name in (*_PRICES, "volume")}
    return CandleFile(symbols.to_list(), Bars(offsets, open_ms, **columns, per_unit=np.empty(0)), bar_ms)


def read_markets(path: Path) -> dict[str, MarketRules]:
    """Return the rules of a JSON file ``{symbol: {tick, step, min_amount, min_cost, maker, taker, …}}``.

    Raises
    ------
    BadInput
        If it cannot be read, has an unknown key, or a value is no number in its bounds.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path} must map symbols to their rules, was a {type(document).__name__}")
    return {symbol: _market(symbol, rules) for symbol, rules in document.items()}


def filled(candles: CandleFile) -> CandleFile:
    """Return the candles with each hole filled by bars at the close before it, without volume.

    Raises
    ------
    InvalidBars
        If a bar lies off the grid of the bars before it, or the holes are too wide to fill.
    """
    bars, bar_ms = candles.bars, candles.bar_ms
    steps = np.ones(len(bars.open_ms), np.int64)
    steps[:-1] = np.diff(bars.open_ms) // bar_ms
    off = np.flatnonzero(np.diff(bars.open_ms) % bar_ms)
    ends = bars.offsets[1:] - 1
    steps[ends] = 1
    if len(np.setdiff1d(off, ends)):
        place = int(np.setdiff1d(off, ends)[0])
        raise InvalidBars(f"bars must lie on a grid of {bar_ms} ms, {_when(candles, place + 1)} does not")
    if (steps == 1).all():
        return candles
    total = int(steps.sum())
    if total > _MOST_FILLED:
        raise InvalidBars(
            f"holes filled every {bar_ms} ms (the smallest step of the file) would make {total:,} bars, "
            f"at most {_MOST_FILLED:,}; the widest ends before {_when(candles, int(steps.argmax()) + 1)}"
        )
    source = np.repeat(np.arange(len(steps)), steps)
    is_new = np.concatenate([[False], source[1:] == source[:-1]])
    nth = np.arange(len(source)) - np.repeat(np.cumsum(steps) - steps, steps)
    close = bars.close[source]
    prices = {name: np.where(is_new, close, getattr(bars, name)[source]) for name in _PRICES}
    offsets = np.concatenate([[0], np.cumsum(steps)])[bars.offsets]
    whole = Bars(
        offsets,
        bars.open_ms[source] + nth * bar_ms,
        **prices,
        volume=np.where(is_new, 0.0, bars.volume[source]),
        per_unit=bars.per_unit,
    )
    return CandleFile(candles.symbols, whole, bar_ms)


def _ms(dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return pl.col("ts").dt.epoch("ms")
    if dtype.is_integer():
        return pl.col("ts").cast(pl.Int64)
    raise InvalidBars(f"ts must be a time or whole milliseconds UTC, was {dtype}")


def _check_types(schema: pl.Schema) -> None:
    if schema["symbol"].base_type() not in {pl.String, pl.Categorical, pl.Enum}:
        raise InvalidBars(f"symbol must be text, was {schema['symbol']}")
    for name in COLUMNS[2:]:
        if not schema[name].is_numeric():
            raise InvalidBars(f"{name} must be numbers, was {schema[name]}")


def _check_values(table: pl.DataFrame) -> None:
    values = [pl.col(name) for name in (*_PRICES, "volume")]
    is_bad = pl.any_horizontal(
        pl.col("symbol").is_null(),
        ~pl.col("ts").is_between(0, _LAST_MS),
        *(value.is_null() | ~value.is_finite() for value in values),
        *(pl.col(name) <= 0 for name in _PRICES),
        pl.col("high") < pl.max_horizontal("open", "close", "low"),
        pl.col("low") > pl.min_horizontal("open", "close"),
        pl.col("volume") < 0,
    )
    bad = table.filter(is_bad.fill_null(True)).head(1)
    if not bad.is_empty():
        row = bad.row(0, named=True)
        shown = ", ".join(f"{name} {row[name]}" for name in COLUMNS)
        if row["ts"] is not None and not 0 <= row["ts"] <= _LAST_MS:
            raise InvalidBars(
                f"row {row['row']}: ts must be a time from 1970 to 2200, or milliseconds UTC of one "
                f"(0 to {_LAST_MS}), was {row['ts']} ms"
            )
        raise InvalidBars(
            f"row {row['row']}: a bar must have 0 < low <= open, close <= high and volume >= 0, was {shown}"
        )


def _offsets(symbol: pl.Series) -> Ints:
    lengths = symbol.rle().struct.field("len").to_numpy().astype(np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def _check_order(table: pl.DataFrame, open_ms: Ints, offsets: Ints) -> int:
    lengths = np.diff(offsets)
    if (lengths < 2).any():
        alone = table["symbol"][int(offsets[int(np.argmax(lengths < 2))])]
        raise InvalidBars(f"candles must have at least two bars per symbol, {alone} has one")
    steps = np.diff(open_ms)
    inside = np.ones(len(steps), bool)
    inside[offsets[1:-1] - 1] = False
    wrong = np.flatnonzero(inside & (steps <= 0))
    if len(wrong):
        row = table.row(int(wrong[0]) + 1, named=True)
        what = "stands twice" if steps[wrong[0]] == 0 else "comes after a later one"
        raise InvalidBars(
            f"row {row['row']}: bars must ascend in time, {row['symbol']} at {row['ts']} ms {what}"
        )
    bar_ms = int(steps[inside].min())
    if bar_ms % 1000:
        raise InvalidBars(
            f"bars must be whole seconds apart, the smallest step was {bar_ms} ms; is ts in milliseconds UTC?"
        )
    return bar_ms


def _when(candles: CandleFile, row: int) -> str:
    k = int(np.searchsorted(candles.bars.offsets, row, side="right")) - 1
    return f"{candles.symbols[k]} at {candles.bars.open_ms[row]} ms"


def _market(symbol: str, rules: object) -> MarketRules:
    if not isinstance(rules, Mapping):
        raise BadInput(f"markets: {symbol} must map to its rules, was {rules!r}")
    unknown = sorted(set(rules) - set(_RULES))
    if unknown:
        raise BadInput(f"markets: {symbol} has an unknown key {unknown[0]!r}; known: {', '.join(_RULES)}")
    return MarketRules(
        Grid.of(rules.get("tick", "1e-8"), f"markets: tick of {symbol}"),
        Grid.of(rules.get("step", "1e-8"), f"markets: step of {symbol}"),
        _least(symbol, "min_amount", rules),
        _least(symbol, "min_cost", rules),
        market_fees(symbol, rules),
    )


def _least(symbol: str, name: str, rules: Mapping[str, Any]) -> float:
    value = rules.get(name, 0) or 0
    try:
        number = -1.0 if value is True else float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < 1e15:
        raise BadInput(f"markets: {name} of {symbol} must be a number from 0 on, was {value!r}")
    return number
