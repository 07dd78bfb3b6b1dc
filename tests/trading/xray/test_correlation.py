import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.xray.correlation import PEERS, correlation, top_peers


def test_rho_of_three_points_is_what_the_hand_says():
    """x = 1, 2, 3 with y = 1, 3, 2: covariance 0.5, variances 1: rho 0.5; with -x: -0.5."""
    found = correlation(["x", "y", "z"], np.array([[1.0, 2, 3], [1.0, 3, 2], [-1.0, -2, -3]]), min_bars=3)
    np.testing.assert_allclose(found.rho, [[1, 0.5, -1], [0.5, 1, -0.5], [-1, -0.5, 1]], atol=1e-12)
    assert found.mean() == pytest.approx(-1 / 3)


def test_complete_data_equals_numpy(planted):
    """Same numbers as numpy.corrcoef."""
    market = planted(60, 300)
    found = correlation(market.symbols, market.returns)
    np.testing.assert_allclose(found.rho, np.corrcoef(market.returns), atol=1e-12)
    assert (found.bars == 300).all()


def test_holes_are_handled_pair_by_pair_as_pandas_does(planted):
    """Late listings and lost bars: each pair on the bars both have, with their count."""
    market = planted(40, 300, seed=2)
    generator = np.random.default_rng(5)
    returns = market.returns.copy()
    returns[generator.random(returns.shape) < 0.05] = np.nan
    returns[:8, :200] = np.nan
    found = correlation(market.symbols, returns, min_bars=90)
    theirs = pl.DataFrame(returns.T).to_pandas().corr(min_periods=90).to_numpy()
    np.testing.assert_allclose(found.rho, theirs, atol=1e-10)
    assert np.isnan(found.rho).any()
    assert found.bars[9, 10] == (~np.isnan(returns[9]) & ~np.isnan(returns[10])).sum()


@pytest.mark.parametrize("has_hole", [False, True])
def test_a_price_that_never_moved_correlates_with_nothing(has_hole):
    """0/0 is no value, not 0 and not 1; a constant drift is no movement either."""
    returns = np.random.default_rng(0).normal(0, 1, (4, 50))
    returns[1], returns[2] = 0.0, 1e-4
    if has_hole:
        returns[0, 3] = np.nan
    rho = correlation(list("abcd"), returns).rho
    assert np.isnan(rho[1]).all()
    assert np.isnan(rho[2]).all()
    assert rho[0, 3] == pytest.approx(rho[3, 0])


@given(seed=st.integers(0, 1000), holes=st.floats(0, 0.4))
@settings(max_examples=30, deadline=None)
def test_rho_is_symmetric_bounded_and_one_on_the_diagonal(seed, holes):
    """Whatever is missing."""
    generator = np.random.default_rng(seed)
    returns = generator.normal(0, 1, (6, 40)) * 10.0 ** generator.uniform(-6, 3, (6, 1))
    returns[generator.random(returns.shape) < holes] = np.nan
    rho = correlation(list("abcdef"), returns, min_bars=5).rho
    known = ~np.isnan(rho)
    np.testing.assert_allclose(rho[known], rho.T[known], atol=1e-9)
    assert (np.abs(rho[known]) <= 1).all()
    np.testing.assert_allclose(np.diag(rho)[~np.isnan(np.diag(rho))], 1.0, atol=1e-9)


def test_peers_are_the_highest_rhos_in_order(planted):
    """Against a plain sort of the matrix; nobody is his own peer."""
    market = planted(30, 200, seed=1)
    found = correlation(market.symbols, market.returns)
    peers = top_peers(found, count=5)
    assert peers.schema == pl.Schema(PEERS)
    assert len(peers) == 30 * 5
    row = found.rho[7].copy()
    row[7] = -2
    best = [market.symbols[i] for i in np.argsort(-row)[:5]]
    assert peers.filter(pl.col("symbol") == market.symbols[7])["peer"].to_list() == best
    assert not (peers["symbol"] == peers["peer"]).any()
    assert peers["bars"].unique().to_list() == [200]


def test_few_symbols_have_few_peers():
    """One symbol has none, two have each other, and pairs without a value are left out."""
    returns = np.random.default_rng(0).normal(0, 1, (3, 50))
    assert top_peers(correlation(["a"], returns[:1])).is_empty()
    assert top_peers(correlation(["a", "b"], returns[:2]))["peer"].to_list() == ["b", "a"]
    returns[2] = 0.0
    assert len(top_peers(correlation(["a", "b", "c"], returns))) == 2
    assert correlation(["a"], returns[:1]).mean() is None


def test_wrong_shapes_and_bounds_are_refused():
    """Messages name value and bound."""
    with pytest.raises(BadInput, match=r"one row per symbol \(1\), had 2"):
        correlation(["a"], np.zeros((2, 50)))
    with pytest.raises(BadInput, match="min_bars must be at least 3, was 2"):
        correlation(["a"], np.zeros((1, 50)), min_bars=2)
    with pytest.raises(BadInput, match="count must be at least 1, was 0"):
        top_peers(correlation(["a"], np.zeros((1, 50))), count=0)


def test_real_majors_move_together(real):
    """BTC's and ETH's hourly returns correlate above 0.6 in any month on record."""
    from trading.xray.returns import log_returns

    symbols, returns = log_returns(real)
    found = correlation(symbols, returns)
    at = {symbol: row for row, symbol in enumerate(symbols)}
    assert found.rho[at["BTC/USDT"], at["ETH/USDT"]] > 0.6
