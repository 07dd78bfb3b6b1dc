import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.xray.cluster_quality import QUALITY, cluster_quality
from trading.xray.clusters import cluster_symbols


def test_planted_groups_are_coherent_apart_and_found_again(planted):
    """Eight sectors: members near their centre, centres far from each other, resamples agree."""
    market = planted(240, 500)
    clusters = cluster_symbols(market.symbols, market.returns)
    found = cluster_quality(market.symbols, market.returns, clusters, resamples=4)
    frame = found.frame
    assert frame.schema == pl.Schema(QUALITY)
    assert sorted(frame["cluster"].to_list()) == sorted({*clusters["cluster"].to_list()} - {-1})
    assert frame["size"].is_sorted(descending=True)
    assert frame["cohesion"].min() > 0.7
    assert (frame["separation"] < frame["cohesion"]).all()
    assert frame["stability"].is_between(0.4, 1).all()
    assert frame["persistence"].is_between(0, 1).all()
    assert found.resampled_ari > 0.9
    assert found.noise_share == pytest.approx((clusters["cluster"] == -1).mean())


def test_groups_that_are_not_there_are_not_found_again(planted):
    """Random labels over a planted market: no cohesion, no stability, no agreement."""
    market = planted(160, 400, seed=1)
    clusters = cluster_symbols(market.symbols, market.returns)
    shuffled = np.random.default_rng(0).permutation(clusters["cluster"].to_numpy())
    wrong = clusters.with_columns(cluster=pl.Series(shuffled).cast(pl.Int32))
    found = cluster_quality(market.symbols, market.returns, wrong, resamples=3)
    assert found.frame["cohesion"].max() < 0.7
    assert found.frame["stability"].max() < 0.4
    assert abs(found.resampled_ari) < 0.1


def test_top_members_are_the_most_similar_without_their_quote(planted):
    """Against the similarity that the table of clusters holds."""
    market = planted(120, 400, seed=3)
    clusters = cluster_symbols(market.symbols, market.returns)
    row = cluster_quality(market.symbols, market.returns, clusters, resamples=0).frame.row(0, named=True)
    own = clusters.filter(pl.col("cluster") == row["cluster"]).sort("similarity", descending=True)
    best = [symbol.removesuffix("/USDT") for symbol in own["symbol"].head(6)]
    assert row["top_members"] == ", ".join(best)
    assert row["cohesion"] == pytest.approx(own["similarity"].mean())
    assert row["stability"] is None


def test_the_same_seed_gives_the_same_figures_and_progress_is_told(planted):
    market = planted(100, 300, seed=5)
    clusters = cluster_symbols(market.symbols, market.returns)
    told: list[tuple[int, int]] = []
    first, second = (
        cluster_quality(
            market.symbols, market.returns, clusters, resamples=2, on_resample=lambda *done: told.append(done)
        )
        for _ in range(2)
    )
    assert first.frame.equals(second.frame)
    assert told == [(1, 2), (2, 2)] * 2


def test_a_market_of_noise_has_no_rows_and_says_so():
    """Nothing to judge is a finding; so is a market of nobody."""
    returns = np.random.default_rng(0).normal(0, 1, (6, 50))
    symbols = list("abcdef")
    found = cluster_quality(symbols, returns, cluster_symbols(symbols, returns))
    assert found.frame.is_empty()
    assert (found.noise_share, found.cohesion, found.resampled_ari) == (1.0, None, None)
    assert cluster_quality([], np.zeros((0, 9)), cluster_symbols([], np.zeros((0, 9)))).noise_share == 1.0
    with pytest.raises(BadInput, match="resamples must be at least 0, was -1"):
        cluster_quality(symbols, returns, cluster_symbols(symbols, returns), resamples=-1)
    with pytest.raises(BadInput, match="one row per symbol"):
        cluster_quality(symbols[:2], returns, cluster_symbols(symbols, returns))
