"""The market that benchmarks run on holds what it claims, and the whole of it is found."""

import numpy as np
import polars as pl

from bench import clusters, synthetic
from trading.market.frames import CANDLES
from trading.xray.clusters import cluster_symbols
from trading.xray.correlation import correlation
from trading.xray.returns import wide_closes


def test_the_same_seed_gives_the_same_market_and_candles_are_possible():
    """Equal arrays; high and low enclose open and close; CANDLES come back as they went in."""
    first, second = (synthetic.market(30, 60, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.close, second.close)
    assert (first.high >= np.maximum(first.open, first.close)).all()
    assert (first.low <= np.minimum(first.open, first.close)).all()
    candles = first.candles()
    assert candles.schema == pl.Schema(CANDLES)
    np.testing.assert_array_equal(wide_closes(candles).close, first.close)


def test_twelve_sectors_among_2600_symbols_are_found():
    """10 to 14 groups, adjusted Rand index of 0.97 on grouped symbols, noise at most 40 %."""
    market = synthetic.market()
    found = clusters.truth(market, cluster_symbols(market.symbols, market.returns()))
    assert 10 <= found["clusters"] <= 14
    assert found["ari"] >= 0.97
    assert found["noise"] <= 0.4


def test_holes_are_as_many_as_declared_and_rho_is_pandas_s():
    """A tenth listed late, 2 % of bars missing; every value of 150 symbols within 1e-6 of pandas."""
    market = synthetic.market(150, 500)
    holey = synthetic.with_holes(market.returns())
    missing = np.isnan(holey)
    late = missing[:, :20].all(axis=1)
    assert 0.08 <= late.mean() <= 0.12
    assert 0.015 < missing[~late].mean() < 0.025
    theirs = pl.DataFrame(holey.T).to_pandas().corr(min_periods=30).to_numpy()
    np.testing.assert_allclose(correlation(market.symbols, holey).rho, theirs, atol=1e-6)
