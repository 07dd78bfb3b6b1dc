"""Made-up markets for policies: a state that rows show drives the next bars, or, shuffled, drives none."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.backtest.block import candle_block
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.job import Job
from trading.backtest.line import LineRun
from trading.risk.exits import ExitRules

BAR_MS, START_MS = 900_000, 1_767_225_600_000
NAMES = ("f_state", "f_noise", "f_more_noise")
EXITS = ExitRules(stop_loss=0.04, take_profit=0.06, max_hold_bars=16)


@dataclass(frozen=True, slots=True)
class Taught:
    """A market ready to be played: job, features per row, probability per row, signal rows by half."""

    job: Job
    features: np.ndarray
    probability: np.ndarray
    older: np.ndarray
    newer: np.ndarray


def taught_market(
    seed: int, *, edge: float = 0.002, shuffled: bool = False, symbols: int = 16, bars: int = 800
) -> Taught:
    """Return a market of random walks of 0.5 % a bar whose drift is `edge` × a state of ±1.

    The state turns with probability 0.1 a bar; a feature shows it with noise, and the probability of a signal
    leans to it. `shuffled`: each symbol's returns in another order, so that nothing shown drives anything.
    Fee 0.1 %, half spread and slippage as `CostModel` has them. Signals of the newer half begin after the
    longest hold of the older ones.
    """
    rng = np.random.default_rng(seed)
    state = np.where(np.cumsum(rng.random((symbols, bars)) < 0.1, axis=1) % 2 == 0, 1.0, -1.0)
    state *= rng.choice([-1.0, 1.0], (symbols, 1))
    drift = np.concatenate([np.zeros((symbols, 1)), state[:, :-1]], axis=1) * edge
    change = drift + rng.normal(0.0, 0.005, (symbols, bars))
    if shuffled:
        change = rng.permuted(change, axis=1)
    close = np.round(100.0 * np.exp(np.cumsum(change, axis=1)), 4)
    opened = np.concatenate([np.full((symbols, 1), 100.0), close[:, :-1]], axis=1)
    wick = np.abs(rng.normal(0.0, 0.001, (2, symbols, bars)))
    high = np.round(np.maximum(opened, close) * (1 + wick[0]), 4)
    low = np.round(np.minimum(opened, close) * (1 - wick[1]), 4)
    names = [f"S{k:03d}/USDT" for k in range(symbols)]
    frame = pl.DataFrame(
        {
            "symbol": np.repeat(names, bars),
            "open_time": np.tile(START_MS + np.arange(bars) * BAR_MS, symbols),
            "open": opened.ravel(),
            "high": high.ravel(),
            "low": low.ravel(),
            "close": close.ravel(),
            "volume": np.full(symbols * bars, 1e6),
        }
    ).with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))
    markets = pl.DataFrame({"symbol": names, "taker_fee": 0.001, "tick": 0.0001})
    block = candle_block(frame, BAR_MS, markets)
    costs = CostModel()
    run = LineRun(block, symbol_costs(block.symbols, markets, costs), EXITS, costs.stake_quote, 0.01, 0.0)
    nothing = np.zeros(len(frame), np.bool_)
    shown = state + 0.5 * rng.normal(size=state.shape)
    noise = rng.normal(size=(2, symbols * bars))
    at = np.arange(symbols * bars) % bars
    is_signal = rng.random(symbols * bars) < 0.2
    hold = EXITS.max_hold_bars or 0
    return Taught(
        run.job(nothing, nothing),
        np.column_stack([shown.ravel(), *noise]),
        np.clip(0.5 + 0.15 * shown.ravel(), 0.05, 0.95),
        np.flatnonzero(is_signal & (at < bars // 2 - hold)),
        np.flatnonzero(is_signal & (at >= bars // 2) & (at < bars - hold - 1)),
    )
