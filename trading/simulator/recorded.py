"""Real candles as a market: a `MarketSource` over Parquet files.

Coarser timeframes are aggregated, finer ones are empty as at MEXC. Nothing is filled: a hole has no
bars and keeps the last close. Reading and cleaning the files is in `candlefiles`.
"""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from trading.market.errors import BadInput, UnknownSymbol
from trading.market.timeframes import DAY_MS, TIMEFRAMES
from trading.simulator import tape
from trading.simulator.aggregate import empty_bars, join_bars, sum_bars
from trading.simulator.candlefiles import CandleFile, Rejected, read_candle_files
from trading.simulator.hashing import derive
from trading.simulator.source import (
    DELISTED,
    ONLINE,
    QUOTE_VOLUME_DECIMALS,
    Bars,
    Int64s,
    Pair,
    PathStep,
    Snapshot,
)

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "BTC", "ETH", "BNB", "EUR")
_MOST_DECIMALS = 14
_MOST_DIGITS = 12
_HISTORY_BARS = 1000
_FUTURE_DAYS = 5


class RecordedMarket:
    """See `MarketSource`; made by `recorded`.

    Attributes
    ----------
    rejected : list[Rejected]
        Rows of the files that no market can have printed, with the reason.
    finest_timeframe : str
        Shortest bar that every pair can answer.
    """

    kind = "recorded"

    def __init__(self, files: list[CandleFile], *, maker_fee: Decimal, taker_fee: Decimal) -> None:
        lengths = [TIMEFRAMES[file.timeframe].ms for file in files]
        self.seed: int | None = None
        self.rejected: list[Rejected] = [row for file in files for row in file.rejected]
        self.timeframes = tuple(name for name, frame in TIMEFRAMES.items() if frame.ms >= min(lengths))
        self.finest_timeframe = next(name for name, frame in TIMEFRAMES.items() if frame.ms == max(lengths))
        parts = [(group, TIMEFRAMES[file.timeframe].ms) for file in files for group in _by_symbol(file.frame)]
        self.first_ms = min(int(group["open_ms"][0]) for group, _ in parts)
        end_ms = max(int(group["open_ms"][-1]) + length for group, length in parts)
        self.last_ms: int | None = end_ms
        self.default_start_ms = _default_start(self.first_ms, end_ms, max(lengths))
        facts = [
            _facts(group, length, end_ms, self.default_start_ms, (maker_fee, taker_fee))
            for group, length in parts
        ]
        self.pairs: Mapping[str, Pair] = {pair.symbol: pair for pair in facts}
        self._rows = {symbol: row for row, symbol in enumerate(self.pairs)}
        self._tape = _record(
            [(group, length, pair) for (group, length), pair in zip(parts, facts, strict=True)]
        )
        self._half_spreads = _usual_half_spreads(self._tape)
        self._seen: tuple[int, Snapshot] | None = None

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """See `MarketSource.bars`."""
        row = self._row(symbol)
        frame = TIMEFRAMES.get(timeframe)
        length = int(self._tape.length_ms[row])
        if frame is None or frame.ms < length:
            return empty_bars()
        end_ms = min(end_ms, now_ms + 1)
        first = frame.floor_ms(start_ms)
        if first < start_ms:
            first = frame.next_ms(first)
        if first >= end_ms:
            return empty_bars()
        until = frame.next_ms(frame.floor_ms(end_ms - 1))
        bars = self._stored(row, first, until, now_ms)
        return bars if frame.ms == length else sum_bars(bars, timeframe)

    def price(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.price`."""
        return int(tape.stretch(self._tape, self._row(symbol), now_ms, now_ms)[3])

    def half_spread(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.half_spread`; a fraction by turnover, since candles know no quotes."""
        last = self.price(symbol, now_ms)
        return int(max(1, min(round(last * self._half_spreads[self._row(symbol)]), last - 1)))

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        """See `MarketSource.step_path`."""
        _, high, low, last, volume, _ = tape.stretch(self._tape, self._row(symbol), from_ms, to_ms).tolist()
        return PathStep(low, high, last, volume)

    def snapshot(self, now_ms: int) -> Snapshot:
        """See `MarketSource.snapshot`; computed once per market second, as of its beginning."""
        second = now_ms // 1000 * 1000
        if self._seen is None or self._seen[0] != second:
            rows = tape.stretch_all(self._tape, second - DAY_MS, second)
            last = rows[:, 3].copy()
            spread = np.clip(np.rint(last * self._half_spreads).astype(np.int64), 1, np.maximum(1, last - 1))
            figures = (np.ascontiguousarray(rows[:, k]) for k in (0, 1, 2, 4, 5))
            self._seen = second, Snapshot(last, last - spread, last + spread, *figures)
        return self._seen[1]

    def _row(self, symbol: str) -> int:
        row = self._rows.get(symbol)
        if row is None:
            raise UnknownSymbol(f"no pair {symbol!r} among the {len(self._rows)} recorded ones")
        return row

    def _stored(self, row: int, first_ms: int, until_ms: int, now_ms: int) -> Bars:
        """Return stored bars that open in [first_ms, until_ms) and by now_ms; the last may be forming."""
        lo, hi = int(self._tape.first[row]), int(self._tape.first[row + 1])
        length = int(self._tape.length_ms[row])
        opens = self._tape.open_ms[lo:hi]
        a = lo + int(np.searchsorted(opens, first_ms))
        b = lo + int(np.searchsorted(opens, min(until_ms, now_ms + 1)))
        is_forming = b > a and int(self._tape.open_ms[b - 1]) + length > now_ms
        done = b - 1 if is_forming else b
        bars = Bars(
            self._tape.open_ms[a:done], *(self._tape.figures[a:done, column].copy() for column in range(6))
        )
        if not is_forming:
            return bars
        open_ms = int(self._tape.open_ms[b - 1])
        figures = tape.stretch(self._tape, row, open_ms, now_ms)
        return join_bars(bars, Bars(np.array([open_ms]), *(figures[k : k + 1] for k in range(6))))


def recorded(
    path: Path | str, *, maker_fee: Decimal = Decimal(0), taker_fee: Decimal = Decimal("0.0005")
) -> RecordedMarket:
    """Return the market recorded in a Parquet file, or in all Parquet files of a folder.

    Parameters
    ----------
    path : Path
        Columns symbol, ts (bar open, UTC), open, high, low, close, volume (base units). The
        timeframe is inferred for each file.
    maker_fee, taker_fee : Decimal
        Fractions charged on every pair; candles do not say.

    Raises
    ------
    MissingData
        If there are no candles at `path`.
    BadInput
        If columns are missing, the timeframe is unknown, or two files hold the same symbol.
    """
    return RecordedMarket(read_candle_files(Path(path)), maker_fee=maker_fee, taker_fee=taker_fee)


def _default_start(first_ms: int, last_ms: int, length_ms: int) -> int:
    """Return midnight at four fifths of the span, moved to leave history and future where both fit."""
    earliest = first_ms + _HISTORY_BARS * length_ms
    latest = last_ms - _FUTURE_DAYS * DAY_MS
    wish = last_ms - (last_ms - first_ms) // 5
    if earliest > latest:
        return (first_ms + last_ms) // 2 // length_ms * length_ms
    at = min(max(wish, earliest), latest)
    midnight = at // DAY_MS * DAY_MS
    return midnight if midnight >= earliest else at // length_ms * length_ms


def _facts(
    group: pl.DataFrame, length_ms: int, end_ms: int, start_ms: int, fees: tuple[Decimal, Decimal]
) -> Pair:
    symbol = str(group["symbol"][0])
    base, quote = _split_name(symbol)
    closed_ms = int(group["open_ms"][-1]) + length_ms
    # A pair whose bars end a day before the others' was delisted; one that ended before the start is gone.
    ended = closed_ms if closed_ms < end_ms - max(DAY_MS, 3 * length_ms) else None
    typical = float(group["close"][-1])
    is_dollar = quote not in ("BTC", "ETH", "BNB")
    return Pair(
        symbol=symbol,
        base=base,
        quote=quote,
        full_name=base,
        price_decimals=_price_decimals(group),
        amount_decimals=min(6, max(0, round(math.log10(typical)) + 2)),
        min_amount=Decimal(0),
        min_cost=Decimal(1) if is_dollar else Decimal("0.00001"),
        max_cost=Decimal(2_000_000) if is_dollar else Decimal(50),
        maker_fee=fees[0],
        taker_fee=fees[1],
        status=DELISTED if ended is not None and ended <= start_ms else ONLINE,
        is_api_tradable=True,
        listed_ms=int(group["open_ms"][0]),
        delisted_ms=ended,
        sector=-1,
        has_edge=False,
    )


def _by_symbol(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield one slice (no copy) for each symbol of `frame`, which is sorted by symbol."""
    start = 0
    for length in frame["symbol"].rle().struct.field("len").to_list():
        yield frame.slice(start, length)
        start += length


def _split_name(symbol: str) -> tuple[str, str]:
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol[: -len(quote)], quote
    raise BadInput(f"{symbol}: no quote asset recognised; known are {', '.join(_QUOTES)}")


def _price_decimals(group: pl.DataFrame) -> int:
    """Return the fewest decimals that write every price of the pair (to 1e-9 of itself).

    At most 12 significant digits: finer prices are rounded, and stay exact in a float64.
    """
    prices = np.unique(np.concatenate([group[name].to_numpy() for name in ("open", "high", "low", "close")]))
    most = max(0, min(_MOST_DECIMALS, _MOST_DIGITS - math.ceil(math.log10(prices[-1]))))
    for decimals in range(most):
        scaled = prices * 10.0**decimals
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(scaled, 1.0)):
            return decimals
    return most


def _record(parts: list[tuple[pl.DataFrame, int, Pair]]) -> tape.Tape:
    counts = [len(group) for group, _, _ in parts]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    open_ms = np.empty(first[-1], np.int64)
    figures = np.empty((first[-1], 6), np.int64)
    for row, (group, _, pair) in enumerate(parts):
        rows = slice(int(first[row]), int(first[row + 1]))
        open_ms[rows] = group["open_ms"].to_numpy()
        figures[rows] = _figures(group, pair)
    return tape.Tape(
        open_ms,
        figures,
        first,
        np.array([length for _, length, _ in parts], np.int64),
        np.array([derive(0, pair.symbol) for _, _, pair in parts], np.uint64),
    )


def _figures(group: pl.DataFrame, pair: Pair) -> Int64s:
    ohlc = group.select("open", "high", "low", "close").to_numpy()
    volume = group["volume"].to_numpy()
    quote = ohlc.mean(axis=1) * volume * 10.0**QUOTE_VOLUME_DECIMALS
    ticks = np.maximum(np.rint(ohlc * 10.0**pair.price_decimals), 1)
    steps = np.rint(volume * 10.0**pair.amount_decimals)
    return np.column_stack([ticks, steps, np.rint(quote)]).astype(np.int64)


def _usual_half_spreads(record: tape.Tape) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return half the spread as a fraction by mean daily turnover: 0.2 bp at 1e9, 3.5 at 1e6, at most 3 %."""
    fractions = np.empty(len(record.length_ms))
    for row in range(len(fractions)):
        rows = slice(int(record.first[row]), int(record.first[row + 1]))
        per_bar = float(record.figures[rows, 5].mean()) / 10.0**QUOTE_VOLUME_DECIMALS
        turnover = max(50.0, per_bar * DAY_MS / int(record.length_ms[row]))
        fractions[row] = min(0.03, 0.00005 * math.sqrt(5e7 / turnover))
    return fractions
