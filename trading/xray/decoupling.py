"""Pairs that moved together and no longer do: the table `correlation_alerts`.

The newest window is held against as many earlier windows of the same length as there are. Each window's
correlation is Fisher's z of normal scores, so that one wild bar decides nothing; how much z varies from
window to window is measured, pair by pair and over all pairs, which takes autocorrelation and clustered
volatility into account without a model of them. Not here: who the peers are (peers.py).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri
from scipy.stats import t as student

from trading.xray.correlation import correlation
from trading.xray.fisher import blocks_of_pairs, false_shares, moderated
from trading.xray.group_rules import LEAST_WINDOWS, AlertRules
from trading.xray.peers import best_columns
from trading.xray.ranks import ranks
from trading.xray.returns import Floats

Ints = npt.NDArray[np.int64]
ALERTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "peer": pl.String,
    "rho_before": pl.Float64,
    "rho_now": pl.Float64,
    "bars": pl.Int32,
    "effective_bars": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "peers_lost": pl.Int32,
}
# Below so many pairs their median is no market.
_A_MARKET = 30


@dataclass(frozen=True, slots=True)
class Decoupling:
    """What was found: `frame` of ALERTS, how many pairs were tested, and the drop all of them share."""

    frame: pl.DataFrame
    tested: int
    market_drop: float


def decoupled_pairs(symbols: list[str], returns: Floats, rules: AlertRules | None = None) -> Decoupling:
    """Return the pairs that decoupled in the newest window, **one row per pair**.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing.

    Returns
    -------
    Decoupling
        Rows sorted by `peers_lost` (alerts of `symbol`, most first) and q. `symbol` is the one of the two
        with more alerts: who left, not who was left. `effective_bars` is how many independent Gaussian
        bars the newest correlation is worth. Empty where the history has fewer than 5 windows.

    Notes
    -----
    With z_k of the K earlier windows, mean m and variance s^2, the newest z of an unchanged pair differs
    from m with variance s^2 (1 + 1/K). s^2 is moderated over all pairs (Smyth, 2004, "Linear models and
    empirical Bayes methods for assessing differential expression", section 6.2) and never taken below the
    1/(n - 3) of independent bars; t = (m - z - least_drop) / sqrt(s^2 (1 + 1/K)) is held against Student's t.
    A drop that the median pair shares is the market's and is taken off first. q are Benjamini and
    Hochberg's (1995): those of Benjamini and Yekutieli, which hold however the pairs depend on each other,
    missed half of what is there (decision 22).
    """
    rules = rules or AlertRules()
    windows = min(returns.shape[1] // rules.window - 1, rules.earlier)
    if windows < LEAST_WINDOWS or len(symbols) < 2:
        return Decoupling(pl.DataFrame(schema=ALERTS), 0, 0.0)
    scores = _scores(returns[:, -(windows + 1) * rules.window :], rules.window)
    left, right = _coupled(symbols, scores[:, : -rules.window], rules)
    z, bars = blocks_of_pairs(scores, left, right, rules.window, rules.min_share)
    usable = ~np.isnan(z[:, -1]) & ((~np.isnan(z[:, :-1])).sum(axis=1) >= LEAST_WINDOWS)
    left, right, z, bars = left[usable], right[usable], z[usable], bars[usable]
    if not len(z):
        return Decoupling(pl.DataFrame(schema=ALERTS), 0, 0.0)
    before, now = np.nanmean(z[:, :-1], axis=1), z[:, -1]
    market = float(np.median(now - before)) if len(z) >= _A_MARKET else 0.0
    earlier = (~np.isnan(z[:, :-1])).sum(axis=1)
    variance, freedom = moderated(z[:, :-1], least=1.0 / (bars - 3))
    drop = before - now + min(market, 0.0) - rules.least_drop
    p = student.sf(drop / np.sqrt(variance * (1 + 1 / earlier)), freedom)
    found = {
        "left": left,
        "right": right,
        "rho_before": np.tanh(before),
        "rho_now": np.tanh(now),
        "bars": bars,
        "effective_bars": 3 + 1 / variance,
        "p_value": p,
        "q_value": false_shares(p),
    }
    return Decoupling(_alerts(pl.DataFrame(found), symbols, rules.false_share), len(z), max(-market, 0.0))


def _scores(returns: Floats, window: int) -> Floats:
    """Return normal scores of each symbol's returns within each window; NaN stays NaN."""
    n, bars = returns.shape
    cut = returns.reshape(n * (bars // window), window)
    count = (~np.isnan(cut)).sum(axis=1, keepdims=True)
    return np.asarray(ndtri(ranks(cut) / (count + 1))).reshape(n, bars)


def _coupled(symbols: list[str], scores: Floats, rules: AlertRules) -> tuple[Ints, Ints]:
    """Return the pairs (left < right) that are close peers in the earlier windows, each once."""
    rho = correlation(symbols, scores, min_bars=int(LEAST_WINDOWS * rules.window * rules.min_share)).rho
    best = best_columns(rho, min(rules.peers, len(symbols) - 1))
    rows = np.repeat(np.arange(len(symbols)), best.shape[1])
    columns = best.ravel()
    close = (rho[rows, columns] >= rules.coupled) & (rows != columns)
    low, high = np.minimum(rows, columns)[close], np.maximum(rows, columns)[close]
    once = np.unique(low * len(symbols) + high)
    return once // len(symbols), once % len(symbols)


def _alerts(found: pl.DataFrame, symbols: list[str], false_share: float) -> pl.DataFrame:
    names = pl.Series("symbol", symbols, dtype=pl.String)
    alerts = found.filter(pl.col("q_value") <= false_share)
    lost = pl.concat([alerts["left"], alerts["right"].rename("left")]).value_counts(name="lost")
    for side in ("left", "right"):
        alerts = alerts.join(lost.rename({"left": side, "lost": f"lost_{side}"}), on=side, how="left")
    is_left = pl.col("lost_left") >= pl.col("lost_right")
    alerts = alerts.with_columns(
        who=pl.when(is_left).then("left").otherwise("right"),
        whom=pl.when(is_left).then("right").otherwise("left"),
        peers_lost=pl.max_horizontal("lost_left", "lost_right"),
    )
    named = alerts.with_columns(symbol=names.gather(alerts["who"]), peer=names.gather(alerts["whom"]))
    ordered = named.sort("peers_lost", "symbol", "q_value", "peer", descending=[True, False, False, False])
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in ALERTS.items())
