"""What a scan asks for: windows of closed bars, and what the ledger tells about births."""

from pathlib import Path

import polars as pl
import pytest

from tests.trading.scan.fake_venue import AT, BAR_MS, bars
from trading.exchange.scan import Batch
from trading.market.errors import BadInput, UnknownTimeframe
from trading.market.frames import CANDLES, QUARANTINE, empty
from trading.market.timeframes import from_ms, to_ms
from trading.ohlcv.shelf import Shelf
from trading.scan.candles import Harvest, births, plan, scan_window, whole_minutes
from trading.scan.request import ScanRequest


@pytest.mark.parametrize(
    ("timeframe", "bars_wanted", "start", "end"),
    [
        ("15m", 4, "2025-03-03T11:00", "2025-03-03T12:00"),
        ("1h", 2, "2025-03-03T10:00", "2025-03-03T12:00"),
        ("1w", 2, "2025-02-17T00:00", "2025-03-03T00:00"),
        ("1M", 3, "2024-12-01T00:00", "2025-03-01T00:00"),
    ],
)
def test_window_holds_the_last_closed_bars(timeframe: str, bars_wanted: int, start: str, end: str) -> None:
    """At 12:07 the bar of 12:00 is open; weeks begin on Mondays, months are of unlike length."""
    window = scan_window(ScanRequest(timeframe=timeframe, bars=bars_wanted), AT)
    assert [from_ms(edge).isoformat()[:16] for edge in window] == [start, end]


def test_first_bar_is_a_birth_only_where_days_before_it_were_asked_for(tmp_path: Path) -> None:
    """NEW has a day of bars, asked for from ten days back. LATE was never asked for before: who knows."""
    shelf, end = Shelf.at(tmp_path), to_ms(AT) // BAR_MS * BAR_MS
    start, yesterday = end - 10 * 86_400_000, end - 96 * BAR_MS
    for name, since in (("NEW/USDT", yesterday), ("LATE/USDT", yesterday), ("OLD/USDT", start)):
        shelf.candles.append("15m", bars(name, since, end), tag=name[:3])
    asked = [("NEW/USDT", start, end), ("OLD/USDT", start, end), ("LATE/USDT", yesterday, end)]
    shelf.coverage.record("15m", asked)
    assert births(shelf, "15m", AT, 2.0) == {"NEW/USDT": from_ms(yesterday)}
    assert births(shelf, "15m", AT, 0.5) == {}
    assert births(shelf, "15m", AT, None) == {}
    assert births(Shelf.at(tmp_path / "empty"), "15m", AT, 2.0) == {}


def test_minutes_count_only_where_every_one_was_asked_for(tmp_path: Path) -> None:
    """Ten minutes: FULL was asked for all of them, HALF for five; a bar that is still open is not read."""
    shelf, end = Shelf.at(tmp_path), to_ms(AT) // 60_000 * 60_000
    assert whole_minutes(shelf, AT, 10) is None
    for name in ("FULL/USDT", "HALF/USDT"):
        opens = [from_ms(end - n * 60_000) for n in range(12)]
        rows = [(name, at, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) for at in opens]
        shelf.candles.append("1m", pl.DataFrame(rows, schema=CANDLES, orient="row"), tag=name[:4])
    asked = [("FULL/USDT", end - 600_000, end), ("HALF/USDT", end - 300_000, end)]
    shelf.coverage.record("1m", asked)
    found = whole_minutes(shelf, AT, 10)
    assert found is not None
    assert (found["symbol"].unique().to_list(), found.height) == (["FULL/USDT"], 10)
    assert found["open_time"].max() == from_ms(end - 60_000)
    assert whole_minutes(shelf, AT, 11) is None
    assert whole_minutes(shelf, AT, 0) is None


def test_symbol_with_impossible_stored_bars_fails_alone(tmp_path: Path) -> None:
    """A high below a low in the store (damage, not the venue): that symbol is told, the other is measured."""
    shelf, end = Shelf.at(tmp_path), to_ms(AT) // BAR_MS * BAR_MS
    sound = bars("SOUND/USDT", end - 300 * BAR_MS, end)
    broken = bars("BROKEN/USDT", end - 300 * BAR_MS, end)
    broken = broken.with_columns(high=broken["low"] / 2)
    request = ScanRequest(bars=300)
    harvest = Harvest(shelf, request, plan(shelf, request, ["BROKEN/USDT", "SOUND/USDT"], AT))
    wants = [page.want for page in harvest._plan.pages]
    for frame in (broken, sound):
        own = [want for want in wants if want.symbol == frame["symbol"][0]]
        harvest.take(Batch(frame, own, empty(QUARANTINE)))
    assert harvest.finish()["symbol"].to_list() == ["SOUND/USDT"]
    assert list(harvest.failed) == ["BROKEN/USDT"]
    assert harvest.failed["BROKEN/USDT"].startswith("InvalidBars")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"timeframe": "7m"}, UnknownTimeframe),
        ({"bars": 0}, BadInput),
        ({"bars": 20_001}, BadInput),
        ({"symbols": 0}, BadInput),
    ],
)
def test_request_out_of_bounds_is_refused_with_its_value(
    wrong: dict[str, object], error: type[Exception]
) -> None:
    """One sentence with value and bound."""
    with pytest.raises(error, match=str(next(iter(wrong.values())))):
        ScanRequest(**wrong)
