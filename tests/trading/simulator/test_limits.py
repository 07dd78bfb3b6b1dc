"""Weighted rate limits, Retry-After and bans, in wall time."""

import pytest

from trading.simulator.limits import Limiter, LimitSettings, weight_of
from trading.simulator.wire import Refusal


def refusal(limiter: Limiter, who: str, weight: int, at_s: float) -> Refusal | None:
    try:
        limiter.spend(who, weight, at_s)
    except Refusal as refused:
        return refused
    return None


def test_ten_seconds_worth_may_be_spent_at_once_and_not_one_more() -> None:
    """500 weight per 10 s: the 501st at the same moment gets 429."""
    limiter = Limiter(LimitSettings(rate_per_s=50))
    assert [refusal(limiter, "ip", 1, 0.0) for _ in range(500)] == [None] * 500
    refused = refusal(limiter, "ip", 1, 0.0)
    assert refused is not None
    assert (refused.status, refused.code, refused.retry_after_s) == (429, 429, 1)


def test_retry_after_names_the_whole_seconds_until_the_weight_is_there() -> None:
    """An empty bucket at 10/s needs 2.5 s for a weight of 25: three whole seconds."""
    limiter = Limiter(LimitSettings(rate_per_s=10))
    limiter.spend("ip", 100, 0.0)
    refused = refusal(limiter, "ip", 25, 0.0)
    assert refused is not None
    assert refused.retry_after_s == 3
    assert refusal(limiter, "ip", 25, 2.49) is not None
    assert refusal(limiter, "ip", 25, 2.51) is None


def test_a_client_that_keeps_the_rate_is_never_refused() -> None:
    """50 requests a second for five minutes, evenly: no 429."""
    limiter = Limiter(LimitSettings(rate_per_s=50))
    assert all(refusal(limiter, "ip", 1, n / 50) is None for n in range(15_000))


def test_buckets_are_apart() -> None:
    """One key's flood leaves another's budget whole."""
    limiter = Limiter(LimitSettings(rate_per_s=1))
    limiter.spend("key a", 10, 0.0)
    assert refusal(limiter, "key a", 1, 0.0) is not None
    assert refusal(limiter, "key b", 1, 0.0) is None


def test_knocking_on_brings_a_ban_that_doubles() -> None:
    """After three refusals in a row 418 for 120 s, then for 240 s; calls during a ban are refused."""
    limiter = Limiter(LimitSettings(rate_per_s=1, ban_after=3))
    limiter.spend("ip", 10, 0.0)
    codes = [refusal(limiter, "ip", 5, 0.0).status for _ in range(3)]  # type: ignore[union-attr]
    assert codes == [429, 429, 418]
    during = refusal(limiter, "ip", 1, 60.0)
    assert during is not None
    assert (during.status, during.retry_after_s) == (418, 60)
    assert refusal(limiter, "ip", 10, 121.0) is None
    again = [refusal(limiter, "ip", 5, 121.0) for _ in range(3)][-1]
    assert again is not None
    assert (again.status, again.retry_after_s) == (418, 240)


def test_a_refusal_now_and_then_is_no_abuse() -> None:
    """Refusals more than ten seconds apart never add up to a ban."""
    limiter = Limiter(LimitSettings(rate_per_s=1, ban_after=3))
    for round_number in range(20):
        at_s = round_number * 11.0
        limiter.spend("ip", 10, at_s)
        refused = refusal(limiter, "ip", 10, at_s)
        assert refused is not None
        assert refused.status == 429


def test_a_weight_above_the_burst_passes_a_full_bucket() -> None:
    """exchangeInfo (25) stays reachable at a rate of 1/s, whose bucket holds 10."""
    limiter = Limiter(LimitSettings(rate_per_s=1))
    assert refusal(limiter, "ip", 25, 0.0) is None
    assert refusal(limiter, "ip", 25, 5.0) is not None
    assert refusal(limiter, "ip", 25, 10.0) is None


@pytest.mark.parametrize(
    ("method", "name", "weight"),
    [("GET", "klines", 1), ("GET", "ticker/24hr", 25), ("GET", "exchangeInfo", 25), ("GET", "account", 10),
     ("POST", "order", 1), ("GET", "order", 2), ("DELETE", "order", 1), ("POST", "batchOrders", 10)],
)  # fmt: skip
def test_weights_are_those_of_ccxt(method: str, name: str, weight: int) -> None:
    """ccxt 4.5.90's table, read from its source (see design notes on the exchange)."""
    assert weight_of(method, name) == weight
