"""One scan in virtual time: as fast as the limiter allows, only what is missing, nothing stops it."""

import asyncio
from pathlib import Path

import pytest

from tests.trading.scan.fake_venue import AT, BAR_MS, FakeVenue, bars, everything, market, symbols
from tests.trading.scan.virtual import run_virtually
from trading.market.errors import BadPayload, Unreachable
from trading.ohlcv.shelf import Shelf
from trading.scan.account import ScanReport
from trading.scan.progress import Progress
from trading.scan.run import ScanRequest, run_scan
from trading.screening.filters import screen, survivors
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.quarantine import Quarantine

RULES = ScreeningRules(references=())
COLD = ScanRequest(is_cold=True, rules=RULES)
WARM = ScanRequest(rules=RULES)


def scan(
    venue: FakeVenue, root: Path, request: ScanRequest = COLD, told: list[Progress] | None = None
) -> ScanReport:
    listen = None if told is None else told.append
    return run_virtually(run_scan(venue, root, request, on_progress=listen))


def venue_of(count: int, **changes: float) -> FakeVenue:
    return FakeVenue([market(name) for name in symbols(count)], **changes)


@pytest.mark.parametrize("latency_s", [0.01, 0.08, 0.5])
def test_cold_scan_runs_at_the_pace_of_the_limiter(tmp_path: Path, latency_s: float) -> None:
    """600 symbols at 50 a second: weight 1 + 25 + 40 + 600, floor (666 - 12.5) / 50 = 13.07 s."""
    report = scan(venue_of(600, latency_s=latency_s), tmp_path)
    assert (report.requests, report.weight) == (603, 666)
    assert report.floor_s == pytest.approx(13.07)
    # What no client can avoid is added: the ways of the clock, the listing and the last answer.
    assert report.floor_s <= report.elapsed_s <= 1.05 * report.floor_s + 3 * latency_s
    assert report.http_429 == 0
    assert report.wait_s <= report.elapsed_s


def test_one_stage_after_another_is_told_with_symbols_and_costs(tmp_path: Path) -> None:
    """Of 60 listed one is halted: 59 are looked at, all with candles; costs of the stages add up."""
    venue = venue_of(60)
    venue.listed[7] = market("S0007/USDT", status="2", is_scannable=False)
    report = scan(venue, tmp_path)
    stages = {stage.stage: stage for stage in report.stages}
    assert list(stages) == ["listing", "tickers", "prefilter", "candles", "screen"]
    assert (stages["listing"].came_in, stages["listing"].went_out) == (60, 59)
    assert stages["listing"].reason == "status: 1"
    assert (stages["candles"].came_in, stages["candles"].went_out, stages["candles"].weight) == (59, 59, 59)
    assert sum(stage.requests for stage in report.stages) == report.requests
    assert sum(stage.weight for stage in report.stages) == report.weight
    keys = {"stages", "requests", "weight", "elapsed_s", "cpu_s", "floor_s", "ratio", "http_429"}
    assert keys <= set(report.to_dict())


def test_verdicts_are_those_of_the_screen_on_all_candles_at_once(tmp_path: Path) -> None:
    """Measured batch by batch beside the network, or in one go: the same symbols are kept."""
    venue = venue_of(150)
    venue.volume = lambda symbol: 10.0 if symbol < "S0050" else 1e6
    report = scan(venue, tmp_path)
    looks = run_virtually(venue_of(150).tickers())
    expected = survivors(screen(everything(symbols(150)), looks, RULES))
    assert report.kept == expected
    assert 0 < len(expected) < 150


def test_candles_are_asked_for_only_where_the_prefilter_lets_through(tmp_path: Path) -> None:
    """Ten of 80 trade enough: ten requests for candles, and every bar of theirs is stored."""
    venue = venue_of(80)
    venue.volume = lambda symbol: 1e6 if symbol < "S0010" else 5.0
    report = scan(venue, tmp_path, WARM)
    assert sorted(symbol for symbol, _, _ in venue.asked) == symbols(10)
    assert report.symbols == 10
    stored = CandleStore(tmp_path).read("15m")
    assert stored.equals(everything(symbols(10)))


def test_second_scan_asks_only_for_bars_that_are_new(tmp_path: Path) -> None:
    """Four bars later: four slots of each symbol, nothing of those that came since; later still nothing."""
    scan(venue_of(40), tmp_path)
    later = venue_of(40)
    later.clock.advance(4 * BAR_MS)
    report = scan(later, tmp_path, WARM)
    asked_from = {since for _, since, _ in later.asked}
    assert len(later.asked) == 40
    # The two newest bars of a page may still have been changing: they are asked for once more.
    assert all((AT.timestamp() * 1000 - since) <= 3 * BAR_MS for since in asked_from)
    assert report.kept
    again = venue_of(40)
    again.clock.advance(4 * BAR_MS)
    repeated = scan(again, tmp_path, WARM)
    assert again.asked == []
    assert repeated.kept == report.kept


def test_cold_scan_asks_for_everything_again(tmp_path: Path) -> None:
    """Cold means whatever is stored; a bar is stored once all the same."""
    scan(venue_of(20), tmp_path)
    venue = venue_of(20)
    scan(venue, tmp_path)
    assert len(venue.asked) == 20
    assert CandleStore(tmp_path).read("15m").equals(everything(symbols(20)))


def test_long_windows_come_in_pages_of_one_symbol_after_another(tmp_path: Path) -> None:
    """1,200 bars are three pages; the store has no hole, and a symbol is judged on all of them."""
    venue = venue_of(12)
    report = scan(venue, tmp_path, ScanRequest(is_cold=True, bars=1_200, rules=RULES))
    assert [symbol for symbol, _, _ in venue.asked] == [name for name in symbols(12) for _ in range(3)]
    assert CandleStore(tmp_path).read("15m").equals(everything(symbols(12), 1_200))
    assert report.symbols == 12


def test_one_bad_symbol_and_one_bad_row_stop_nothing(tmp_path: Path) -> None:
    """The symbol is named with its reason, the row is set aside, 48 others are judged."""
    venue = venue_of(50)
    venue.fault = lambda symbol: BadPayload("truncated") if symbol == "S0003/USDT" else None
    venue.odd = {"S0004/USDT"}
    report = scan(venue, tmp_path)
    assert report.failed == {"S0003/USDT": "BadPayload: truncated"}
    assert report.quarantined == {"malformed": 1}
    assert Quarantine(tmp_path).read()["symbol"].to_list() == ["S0004/USDT"]
    assert {stage.stage: stage.went_out for stage in report.stages}["candles"] == 49


def test_venue_that_is_down_leaves_what_was_there(tmp_path: Path) -> None:
    """No listing: the error says what was tried, and no file has changed."""
    scan(venue_of(5), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    venue = venue_of(5)
    venue.down = Unreachable("no listing to be had. Tried ccxt, then plain HTTP")
    with pytest.raises(Unreachable, match="Tried ccxt, then plain HTTP"):
        scan(venue, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


def test_venue_that_goes_away_in_the_middle_keeps_what_came(tmp_path: Path) -> None:
    """Down after 100 answers: those are stored and judged, the others named."""
    venue = venue_of(400)
    venue.fault = lambda symbol: Unreachable("gone") if symbol >= "S0100" else None
    report = scan(venue, tmp_path)
    assert CandleStore(tmp_path).read("15m")["symbol"].n_unique() == 100
    assert len(report.failed) == 300
    assert len(venue.asked) < 250


def test_interrupted_scan_keeps_what_came_and_the_next_goes_on(tmp_path: Path) -> None:
    """Cancelled after 120 answers: they are stored whole, and the warm scan asks for the rest only."""
    venue = venue_of(300)

    async def interrupted() -> None:
        half = asyncio.Event()

        def watch(progress: Progress) -> None:
            if progress.stage == "candles" and progress.done >= 120:
                half.set()

        scanning = asyncio.create_task(run_scan(venue, tmp_path, COLD, on_progress=watch))
        await half.wait()
        scanning.cancel()
        await scanning

    with pytest.raises(asyncio.CancelledError):
        run_virtually(interrupted())
    stored = CandleStore(tmp_path).read("15m")
    came = set(stored["symbol"])
    assert len(came) >= 120
    assert set(stored.group_by("symbol").len()["len"]) == {500}
    after = venue_of(300)
    scan(after, tmp_path, ScanRequest(rules=RULES, symbols=300))
    assert {symbol for symbol, _, _ in after.asked} == set(symbols(300)) - came


def test_look_at_the_market_is_kept(tmp_path: Path) -> None:
    """Who asks later what was listed and traded then finds markets and tickers of this scan."""
    scan(venue_of(9), tmp_path)
    lake = Lake(tmp_path)
    assert lake.read("markets").height == lake.read("tickers").height == 9
    assert lake.latest("tickers").created_at == AT


def test_most_traded_come_first_when_fewer_are_wanted(tmp_path: Path) -> None:
    """`symbols` 5, cold or warm: the five with the largest volume."""
    for place, request in enumerate((COLD, WARM)):
        venue = venue_of(30)
        venue.volume = lambda symbol: 1e6 + int(symbol[1:5])
        scan(venue, tmp_path / str(place), ScanRequest(request.is_cold, symbols=5, rules=RULES))
        assert {symbol for symbol, _, _ in venue.asked} == set(symbols(30)[-5:])


def test_progress_counts_up_with_a_time_left_that_respects_the_limiter(tmp_path: Path) -> None:
    """Never less than what is left over 50 a second, also while the bucket's burst is being spent."""
    told: list[Progress] = []
    scan(venue_of(300, burst=100), tmp_path, told=told)
    candles = [progress for progress in told if progress.stage == "candles"]
    assert [progress.done for progress in candles] == list(range(301))
    assert all(progress.eta_s >= (300 - progress.done) / 50 for progress in candles)
    assert candles[-1].eta_s == 0
    assert [progress.stage for progress in told[:2]] == ["listing", "tickers"]


def test_empty_venue_is_an_answer(tmp_path: Path) -> None:
    """Nothing listed: nothing asked, nothing kept, no crash."""
    report = scan(venue_of(0), tmp_path)
    assert (report.symbols, report.kept, report.requests) == (0, [], 3)


def test_young_listing_is_not_asked_for_again(tmp_path: Path) -> None:
    """S0003 has bars of one day only, asked for over five: the warm scan drops it by age, before candles."""
    shelf, end = Shelf.at(tmp_path), int(AT.timestamp() * 1000) // BAR_MS * BAR_MS
    shelf.candles.append("15m", bars("S0003/USDT", end - 96 * BAR_MS, end), tag="born")
    shelf.coverage.record("15m", [("S0003/USDT", end - 500 * BAR_MS, end)])
    venue = venue_of(8)
    venue.clock.advance(BAR_MS)
    report = scan(venue, tmp_path, WARM)
    assert {symbol for symbol, _, _ in venue.asked} == set(symbols(8)) - {"S0003/USDT"}
    assert {stage.stage: stage.reason for stage in report.stages}["prefilter"] == "young: 1"
