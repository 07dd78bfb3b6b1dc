"""Small markets for tests: a walk without edge, a planted swing, and frames of a few bars."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2026, 1, 1, tzinfo=UTC)
UTC_MS = pl.Datetime("ms", "UTC")
BAR = timedelta(minutes=15)


def candles(symbol: str, bars: list[list[float]], start: datetime = START) -> pl.DataFrame:
    """Bars of [open, high, low, close, volume], a quarter of an hour each."""
    times = [start + BAR * place for place in range(len(bars))]
    columns = dict(zip(("open", "high", "low", "close", "volume"), zip(*bars, strict=True), strict=True))
    frame = pl.DataFrame({"symbol": [symbol] * len(bars), "open_time": times, **columns}, strict=False)
    prices = [pl.col(name).cast(pl.Float64) for name in columns]
    return frame.with_columns(pl.col("open_time").cast(UTC_MS), *prices).with_columns(
        quote_volume=pl.col("volume") * pl.col("close")
    )


def signals(frame: pl.DataFrame, entries: list[int], exits: list[int]) -> pl.DataFrame:
    """Signals at row numbers of a one-symbol frame."""
    place = pl.int_range(pl.len())
    return frame.select(
        "symbol", "open_time", is_entry=place.is_in(entries), is_exit=place.is_in(exits)
    ).filter(pl.col("is_entry") | pl.col("is_exit"))


def markets_of(frame: pl.DataFrame, taker_fee: float = 0.0005) -> pl.DataFrame:
    """One market row per symbol."""
    return pl.DataFrame({"symbol": frame["symbol"].unique().sort()}).with_columns(taker_fee=pl.lit(taker_fee))


def walk(
    seed: int,
    symbols: int = 60,
    bars: int = 1000,
    *,
    planted: int = 0,
    volatility: float = 0.004,
    beta: float = 0.0,
) -> pl.DataFrame:
    """Random walks with fat tails (and a common factor of size `beta`), 15m bars of three steps each.

    The first `planted` symbols walk little and carry a bounded swing instead: heights of alternating
    sign and random size within 2.2 to 3 %, every 150 to 210 minutes, joined smoothly.
    """
    rng = np.random.default_rng(seed)
    n = bars * 3
    scale = volatility / np.sqrt(6)  # three steps a bar; Student's t with 4 degrees has variance 2
    common = rng.standard_t(4, n) * scale * beta
    steps = rng.standard_t(4, (symbols, n)) * scale
    steps[:planted] *= 0.25
    path = np.cumsum(steps + common * np.where(np.arange(symbols) < planted, 0.6, 1.0)[:, None], axis=1)
    for place in range(planted):
        path[place] += _swing(rng, n)
    price = 10 * np.exp(np.concatenate([path[:, :1], path], axis=1))
    within = np.stack([price[:, k : n + k - 2 : 3] for k in range(4)])
    wick = 1 + np.abs(rng.normal(0, volatility / 8, (2, symbols, bars)))
    times = pl.datetime_range(START, START + BAR * (bars - 1), BAR, eager=True).cast(UTC_MS)
    return pl.DataFrame(
        {
            "symbol": np.repeat([f"S{k:03d}/USDT" for k in range(symbols)], bars),
            "open_time": pl.concat([times] * symbols),
            "open": within[0].ravel(),
            "high": (within.max(axis=0) * wick[0]).ravel(),
            "low": (within.min(axis=0) / wick[1]).ravel(),
            "close": within[3].ravel(),
            "volume": rng.lognormal(8, 1, symbols * bars),
        }
    ).with_columns(quote_volume=pl.col("volume") * pl.col("close"))


def _swing(rng: np.random.Generator, n: int) -> np.ndarray:
    size, period, phase = rng.uniform(0.022, 0.030), rng.uniform(150, 210), rng.uniform(0, 1000)
    place = (np.arange(1, n + 1) * 5.0 + phase) / period
    k = np.floor(place).astype(int)
    u = place - k
    heights = (0.45 + 0.55 * rng.random(k.max() + 2)) * np.where(np.arange(k.max() + 2) % 2 == 0, 1, -1)
    return size * (heights[k] + (heights[k + 1] - heights[k]) * u * u * (3 - 2 * u))
