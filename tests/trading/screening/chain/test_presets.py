"""The chains that ship say what the rules say, pair by pair."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.trading.screening.conftest import AT
from trading.market.timeframes import timeframe
from trading.screening.chain.declared import chain_of, preset_chain, preset_names
from trading.screening.chain.inputs import Inputs
from trading.screening.chain.run import sift
from trading.screening.filters import prefilter, screen, validate_markets
from trading.screening.rules import PRESETS

SHOWN = ["symbol", "stage", "rule", "is_kept", "value", "bound", "reason"]


def _market(generator, market, tickers, candles):
    """Sixty pairs, each sound or broken in some way, by chance."""
    listed, looks, bars = [], {}, []
    for number in range(60):
        base = ["BTC", "X3L", "ETH5S"][number] if number < 3 else f"C{number:02d}"
        quote = "USDC" if generator.random() < 0.05 else "USDT"
        changes = {"is_api_tradable": bool(generator.random() > 0.05)} if number else {}
        if generator.random() < 0.05:
            changes |= {"status": "2"}
        listed.append(market(base, quote, **changes))
        symbol = f"{base}/{quote}"
        if generator.random() > 0.05:
            spread = float(generator.choice([0.001, 0.02], p=[0.9, 0.1]))
            volume = float(generator.choice([5.0, 5e4, 1e6, 1e8])) * (1 + number / 1000)  # no ties
            old = pl.lit(0) if generator.random() < 0.1 else None
            looks[symbol] = {"bid": 100 - spread * 50, "ask": 100 + spread * 50, "volume_quote_24h": volume}
            looks[symbol] |= {"at": AT if old is None else AT.replace(hour=11)}
        volatility = float(generator.choice([1e-4, 0.0012, 0.01, 0.3]))
        shape = {
            "bars": int(generator.choice([50, 199, 400])),
            "volatility": volatility,
            "quote_volume": float(generator.choice([0.5, 1e3, 1e5])),
            "late_bars": int(generator.choice([0, 3, 9], p=[0.8, 0.1, 0.1])),
        }
        bars.append(candles(symbol, seed=number, **shape))
    return validate_markets(listed)[0], tickers(looks), pl.concat(bars)


@pytest.mark.parametrize("name", ["default", "owner"])
@pytest.mark.parametrize("seed", range(8))
def test_a_preset_as_a_chain_gives_the_rules_own_verdicts(name, seed, market, tickers, candles):
    """Same rule, value, bound and words for each pair, at the pre-filter and on candles."""
    markets, looks, bars = _market(np.random.default_rng(seed), market, tickers, candles)
    # Few survivors, so that the cap by rank is met too.
    rules = replace(PRESETS[name], max_survivors=25)
    early = prefilter(markets, looks, rules, at=AT)
    chosen = bars.filter(pl.col("symbol").is_in(early.filter("is_kept")["symbol"].to_list()))
    late = screen(chosen, looks, rules, markets=markets)
    expected = pl.concat([early.filter(~pl.col("is_kept")), late]).sort("symbol")
    tables = [t | {"count": 25} if t["name"] == "limit" else t for t in preset_chain(name).as_tables()]
    chain = chain_of(tables, references=("BTC/USDT",))
    found = sift(chain, Inputs(bar=timeframe("15m"), markets=markets, tickers=looks, candles=bars), AT)
    assert found.funnel.sort("symbol")["rule"].to_list() == expected["rule"].to_list()
    assert_frame_equal(found.funnel.select(SHOWN).sort("symbol"), expected.select(SHOWN), rel_tol=1e-12)
    assert found.funnel["rule"].n_unique() > 6


def test_a_preset_is_there_for_each_set_of_rules():
    """And survives being written down as the launchpad would."""
    assert preset_names() == sorted(PRESETS)
    for name in preset_names():
        chain = preset_chain(name)
        assert chain_of(chain.as_tables()).filters == chain.filters
