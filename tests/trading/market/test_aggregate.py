"""Long bars of short ones: complete only, exact prices, sums within their bound, and the comparison."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.aggregate import aggregate, aggregate_mismatches
from trading.market.errors import BadInput
from trading.market.frames import CANDLES
from trading.market.timeframes import TIMEFRAMES, from_ms, to_ms

MINUTE = timedelta(minutes=1)
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday; February has 29 days


def minutes(start: datetime, count: int, symbol: str = "A/USDT", seed: int = 1) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    body = np.rint(draw.uniform(900, 1100, (2, count))) / 100
    wick = np.rint(draw.uniform(0, 50, (2, count))) / 100
    volume = np.rint(draw.lognormal(3, 2, count) * 1e4) / 1e4
    return pl.DataFrame(
        {
            "symbol": [symbol] * count,
            "open_time": [start + n * MINUTE for n in range(count)],
            "open": body[0],
            "high": body.max(0) + wick[0],
            "low": body.min(0) - wick[1],
            "close": body[1],
            "volume": volume,
            "quote_volume": volume * body[1],
        },
        schema=CANDLES,
    )


def test_five_minutes_by_hand() -> None:
    """First open, highest high, lowest low, last close, sums."""
    rows = [
        (10.0, 12.0, 9.0, 11.0, 1.0, 10.5),
        (11.0, 11.5, 8.0, 8.5, 0.0, 0.0),
        (8.5, 9.0, 8.2, 8.9, 2.5, 22.0),
    ]
    frame = pl.DataFrame(
        [("A", NEW_YEAR + n * MINUTE, *rows[min(n, 2)]) for n in range(5)], schema=CANDLES, orient="row"
    )
    assert aggregate(frame.reverse(), "5m").row(0)[1:] == (NEW_YEAR, 10.0, 12.0, 8.0, 8.9, 8.5, 76.5)


@pytest.mark.parametrize("name", ["5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M"])
def test_every_length_opens_on_its_own_grid_and_only_whole_bars_count(name: str) -> None:
    """Against plain Python: floor each minute with the calendar's own arithmetic, keep full groups."""
    frame = minutes(NEW_YEAR - 3 * timedelta(days=1), 62 * 1440)
    bar = TIMEFRAMES[name]
    groups: dict[int, list[tuple]] = {}
    for row in frame.iter_rows():
        groups.setdefault(bar.floor_ms(to_ms(row[1])), []).append(row)
    whole = {at: rows for at, rows in groups.items() if len(rows) * 60_000 == bar.next_ms(at) - at}
    ours = aggregate(frame, name)
    assert ours["open_time"].to_list() == [from_ms(at) for at in sorted(whole)]
    assert whole
    for bars, row in zip((whole[at] for at in sorted(whole)), ours.iter_rows(named=True), strict=True):
        assert (row["open"], row["close"]) == (bars[0][2], bars[-1][5])
        assert (row["high"], row["low"]) == (max(b[3] for b in bars), min(b[4] for b in bars))
        for column, name_ in ((6, "volume"), (7, "quote_volume")):
            exact = math.fsum(b[column] for b in bars)
            assert abs(row[name_] - exact) <= (len(bars) - 1) * 2**-53 * exact


def test_a_missing_minute_spoils_its_bars_unless_it_is_known_to_be_quiet() -> None:
    """Also over the edges of a bar; a minute that is there is not counted twice; no minute, no bar."""
    frame = minutes(NEW_YEAR, 60)
    holes = frame.filter(
        ~pl.col("open_time").is_between(NEW_YEAR + 3 * MINUTE, NEW_YEAR + 11 * MINUTE, closed="left")
    )
    assert aggregate(holes, "5m").height == 9
    assert aggregate(holes, "1h").is_empty()

    def known(symbol: str, first: int, last: int) -> pl.DataFrame:
        span = [(symbol, NEW_YEAR + first * MINUTE, NEW_YEAR + last * MINUTE)]
        return pl.DataFrame(span, schema=["symbol", "start", "end"], orient="row")

    quiet = aggregate(holes, "5m", quiet=known("A/USDT", 3, 11))
    assert quiet["open_time"].to_list() == [NEW_YEAR + 5 * n * MINUTE for n in range(12) if n != 1]
    assert quiet["close"][0] == frame["close"][2]
    assert aggregate(holes, "1h", quiet=known("A/USDT", 3, 11)).height == 1
    assert aggregate(holes, "1h", quiet=known("A/USDT", 3, 10)).is_empty()
    assert aggregate(holes, "1h", quiet=known("B/USDT", 3, 11)).is_empty()
    # Said to be quiet, but one of them is stored and another is not said: still incomplete.
    assert aggregate(holes, "1h", quiet=known("A/USDT", 2, 10)).is_empty()
    twice = pl.concat([known("A/USDT", 3, 9), known("A/USDT", 5, 11)])
    assert aggregate(holes, "1h", quiet=twice).height == 1


def test_symbols_do_not_mix_and_order_does_not_matter() -> None:
    """The same bars in any order give the same bits."""
    frame = pl.concat([minutes(NEW_YEAR, 30, "B"), minutes(NEW_YEAR, 30, "A", seed=2)])
    ours = aggregate(frame, "15m")
    assert ours["symbol"].to_list() == ["A", "A", "B", "B"]
    for seed in range(5):
        assert aggregate(frame.sample(fraction=1, shuffle=True, seed=seed), "15m").equals(ours)
    assert (
        aggregate(ours, "30m", source="15m")["close"].to_list() == aggregate(frame, "30m")["close"].to_list()
    )


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 59)), st.sampled_from(["5m", "15m", "30m", "1h"]))
def test_what_is_there_and_what_is_quiet_together_make_a_bar(missing: set[int], name: str) -> None:
    """Any set of missing minutes, all known to be quiet: every bar with a minute left is complete."""
    frame = minutes(NEW_YEAR, 60)
    left = [n for n in range(60) if n not in missing]
    spans = [("A/USDT", NEW_YEAR + n * MINUTE, NEW_YEAR + (n + 1) * MINUTE) for n in missing]
    quiet = pl.DataFrame(
        spans,
        schema={"symbol": pl.String, "start": CANDLES["open_time"], "end": CANDLES["open_time"]},
        orient="row",
    )
    size = TIMEFRAMES[name].ms // 60_000
    there = frame[left]
    full = [n for n in range(60 // size) if not missing & set(range(n * size, (n + 1) * size))]
    assert aggregate(there, name).height == len(full)
    assert aggregate(there, name, quiet=quiet).height == len({n // size for n in left})


def test_bad_lengths_and_rows_are_refused_by_name() -> None:
    """Shorter from longer, months from weeks, off the grid, twice."""
    frame = minutes(NEW_YEAR, 5)
    for source, target in (("5m", "1m"), ("1m", "1m"), ("1w", "1M"), ("1M", "1w")):
        with pytest.raises(BadInput, match="cannot be made of"):
            aggregate(frame, target, source=source)
    with pytest.raises(BadInput, match="came twice"):
        aggregate(pl.concat([frame, frame]), "5m")
    with pytest.raises(BadInput, match="grid"):
        aggregate(frame.with_columns(pl.col("open_time") + timedelta(seconds=1)), "5m")
    assert aggregate(frame.clear(), "5m").schema == pl.Schema(CANDLES)


def test_mismatches_name_bar_column_and_size() -> None:
    """Within the tolerance nothing; a bar they lack is named; one we lack is no mismatch."""
    ours = aggregate(minutes(NEW_YEAR, 60), "15m")
    assert aggregate_mismatches(ours, ours).is_empty()
    near = ours.with_columns(pl.col("volume") * (1 + 1e-12))
    assert aggregate_mismatches(ours, near).is_empty()
    assert aggregate_mismatches(ours, near, rel=0.0)["column"].to_list() == ["volume"] * 4
    theirs = ours.with_columns(
        close=pl.when(pl.col("open_time") == NEW_YEAR).then(pl.col("close") * 2).otherwise("close")
    )[:3]
    found = aggregate_mismatches(ours, theirs)
    assert found.select("open_time", "column", "difference").rows() == [
        (NEW_YEAR, "close", 0.5),
        (NEW_YEAR + 45 * MINUTE, "missing", math.inf),
    ]
    assert aggregate_mismatches(theirs, ours).height == 1
    odd = ours.with_columns(high=pl.lit(math.nan), low=pl.lit(None, dtype=pl.Float64), volume=pl.lit(0.0))
    assert set(aggregate_mismatches(ours, odd)["column"]) == {"high", "low", "volume"}
    assert aggregate_mismatches(
        odd.with_columns(high=1.0, low=1.0), odd.with_columns(high=1.0, low=1.0)
    ).is_empty()
    with pytest.raises(BadInput, match="at least 0"):
        aggregate_mismatches(ours, ours, rel=math.nan)
