import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from trading.market.errors import BadInput
from trading.xray.correlation import correlation
from trading.xray.ranks import ranks


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
    np.testing.assert_allclose(found.rho, theirs, atol=1e-6)
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


def test_a_symbol_that_only_moved_elsewhere_has_no_value():
    """All of its movement lies on bars that the other lacks: no rho, whatever rounding leaves of it."""
    generator = np.random.default_rng(2)
    returns = generator.normal(0, 1, (3, 60))
    returns[0, 30:] = 0.0
    returns[1, :30] = np.nan
    rho = correlation(list("abc"), returns, min_bars=20).rho
    assert np.isnan(rho[0, 1])
    assert np.isnan(rho[1, 0])
    assert rho[0, 2] == pytest.approx(np.corrcoef(returns[0], returns[2])[0, 1], abs=1e-6)


def test_one_wild_bar_does_not_spoil_the_bars_without_it():
    """A jump a thousand times the rest, on a bar that the other lacks: float32 would lose the rest."""
    generator = np.random.default_rng(3)
    base = generator.normal(0, 1e-3, 200)
    returns = np.stack([base, base + generator.normal(0, 1e-3, 200), generator.normal(0, 1e-3, 200)])
    returns[0, 0], returns[1, 0] = 1.0, np.nan
    found = correlation(list("abc"), returns).rho
    theirs = pl.DataFrame(returns.T).to_pandas().corr().to_numpy()
    np.testing.assert_allclose(found, theirs, atol=1e-6)
    assert found[0, 1] == pytest.approx(np.corrcoef(returns[:2, 1:])[0, 1], abs=1e-9)


def test_a_column_of_nothing_and_one_symbol_alone_come_through():
    """All NaN is no value; a market of one has a diagonal; no market has none."""
    returns = np.full((2, 40), np.nan)
    returns[1] = np.random.default_rng(0).normal(0, 1, 40)
    found = correlation(["a", "b"], returns)
    assert np.isnan(found.rho[0]).all()
    assert found.bars.tolist() == [[0, 0], [0, 40]]
    assert found.rho[1, 1] == 1.0
    assert correlation(["b"], returns[1:]).rho.tolist() == [[pytest.approx(1.0)]]
    for shape in ((0, 0), (0, 50), (2, 0)):
        assert np.isnan(correlation(["a"] * shape[0], np.zeros(shape)).rho).all()


@pytest.mark.parametrize("hole", ["none", "same"])
def test_spearman_is_scipy_s(planted, hole):
    """Ties included (returns rounded to a few values); also where all miss the same bars."""
    returns = np.round(planted(12, 150, seed=4).returns, 3)
    if hole == "same":
        returns[:, 20:35] = np.nan
    theirs = scipy.stats.spearmanr(returns.T[~np.isnan(returns[0])]).statistic
    found = correlation([f"S{n}" for n in range(12)], returns, method="spearman").rho
    np.testing.assert_allclose(found, theirs, atol=1e-6)


def test_spearman_with_holes_stays_near_scipy_s(planted):
    """Ranks are taken once for each symbol: within 0.01 of ranks taken anew for each pair."""
    market = planted(10, 400, seed=6)
    returns = market.returns.copy()
    returns[np.random.default_rng(0).random(returns.shape) < 0.02] = np.nan
    theirs = pl.DataFrame(returns.T).to_pandas().corr(method="spearman").to_numpy()
    found = correlation(market.symbols, returns, method="spearman").rho
    np.testing.assert_allclose(found, theirs, atol=0.01)


def test_ranks_are_scipy_s_with_ties_and_without_the_missing():
    """Row by row against rankdata of what is there."""
    values = np.round(np.random.default_rng(1).normal(0, 2, (20, 60)))
    values[np.random.default_rng(2).random(values.shape) < 0.1] = np.nan
    theirs = scipy.stats.rankdata(values, axis=1, nan_policy="omit")
    np.testing.assert_array_equal(ranks(values), theirs)
    assert ranks(np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize("bars", [40, 200, 2000])
def test_shrinkage_is_ledoit_and_wolf_s(planted, bars):
    """Against scikit-learn on standardised returns, fewer bars than symbols and more."""
    market = planted(80, bars, seed=bars)
    standard = (market.returns - market.returns.mean(axis=1, keepdims=True)) / market.returns.std(
        axis=1, keepdims=True
    )
    covariance, intensity = ledoit_wolf(standard.T)
    found = correlation(market.symbols, market.returns, shrink=True)
    assert found.shrinkage == pytest.approx(intensity, rel=1e-9)
    np.testing.assert_allclose(found.shrunk(), covariance, atol=1e-9)
    assert correlation(market.symbols, market.returns).shrinkage == 0.0


def test_shrinkage_with_a_hole_is_nearly_that_without(planted):
    """The pairwise estimate of the same thing: one bar of thousands missing changes little."""
    market = planted(60, 150, seed=8)
    whole = correlation(market.symbols, market.returns, shrink=True).shrinkage
    market.returns[3, 7] = np.nan
    holed = correlation(market.symbols, market.returns, shrink=True).shrinkage
    assert holed == pytest.approx(whole, rel=0.02)
    assert holed != whole


def test_a_short_window_is_shrunk_more_and_comes_nearer_to_the_truth(planted):
    """Squared error against the correlation of 20,000 bars of the same market."""
    long = planted(60, 20_000, seed=9)
    truth = np.corrcoef(long.returns)
    short = correlation(long.symbols, long.returns[:, :40], shrink=True)
    longer = correlation(long.symbols, long.returns[:, :400], shrink=True)
    assert short.shrinkage > longer.shrinkage > 0
    assert ((short.shrunk() - truth) ** 2).sum() < ((short.rho - truth) ** 2).sum()


def test_wrong_shapes_and_bounds_are_refused():
    """Messages name value and bound."""
    with pytest.raises(BadInput, match=r"one row per symbol \(1\), had 2"):
        correlation(["a"], np.zeros((2, 50)))
    with pytest.raises(BadInput, match="min_bars must be at least 3, was 2"):
        correlation(["a"], np.zeros((1, 50)), min_bars=2)
    with pytest.raises(BadInput, match="method must be one of pearson, spearman, was 'kendall'"):
        correlation(["a"], np.zeros((1, 50)), method="kendall")


def test_real_majors_move_together(real):
    """BTC's and ETH's hourly returns correlate above 0.6 in any month on record."""
    from trading.xray.returns import log_returns

    symbols, returns = log_returns(real)
    found = correlation(symbols, returns)
    at = {symbol: row for row, symbol in enumerate(symbols)}
    assert found.rho[at["BTC/USDT"], at["ETH/USDT"]] > 0.6
