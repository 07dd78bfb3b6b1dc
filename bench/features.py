"""Features and labels for the whole market: what a training set is made of, before a model sees it.

From candles of 2,600 symbols x 1,500 bars to every feature of every bar (indicators, regime, news, clusters
and ages as of each bar included) and to the outcome of an entry after every bar, by the one exit machine and
net of costs. The peer is freqtrade's way: pair by pair in pandas, indicators by TA-Lib, rolling windows by
pandas, the label by sixteen shifted columns. It has no news, clusters or ages, knows no costs beyond a fee,
and runs on a subset: its CPU seconds are scaled by rows, which the line says.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from bench.calibration import slowness
from bench.harness import Measured, against_bound, against_peer, measure, missing
from bench.indicators import scaled
from trading.backtest.block import candle_block
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.engine import BacktestRules, outcomes
from trading.indicators.table import indicator_table
from trading.risk.exits import ExitRules
from trading.signals.features import (
    FEATURES,
    feature_columns,
    with_age,
    with_cluster,
    with_history,
    with_market,
)
from trading.signals.news_gate import with_news
from trading.signals.peers import with_relative
from trading.signals.windows import REFERENCE, with_windows

SYMBOLS, BARS, SUBSET = 2_600, 1_500, 20
MOST_CPU_S, LEAST_OF_LOOP = 20.0, 3.0
BAR_MS = 900_000
START = datetime(2026, 1, 1, tzinfo=UTC)
UTC_MS = pl.Datetime("ms", "UTC")


def run() -> list[dict[str, Any]]:
    """Measure and return one line per comparison."""
    market = World(SYMBOLS, BARS, seed=20261130)
    small = World(60, 400, seed=1)
    features_of(small), labels_of(small)  # machine code
    work = f"{SYMBOLS:,} symbols x {BARS:,} bars, {len(FEATURES)} features of every bar"
    features = measure(lambda: features_of(market), repeat=1, warm_up=False)
    rows, filled = _counted(features.value)
    labels = measure(lambda: labels_of(market), repeat=1, warm_up=False)
    ended = int((labels.value.exit_row >= 0).sum())
    both = Measured(
        features.cpu_s + labels.cpu_s,
        features.wall_s + labels.wall_s,
        max(features.peak_rss_mb, labels.peak_rss_mb),
    )
    told = {"features_cpu_s": round(features.cpu_s, 2), "labels_cpu_s": round(labels.cpu_s, 2)}
    told |= {"rows": rows, "filled": round(filled, 3), "labelled": ended}
    lines = [
        against_bound(
            "features", f"{work}, and a label each", both, bound_cpu_s=MOST_CPU_S, slowness=slowness(), **told
        )
    ]
    peer = None if missing(["pandas", "talib"]) else measure(lambda: pandas_loop(market.candles), repeat=1)
    theirs = None if peer is None else scaled(peer, SYMBOLS / SUBSET)
    note = f"peer measured on {SUBSET} symbols, scaled by rows"
    name = "pandas and TA-Lib, pair by pair"
    lines.append(against_peer("features", work, both, name, theirs, bound=LEAST_OF_LOOP, scaled=note))
    return lines


class World:
    """Candles of a seeded market, with what other stages say of it."""

    def __init__(self, symbols: int, bars: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        names = [REFERENCE, *(f"S{k:04d}/USDT" for k in range(symbols - 1))]
        path = 10 * np.exp(np.cumsum(rng.normal(0, 0.004, (symbols, bars)), axis=1))
        open_ = np.concatenate([path[:, :1], path[:, :-1]], axis=1)
        reach = 1 + rng.random((2, symbols, bars)) * 0.004
        times = [START + timedelta(milliseconds=BAR_MS * k) for k in range(bars)]
        column = pl.Series("open_time", times).cast(UTC_MS)
        self.candles = pl.DataFrame(
            {
                "symbol": np.repeat(names, bars),
                "open_time": pl.concat([column] * symbols),
                "open": open_.ravel(),
                "high": (np.maximum(open_, path) * reach[0]).ravel(),
                "low": (np.minimum(open_, path) / reach[1]).ravel(),
                "close": path.ravel(),
                "volume": rng.lognormal(3, 1, symbols * bars),
                "quote_volume": path.ravel(),
            }
        )
        self.regime = pl.DataFrame(
            {
                "open_time": column,
                "regime": rng.choice(["calm", "normal", "turbulent"], bars),
                "breadth": rng.random(bars),
            }
        )
        looks = [START + timedelta(days=day) for day in range(bars // 96)]
        self.clusters = pl.concat(
            pl.DataFrame(
                {
                    "symbol": names,
                    "cluster": rng.integers(-1, 40, symbols),
                    "strength": rng.random(symbols),
                    "known_at": [at] * symbols,
                }
            ).with_columns(pl.col("known_at").cast(UTC_MS))
            for at in looks
        )
        seen = [START + timedelta(minutes=int(k)) for k in rng.integers(0, bars * 15, 2_000)]
        self.news = pl.DataFrame(
            {
                "first_seen": seen,
                "symbols": [[names[k]] for k in rng.integers(0, symbols, 2_000)],
                "event": ["listing"] * 2_000,
                "sentiment": rng.normal(0, 0.5, 2_000).clip(-1, 1),
            }
        )
        self.instruments = pl.DataFrame({"symbol": names, "start": [START] * symbols})
        self.markets = pl.DataFrame({"symbol": names, "taker_fee": [0.0005] * symbols})


def features_of(world: World) -> pl.DataFrame:
    """Return the features of every bar, by the functions that describe signals."""
    history = with_history(indicator_table(world.candles))
    rows = with_market(history, world.regime)
    rows = rows.with_columns((pl.col("open_time").dt.epoch("ms") + BAR_MS).alias("decided_ms"))
    rows = with_news(rows, world.news, blocking=("hack",), half_life_hours=12.0)
    closes = world.candles.select("symbol", "open_time", "close")
    rows = with_windows(with_age(with_cluster(rows, world.clusters), world.instruments), history, closes)
    rows = with_relative(rows, closes, world.clusters, BAR_MS)
    return rows.select("symbol", "open_time", *feature_columns())


def labels_of(world: World) -> Any:
    """Return how an entry after every bar ended, net of costs."""
    block = candle_block(world.candles, BAR_MS, world.markets)
    costs = CostModel()
    table = symbol_costs(block.symbols, world.markets, costs)
    everywhere = np.ones(len(block.candles), np.bool_)
    return outcomes(block, everywhere, np.zeros_like(everywhere), table, ExitRules(), BacktestRules(), costs)


def _counted(table: pl.DataFrame) -> tuple[int, float]:
    """Return the rows, and which share of all features is known."""
    unknown = sum(table[name].null_count() for name in FEATURES)
    return len(table), 1 - unknown / (len(table) * len(FEATURES))


def pandas_loop(candles: pl.DataFrame) -> list[Any]:
    """Return features and labels of the first pairs, one pair after another."""
    import talib as ta

    frames = candles.head(SUBSET * BARS).to_pandas()
    reference = np.log(frames[frames["symbol"] == REFERENCE]["close"]).diff().reset_index(drop=True)
    found = []
    for _, each in frames.groupby("symbol", sort=False):
        pair = each.reset_index(drop=True)
        close, volume = pair["close"], pair["volume"]
        atr = ta.ATR(pair["high"], pair["low"], close)
        upper, _, lower = ta.BBANDS(close, timeperiod=20)
        pair["f_rsi"] = ta.RSI(close) / 100
        pair["f_below_band"] = (lower - close) / atr
        pair["f_band_width"] = (upper - lower) / close
        pair["f_macd_hist"] = ta.MACD(close)[2] / atr
        pair["f_atr"] = atr / close
        for length in (20, 50, 200):
            pair[f"f_ema_{length}"] = close / ta.EMA(close, timeperiod=length) - 1
        for bars in (1, 4, 16, 96):
            pair[f"f_return_{bars}"] = close.pct_change(bars)
        pair["f_volume"] = np.log(volume / volume.rolling(20).mean().shift(1)).clip(-5, 5)
        step = np.log(close).diff()
        pair["f_liquidity"] = np.log10(1 + (close * volume).rolling(96).mean())
        pair["f_spread"] = 2 * np.sqrt((-step.rolling(96).cov(step.shift(1))).clip(lower=0))
        pair["f_btc_corr"] = step.rolling(96).corr(reference)
        pair["label"] = _barrier(pair)
        found.append(pair)
    return found


def _barrier(pair: Any) -> Any:
    """Return the net return of stop, target or sixteen bars, whichever is first, by shifted columns."""
    entry = pair["open"].shift(-1)
    stop, target = entry * 0.96, entry * 1.03
    result = pair["open"].shift(-17) / entry - 1
    is_open = entry.notna()
    for bar in range(1, 17):
        is_stopped = is_open & (pair["low"].shift(-bar) <= stop)
        is_reached = is_open & ~is_stopped & (pair["high"].shift(-bar) >= target)
        result = result.mask(is_stopped, -0.04).mask(is_reached, 0.03)
        is_open &= ~is_stopped & ~is_reached
    return result - 0.001
