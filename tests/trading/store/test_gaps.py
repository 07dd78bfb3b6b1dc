"""Gaps: holes between stored bars on every grid, and the book of what became of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.market.frames import CANDLES, GAPS
from trading.store import gaps
from trading.store.candles import CandleStore
from trading.store.gaps import GapBook, find_gaps

START = datetime(2025, 1, 1, tzinfo=UTC)
END = START + timedelta(days=900)
AT = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stored(root: Path, timeframe: str, found: dict[str, list[datetime]]) -> CandleStore:
    rows = [(symbol, at, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) for symbol, times in found.items() for at in times]
    store = CandleStore(root)
    store.append(timeframe, pl.DataFrame(rows, schema=CANDLES, orient="row"), tag="t")
    return store


def spans(found: pl.DataFrame) -> list[tuple]:
    return list(found.select("symbol", "start", "end", "bars").iter_rows())


def test_holes_are_between_bars_of_one_symbol(tmp_path: Path) -> None:
    """What is before the first and after the last is none, nor is what lies between two symbols."""
    times = {"A": [START + n * HOUR for n in (0, 1, 4, 30)], "B": [START + n * HOUR for n in (50, 51)]}
    store = stored(tmp_path, "1h", times)
    found = find_gaps(store, "1h", start=START, end=END, at=AT)
    assert spans(found) == [
        ("A", START + 2 * HOUR, START + 4 * HOUR, 2),
        ("A", START + 5 * HOUR, START + 30 * HOUR, 25),
    ]
    assert found.schema == pl.Schema(GAPS)
    assert found.select("timeframe", "state", "found_at", "checked_at").unique().rows() == [
        ("1h", "open", AT, None)
    ]
    assert find_gaps(store, "1h", start=START + 4 * HOUR, end=START + 30 * HOUR, at=AT).is_empty()
    assert find_gaps(store, "1h", start=START, end=END, symbols=["B"], at=AT).is_empty()
    assert find_gaps(store, "1d", start=START, end=END, at=AT).is_empty()
    with pytest.raises(BadInput, match="end must not be before"):
        find_gaps(store, "1h", start=END, end=START, at=AT)


def test_months_follow_the_calendar_and_weeks_the_monday(tmp_path: Path) -> None:
    """28 or 31 days are one month; two missing months are two bars."""
    months = [datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3, 6)]
    store = stored(tmp_path, "1M", {"A": months})
    found = find_gaps(store, "1M", start=START, end=END, at=AT)
    assert spans(found) == [("A", datetime(2025, 4, 1, tzinfo=UTC), months[-1], 2)]
    monday = datetime(2025, 1, 6, tzinfo=UTC)
    store = stored(tmp_path, "1w", {"A": [monday, monday + timedelta(weeks=3)]})
    assert spans(find_gaps(store, "1w", start=START, end=END, at=AT)) == [
        ("A", monday + timedelta(weeks=1), monday + timedelta(weeks=3), 2)
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 20))
def test_gaps_and_bars_together_cover_the_span_whatever_the_chunk(
    tmp_path: Path, slots: set[int], chunk: int
) -> None:
    """Bars plus missing slots = every slot from the first bar to the last; chunks leave no seam."""
    times = [START + n * HOUR for n in sorted(slots)]
    store = stored(tmp_path / f"{hash((frozenset(slots), chunk))}", "1h", {"A": times})
    whole = find_gaps(store, "1h", start=START, end=END, at=AT)
    missing = {
        int((row["start"] - START) / HOUR) + n
        for row in whole.iter_rows(named=True)
        for n in range(row["bars"])
    }
    assert missing == set(range(min(slots), max(slots) + 1)) - slots
    pieces = find_gaps(store, "1h", start=START, end=START + 61 * HOUR, at=AT, chunk_bars=chunk)
    assert pieces.equals(whole)


def gap(
    symbol: str, hours: int = 2, state: str = "open", checked: datetime | None = None, found: datetime = AT
) -> pl.DataFrame:
    row = (symbol, "1h", START, START + hours * HOUR, hours, state, found, checked)
    return pl.DataFrame([row], schema=GAPS, orient="row")


def test_book_keeps_one_line_a_gap_with_its_newest_state(tmp_path: Path) -> None:
    """The first finding's time stands; states are asked for; timeframes are apart."""
    book = GapBook(tmp_path)
    assert book.read().schema == pl.Schema(GAPS)
    book.record(pl.concat([gap("A"), gap("B")]))
    later = AT + HOUR
    book.record(gap("A", state="refetched", checked=later, found=later))
    book.record(gap("A").with_columns(timeframe=pl.lit("1M")))
    book.record(gap("A").with_columns(timeframe=pl.lit("1m")))
    assert book.read("1h").select("symbol", "state", "found_at", "checked_at").rows() == [
        ("A", "refetched", AT, later),
        ("B", "open", AT, None),
    ]
    assert book.read(state="open")["timeframe"].to_list() == ["1M", "1h", "1m"]
    assert len({path.name.lower() for path in (tmp_path / "gaps").glob("*.parquet")}) == 3


def test_confirmed_gap_stays_confirmed_until_it_has_another_end(tmp_path: Path) -> None:
    """Found again it is no news; half filled it is. A refetched one that is found again is open again."""
    book = GapBook(tmp_path)
    book.record(gap("A", state="confirmed", checked=AT))
    assert book.record(gap("A"))["state"].to_list() == ["confirmed"]
    assert book.record(gap("A", hours=1)).select("state", "bars", "checked_at").rows() == [("open", 1, AT)]
    book.record(gap("A", hours=1, state="refetched"))
    assert book.record(gap("A", hours=1))["state"].to_list() == ["open"]


def test_odd_gaps_are_refused_and_the_book_stays(tmp_path: Path) -> None:
    """Unknown state, no bars."""
    book = GapBook(tmp_path)
    book.record(gap("A"))
    for odd in (gap("B", state="gone"), gap("B", hours=0)):
        with pytest.raises(BadInput, match="a gap needs"):
            book.record(odd)
    assert book.read()["symbol"].to_list() == ["A"]


def test_writers_at_once_lose_no_gap(tmp_path: Path) -> None:
    """Each reads, changes and replaces the book alone."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: GapBook(tmp_path).record(gap(f"S{number:02d}")), range(24)))
    assert GapBook(tmp_path).read()["symbol"].to_list() == [f"S{number:02d}" for number in range(24)]
    assert gaps.STATES == ("open", "refetched", "confirmed")
