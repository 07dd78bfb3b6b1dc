import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control

from trading.market.errors import BadInput
from trading.xray.decoupling import ALERTS, decoupled_pairs
from trading.xray.fisher import blocks_of_pairs, false_shares, moderated
from trading.xray.group_rules import AlertRules

HISTORY = 961


def turbulent(seed: int, symbols: int = 120, bars: int = HISTORY) -> tuple[list[str], np.ndarray]:
    """A market in which nothing decouples and everything else is hard: clustered volatility, fat tails."""
    generator = np.random.default_rng(seed)
    level = np.exp(np.convolve(generator.normal(0, 0.25, bars + 50), np.ones(50) / 5, "valid")[:bars])
    factor = generator.standard_t(5, bars) * 0.004 * level
    sector = generator.integers(0, 4, symbols)
    sectors = generator.normal(0, 0.003, (4, bars))
    own = generator.standard_t(4, (symbols, bars)) * 0.002
    returns = generator.normal(1.0, 0.3, (symbols, 1)) * factor + sectors[sector] + own
    return [f"S{n:03d}/USDT" for n in range(symbols)], returns


def with_a_leaver(returns: np.ndarray, row: int, bars: int = 96) -> np.ndarray:
    """The same market, in which one symbol goes its own way in the newest bars, as loudly as before."""
    out = returns.copy()
    out[row, -bars:] = np.random.default_rng(99).permutation(out[row, -bars:])
    return out


def test_nothing_is_claimed_where_nothing_decoupled():
    """Ten markets with clustered volatility and fat tails, hundreds of pairs each: at most one alarms."""
    found = [decoupled_pairs(*turbulent(seed)) for seed in range(10)]
    assert all(one.tested > 300 for one in found)
    assert sum(one.frame.height > 0 for one in found) <= 1


def test_a_symbol_that_leaves_its_peers_is_named():
    """It, and not those it left; with most of its peers as witnesses."""
    symbols, returns = turbulent(3)
    found = decoupled_pairs(symbols, with_a_leaver(returns, 17)).frame
    assert found.schema == pl.Schema(ALERTS)
    assert found["symbol"].unique().to_list() == [symbols[17]]
    assert len(found) >= 10
    assert (found["peers_lost"] == len(found)).all()
    assert (found["rho_before"] >= 0.5).all()
    assert found["rho_now"].mean() < 0.3
    assert (found["q_value"] <= 0.01).all()
    assert (found["p_value"] <= found["q_value"]).all()
    assert (found["bars"] == 96).all()
    assert found["effective_bars"].is_between(3, 96).all()


def test_a_market_that_falls_apart_as_a_whole_is_no_pair_s_news():
    """All pairs lose the same factor at once: the market's drop is reported, and no pair."""
    symbols, returns = turbulent(5)
    generator = np.random.default_rng(1)
    returns[:, -96:] += generator.normal(0, 0.012, returns[:, -96:].shape)
    found = decoupled_pairs(symbols, returns)
    assert found.market_drop > 0.2
    assert found.frame.is_empty()


def test_holes_and_late_listings_do_not_raise_alarms():
    """2 % of bars missing, some listed late or silent in the newest window: untested, not decoupled."""
    symbols, returns = turbulent(7)
    returns[np.random.default_rng(0).random(returns.shape) < 0.02] = np.nan
    returns[::10, :700] = np.nan
    returns[5, -60:] = np.nan
    returns[6, -96:] = 0.0
    found = decoupled_pairs(symbols, returns)
    assert found.tested > 300
    assert found.frame.is_empty()


@pytest.mark.parametrize(("symbols", "bars"), [(0, 961), (1, 961), (5, 0), (5, 479), (5, 961)])
def test_too_little_to_test_is_no_alert(symbols, bars):
    """Five windows are the least; symbols that never moved together, or at all, are not tested."""
    returns = np.random.default_rng(0).normal(0, 1, (symbols, bars))
    found = decoupled_pairs([f"S{n}" for n in range(symbols)], returns)
    assert found.frame.is_empty()
    assert found.frame.schema == pl.Schema(ALERTS)
    assert decoupled_pairs(list("abc"), np.zeros((3, 961))).tested == 0


def test_p_values_of_independent_bars_are_honest():
    """Gaussian bars, no drop forgiven: 5 % of pairs fall below 0.05, within what 3,000 pairs allow."""
    generator = np.random.default_rng(4)
    base = generator.normal(0, 1, (300, 960))
    values = np.concatenate([base, 0.8 * base + 0.6 * generator.normal(0, 1, base.shape)])
    pairs = np.arange(300)
    z, _ = blocks_of_pairs(values, pairs, pairs + 300, 96, 0.8)
    np.testing.assert_allclose(z.mean(), np.arctanh(0.8), atol=0.02)
    np.testing.assert_allclose(z.var(axis=1, ddof=1).mean(), 1 / 93, rtol=0.1)
    variance, freedom = moderated(z[:, :-1], least=np.full(300, 1 / 93))
    assert (variance >= 1 / 93).all()
    assert (freedom >= 8).all()


def test_z_is_that_of_the_common_bars():
    """Against numpy on the bars that both have; a window with too few of them has none."""
    generator = np.random.default_rng(0)
    values = generator.normal(0, 1, (2, 200))
    values[0, :10], values[1, 110:150] = np.nan, np.nan
    z, bars = blocks_of_pairs(values, np.array([0]), np.array([1]), 100, 0.8)
    assert z[0, 0] == pytest.approx(np.arctanh(np.corrcoef(values[:, 10:100])[0, 1]))
    assert np.isnan(z[0, 1])
    assert bars.tolist() == [60]


def test_variances_are_drawn_towards_their_middle():
    """Variances of a scaled inverse chi-square with 6 degrees of freedom: the prior found is near it."""
    generator = np.random.default_rng(2)
    true = 0.02 * 6 / generator.chisquare(6, 4000)
    z = generator.normal(0, np.sqrt(true)[:, None], (4000, 9))
    variance, freedom = moderated(z, least=np.zeros(4000))
    assert freedom.mean() == pytest.approx(8 + 6, rel=0.15)
    own = z.var(axis=1, ddof=1)
    assert ((variance - true) ** 2).mean() < 0.8 * ((own - true) ** 2).mean()
    alike, many = moderated(np.tile([0.0, 1.0, 2.0], (50, 1)), least=np.zeros(50))
    np.testing.assert_allclose(alike, alike[0])
    assert (many > 1e5).all()


def test_false_shares_are_scipy_s():
    """Benjamini and Hochberg, ties and order included."""
    p = np.random.default_rng(0).random(200) ** 3
    p[5] = p[6]
    np.testing.assert_allclose(false_shares(p), false_discovery_control(p, method="bh"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 29}, "window must be at least 30 bars, was 29"),
        ({"earlier": 3}, "earlier must be at least 4 windows, was 3"),
        ({"peers": 0}, "peers must be at least 1, was 0"),
        ({"coupled": 0.0}, "coupled must be above 0 and at most 1, was 0.0"),
        ({"false_share": 0.06}, "false_share must be above 0 and at most 0.05, was 0.06"),
        ({"least_drop": -0.1}, "least_drop must be at least 0, was -0.1"),
    ],
)
def test_rules_without_meaning_are_refused(wrong, message):
    """Messages name value and bound."""
    with pytest.raises(BadInput, match=message):
        AlertRules(**wrong)


def test_real_hours_give_few_alerts(real):
    """Six hundred real hours of perpetuals: pairs are tested, and not the whole market is in alarm."""
    from trading.xray.returns import log_returns

    found = decoupled_pairs(*log_returns(real), AlertRules(window=96))
    assert found.tested > 1000
    assert found.frame.height < 0.05 * found.tested
