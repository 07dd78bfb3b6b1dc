import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from trading.market.errors import BadInput
from trading.xray.places import PLACES, symbol_places


def test_members_of_a_sector_lie_together(planted):
    """Of each symbol's five nearest on the map, most are of its planted sector."""
    market = planted(160, 500, sectors=5)
    places = symbol_places(market.symbols, market.returns)
    assert places.schema == pl.Schema(PLACES)
    flat = places.select("x", "y").to_numpy()
    apart = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    nearest = np.argsort(apart, axis=1)[:, 1:6]
    assert (market.sector[nearest] == market.sector[:, None]).mean() > 0.65


def test_the_map_of_tomorrow_looks_like_today_s(planted):
    """Starting from the map before, places correlate with it; starting anew they need not."""
    market = planted(120, 520, sectors=5, seed=2)
    today = symbol_places(market.symbols, market.returns[:, :500])
    tomorrow = symbol_places(market.symbols, market.returns[:, 20:], before=today)
    for axis in ("x", "y"):
        assert spearmanr(today[axis], tomorrow[axis]).statistic > 0.6


def test_a_new_listing_starts_amid_its_nearest_and_one_that_left_is_gone(planted):
    """The map has exactly the symbols of today that have enough history, sorted."""
    market = planted(60, 400, sectors=3, seed=4)
    before = symbol_places(market.symbols[:50], market.returns[:50])
    market.returns[59, 50:] = np.nan
    now = symbol_places(market.symbols[10:], market.returns[10:], before=before)
    assert now["symbol"].to_list() == market.symbols[10:59]
    assert now.select("x", "y").to_numpy().std() > 0
    assert np.isfinite(now.select("x", "y").to_numpy()).all()


@pytest.mark.parametrize(("symbols", "bars"), [(0, 0), (1, 100), (2, 100), (4, 100), (5, 100), (6, 1)])
def test_a_small_market_has_a_small_map(symbols, bars):
    """Places are numbers, whatever there is."""
    returns = np.random.default_rng(0).normal(0, 1, (symbols, bars))
    places = symbol_places([f"S{n}" for n in range(symbols)], returns)
    assert places.height == symbols
    assert np.isfinite(places.select("x", "y").to_numpy()).all()
    with pytest.raises(BadInput, match="one row per symbol"):
        symbol_places(["a", "b"], np.zeros((3, 9)))
