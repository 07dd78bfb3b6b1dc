"""kill -9 at random moments of a backfill: afterwards the store is what an uninterrupted one is.

Real processes: `sluice data backfill` against `sluice exchange serve`, whose request log says what was
asked for. The ledger on disk at each kill says what need not be asked for again.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
import polars as pl
import pytest

from tests.integration.exchange_process import ROOT, ExchangeProcess, exchange_process
from trading.market.lineage import content_hash
from trading.ohlcv.coverage import Coverage
from trading.ohlcv.shelf import LEDGER
from trading.store.candles import CandleStore

NOW = datetime(2025, 3, 10, 12, 3, tzinfo=UTC)
SYMBOLS = 40
# Slow enough that a kill can hit any stage, quick enough for a test.
RATE = 250
LIFE_S = 120.0


@dataclass
class Venue:
    """The exchange and its request log."""

    process: ExchangeProcess
    log: Path
    _read: int = 0

    def pages(self) -> list[tuple[str, int, int]]:
        """Return symbol, start and end of the candle pages asked for since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            raw = file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        self._read += len(whole)
        asked = [orjson.loads(line) for line in whole.splitlines()]
        return [
            (one["params"]["symbol"], int(one["params"]["startTime"]), int(one["params"]["endTime"]))
            for one in asked
            if one["path"].endswith("/klines")
        ]

    def count(self) -> int:
        """Return how many candle pages were asked for since the last call of `pages`."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            return file.read().count(b"/klines")


@dataclass
class Home:
    """One world's folder and the backfill that fills it."""

    folder: Path
    venue: Venue
    timeframe: str
    first: str
    last: str
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def store(self) -> CandleStore:
        return CandleStore(self.folder / "default" / "lake")

    def start(self) -> subprocess.Popen[bytes]:
        """Start `sluice data backfill` in a process of its own."""
        arguments = ["--from", self.first, "--to", self.last, "--timeframe", self.timeframe, "--json"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        environment |= {
            "SLUICE_HOME": str(self.folder),
            "SLUICE_EXCHANGE__BASE_URL": self.venue.process.base,
            "SLUICE_EXCHANGE__RATE_PER_S": str(RATE),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "interfaces.cli", "data", "backfill", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def finish(self) -> list[tuple[str, int, int]]:
        """Let one backfill run to its end; return the pages it asked for."""
        assert self.start().wait(LIFE_S) == 0
        return self.venue.pages()

    def live(self, pages: int, seconds: float) -> list[tuple[str, int, int]]:
        """Kill a backfill `seconds` after it has asked for `pages` pages; return what it asked for."""
        process = self.start()
        try:
            deadline = time.monotonic() + LIFE_S
            while self.venue.count() < pages and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(seconds)
        finally:
            process.kill()
            process.wait()
        return self.venue.pages()

    def answered(self) -> dict[str, list[tuple[int, int]]]:
        """Return what the ledger holds: venue's symbol -> spans."""
        spans = Coverage(self.folder / "default" / "lake" / LEDGER).spans(self.timeframe)
        return {symbol.replace("/", ""): own for symbol, own in spans.items()}

    def bars(self) -> pl.DataFrame:
        return self.store.read(self.timeframe)


@pytest.fixture(scope="module")
def venue(tmp_path_factory) -> Iterator[Venue]:
    """A market that stands still, so that every backfill is asked the same question."""
    log = tmp_path_factory.mktemp("venue") / "requests.jsonl"
    with exchange_process(
        *("--symbols", str(SYMBOLS), "--start", NOW.isoformat(), "--speed", "0", "--rate", "0"),
        *("--json-log", str(log)),
    ) as running:
        log.touch()
        yield Venue(running, log)


def overlapping(page: tuple[str, int, int], answered: dict[str, list[tuple[int, int]]]) -> bool:
    symbol, start, end = page
    return any(first < end and start < last for first, last in answered.get(symbol, []))


def settled(page: tuple[str, int, int], answered: dict[str, list[tuple[int, int]]]) -> bool:
    symbol, start, end = page
    return any(first <= start and end <= last for first, last in answered.get(symbol, []))


def moments(rng: random.Random, kills: int, pages: int) -> Iterator[tuple[int, float]]:
    """Give pages asked for and seconds after that: spread over the fetch, the last ones after it."""
    late = max(kills // 10, 1)
    for _ in range(kills - late):
        yield rng.randint(0, 2 * pages // kills), rng.uniform(0, 0.1)
    for _ in range(late):
        yield 10 * pages, rng.uniform(0, 0.3)


def check(home: Home, whole: Home, kills: int, seed: int) -> str:
    reference_pages = whole.finish()
    reference = whole.bars()
    rng, lost, again, refetched = random.Random(seed), 0, 0, 0
    for place, (pages, seconds) in enumerate(moments(rng, kills, len(reference_pages))):
        before = home.answered()
        is_late = pages > len(reference_pages)
        asked = home.live(0 if is_late else pages, rng.uniform(0.8, 2.5) if is_late else seconds)
        again += len(asked)
        # Nothing that was answered and written down is asked for again, not even a bar of it.
        refetched += sum(overlapping(page, before) for page in asked)
        after = home.answered()
        lost += sum(not settled(page, after) for page in asked)
        # Whatever can be read is right: no part of a page or a file is ever seen.
        stray = home.bars().join(reference, on=list(reference.columns), how="anti", nulls_equal=True)
        assert stray.is_empty(), f"kill {place}: {stray.height} bars that the venue never gave"
    before = home.answered()
    final = home.finish()
    refetched += sum(overlapping(page, before) for page in final)
    again += len(final)
    assert refetched == 0
    assert content_hash(home.bars()) == content_hash(reference)
    for day in whole.store.dates(home.timeframe):
        assert_same_day(home, whole, day)
    assert again <= len(reference_pages) + lost
    return (
        f"{kills} kills: {reference.height:,} bars equal by content; "
        f"{len(reference_pages):,} pages if left alone, "
        f"{again:,} in {kills + 1} lives, {lost:,} asked for and not written down at a kill, "
        f"{refetched} asked for again after they were"
    )


def assert_same_day(home: Home, whole: Home, day: str) -> None:
    at = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    ours, theirs = (one.store.version(one.timeframe, day, at=at) for one in (home, whole))
    assert ours.content_hash == theirs.content_hash, day


def homes(tmp_path: Path, venue: Venue, *span: str) -> Sequence[Home]:
    return [Home(tmp_path / name, venue, *span) for name in ("killed", "whole")]


def test_five_kills_lose_nothing_and_ask_for_nothing_twice(venue, tmp_path, capsys):
    """Sixty days of quarters of 40 symbols: 480 pages."""
    killed, whole = homes(tmp_path, venue, "15m", "2025-01-05", "2025-03-05")
    said = check(killed, whole, kills=5, seed=5)
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")


@pytest.mark.slow
def test_fifty_kills_lose_nothing_and_ask_for_nothing_twice(venue, tmp_path, capsys):
    """Eight days of minutes of 40 symbols, killed fifty times."""
    killed, whole = homes(tmp_path, venue, "1m", "2025-02-28", "2025-03-07")
    said = check(killed, whole, kills=50, seed=50)
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")
