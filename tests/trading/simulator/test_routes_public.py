"""Candles and tickers over HTTP: which bars, how many, in which order."""

from typing import Any

import pytest

from tests.trading.simulator.handmade import START_MS

MINUTE = 60_000


@pytest.mark.parametrize(
    ("params", "minutes"),
    [
        ({}, [55, 60]),
        ({"startTime": START_MS + 5 * MINUTE, "limit": 3}, [5, 10, 15]),
        ({"startTime": START_MS + 50 * MINUTE}, [50, 55, 60]),
        ({"startTime": START_MS, "endTime": START_MS + 15 * MINUTE}, [0, 5, 10]),
        ({"startTime": START_MS + 1, "endTime": START_MS + 15 * MINUTE + 1}, [5, 10, 15]),
        ({"endTime": START_MS + 20 * MINUTE, "limit": 2}, [10, 15]),
        ({"startTime": START_MS + 65 * MINUTE}, []),
        ({"startTime": START_MS + 10 * MINUTE, "endTime": START_MS + 5 * MINUTE}, []),
    ],
)  # fmt: skip
def test_klines_hold_the_bars_that_open_in_the_window(
    client: Any, params: dict[str, int], minutes: list[int]
) -> None:
    """[startTime, endTime), oldest first from a start, the newest without one; an hour has passed."""
    client.forward(60 * MINUTE)
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", **params).body
    opens = [(row[0] - START_MS) // MINUTE for row in rows]
    assert opens[-2:] == minutes if not params else opens == minutes


def test_klines_are_500_at_most_and_end_with_the_unfinished_bar(client: Any) -> None:
    """limit=1000 gives 500; two minutes into a bar its volume is two minutes' worth."""
    client.forward(62 * MINUTE)
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", limit=1000).body
    assert len(rows) == 500
    assert rows[-1][0] == START_MS + 60 * MINUTE
    assert rows[-1][5] == "120.000"
    assert rows[-2][5] == "300.000"
    assert rows[-1][6] == rows[-1][0] + 5 * MINUTE


def test_klines_finer_than_the_market_are_an_empty_list(client: Any) -> None:
    """The handmade market has no 1m bars; an interval MEXC does not know is refused."""
    assert client.get("/api/v3/klines", symbol="AAAUSDT", interval="1m").body == []
    assert client.get("/api/v3/klines", symbol="AAAUSDT", interval="1h").body["code"] == -1121


def test_monthly_klines_follow_the_calendar(client: Any) -> None:
    """The last three months of 1 March 2026: January, February, March, each ending where the next begins."""
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="1M", limit=3).body
    assert [row[0] for row in rows] == [1_767_225_600_000, 1_769_904_000_000, 1_772_323_200_000]
    assert rows[0][6] == rows[1][0]


def test_one_ticker_is_an_object_and_all_are_a_list(client: Any) -> None:
    """With a symbol MEXC answers an object; the same figures stand in the list."""
    one = client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body
    assert client.get("/api/v3/ticker/24hr").body == [one]
    assert (one["lastPrice"], one["bidPrice"], one["askPrice"]) == ("100.00", "99.98", "100.02")
