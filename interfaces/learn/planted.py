"""A market of hourly candles in which dips come back or go on, and, if planted, volume says which.

Without the edge dips are as many, as deep and as loud, and every bar after them is a coin of the same size.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIP_EVERY = 30  # bars between dips of one pair, on average
_AFTER = 5  # bars in which a dip is decided
_QUIET = 14  # bars without another dip


def write_market(
    path: Path, *, first: datetime, hours: int, pairs: int, seed: int, has_edge: bool
) -> list[str]:
    """Write a Parquet file of candles; return the wire names of its pairs. The same seed gives the same file.

    Parameters
    ----------
    path : Path
        File to write.
    first : datetime
        Open of the first bar, UTC.
    hours, pairs : int
        Bars of each pair, and pairs beside BTCUSDT, which has no dips.
    has_edge : bool
        Whether a dip on high volume comes back, one on usual volume goes on, nine times in ten.
    """
    rng = np.random.default_rng(seed)
    step = np.arange(hours, dtype=np.int64) * 3_600_000 + int(first.timestamp() * 1000)
    names = ["BTCUSDT", *(f"P{number:02d}USDT" for number in range(pairs))]
    market = rng.normal(0, 0.0015, hours)
    frames = [_pair(rng, name, step, market, has_dips=name != "BTCUSDT", has_edge=has_edge) for name in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat(frames).sort("symbol", "ts").write_parquet(path)
    return names


def _pair(
    rng: np.random.Generator,
    name: str,
    step: NDArray[np.int64],
    market: Floats,
    *,
    has_dips: bool,
    has_edge: bool,
) -> pl.DataFrame:
    hours = len(step)
    moves = market + rng.normal(0, 0.0035, hours)
    volume = np.exp(rng.normal(0, 0.35, hours))
    at = int(rng.integers(_QUIET, DIP_EVERY)) if has_dips else hours
    while at + _AFTER + _QUIET < hours:
        is_loud = bool(rng.random() < 0.5)
        moves[at] -= 0.05
        volume[at] *= 6.0 if is_loud else 1.0
        moves[at + 1 : at + 1 + _AFTER] += _afterwards(rng, is_loud=is_loud, has_edge=has_edge)
        # A jump up at a time that nothing announces: a pair neither dies nor owes anybody a recovery.
        moves[at + _AFTER + int(rng.integers(2, _QUIET))] += 0.05
        at += _QUIET + _AFTER + int(rng.exponential(DIP_EVERY - _QUIET - _AFTER)) + 1
    start = 30_000.0 if name == "BTCUSDT" else float(rng.uniform(5, 50))
    close = np.round(start * np.exp(np.cumsum(moves)), 4)
    opened = np.concatenate([[close[0]], close[:-1]])
    wick = 1 + np.abs(rng.normal(0, 0.001, (2, hours)))
    return pl.DataFrame(
        {
            "symbol": [name] * hours,
            "ts": pl.Series(step).cast(pl.Datetime("ms", "UTC")),
            "open": opened,
            "high": np.round(np.maximum(opened, close) * wick[0], 4),
            "low": np.round(np.minimum(opened, close) / wick[1], 4),
            "close": close,
            "volume": np.round(volume * 200_000.0 / start, 2),
        }
    )


def _afterwards(rng: np.random.Generator, *, is_loud: bool, has_edge: bool) -> Floats:
    """Return what is added to the bars after a dip: one direction, told by volume; or each bar its own coin.

    Without the edge a direction that lasts would be one, whatever the volume: momentum.
    """
    if not has_edge:
        coins: Floats = 0.0125 * rng.choice([-1.0, 1.0], _AFTER)
        return coins
    comes_back = is_loud if rng.random() < 0.9 else not is_loud
    return np.full(_AFTER, 0.0125 if comes_back else -0.0125)
