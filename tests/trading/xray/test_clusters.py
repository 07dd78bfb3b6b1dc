import numpy as np
import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

from trading.market.errors import BadInput
from trading.xray.clusters import CLUSTERS, NOISE, cluster_symbols
from trading.xray.components import residuals
from trading.xray.group_rules import ClusterSettings


def test_planted_sectors_are_found(planted):
    """Eight sectors among 240 symbols: as many groups, adjusted Rand index above 0.95, little noise."""
    market = planted(240, 500)
    frame = cluster_symbols(market.symbols, market.returns)
    labels = frame["cluster"].to_numpy()
    grouped = labels >= 0
    assert 7 <= labels.max() + 1 <= 9
    assert grouped.mean() > 0.6
    assert adjusted_rand_score(market.sector[grouped], labels[grouped]) > 0.95


def test_late_listings_and_lost_bars_hide_no_sector(planted):
    """A tenth listed late, 2 % of bars missing."""
    market = planted(240, 500, seed=3)
    generator = np.random.default_rng(1)
    returns = market.returns.copy()
    returns[generator.random(returns.shape) < 0.02] = np.nan
    returns[::10, :150] = np.nan
    labels = cluster_symbols(market.symbols, returns)["cluster"].to_numpy()
    grouped = labels >= 0
    assert adjusted_rand_score(market.sector[grouped], labels[grouped]) > 0.9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tails", ["normal", "fat"])
def test_a_market_without_groups_is_all_noise(seed, tails):
    """Independent returns: nothing to find, so nothing may be claimed, however small groups may be."""
    generator = np.random.default_rng(seed)
    shape = (200, 500)
    returns = generator.normal(0, 0.01, shape) if tails == "normal" else generator.standard_t(3, shape) * 0.01
    frame = cluster_symbols([f"S{n}" for n in range(200)], returns)
    assert (frame["cluster"] == NOISE).all()
    assert frame["similarity"].null_count() == 200
    # Without the bound HDBSCAN finds groups in it.
    unbound = cluster_symbols(frame["symbol"].to_list(), returns, ClusterSettings(least_strength=0.0))
    assert (unbound["cluster"] >= 0).any()


def test_noise_near_a_group_is_guessed_into_it_and_labelled(planted):
    """`soft_cluster` is the own group for members, the nearest for noise from the bound on, else -1."""
    market = planted(240, 500, seed=1)
    # A third follows its sector only loosely.
    market.returns[::3] += np.random.default_rng(0).normal(0, 0.012, market.returns[::3].shape)
    frame = cluster_symbols(market.symbols, market.returns, ClusterSettings(min_cosine=0.45))
    grouped = frame.filter(pl.col("cluster") >= 0)
    assert (grouped["soft_cluster"] == grouped["cluster"]).all()
    noise = frame.filter(pl.col("cluster") == NOISE)
    guessed = noise.filter(pl.col("soft_cluster") >= 0)
    assert len(guessed) > 0
    assert guessed["similarity"].min() >= 0.45
    assert (noise.filter(pl.col("soft_cluster") < 0)["similarity"] < 0.45).all()
    assert set(guessed["soft_name"]) <= set(grouped["cluster_name"])
    truth = dict(zip(market.symbols, market.sector.tolist(), strict=True))
    soft = frame.filter(pl.col("soft_cluster") >= 0)
    sectors = [truth[symbol] for symbol in soft["symbol"]]
    assert adjusted_rand_score(sectors, soft["soft_cluster"].to_list()) > 0.9
    strict = cluster_symbols(market.symbols, market.returns, ClusterSettings(min_cosine=1.0))
    assert (strict["soft_cluster"] == strict["cluster"]).all()


def test_groups_are_numbered_by_size_and_named_after_a_member(planted):
    """Label 0 is the largest; a name belongs to its group; size and strength agree with the members."""
    market = planted(240, 500, seed=1)
    frame = cluster_symbols(market.symbols, market.returns)
    assert frame.schema == pl.Schema(CLUSTERS)
    assert frame["symbol"].to_list() == sorted(market.symbols)
    groups = frame.filter(pl.col("cluster") >= 0)
    sizes = groups.group_by("cluster").len().sort("cluster")["len"].to_list()
    assert sizes == sorted(sizes, reverse=True)
    for own in groups.partition_by("cluster"):
        assert own["cluster_name"].unique().to_list()[0] in own["symbol"].to_list()
        assert own["size"].unique().to_list() == [len(own)]
    assert groups["strength"].is_between(0, 1).all()
    noise = frame.filter(pl.col("cluster") == NOISE)
    assert noise["cluster_name"].null_count() == len(noise)
    assert (noise["strength"] == 0).all()


def test_the_same_market_gives_the_same_groups_in_any_row_order(planted):
    """Seeded, and a label does not depend on where a symbol stands."""
    market = planted(160, 400, seed=4)
    order = np.random.default_rng(0).permutation(160)
    first = cluster_symbols(market.symbols, market.returns)
    assert first.equals(cluster_symbols(market.symbols, market.returns))
    shuffled = cluster_symbols([market.symbols[i] for i in order], market.returns[order])
    both = (first["cluster"].to_numpy() >= 0) & (shuffled["cluster"].to_numpy() >= 0)
    assert adjusted_rand_score(first["cluster"].to_numpy()[both], shuffled["cluster"].to_numpy()[both]) > 0.95


def test_symbols_with_too_little_history_are_noise(planted):
    """Below 60 % of the bars, or without any movement."""
    market = planted(120, 400)
    returns = market.returns.copy()
    returns[0, :200] = np.nan
    returns[1] = 0.0
    frame = cluster_symbols(market.symbols, returns)
    assert frame["cluster"].to_list()[:2] == [NOISE, NOISE]


@pytest.mark.parametrize(("symbols", "bars"), [(0, 0), (1, 100), (3, 100), (40, 0), (40, 5)])
def test_too_small_a_market_is_all_noise_and_no_error(symbols, bars):
    """One-symbol markets and first bars come through."""
    returns = np.random.default_rng(0).normal(0, 1, (symbols, bars))
    frame = cluster_symbols([f"S{n}" for n in range(symbols)], returns)
    assert (frame["cluster"] == NOISE).all()
    assert len(frame) == symbols


def test_residuals_hold_nothing_of_the_market(planted):
    """Orthogonal to the mean return, centred, of unit length."""
    market = planted(50, 300)
    rest = residuals(market.returns)
    factor = market.returns.mean(axis=0)
    np.testing.assert_allclose(rest @ (factor - factor.mean()), 0, atol=1e-12)
    np.testing.assert_allclose((rest**2).sum(axis=1), 1)


def test_smallest_group_grows_with_the_market():
    """15 of 2,600 as measured best, never fewer than 5, or what was asked."""
    assert [ClusterSettings().smallest(n) for n in (50, 300, 2600)] == [5, 5, 15]
    assert ClusterSettings(min_cluster_size=8).smallest(2600) == 8
    with pytest.raises(BadInput, match="min_cluster_size must be at least 2, was 1"):
        ClusterSettings(min_cluster_size=1)
    with pytest.raises(BadInput, match=r"min_cosine must lie in -1..1, was 2"):
        ClusterSettings(min_cosine=2)
    with pytest.raises(BadInput, match="least_strength must be at least 0, was -1"):
        ClusterSettings(least_strength=-1)


def test_real_perpetuals_form_several_groups_and_no_giant(real):
    """On real hours: a few groups, none of them half the market."""
    from trading.xray.returns import log_returns

    frame = cluster_symbols(*log_returns(real))
    groups = frame.filter(pl.col("cluster") >= 0)
    assert groups["cluster"].n_unique() >= 3
    assert groups["size"].max() < 0.4 * len(frame)
