"""Chains as they are written: what is read, and one sentence with line and nearest name for every mistake."""

import pytest

from trading.market.errors import BadInput
from trading.market.thresholds import MovingThreshold
from trading.screening.chain.declared import chain_of, read_chain
from trading.screening.chain.links import Capacity
from trading.screening.chain.movement import Volatility, Volume
from trading.screening.chain.order import Shuffle

GOOD = """\
title = "mine"
bars = 500
references = ["BTC/USDT"]

[[filter]]
name = "volume"
min = 100_000
hours = 6

[[filter]]
name = "volatility"
label = "calm"
max = { base = 0.05, floor = 0.02, ceiling = 0.08, turbulent = 1.5 }

[[filter]]
name = "shuffle"
seed = 7
"""


def test_a_chain_is_read_in_its_order():
    """Whole numbers fit where a number is wanted; a table makes a bound that the market moves."""
    chain = read_chain(GOOD)
    moved = MovingThreshold(0.05, 0.02, 0.08, turbulent=1.5, is_upper=True)
    assert chain.filters == (
        Volume(min=100_000.0, hours=6.0),
        Volatility(label="calm", max=moved),
        Shuffle(seed=7),
    )
    assert (chain.title, chain.bars, chain.references) == ("mine", 500, ("BTC/USDT",))


def test_what_is_written_as_tables_reads_back():
    """Lineage keeps the tables; the launchpad gives such."""
    chain = read_chain(GOOD)
    assert chain_of(chain.as_tables(), bars=500, references=("BTC/USDT",), title="mine") == chain


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        (
            'name = "volumes"',
            'name = "volume"',
            "toml, line 6: unknown filter 'volumes'; near ones: volume",
        ),
        ("minn = 100_000", "min = 100_000", "line 7: unknown key of filter volume 'minn'; near ones: min"),
        ('min = "much"', "min = 100_000", "line 7: min must be a number or a table"),
        ("min = true", "min = 100_000", "line 7: min must be a number"),
        ("seed = 7.5", "seed = 7", "line 17: seed must be a whole number, was 7.5"),
        ("min = -1", "min = 100_000", "line 6: filter volume: min must be at least 0, was -1"),
        ("hours = 0", "hours = 6", "filter volume: hours must be at least 0.001, was 0"),
        ("bar = 500", "bars = 500", "line 2: unknown key 'bar'; near ones: bars"),
        ("bars = 0", "bars = 500", "bars must be in 1..50,000, was 0"),
        (
            "flor = 0.02",
            "floor = 0.02",
            "line 13: unknown key of the moving bound max 'flor'; near ones: ",
        ),
        ("floor = 0.2", "floor = 0.02", "line 13: max: floor must not be above ceiling (0.08), was 0.2"),
        ('every = "month"', "seed = 7", "line 17: every must be 'never' or 'day' or 'bar', was 'month'"),
        ("bars = ", "bars = 500", "mine.toml is not TOML:"),
        ('label = "volume"', 'label = "calm"', "two filters are called 'volume': give one of them a label"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(wrong, right, says):
    """The file, the line, what is wrong, and what was probably meant."""
    text = GOOD.replace(right, wrong, 1)
    assert text != GOOD
    with pytest.raises(BadInput) as caught:
        read_chain(text, source="mine.toml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "filters, filter 1: a filter needs a name"),
        ({"name": "blacklist", "patterns": ["(a"]}, "pattern '(a' cannot be used"),
        ({"name": "blacklist", "patterns": ["a)|(b"]}, "cannot be used"),
        ({"name": "blacklist", "patterns": ["(a{1000}){1000}"]}, "cannot be used"),
        ({"name": "blacklist", "patterns": [r"(.)\1"]}, "cannot be used"),
        ({"name": "blacklist", "patterns": ["a" * 201]}, "1 to 200 characters, had 201"),
        ({"name": "blacklist", "patterns": ["a"] * 201}, "at most 200 patterns are allowed, were 201"),
        ({"name": "expression", "keep": "rsi_14 <"}, "at character 9"),
        ({"name": "expression", "keep": "rsi14 < 30"}, "unknown column 'rsi14'; near ones: rsi"),
        ({"name": "expression", "keep": "rsi_14 + 1"}, "a condition is wanted"),
        ({"name": "expression", "keep": "ema_500 > 1"}, "reads ema_500, which is known from bar"),
        ({"name": "rank", "by": "close > 1"}, "a value is wanted to rank by"),
        ({"name": "signal", "below": 101}, "below must be in 0..100, was 101"),
        ({"name": "volatility", "min": 0.2, "max": 0.1}, "the first must be below the second (0.1), was 0.2"),
        ({"name": "volume", "source": "ticker", "hours": 6}, "hours must be 24 where the ticker is asked"),
        ({"name": "remote"}, "list must name a list, was empty"),
        ({"name": "capacity", "users": 0}, "users must be at least 1, was 0"),
        (
            {"name": "capacity", "depth_share": 0, "minute_share": 0},
            "needs depth_share or minute_share above",
        ),
        ({"name": "performance", "days": 1e300}, "days must be in 0.001..36,500, was 1e+300"),
        ({"name": "age", "min_days": 1e300}, "min_days must be in 0..36,500, was 1e+300"),
        ({"name": "delist", "within_days": 36_501}, "within_days must be in 0..36,500, was 36501"),
        ({"name": "remote", "list": "a", "max_age_h": 1e9}, "max_age_h must be in 0..876,000, was 1e+09"),
        ({"name": "news", "hours": float("inf")}, "hours must be in 0..876,000, was inf"),
        ({"name": "alerts", "hours": float("nan")}, "hours must be in 0..876,000, was nan"),
        ({"name": "capacity", "minutes": 10**18}, "minutes must be in 1..52,560,000, was 1e+18"),
        ({"name": "limit", "count": 10**400}, "count must be a whole number, was one of more than 64 bits"),
        ({"name": "spread", "max": 10**400}, "was one of more than 64 bits"),
        ({"name": "expression", "keep": "close[1000] < 1"}, "looks 1,000 bars back, and this chain has bars"),
        (
            {"name": "expression", "keep": "close > 1 AND rsi_5000 < 30"},
            "at character 15 of `close > 1 AND rsi_5000 < 30`: 'rsi_5000': rsi: length must be from 2 to",
        ),
        ({"name": "expression", "keep": "macd_26_12_9 > 0"}, "at character 1 of `macd_26_12_9 > 0`: "),
        ({"name": "rank", "by": "rsi_14_3"}, "rsi takes 1 numbers (length), was given 2"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_its_number(table, says):
    """Before any market is looked at."""
    with pytest.raises(BadInput) as caught:
        chain_of([table])
    assert says in str(caught.value)


def test_the_oldest_bar_of_a_chain_is_the_furthest_look_back():
    """Of 1,000 bars the newest has 999 before it."""
    assert chain_of([{"name": "expression", "keep": "close[999] < 1"}]).bars == 1_000


def test_a_number_of_thousands_of_digits_is_no_traceback():
    """Python refuses to read it, with an error that is not TOML's own."""
    with pytest.raises(BadInput, match=r"mine\.toml is not TOML"):
        read_chain("bars = " + "9" * 5_000, source="mine.toml")


def test_a_lower_bound_is_raised_and_an_upper_one_lowered_by_the_market():
    """Which of both a bound is follows from its key."""
    moving = {"base": 1.0, "floor": 0.5, "ceiling": 2.0}
    tables = [{"name": "volume", "min": moving}, {"name": "spread", "max": moving}]
    low, high = chain_of(tables).filters
    assert (low.min.is_upper, high.max.is_upper) == (False, True)


def test_a_filter_says_which_inputs_it_needs_with_its_settings():
    """The book only where it counts."""
    assert Capacity().inputs == ("depth", "candles")
    assert Capacity(depth_share=None).inputs == ("candles",)
    assert Volume(source="ticker").inputs == ("tickers",)


def test_a_chain_says_what_it_reads():
    """So that nothing else is looked up; the regime only where a bound moves."""
    assert chain_of([{"name": "news"}, {"name": "spread"}]).reads == {"news", "tickers"}
    moving = {"base": 1.0, "floor": 0.5, "ceiling": 2.0}
    assert chain_of([{"name": "volume", "min": moving}]).reads == {"candles", "regime"}
