"""Signatures and timing of signed requests."""

import pytest

from trading.simulator.clock import MarketClock
from trading.simulator.signing import check_signature, check_timing, parse_params, sign, total_params
from trading.simulator.wire import Refusal

# MEXC's documentation, "SIGNED endpoint examples"; checked apart with openssl.
SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
PAYLOAD = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
OF_QUERY = "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
QUERY_PART = "symbol=BTCUSDT&side=BUY&type=LIMIT"
BODY_PART = "quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
OF_MIX = "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592"


def refused(run, *args) -> int:
    with pytest.raises(Refusal) as caught:
        run(*args)
    return caught.value.code


def test_the_documented_payload_gives_the_documented_signature() -> None:
    """MEXC's own example, as a query string."""
    assert sign(SECRET, PAYLOAD) == OF_QUERY


def test_query_and_body_are_joined_without_ampersand() -> None:
    """MEXC's third example: half the parameters in the query, half in the body."""
    assert sign(SECRET, total_params(f"{QUERY_PART}&signature={OF_MIX}", BODY_PART)) == OF_MIX
    params = parse_params(f"{QUERY_PART}&signature={OF_MIX}")
    check_signature(SECRET, f"{QUERY_PART}&signature={OF_MIX}", BODY_PART, params)


@pytest.mark.parametrize(
    "query",
    [f"{PAYLOAD}&signature={OF_QUERY}", f"signature={OF_QUERY}&{PAYLOAD}"],
    ids=["signature last", "signature first"],
)
def test_the_signature_is_no_part_of_what_is_signed(query: str) -> None:
    """Wherever the signature stands, the rest is signed as sent."""
    assert total_params(query, "") == PAYLOAD
    check_signature(SECRET, query, "", parse_params(query))


@pytest.mark.parametrize("given", [OF_QUERY.upper(), OF_QUERY[:-1] + "b", "", "é" * 64])
def test_any_other_signature_is_refused(given: str) -> None:
    """Lower case only, every digit counts; none at all is a missing parameter."""
    query = f"{PAYLOAD}&signature={given}"
    code = refused(check_signature, SECRET, query, "", parse_params(query))
    assert code == (700002 if given else 700004)


def test_a_changed_parameter_breaks_the_signature() -> None:
    """Raising the quantity after signing is noticed."""
    query = f"{PAYLOAD}&signature={OF_QUERY}".replace("quantity=1", "quantity=2")
    assert refused(check_signature, SECRET, query, "", parse_params(query)) == 700002


@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (0, None, None),
        (-4_999, None, None),
        (-5_001, None, 700003),
        (-9_000, "10000", None),
        (900, None, None),
        (1_001, None, 700003),
        (-70_000, "60001", 700005),
    ],
)
def test_timestamps_count_within_the_window(offset_ms: int, window: str | None, code: int | None) -> None:
    """serverTime - timestamp <= recvWindow (5 s by default, 60 s at most), at most 1 s ahead."""
    clock = MarketClock(1_700_000_000_000, 1.0, wall_ns=lambda: 0)
    wall = [0]
    clock = MarketClock(1_700_000_000_000 - 100_000, 1.0, wall_ns=lambda: wall[0])
    wall[0] = 100_000 * 1_000_000
    params = {"timestamp": str(1_700_000_000_000 + offset_ms)} | ({"recvWindow": window} if window else {})
    if code is None:
        check_timing(clock, params)
    else:
        assert refused(check_timing, clock, params) == code


def test_the_window_is_wall_time_at_any_speed() -> None:
    """At speed 900 a timestamp of an hour of market time ago is four wall seconds old: accepted."""
    wall = [0]
    clock = MarketClock(1_700_000_000_000, 900.0, wall_ns=lambda: wall[0])
    wall[0] = 10 * 10**9
    now_ms = clock.now_ms()
    check_timing(clock, {"timestamp": str(now_ms - 3_600_000)})
    assert refused(check_timing, clock, {"timestamp": str(now_ms - 5_400_000)}) == 700003


@pytest.mark.parametrize("stamp", ["", "now", "-5", "1.5e12", "٣"])
def test_a_malformed_timestamp_is_a_missing_one(stamp: str) -> None:
    """Only whole numbers are timestamps."""
    clock = MarketClock(1_700_000_000_000, 1.0)
    assert refused(check_timing, clock, {"timestamp": stamp}) == 700004
