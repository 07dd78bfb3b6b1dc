"""Validation functions against what a user would reach for: empyrical, scipy, and plain numpy loops.

`plain` peers are the definitions written with numpy as a paper would; they give the same answer, which
the tests hold them to. scipy's bootstrap draws single days where ours keeps blocks, on the same work.
"""

from itertools import combinations
from typing import Any

import numpy as np

from bench.harness import against_peer, measure, missing
from trading.backtest.figures import ratios
from trading.backtest.validation.bootstrap import panel_p_values, resampled
from trading.backtest.validation.discovery import adjusted_p_values
from trading.backtest.validation.overfitting import backtest_overfitting
from trading.backtest.validation.trade_order import shuffled_order

DAYS, DRAWS, TRADES = 730, 10_000, 500
CONFIGURATIONS, BLOCKS, ROWS = 200, 12, 360
PANEL_SYMBOLS, PANEL_DAYS, PANEL_DRAWS = 500, 90, 1000


def run() -> list[dict[str, Any]]:
    """Measure and return one line per function and peer."""
    rng = np.random.default_rng(1)
    returns = rng.standard_t(4, DAYS) * 0.01 + 0.0005
    return [
        _figures(returns),
        _bootstrap(returns),
        _panel(rng),
        _overfitting(rng),
        _trade_order(rng),
        _discovery(rng),
    ]


def _figures(returns: np.ndarray) -> dict[str, Any]:
    functions = ("sharpe", "sortino", "calmar", "volatility", "max_drawdown", "omega", "expected_shortfall")
    ours = measure(lambda: [getattr(ratios, name)(returns) for name in functions for _ in range(300)])
    theirs = None if missing(["empyrical"]) else measure(lambda: _empyrical(returns, 300))
    work = f"7 ratios of {DAYS} daily returns, 300 times"
    return against_peer("validation figures", work, ours, "empyrical-reloaded", theirs, bound=1.0)


def _empyrical(returns: np.ndarray, times: int) -> None:
    import empyrical

    for _ in range(times):
        empyrical.sharpe_ratio(returns, annualization=365)
        empyrical.sortino_ratio(returns, annualization=365)
        empyrical.calmar_ratio(returns, annualization=365)
        empyrical.annual_volatility(returns, annualization=365)
        empyrical.max_drawdown(returns)
        empyrical.omega_ratio(returns, annualization=365)
        empyrical.conditional_value_at_risk(returns)


def _bootstrap(returns: np.ndarray) -> dict[str, Any]:
    from scipy.stats import bootstrap

    ours = measure(lambda: resampled(returns, DRAWS, np.random.default_rng(2)))
    theirs = measure(
        lambda: bootstrap(
            (returns,), np.mean, n_resamples=DRAWS, method="percentile", rng=np.random.default_rng(2)
        )
    )
    work = f"{DRAWS:,} resamplings of {DAYS} days: mean and deviation, in blocks"
    return against_peer(
        "validation bootstrap", work, ours, "scipy.stats.bootstrap, mean only, single days", theirs, bound=1.0
    )


def _panel(rng: np.random.Generator) -> dict[str, Any]:
    panel = rng.normal(0, 0.01, (PANEL_DAYS, PANEL_SYMBOLS))
    ours = measure(lambda: panel_p_values(panel, PANEL_DRAWS, np.random.default_rng(3), block=3.0))
    theirs = measure(lambda: _plain_panel(panel, PANEL_DRAWS, 3.0), repeat=1, warm_up=False)
    work = f"p-values of {PANEL_SYMBOLS} symbols x {PANEL_DAYS} days, {PANEL_DRAWS:,} resamplings"
    return against_peer("validation panel", work, ours, "plain numpy", theirs, bound=3.0)


def _plain_panel(panel: np.ndarray, draws: int, block: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    n = len(panel)
    ours = panel.mean(axis=0) / panel.std(axis=0)
    hits = np.zeros(panel.shape[1])
    for _ in range(draws):
        is_new = rng.random(n) < 1 / block
        is_new[0] = True
        starts = rng.integers(0, n, n)
        run_start = np.maximum.accumulate(np.where(is_new, np.arange(n), 0))
        drawn = panel[(starts[run_start] + np.arange(n) - run_start) % n]
        hits += (drawn.mean(axis=0) - panel.mean(axis=0)) / drawn.std(axis=0) >= ours
    return (1 + hits) / (1 + draws)


def _overfitting(rng: np.random.Generator) -> dict[str, Any]:
    returns = rng.normal(0, 0.01, (ROWS, CONFIGURATIONS))
    ours = measure(lambda: backtest_overfitting(returns, BLOCKS))
    theirs = measure(lambda: _plain_overfitting(returns, BLOCKS), repeat=1, warm_up=False)
    work = f"PBO of {CONFIGURATIONS} configurations x {ROWS} days, {BLOCKS} blocks"
    return against_peer("validation overfitting", work, ours, "plain numpy", theirs, bound=3.0)


def _plain_overfitting(returns: np.ndarray, blocks: int) -> float:
    parts = np.array_split(returns, blocks)
    below = []
    for chosen in combinations(range(blocks), blocks // 2):
        here = np.concatenate([parts[k] for k in chosen])
        there = np.concatenate([parts[k] for k in range(blocks) if k not in chosen])
        best = np.argmax(here.mean(axis=0) / here.std(axis=0))
        outside = there.mean(axis=0) / there.std(axis=0)
        below.append((outside < outside[best]).sum() + 1 <= (returns.shape[1] + 1) / 2)
    return float(np.mean(below))


def _trade_order(rng: np.random.Generator) -> dict[str, Any]:
    trades = rng.normal(0.001, 0.02, TRADES)
    ours = measure(lambda: shuffled_order(trades, DRAWS, np.random.default_rng(4)))
    theirs = measure(lambda: _plain_orders(trades, DRAWS))
    work = f"drawdowns of {DRAWS:,} orders of {TRADES} trades"
    return against_peer("validation trade order", work, ours, "plain numpy", theirs, bound=1.5)


def _plain_orders(trades: np.ndarray, draws: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    orders = rng.permuted(np.tile(trades, (draws, 1)), axis=1)
    wealth = np.cumprod(1 + orders, axis=1)
    peaks = np.maximum(1, np.maximum.accumulate(wealth, axis=1))
    return (1 - wealth / peaks).max(axis=1)


def _discovery(rng: np.random.Generator) -> dict[str, Any]:
    from scipy.stats import false_discovery_control

    p = rng.random(2610)
    ours = measure(lambda: [adjusted_p_values(p) for _ in range(500)])
    theirs = measure(lambda: [false_discovery_control(p) for _ in range(500)])
    work, peer = "adjusted p-values of 2,610 symbols, 500 times", "scipy false_discovery_control"
    return against_peer("validation discovery", work, ours, peer, theirs, bound=0.8)
