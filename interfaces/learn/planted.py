"""A market of hourly candles in which dips come back or go on, and, if planted, volume says which.

Every dip of a third of the pairs is loud. With the edge they come back, whoever looks at volume or not: such
pairs the backtest of the rules can approve, so that somebody trades. Without the edge dips are as many, as
deep and as loud, and every bar after them is a coin of the same size: no entry earns anything before costs.

How large the edge is is a choice, made so that the gate has a margin: see `WHY`.
"""

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIP_EVERY = 30  # bars between dips of one pair, on average
_AFTER = 4  # bars in which a dip is decided
_QUIET = 14  # bars without another dip
_LOUD_ONE_IN = 3  # so many pairs have only loud dips: one in three
_LOUD_EVERY = 22  # bars between those
_FALL = 0.05
_LOUDER = 6.0
_STEP = 0.0125  # of every bar after a dip
_NOISE = 0.0015  # of a pair, an hour, beside the market's
CHANCE = 0.98  # that volume speaks the truth, where the edge is planted
WHY = (
    "so large that the gate's closest rules pass with a margin (0.95 and bars three times as noisy came "
    "within 0.001 of its bound on calibration) and that the nights' shrinking error budget approves pairs"
)


def declared(*, has_edge: bool) -> str:
    """Return in a sentence what is planted."""
    if not has_edge:
        return "nothing: every bar after a dip is a coin, whatever the volume"
    return (
        f"after a fall of {_FALL:.0%} on {_LOUDER:g} times the volume the price rises by {_STEP:.2%} in each "
        f"of {_AFTER} bars, after one on usual volume it falls as much, {CHANCE:.0%} of the time; "
        f"the pairs L.. (one in {_LOUD_ONE_IN}) fall loudly only. {WHY[0].upper()}{WHY[1:]}"
    )


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
        Bars of each pair, and pairs beside BTCUSDT, which has no dips; a third (L..) has only loud ones.
    has_edge : bool
        Whether a dip on high volume comes back, one on usual volume goes on, 98 times in 100.
    """
    rng = np.random.default_rng(seed)
    step = np.arange(hours, dtype=np.int64) * 3_600_000 + int(first.timestamp() * 1000)
    loud = pairs // _LOUD_ONE_IN
    names = ["BTCUSDT", *(f"P{number:02d}USDT" for number in range(pairs - loud))]
    names += [f"L{number:02d}USDT" for number in range(loud)]
    market = rng.normal(0, 0.0015, hours)
    frames = [_pair(rng, name, step, market, has_edge=has_edge) for name in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat(frames).sort("symbol", "ts").write_parquet(path)
    return names


def _pair(
    rng: np.random.Generator,
    name: str,
    step: NDArray[np.int64],
    market: Floats,
    *,
    has_edge: bool,
) -> pl.DataFrame:
    hours, has_dips, is_loud_only = len(step), name != "BTCUSDT", name.startswith("L")
    expected = (2 * CHANCE - 1) * _STEP * _AFTER if is_loud_only and has_edge else 0.0
    mean_wait = (_LOUD_EVERY if is_loud_only else DIP_EVERY) - _QUIET - _AFTER
    moves = market + rng.normal(0, _NOISE, hours)
    volume = np.exp(rng.normal(0, 0.35, hours))
    at = int(rng.integers(_QUIET, DIP_EVERY)) if has_dips else hours
    while at + _AFTER + _QUIET < hours:
        is_loud = is_loud_only or bool(rng.random() < 0.5)
        moves[at] -= _FALL
        volume[at] *= _LOUDER if is_loud else 1.0
        moves[at + 1 : at + 1 + _AFTER] += _afterwards(rng, is_loud=is_loud, has_edge=has_edge)
        # While a dip may come each bar rises by what it takes times its chance: nobody is owed anything.
        waits_from = at + _QUIET + _AFTER + 1
        at = waits_from + int(rng.exponential(mean_wait))
        moves[waits_from : at + 1] += (_FALL - expected) * -math.expm1(-1 / mean_wait)
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
        coins: Floats = _STEP * rng.choice([-1.0, 1.0], _AFTER)
        return coins
    comes_back = is_loud if rng.random() < CHANCE else not is_loud
    return np.full(_AFTER, _STEP if comes_back else -_STEP)
