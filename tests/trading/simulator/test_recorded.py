"""Recorded candles as a market: aggregation by hand, holes, bad rows, shared symbols."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput, MissingData, UnknownSymbol
from trading.market.timeframes import DAY_MS, HOUR_MS
from trading.simulator.recorded import RecordedMarket, recorded

T0 = 1_717_200_000_000  # Saturday 2024-06-01 00:00 UTC
SHARED = Path(__file__).parents[3] / "../shared/data"

Row = tuple[str, int, float, float, float, float, float]


def write(path: Path, rows: list[Row]) -> Path:
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    stamp = pl.col("ts").cast(pl.Datetime("ms", "UTC"))
    frame.with_columns(stamp).write_parquet(path)
    return path


def hours(symbol: str, closes: list[float], first: int = T0) -> list[Row]:
    """Hourly bars that open at the last close, one above and one below, 10 units each."""
    rows, before = [], closes[0]
    for k, close in enumerate(closes):
        top, bottom = max(before, close) + 1, min(before, close) - 1
        rows.append((symbol, first + k * HOUR_MS, before, top, bottom, close, 10.0))
        before = close
    return rows


@pytest.fixture
def market(tmp_path: Path) -> RecordedMarket:
    closes = [100.0 + k for k in range(48)]
    return recorded(write(tmp_path / "a.parquet", hours("AAAUSDT", closes)))


def test_coarser_bars_are_summed_by_hand(market: RecordedMarket) -> None:
    """Hours 4-7 close at 104..107, open at 103: one 4h bar 103/108/102/107 with 40 units."""
    bars = market.bars("AAAUSDT", "4h", T0 + 4 * HOUR_MS, T0 + 8 * HOUR_MS, T0 + DAY_MS)
    assert [column.tolist() for column in bars[:5]] == [[T0 + 4 * HOUR_MS], [103], [108], [102], [107]]
    assert bars.volume.tolist() == [40 * 10 ** market.pairs["AAAUSDT"].amount_decimals]


def test_finer_bars_are_empty(market: RecordedMarket) -> None:
    """1h candles cannot tell 15 minutes; the source says so in `timeframes`."""
    assert len(market.bars("AAAUSDT", "15m", T0, T0 + DAY_MS, T0 + DAY_MS).open_ms) == 0
    assert market.timeframes == ("1h", "4h", "1d", "1w", "1M")
    assert market.finest_timeframe == "1h"


def test_forming_bar_is_the_path_so_far(market: RecordedMarket) -> None:
    """High, low, last and volume of an unfinished bar equal the stretches that make it up."""
    start = T0 + 5 * HOUR_MS
    now, low, high, volume = start, 10**9, 0, 0
    for move in (7_000, 600_000, 1_234_567, 900_000):
        step = market.step_path("AAAUSDT", now, now + move)
        now += move
        low, high, volume = min(low, step.low), max(high, step.high), volume + step.volume
        bar = market.bars("AAAUSDT", "1h", start, now + 1, now)
        assert [int(column[0]) for column in bar[1:6]] == [
            104,
            high,
            low,
            market.price("AAAUSDT", now),
            volume,
        ]
        day = market.bars("AAAUSDT", "1d", T0, now + 1, now)
        assert day.close[-1] == market.price("AAAUSDT", now)
    whole = market.step_path("AAAUSDT", start, start + HOUR_MS - 1)
    assert (whole.low, whole.high) == (103, 106)


def test_future_bars_are_never_shown(market: RecordedMarket) -> None:
    """Nothing that opens after now, whatever the range asked for."""
    bars = market.bars("AAAUSDT", "1h", T0, T0 + 30 * DAY_MS, T0 + 3 * HOUR_MS + 5)
    assert bars.open_ms.tolist() == [T0 + k * HOUR_MS for k in range(4)]


def test_hole_stays_a_hole_and_keeps_the_last_close(tmp_path: Path) -> None:
    """Two hours missing: no bars, price = last close, no volume; then the path goes on."""
    rows = [
        row
        for row in hours("AAAUSDT", [100, 101, 102, 103, 104, 105])
        if row[1] // HOUR_MS % 24 not in (2, 3)
    ]
    market = recorded(write(tmp_path / "a.parquet", rows))
    bars = market.bars("AAAUSDT", "1h", T0, T0 + DAY_MS, T0 + DAY_MS)
    assert ((bars.open_ms - T0) // HOUR_MS).tolist() == [0, 1, 4, 5]
    assert market.price("AAAUSDT", T0 + 3 * HOUR_MS) == 101
    still = market.step_path("AAAUSDT", T0 + 2 * HOUR_MS + 1, T0 + 4 * HOUR_MS - 1)
    assert (still.low, still.high, still.last, still.volume) == (101, 101, 101, 0)
    assert market.price("AAAUSDT", T0 + 4 * HOUR_MS) == 103


def test_impossible_rows_are_kept_out_with_their_reason(tmp_path: Path) -> None:
    """A zero price, an inverted bar, a repeated time, a missing value: four rows, four reasons."""
    rows = hours("AAAUSDT", [100.0] * 9)
    rows[2] = (*rows[2][:2], 0.0, 101.0, 0.0, 100.0, 1.0)
    rows[4] = (*rows[4][:2], 100.0, 90.0, 95.0, 100.0, 1.0)
    rows[6] = (*rows[6][:5], float("nan"), 1.0)
    rows.insert(8, rows[7])
    market = recorded(write(tmp_path / "a.parquet", rows))
    assert [((bad.open_ms or 0) - T0) // HOUR_MS for bad in market.rejected] == [2, 4, 6, 7]
    assert [bad.reason for bad in market.rejected] == [
        "a price is zero or negative",
        "open or close outside high and low",
        "a value is missing or not finite",
        "same symbol and time as the row before",
    ]
    bars = market.bars("AAAUSDT", "1h", T0, T0 + DAY_MS, T0 + DAY_MS)
    assert ((bars.open_ms - T0) // HOUR_MS).tolist() == [0, 1, 3, 5, 7, 8]


def test_two_files_with_one_symbol_are_refused(tmp_path: Path) -> None:
    """The message names the symbol and both files."""
    write(tmp_path / "a.parquet", hours("AAAUSDT", [100, 101]))
    write(tmp_path / "b.parquet", hours("AAAUSDT", [100, 101]))
    with pytest.raises(BadInput, match=r"AAAUSDT is in both a\.parquet and b\.parquet"):
        recorded(tmp_path)


def test_folder_of_different_symbols_is_one_market(tmp_path: Path) -> None:
    """Each file keeps its own timeframe; the finest that all can answer is the coarsest of them."""
    write(tmp_path / "a.parquet", hours("AAAUSDT", [100, 101, 102]))
    daily = [("BBBUSDC", T0 + k * DAY_MS, 1.0, 2.0, 0.5, 1.5, 3.0) for k in range(3)]
    write(tmp_path / "b.parquet", daily)
    market = recorded(tmp_path)
    assert list(market.pairs) == ["AAAUSDT", "BBBUSDC"]
    assert (market.pairs["BBBUSDC"].base, market.pairs["BBBUSDC"].quote) == ("BBB", "USDC")
    assert market.finest_timeframe == "1d"
    assert len(market.bars("BBBUSDC", "1h", T0, T0 + DAY_MS, T0 + DAY_MS).open_ms) == 0
    assert len(market.bars("AAAUSDT", "1h", T0, T0 + DAY_MS, T0 + DAY_MS).open_ms) == 3


def test_prices_are_kept_to_the_last_decimal(tmp_path: Path) -> None:
    """Ticks are as fine as the file writes prices."""
    path = write(tmp_path / "a.parquet", [("AUSDT", T0 + k * HOUR_MS, 0.00001234, 0.0000125, 0.000012, 0.0000123, 1e9) for k in range(2)])  # fmt: skip  # noqa: E501 - one row, seven numbers
    market = recorded(path)
    assert market.pairs["AUSDT"].price_decimals == 8
    assert market.bars("AUSDT", "1h", T0, T0 + 1, T0 + HOUR_MS).open.tolist() == [1234]


def test_snapshot_rolls_over_24_hours(market: RecordedMarket) -> None:
    """At hour 30 the window is hours 6..29: opens at 105, closes at 129, 240 units."""
    shot = market.snapshot(T0 + 30 * HOUR_MS - 1000)
    assert shot.open_24h[0] in (104, 105)
    later = market.snapshot(T0 + 30 * HOUR_MS)
    # The bar that opens right now counts with its open alone: the path has reached it.
    assert (later.open_24h[0], later.last[0], later.high_24h[0], later.low_24h[0]) == (105, 129, 130, 104)
    assert later.volume_24h[0] == 240 * 10 ** market.pairs["AAAUSDT"].amount_decimals
    assert later.bid[0] < later.last[0] < later.ask[0]


def test_start_leaves_history_and_future(tmp_path: Path) -> None:
    """At least 1,000 bars behind and five days ahead where the data is long enough."""
    market = recorded(write(tmp_path / "a.parquet", hours("AAAUSDT", [100.0] * 1400)))
    assert market.default_start_ms - market.first_ms >= 1000 * HOUR_MS
    assert market.last_ms is not None
    assert market.last_ms - market.default_start_ms >= 5 * DAY_MS
    short = recorded(write(tmp_path / "b.parquet", hours("AAAUSDT", [100.0] * 40)))
    assert short.last_ms is not None
    assert short.first_ms < short.default_start_ms < short.last_ms


def test_pair_whose_bars_end_early_is_delisted(tmp_path: Path) -> None:
    """Status 3 where it was gone before the start; later bars are empty and the price stands."""
    rows = hours("AAAUSDT", [100.0] * 2000) + hours("GONEUSDT", [50.0] * 100)
    market = recorded(write(tmp_path / "a.parquet", rows))
    gone = market.pairs["GONEUSDT"]
    assert (gone.status, gone.delisted_ms) == ("3", T0 + 100 * HOUR_MS)
    assert market.price("GONEUSDT", market.default_start_ms) == 50


def test_what_cannot_be_read_is_refused(tmp_path: Path, market: RecordedMarket) -> None:
    """No file, no such symbol, no such columns, no known step, no known quote."""
    with pytest.raises(MissingData, match="no Parquet candles"):
        recorded(tmp_path / "none.parquet")
    with pytest.raises(UnknownSymbol, match="ZZZUSDT"):
        market.price("ZZZUSDT", T0)
    pl.DataFrame({"symbol": ["A"]}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(BadInput, match="columns ts, open"):
        recorded(tmp_path / "c.parquet")
    odd = [("AUSDT", T0 + k * 7 * 60_000, 1.0, 1.0, 1.0, 1.0, 1.0) for k in range(3)]
    with pytest.raises(BadInput, match="420000 ms apart"):
        recorded(write(tmp_path / "d.parquet", odd))
    with pytest.raises(BadInput, match="no quote asset recognised"):
        recorded(write(tmp_path / "e.parquet", hours("AAAXYZ", [10.0, 20.0])))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared real candles are not on this machine")
def test_real_candles_load_and_aggregate() -> None:
    """The 2022 spot file: LUNA's hole stays, days equal their hours, nothing after the start leaks."""
    market = recorded(SHARED / "ohlcv_1h_spot_2022.parquet")
    assert len(market.pairs) == 55
    now = market.default_start_ms
    hole = int(datetime(2022, 5, 20, tzinfo=UTC).timestamp() * 1000)
    assert len(market.bars("LUNAUSDT", "1h", hole, hole + DAY_MS, now).open_ms) == 0
    days = market.bars("BTCUSDT", "1d", now - 30 * DAY_MS, now, now)
    bars = market.bars("BTCUSDT", "1h", now - 30 * DAY_MS, now, now)
    assert np.array_equal(days.high, bars.high.reshape(30, 24).max(axis=1))
    assert np.array_equal(days.volume, bars.volume.reshape(30, 24).sum(axis=1))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared real candles are not on this machine")
def test_zero_price_bar_of_the_daily_file_is_reported() -> None:
    """BCHUSDT 2020-12-14 opens at 0: kept out, and said so."""
    market = recorded(SHARED / "ohlcv_1d_perp.parquet")
    at = int(datetime(2020, 12, 14, tzinfo=UTC).timestamp() * 1000)
    assert market.rejected == [("BCHUSDT", at, "a price is zero or negative")]
