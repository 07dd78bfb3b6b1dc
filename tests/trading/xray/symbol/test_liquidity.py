import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.frames import BOOK
from trading.xray.symbol.liquidity import liquidity_of

TICKER = {"bid": 99.0, "ask": 101.0, "volume_quote_24h": 9e9}
BOOK = pl.DataFrame(
    [("bid", 99.0, 5.0), ("ask", 101.0, 1.0), ("ask", 102.0, 2.0), ("ask", 110.0, 10.0)],
    schema=BOOK,
    orient="row",
)


def test_a_known_book_is_walked_level_by_level(one):
    """Middle 100. 305 buys 1 at 101 and 2 at 102: mean 305 / 3 = 101.667, so 1.667 % over the middle."""
    found = liquidity_of(one([100.0] * 5), 900_000, ticker=TICKER, depth=BOOK, stake=305.0)
    assert found.source == "depth"
    assert found.cost == pytest.approx(305 / 3 / 100 - 1)
    assert found.fills_whole is True
    assert found.spread == pytest.approx(0.02)


def test_a_book_that_is_too_thin_says_so(one):
    """The asks hold 101 + 204 + 1,100 = 1,405; 5,000 does not fit."""
    found = liquidity_of(one([100.0] * 5), 900_000, depth=BOOK, stake=5_000.0)
    assert found.fills_whole is False
    assert found.cost == pytest.approx(1_405 / 13 / 100 - 1)
    assert "the book is too thin for all of it" in found.words


def test_without_a_book_the_cost_is_half_the_spread_and_the_root_law(one):
    """σ and V of a minute from the bars: cost = spread / 2 + σ sqrt(stake / V)."""
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.003, 300)))
    candles = one(closes, volume=3.0)
    found = liquidity_of(candles, 900_000, ticker=TICKER, stake=1_000.0)
    day = closes[-96:]
    sigma = np.std(np.diff(np.log(day))) / np.sqrt(15)
    volume = (day * 3.0).mean() / 15
    assert found.cost == pytest.approx(0.01 + sigma * np.sqrt(1_000 / volume))
    assert found.source == "bar volume spread over its minutes"
    assert found.capacity == pytest.approx(0.1 * np.median(day * 3.0) / 15)


def test_minutes_are_preferred_to_bars_and_named(one):
    """One-minute bars where they are stored."""
    minutes = one(np.linspace(100, 101, 30), volume=2.0)
    found = liquidity_of(one([100.0] * 9), 900_000, minutes=minutes, stake=10.0)
    assert found.source == "one-minute volume"
    assert found.minute_volume == pytest.approx(np.median(np.linspace(100, 101, 30) * 2))


def test_the_venue_s_own_volume_is_shown_and_never_used(one):
    """A 24 h figure of 9 billion changes nothing of cost and room."""
    candles = one(100 + np.arange(50.0) % 3)
    wild = liquidity_of(candles, 900_000, ticker=TICKER, stake=100.0)
    tame = liquidity_of(candles, 900_000, ticker=TICKER | {"volume_quote_24h": 1.0}, stake=100.0)
    assert wild.volume_24h == 9e9
    assert (wild.cost, wild.capacity) == (tame.cost, tame.capacity)


@pytest.mark.parametrize(
    "ticker", [None, {"bid": 0.0, "ask": 1.0}, {"bid": 2.0, "ask": 1.0}, {"bid": None, "ask": float("nan")}]
)
def test_no_two_sided_quote_has_no_spread(one, ticker):
    """Missing, zero, crossed and broken quotes are unknown, not zero."""
    assert liquidity_of(one([100.0, 101.0, 100.0]), 900_000, ticker=ticker).spread is None


def test_nothing_traded_costs_nobody_knows_what(one):
    """Zero volume: no cost, and words that say so."""
    found = liquidity_of(one([100.0] * 9, volume=0.0), 900_000, stake=100.0)
    assert found.cost is None
    assert found.idle_share == 1.0
    assert found.words == "Nothing is known of what it would cost to trade here: no book, no volume."


@pytest.mark.parametrize("stake", [-1.0, float("nan"), float("inf")])
def test_a_stake_that_is_none_is_refused(one, stake):
    """One sentence that names the value."""
    with pytest.raises(BadInput, match="stake must be at least 0 and finite"):
        liquidity_of(one([1.0]), 900_000, stake=stake)
