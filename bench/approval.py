"""How often the gate approves what has no edge, and how small an edge it finds.

Each seed is a market of its own: fat tails, volatility that comes in clusters, a common factor, its hours
then put into another order (`validation.shuffle`). Indicators, signals, backtest and gate run as by
default. For the power curve the price after each signal of some symbols is lifted by an edge of declared
size, spread over two hours, and the whole lift taken out again as an even drift, so that holding the
symbol earns no more than before. The signals are those of the market before it was lifted.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from bench.harness import Measured, measure
from trading.backtest.approval import Approval, approve
from trading.backtest.engine import run_backtest
from trading.backtest.validation.shuffle import block_shuffled
from trading.indicators.table import indicator_table
from trading.signals.generate import signal_rows

SYMBOLS, BARS, BLOCK = 100, 960, 4
LONG = 2_880  # thirty days
HOLD = 16  # bars: the default exits' longest hold
START, BAR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=15)
SEEDS, POWER_SEEDS = 200, 6
EDGES = (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03)  # of the price, after each signal
WITH_EDGE = 10
MOST_FALSE = 0.05


def run() -> list[dict[str, Any]]:
    """Return one line for the false approvals of 200 seeds and one for each edge of the power curve."""
    lines = [_false_line()]
    return lines + [_power_line(bars, edge) for bars, edge in product((BARS, LONG), EDGES)]


def _false_line() -> dict[str, Any]:
    found = measure(lambda: false_approvals(range(SEEDS)), repeat=1, warm_up=False)
    runs = sum(count > 0 for count in found.value)
    share = runs / SEEDS
    work = f"{SEEDS} block-shuffled markets of {SYMBOLS} symbols x {BARS} bars without edge"
    told = {"ratio": share, "bound": MOST_FALSE, "ok": share <= MOST_FALSE}
    return _line("approval", work, found) | told | {"runs_with_any": runs, "approved": sum(found.value)}


def _power_line(bars: int, edge: float) -> dict[str, Any]:
    found = measure(
        lambda: [power(1000 + seed, edge, bars) for seed in range(POWER_SEEDS)], repeat=1, warm_up=False
    )
    right, wrong = (sum(counts) for counts in zip(*found.value, strict=True))
    size = f"{WITH_EDGE} of {SYMBOLS} symbols x {bars} bars, {POWER_SEEDS} seeds"
    work = f"a rise of {edge:.2%} after each signal of {size}"
    told = {"ratio": right / (WITH_EDGE * POWER_SEEDS), "bound": None, "ok": None, "false": wrong}
    return _line("approval power", work, found) | told | {"reason": "a figure, held to no bound"}


def _line(name: str, work: str, found: Measured) -> dict[str, Any]:
    """Return the keys that every benchmark has; the ratio here is a share of runs or symbols."""
    return {
        "name": name,
        "work": work,
        "ours_cpu_s": round(found.cpu_s, 4),
        "ours_wall_s": round(found.wall_s, 4),
        "peak_rss_mb": round(found.peak_rss_mb, 1),
        "peer": None,
        "peer_cpu_s": None,
    }


def false_approvals(seeds: Any, progress: Callable[[int], None] | None = None) -> list[int]:
    """Return how many symbols each seed's market without edge got approved."""
    found = []
    for done, seed in enumerate(seeds):
        found.append(len(judged(quiet_market(seed)).approved))
        if progress is not None:
            progress(done + 1)
    return found


def power(seed: int, edge: float, bars: int = BARS) -> tuple[int, int]:
    """Return how many of the symbols with an edge were approved, and how many of the others."""
    candles = quiet_market(seed, bars)
    signals = signal_rows(indicator_table(candles))
    chosen = candles["symbol"].unique().sort().head(WITH_EDGE)
    approved = set(judged(with_edge(candles, signals, chosen, edge), signals).approved)
    return len(approved & set(chosen)), len(approved - set(chosen))


def judged(candles: pl.DataFrame, signals: pl.DataFrame | None = None) -> Approval:
    """Run indicators, signals, backtest and gate with their defaults; `signals` where they are known."""
    said = signal_rows(indicator_table(candles)) if signals is None else signals
    markets = pl.DataFrame({"symbol": candles["symbol"].unique().sort()}).with_columns(taker_fee=0.0005)
    found = run_backtest(candles, said, markets)
    return approve(found.metrics, found.trades)


def quiet_market(seed: int, bars: int = BARS, block: int = BLOCK) -> pl.DataFrame:
    """Return candles without an edge: a market of clusters and tails, its blocks in another order."""
    rng = np.random.default_rng([seed, 5])
    steps = 3 * bars
    calm = np.zeros((SYMBOLS + 1, steps))
    shocks = rng.normal(0, 0.08, (SYMBOLS + 1, steps))
    for t in range(1, steps):
        calm[:, t] = 0.985 * calm[:, t - 1] + shocks[:, t]
    moves = rng.standard_t(4, (SYMBOLS + 1, steps)) * 0.0016 * np.exp(calm)
    beta = rng.uniform(0, 1.2, (SYMBOLS, 1))
    size = rng.lognormal(0, 0.4, (SYMBOLS, 1))
    path = np.cumsum(size * moves[1:] + beta * moves[:1], axis=1)
    price = 10 * np.exp(np.concatenate([np.zeros((SYMBOLS, 1)), path], axis=1))
    within = np.stack([price[:, k : steps + k - 2 : 3] for k in range(4)])
    times = pl.datetime_range(START, START + BAR * (bars - 1), BAR, eager=True).cast(pl.Datetime("ms", "UTC"))
    frame = pl.DataFrame(
        {
            "symbol": np.repeat([f"S{k:03d}/USDT" for k in range(SYMBOLS)], bars),
            "open_time": pl.concat([times] * SYMBOLS),
            "open": within[0].ravel(),
            "high": within.max(axis=0).ravel(),
            "low": within.min(axis=0).ravel(),
            "close": within[3].ravel(),
            "volume": rng.lognormal(8, 1, SYMBOLS * bars),
        }
    ).with_columns(quote_volume=pl.col("volume") * pl.col("close"))
    return block_shuffled(frame, block, rng)


def with_edge(
    candles: pl.DataFrame, signals: pl.DataFrame, symbols: pl.Series, edge: float, over: int = 8
) -> pl.DataFrame:
    """Return candles of which `symbols` rise by `edge` in the `over` bars after a signal.

    Signals within the holding time of the last one that was lifted add nothing: one edge a trade.
    """
    frame = candles.sort("symbol", "open_time")
    bars = frame["open_time"].n_unique()
    entries = signals.filter("is_entry").select("symbol", "open_time", hit=pl.lit(1.0))
    marked = frame.join(entries, on=["symbol", "open_time"], how="left", maintain_order="left")
    hits = _apart(marked["hit"].fill_null(0.0).to_numpy().reshape(-1, bars), HOLD)
    hits[~np.isin(frame["symbol"].to_numpy().reshape(-1, bars)[:, 0], symbols.to_list())] = 0.0
    lift = np.zeros_like(hits)
    for ahead in range(1, over + 1):
        lift[:, ahead:] += hits[:, :-ahead] * np.log1p(edge) / over
    path = np.exp(np.cumsum(lift - lift.mean(axis=1, keepdims=True), axis=1))
    before = np.concatenate([np.ones((len(path), 1)), path[:, :-1]], axis=1)
    # A bar opens as high as the one before it was lifted; its extremes by the larger and the smaller.
    factors = {
        "open": before,
        "close": path,
        "high": np.maximum(before, path),
        "low": np.minimum(before, path),
    }
    lifted = frame.with_columns(
        (pl.col(name) * pl.Series(factor.ravel())).alias(name) for name, factor in factors.items()
    )
    return lifted.with_columns(
        pl.max_horizontal("open", "high", "close").alias("high"),
        pl.min_horizontal("open", "low", "close").alias("low"),
    )


def _apart(hits: np.ndarray, bars: int) -> np.ndarray:
    """Return `hits` without those that follow another one within `bars`."""
    kept = np.zeros_like(hits)
    for row, own in enumerate(hits):
        last = -bars
        for place in np.flatnonzero(own):
            if place - last >= bars:
                kept[row, place], last = 1.0, place
    return kept
