"""What a person types: every wrong word is answered by what is known."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trading.market.errors import BadInput, UnknownSymbol, UnknownTimeframe
from trading.market.symbols import Market
from trading.ohlcv.choices import chosen_moment, chosen_symbols, chosen_timeframes

ONE = Decimal(1)


def market(symbol: str, exchange_id: str, *, is_scannable: bool = True) -> Market:
    base, quote = symbol.split("/")
    numbers = [ONE] * 7
    return Market(symbol, exchange_id, base, quote, "1", is_scannable, True, *numbers)


# MEXC calls GASDAO's pair GASUSDT: a name is never made by leaving out the stroke.
MARKETS = [
    market("BTC/USDT", "BTCUSDT"),
    market("GASDAO/USDT", "GASUSDT"),
    market("OLD/USDT", "OLDUSDT", is_scannable=False),
]


def test_unified_names_lower_case_and_the_venues_own_are_understood():
    """In the order given, each once."""
    assert chosen_symbols("gasusdt, btc/usdt,BTCUSDT", MARKETS, []) == ["GASDAO/USDT", "BTC/USDT"]


def test_nothing_means_the_default_and_all_means_what_can_be_scanned():
    """A halted pair is not among all."""
    assert chosen_symbols("", MARKETS, ["X/USDT"]) == ["X/USDT"]
    assert chosen_symbols(" ALL ", MARKETS, []) == ["BTC/USDT", "GASDAO/USDT"]


@pytest.mark.parametrize("text", [",,", " , ", ","])
def test_a_list_of_nothing_is_refused_and_not_taken_for_everything(text):
    """A slip of the keyboard must not fetch the whole market."""
    with pytest.raises(BadInput, match="--symbols names nothing"):
        chosen_symbols(text, MARKETS, ["X/USDT"])
    with pytest.raises(BadInput, match="--timeframe names nothing"):
        chosen_timeframes(text, ["15m"])


@pytest.mark.parametrize("word", ["BTC/USTD", "../../etc", "ПРИВЕТ"])
def test_an_unknown_symbol_is_answered_with_near_ones(word):
    """One sentence with the word itself, how many are listed, and what is alike."""
    with pytest.raises(UnknownSymbol, match=r"among the 3 listed; near: (BTC/USDT|nothing)") as caught:
        chosen_symbols(word, MARKETS, [])
    assert word in str(caught.value)


def test_bar_lengths_are_listed_by_commas():
    """Several, or the default."""
    assert [bar.name for bar in chosen_timeframes("1m, 1h", ["15m"])] == ["1m", "1h"]
    assert [bar.name for bar in chosen_timeframes("", ["15m"])] == ["15m"]
    with pytest.raises(UnknownTimeframe, match=r"one of 1m, 5m.*was '7m'"):
        chosen_timeframes("7m", [])


def test_a_day_is_whole_and_a_time_exact():
    """As an end a day's last moment counts; zones are turned into UTC."""
    assert chosen_moment("2025-03-01", "--from") == datetime(2025, 3, 1, tzinfo=UTC)
    assert chosen_moment("2025-03-01", "--to", is_end=True) == datetime(2025, 3, 2, tzinfo=UTC)
    assert chosen_moment("2025-03-01T12:00+02:00", "--to", is_end=True) == datetime(
        2025, 3, 1, 10, tzinfo=UTC
    )
    assert chosen_moment("2025-03-01T12:00Z", "--from") == datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("word", ["yesterday", "2025-02-30", "9999-12-31", "20250301x", ""])
def test_a_word_that_is_no_day_is_answered_with_the_form_and_what_is_stored(word):
    """Also a day after which there is none."""
    with pytest.raises(BadInput, match=r"--to must be a UTC day.*stored are a to b"):
        chosen_moment(word, "--to", is_end=True, known="a to b")


def test_a_day_before_any_coin_is_refused():
    """1969 would be planned as nothing to do, and reported as complete."""
    with pytest.raises(BadInput, match="--from must be 2009-01-03 or later"):
        chosen_moment("1969-12-30", "--from")
