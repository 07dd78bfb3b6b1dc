"""Where a name starts to mean another thing: by hand, and on the real candles of LUNA."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.market.instruments import cut
from trading.universe.current import bring_forward
from trading.universe.epochs import find_epochs

SHARED = Path(__file__).parents[4] / "shared" / "data"
START = datetime(2025, 3, 1, tzinfo=UTC)
AT = START + timedelta(days=20)


def bars(closes: list[float], volumes: list[float] | None = None, *, hours: list[int] | None = None):
    """Hourly bars of AAA/USDT; each opens at its close's level, one per cent high and low."""
    at = hours or list(range(len(closes)))
    return pl.DataFrame(
        {
            "symbol": ["AAA/USDT"] * len(closes),
            "open_time": [START + timedelta(hours=hour) for hour in at],
            "open": closes,
            "high": [close * 1.01 for close in closes],
            "low": [close * 0.99 for close in closes],
            "close": closes,
            "volume": volumes or [1000.0] * len(closes),
            "quote_volume": closes,
        }
    ).with_columns(pl.col("open_time").dt.cast_time_unit("ms"))


def listing(**changes: object) -> pl.DataFrame:
    row = {"symbol": "AAA/USDT", "status": "1", "tick": 0.01, "step": 0.1, "full_name": "Aaa"}
    return pl.DataFrame([row | changes])


def forward(known, candles, **changes):
    return bring_forward(known, listing(**changes), [candles], bar_ms=3_600_000, at=AT)


def test_hole_with_another_price_behind_it_is_a_relisting():
    """Two days without a bar, then a tenth of the price."""
    hours = [*range(30), *range(80, 110)]
    epochs, _ = find_epochs(bars([100.0] * 30 + [10.0] * 30, hours=hours))
    assert epochs.select("start", "reason").rows() == [(START + timedelta(hours=80), "relisted")]


def test_hole_with_the_same_price_behind_it_is_a_hole():
    """Maintenance is no relisting."""
    hours = [*range(30), *range(80, 110)]
    assert find_epochs(bars([100.0] * 30 + [110.0] * 30, hours=hours))[0].is_empty()


def test_split_needs_the_traded_amount_to_move_the_other_way():
    """1:10 with ten times the amount is a split; with the same amount it is a flag for a person."""
    prices = [100.0] * 30 + [10.0] * 30
    epochs, _ = find_epochs(bars(prices, [1000.0] * 30 + [10_000.0] * 30))
    assert epochs["reason"].to_list() == ["split"]
    epochs, flags = find_epochs(bars(prices))
    assert epochs.is_empty()
    assert "gap" in flags["kind"].to_list()


def test_one_bad_bar_starts_nothing():
    """A price that is back with the next bar is a bad print."""
    prices = [100.0] * 30 + [10.0] + [100.0] * 29
    assert find_epochs(bars(prices, [1000.0] * 30 + [10_000.0] + [1000.0] * 29))[0].is_empty()


@pytest.mark.parametrize("change", [{"tick": 0.0001}, {"step": 10.0}, {"full_name": "Another"}])
def test_changed_listing_starts_a_new_instrument(change):
    """Tick, step or name: the table gains a row, the old one ends, and its id stays."""
    candles = bars([100.0] * 48)
    first = forward(None, candles).instruments
    second = forward(first, candles, **change)
    assert second.instruments.height == 2
    assert second.started == tuple(second.instruments.filter(pl.col("end").is_null())["instrument_id"])
    assert first["instrument_id"][0] in second.instruments["instrument_id"].to_list()


def test_the_same_look_again_changes_nothing():
    """Ids are for good."""
    candles = bars([100.0] * 48)
    first = forward(None, candles)
    again = forward(first.instruments, candles)
    assert again.instruments.equals(first.instruments)
    assert again.started == ()


def test_only_bars_of_the_present_instrument_are_read():
    """What came before the relisting is gone from every series; other names keep all."""
    hours = [*range(30), *range(80, 110)]
    candles = bars([100.0] * 30 + [10.0] * 30, hours=hours)
    table = forward(None, candles).instruments
    other = candles.with_columns(symbol=pl.lit("BBB/USDT"))
    kept = cut(pl.concat([candles, other]), table)
    assert kept.filter(symbol="AAA/USDT")["close"].to_list() == [10.0] * 30
    assert kept.filter(symbol="BBB/USDT").height == 60


REAL = pytest.mark.skipif(not SHARED.exists(), reason="the shared real candles are not on this machine")


def real(name: str) -> pl.DataFrame:
    return pl.read_parquet(SHARED / f"{name}.parquet").rename({"ts": "open_time"})


@REAL
def test_luna_is_two_instruments_and_its_crash_is_one():
    """The relisting of 2022-05-31 06:00 cuts; the fall from 99 to 0.00005 before it is flagged only."""
    epochs, flags = find_epochs(real("ohlcv_1h_spot_2022"))
    assert epochs.select("symbol", "start").rows() == [("LUNAUSDT", datetime(2022, 5, 31, 6, tzinfo=UTC))]
    crash = flags.filter(symbol="LUNAUSDT", kind="crash")
    assert crash["at"].min() < datetime(2022, 5, 13, tzinfo=UTC)


@REAL
@pytest.mark.parametrize("name", ["ohlcv_1h_perp", "ohlcv_15m_perp", "ohlcv_1d_perp", "ohlcv_5m_spot"])
def test_no_other_recorded_name_is_cut(name):
    """2.68 million bars of 340 names, crashes among them: not one false epoch."""
    assert find_epochs(real(name))[0].is_empty()


@REAL
def test_indicators_after_a_relisting_do_not_see_what_was_before():
    """LUNA's table is the same whether the old coin's bars are stored or not."""
    from trading.indicators.table import indicator_table

    candles = real("ohlcv_1h_spot_2022").filter(pl.col("symbol") == "LUNAUSDT")
    candles = candles.with_columns(quote_volume=pl.col("close") * pl.col("volume"))
    epochs, _ = find_epochs(candles)
    born = epochs["start"][0]
    row = {"symbol": "LUNAUSDT", "status": "1", "tick": 1e-4, "step": 0.01, "full_name": "Terra"}
    table = bring_forward(None, pl.DataFrame([row]), [candles], bar_ms=3_600_000, at=AT).instruments
    with_history = indicator_table(cut(candles, table))
    assert with_history.equals(indicator_table(candles.filter(pl.col("open_time") >= born)))
    assert with_history.height == candles.filter(pl.col("open_time") >= born).height


@REAL
def test_backfilled_bars_reveal_the_coin_before_and_change_no_id():
    """First only bars from September are held, then all: old LUNA appears, new LUNA keeps its id."""
    candles = real("ohlcv_1h_spot_2022").filter(pl.col("symbol") == "LUNAUSDT")
    row = {"symbol": "LUNAUSDT", "status": "1", "tick": 1e-4, "step": 0.01, "full_name": "Terra"}
    told, at = pl.DataFrame([row]), candles["open_time"].max()
    late = candles.filter(pl.col("open_time") >= datetime(2022, 9, 5, tzinfo=UTC))
    first = bring_forward(None, told, [late], bar_ms=3_600_000, at=at)
    name = first.instruments["instrument_id"].item()
    found = bring_forward(first.instruments, told, [candles], bar_ms=3_600_000, at=at)
    rows = found.instruments.select("instrument_id", "start", "end", "reason").rows()
    begun, gone, born = (datetime(2022, *when, tzinfo=UTC) for when in ((4, 15), (5, 13, 1), (5, 31, 6)))
    assert rows == [("LUNAUSDT#20220415T0000", begun, gone, "first_seen"), (name, born, None, "relisted")]
    assert found.started == ()
    again = bring_forward(found.instruments, told, [candles], bar_ms=3_600_000, at=at)
    assert again.instruments.equals(found.instruments)


def test_older_bars_without_an_epoch_only_move_the_start_back():
    """The same coin, held for longer now."""
    first = forward(None, bars([100.0] * 10, hours=list(range(100, 110)))).instruments
    later = forward(first, bars([100.0] * 110)).instruments
    assert later["instrument_id"].to_list() == first["instrument_id"].to_list()
    assert later["start"].to_list() == [START]
