"""A chain as a whole: order, references, thresholds met, inputs that are missing or cannot be known."""

import time
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tests.trading.screening.chain.conftest import AT, BAR
from trading.market.errors import BadInput, MissingData
from trading.screening.chain import inputs as ports
from trading.screening.chain.declared import chain_of
from trading.screening.chain.run import sift

VOLUMES = {
    "A/USDT": {"volume_quote_24h": 3e6},
    "B/USDT": {"volume_quote_24h": 2e6},
    "C/USDT": {"volume_quote_24h": 1e6},
}


def test_the_first_filter_that_fails_names_the_reason(inputs):
    """B is too dear and too wide: price comes first. Steps count what went in and out."""
    quotes = {"B/USDT": {"last": 500.0, "bid": 400.0, "ask": 600.0}}
    chain = chain_of([{"name": "price", "max": 200}, {"name": "spread", "max": 0.005}])
    found = sift(chain, inputs("A", "B", quotes=quotes), AT)
    assert found.kept == ["A/USDT"]
    row = found.funnel.row(1, named=True)
    assert (row["rule"], row["value"], row["bound"]) == ("price", 500.0, 200.0)
    assert row["reason"] == "price is 500, above 200"
    assert found.steps.select("rule", "in", "out").rows() == [("price", 2, 1), ("spread", 1, 1)]
    assert found.steps["example"][0] == "B/USDT: price is 500, above 200"


def test_the_list_begins_by_volume_and_references_come_first(inputs):
    """C is the least traded and a reference: it is first, and neither spread nor limit drops it."""
    chain = chain_of([{"name": "spread", "max": 1e-6}, {"name": "limit", "count": 2}], references=("C/USDT",))
    assert sift(chain, inputs("B", "A", "C", quotes=VOLUMES), AT).kept == ["C/USDT"]
    chain = chain_of([{"name": "limit", "count": 2}], references=("C/USDT",))
    assert sift(chain, inputs("B", "A", "C", quotes=VOLUMES), AT).kept == ["C/USDT", "A/USDT"]


def test_every_decision_logs_the_threshold_it_met(inputs):
    """Kept ones too: 1,500 in a turbulent market (1,000 x 1.5), held at the ceiling of 1,400."""
    moving = {"base": 1_000.0, "floor": 500.0, "ceiling": 1_400.0, "turbulent": 1.5}
    regime = pl.DataFrame(
        {
            "open_time": [AT - 2 * BAR.delta, AT - BAR.delta, AT],
            "regime": ["calm", "turbulent", "calm"],
            "threshold_multiplier": [1.0, 1.0, 1.0],
        },
        schema=ports.REGIME,
    )
    given = replace(inputs("A", "B", quotes={"B/USDT": {"volume_quote_24h": 1_300.0}}), regime=regime)
    chain = chain_of([{"name": "volume", "source": "ticker", "min": moving}])
    found = sift(chain, given, AT)
    assert found.decisions.select("symbol", "is_kept", "value", "bound").rows() == [
        ("A/USDT", True, 1e6, 1_400.0),
        ("B/USDT", False, 1_300.0, 1_400.0),
    ]
    assert found.decisions["why"].unique().to_list() == [
        "1000 × 1.5 (turbulent) = 1500, held at the ceiling 1400"
    ]
    assert found.steps["note"][0] == found.decisions["why"][0]
    # One bar earlier the bar that made it turbulent had not closed: 1,000 in a calm market.
    assert sift(chain, given, AT - BAR.delta).decisions["bound"].unique().to_list() == [1_000.0]


def test_an_input_that_was_not_given_is_an_error_unless_the_filter_is_optional(inputs):
    """A news gate without news must not open by itself."""
    with pytest.raises(MissingData, match="filter news needs news, which this chain was not given"):
        sift(chain_of([{"name": "news"}]), inputs("A"), AT)
    found = sift(chain_of([{"name": "news", "optional": True}]), inputs("A"), AT)
    assert found.kept == ["A/USDT"]
    assert found.steps["note"][0] == "no news given: nothing was dropped"


def test_what_cannot_be_known_then_is_passed_and_named(inputs):
    """Candles of a past moment tell no spread: the filter passes, the answer says so."""
    wide = inputs("A", quotes={"A/USDT": {"bid": 50.0, "ask": 150.0}})
    chain = chain_of([{"name": "spread"}, {"name": "ticker"}])
    assert sift(chain, wide, AT).kept == []
    found = sift(chain, replace(wide, blind=frozenset({"spread"})), AT)
    assert (found.kept, found.not_knowable) == (["A/USDT"], ("spread",))
    assert "not knowable then" in found.steps["note"][0]


def test_candles_are_asked_for_once_and_only_of_those_that_are_left(inputs):
    """A loader is told the symbols, the moment and the bars; the answer is that of the frame."""
    given = inputs("A", "B", "C", quotes=VOLUMES)
    asked: list[tuple[list[str], datetime, int]] = []

    def load(symbols: list[str], at: datetime, bars: int) -> pl.DataFrame:
        asked.append((symbols, at, bars))
        return given.candles.filter(pl.col("symbol").is_in(symbols))

    early, late = {"name": "limit", "count": 2}, {"name": "volatility", "min": 1e-4}
    chain = chain_of([early, late, {"name": "bars", "min": 100}], bars=200)
    found = sift(chain, replace(given, candles=None, load=load), AT)
    assert asked == [(["A/USDT", "B/USDT"], AT, 200)]
    assert found.decisions.to_dicts() == sift(chain, given, AT).decisions.to_dicts()


def test_a_chain_sees_so_many_bars_and_no_older_ones(inputs):
    """Of a symbol that ended 100 bars ago only 100 of the last 200 slots have a bar."""
    given = inputs("A", "B", bars={"B/USDT": {"late_bars": 100}})
    found = sift(chain_of([{"name": "bars", "min": 150}], bars=200), given, AT)
    assert found.decisions.select("symbol", "value").rows() == [("A/USDT", 200.0), ("B/USDT", 100.0)]


def test_a_symbol_without_bars_falls_at_the_first_filter_that_reads_them(inputs):
    """Nothing measured is nothing passed."""
    given = inputs("A", "B")
    given = replace(given, candles=given.candles.filter(pl.col("symbol") == "A/USDT"))
    for table in ({"name": "bars", "min": 1}, {"name": "volatility", "min": 0.0}, {"name": "stale"}):
        assert sift(chain_of([table]), given, AT).kept == ["A/USDT"]


def test_an_empty_market_gives_an_empty_funnel(inputs):
    """No pair, no error; every filter is in the steps."""
    given = inputs("A")
    empty = replace(given, markets=given.markets.clear())
    found = sift(chain_of([{"name": "spread"}, {"name": "correlation"}, {"name": "signal"}]), empty, AT)
    assert found.funnel.is_empty()
    assert found.steps["rule"].to_list() == ["spread", "correlation", "signal"]


def test_a_naive_moment_and_a_lacking_column_are_refused(inputs):
    """Both name what is wrong."""
    chain = chain_of([{"name": "spread"}])
    with pytest.raises(BadInput, match="must be aware"):
        sift(chain, inputs("A"), datetime(2024, 3, 1))  # noqa: DTZ001  # the point of the test
    with pytest.raises(BadInput, match="missing: volume_quote_24h"):
        sift(chain, replace(inputs("A"), tickers=inputs("A").tickers.drop("volume_quote_24h")), AT)


@pytest.mark.parametrize("scale", [1e12, 1e-12])
def test_the_size_of_a_price_does_not_matter(inputs, candles, scale):
    """The same moves at 10^12 and 10^-12 give the same verdicts."""
    tables = [
        {"name": "volatility", "min": 0.001, "max": 0.1},
        {"name": "range_stability", "min": 0.01},
        {"name": "percent_change", "min": -0.9},
        {"name": "expression", "keep": "close > lowest(low, 20) AND rsi_14 > 5"},
        {"name": "correlation", "max": 0.99},
    ]
    given = inputs("A", "B")
    prices = [pl.col(name) * scale for name in ("open", "high", "low", "close")]
    scaled = replace(given, candles=given.candles.with_columns(prices))
    kept = sift(chain_of(tables), scaled, AT).kept
    assert kept == sift(chain_of(tables), given, AT).kept
    assert kept == ["A/USDT", "B/USDT"]


def test_flat_prices_and_no_trade_are_clear_verdicts(inputs):
    """A flat price has no RSI and no correlation; a market of one symbol has nobody to be like."""
    flat = inputs("A", "B", bars={"A/USDT": {"close": np.full(400, 7.0), "quote_volume": 0.0}})
    assert sift(chain_of([{"name": "correlation"}]), flat, AT).kept == ["A/USDT", "B/USDT"]
    found = sift(chain_of([{"name": "expression", "keep": "rsi_14 < 30 OR rsi_14 >= 30"}]), flat, AT)
    assert found.kept == ["B/USDT"]
    assert found.funnel["reason"][1] == ("`rsi_14 < 30 OR rsi_14 >= 30` is not known yet: rsi_14 = unknown")
    assert sift(chain_of([{"name": "correlation"}]), inputs("A"), AT).kept == ["A/USDT"]


def test_a_hostile_pattern_costs_no_time(inputs):
    """Nested repetition that takes other engines for ever: linear here."""
    begin = time.process_time()
    given = inputs("A" * 60)
    chain = chain_of([{"name": "blacklist", "patterns": ["(A+)+B", "(A|AA)+B", "(.*)*B"]}])
    assert len(sift(chain, given, AT).kept) == 1
    assert time.process_time() - begin < 2


def test_later_steps_tell_how_far_it_is(inputs):
    """For a progress bar."""
    told: list[tuple[int, int]] = []
    chain = chain_of([{"name": "spread"}, {"name": "bars"}])
    sift(chain, inputs("A"), AT, on_step=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
