"""What all pairs share: business time, the market and sector factors, and market-wide jumps.

Business time runs fast on turbulent days and in busy hours; every price is a random walk in it,
so volatility regimes reach all pairs at once. Built once per seed (daily tables), read by the kernels.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trading.simulator.hashing import derive

EPOCH_MS = 1_609_459_200_000  # 2021-01-01 00:00 UTC
BLOCK_DAYS = 512
HORIZON_DAYS = 15 * BLOCK_DAYS  # to 2042-01-11
# The day on which pairs stand at their typical price, and the default start: Monday 2026-08-17, in the
# middle of an uneventful fortnight of the default seed (no regime change, no market jump).
ANCHOR_DAY = 2054
SECTORS = 12

MARKET_DAILY_VOL = 0.021
SECTOR_DAILY_VOL = 0.025
# Factors are pulled back very slowly (half-life about 230 days), so that prices stay in range for years.
_PULL = 0.003
_REGIME_TAU = np.array([0.40, 0.95, 2.60])  # calm, normal, turbulent: multiples of variance
_REGIME_STAY = 0.93
_WEEKEND_TAU = 0.70
# Busyness of each hour of the day, UTC: quiet before Asia, busy at 13-16. Bursts come on top.
_HOURS = np.array(
    [
        *(1.15, 1.05, 0.95, 0.85, 0.75, 0.70, 0.75, 0.90, 1.00, 0.95, 0.90, 0.90),
        *(1.10, 1.35, 1.55, 1.50, 1.30, 1.10, 1.00, 0.95, 0.95, 0.90, 0.85, 0.90),
    ]
)
_BURST = 0.35
_JUMP_DAYS = 90  # one market-wide jump in about so many days


class Weather(NamedTuple):
    """Daily tables, `n_days` = `HORIZON_DAYS`; a NamedTuple because kernels read it."""

    tau: npt.NDArray[np.float64]  # (n_days + 1,) business time at the start of each day
    market: npt.NDArray[np.float64]  # (n_days + 1,) log level of the market factor
    sectors: npt.NDArray[np.float64]  # (SECTORS, n_days + 1) log levels
    day_shares: npt.NDArray[np.float64]  # (n_days, 6) share of each 4h block in its day's business time
    block_shares: npt.NDArray[np.float64]  # (6 n_days, 4) share of each hour in its block's
    jump_minute: npt.NDArray[np.int64]  # (n_days,) minute since the epoch of the market jump, or -1
    jump_size: npt.NDArray[np.float64]  # (n_days,) its log size (0 where none)
    market_stream: np.uint64
    sector_streams: npt.NDArray[np.uint64]  # (SECTORS,)


def regimes(seed: int) -> npt.NDArray[np.int64]:
    """Return the planted regime of each day since the epoch: 0 calm, 1 normal, 2 turbulent."""
    rng = np.random.default_rng(derive(seed, "regime"))
    moves = rng.random((HORIZON_DAYS, 2))
    states = np.empty(HORIZON_DAYS, np.int64)
    state = 1
    for day in range(HORIZON_DAYS):
        if moves[day, 0] > _REGIME_STAY:
            # From the ends back to normal; from normal to calm (60 %) or turbulent (40 %).
            state = 1 if state != 1 else (0 if moves[day, 1] < 0.6 else 2)
        states[day] = state
    return states


def build_weather(seed: int) -> Weather:
    """Return the shared tables of the market made by `seed`."""
    daily_tau = _daily_tau(seed)
    shocks = np.random.default_rng(derive(seed, "factors")).standard_normal((HORIZON_DAYS, SECTORS + 1))
    jump_minute, jump_size = _market_jumps(seed)
    day_shares, block_shares = _shares(seed)
    vols = np.full(SECTORS + 1, SECTOR_DAILY_VOL)
    vols[0] = MARKET_DAILY_VOL
    levels = np.zeros((HORIZON_DAYS + 1, SECTORS + 1))
    for day in range(HORIZON_DAYS):
        levels[day + 1] = (1 - _PULL) * levels[day] + vols * np.sqrt(daily_tau[day]) * shocks[day]
        levels[day + 1, 0] += jump_size[day]
    levels -= levels[ANCHOR_DAY]
    return Weather(
        tau=np.concatenate([[0.0], np.cumsum(daily_tau)]),
        market=np.ascontiguousarray(levels[:, 0]),
        sectors=np.ascontiguousarray(levels[:, 1:].T),
        jump_minute=jump_minute,
        jump_size=jump_size,
        market_stream=np.uint64(derive(seed, "market")),
        sector_streams=np.array([derive(seed, "sector", k) for k in range(SECTORS)], np.uint64),
        day_shares=day_shares,
        block_shares=block_shares,
    )


def _daily_tau(seed: int) -> npt.NDArray[np.float64]:
    noise = np.random.default_rng(derive(seed, "tau")).standard_normal(HORIZON_DAYS)
    weekday = (np.arange(HORIZON_DAYS) + 4) % 7  # the epoch was a Friday
    weekend = np.where(weekday >= 5, _WEEKEND_TAU, 1.0)
    tau: npt.NDArray[np.float64] = _REGIME_TAU[regimes(seed)] * np.exp(0.25 * noise) * weekend
    return tau


def _market_jumps(seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    draws = np.random.default_rng(derive(seed, "jumps")).random((HORIZON_DAYS, 4))
    has_jump = draws[:, 0] < 1 / _JUMP_DAYS
    minute = np.arange(HORIZON_DAYS) * 1440 + np.minimum((draws[:, 1] * 1440).astype(np.int64), 1439)
    size = np.where(draws[:, 2] < 0.5, -1.0, 1.0) * (0.015 + 0.045 * draws[:, 3] ** 2)
    return np.where(has_jump, minute, -1), np.where(has_jump, size, 0.0)


def _shares(seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(derive(seed, "bursts"))
    blocks = _HOURS.reshape(6, 4).sum(axis=1) * np.exp(_BURST * rng.standard_normal((HORIZON_DAYS, 6)))
    hours = _HOURS.reshape(6, 4) * np.exp(_BURST * rng.standard_normal((HORIZON_DAYS, 6, 4)))
    return blocks / blocks.sum(axis=1, keepdims=True), (hours / hours.sum(axis=2, keepdims=True)).reshape(
        -1, 4
    )
