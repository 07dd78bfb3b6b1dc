"""A strategy and its markets in the whole numbers that the compiled loop takes."""

import numpy as np
from numpy.typing import NDArray

from trading.backtest.candle_file import MarketRules
from trading.backtest.entries import Terms, Venue
from trading.backtest.strategy import Strategy
from trading.backtest.walk import Bars
from trading.backtest.walk_freqtrade import month_decimals
from trading.risk.exit_machine import WHOLE, ExitNumbers
from trading.risk.exits import parts
from trading.risk.freqtrade_exits import FreqtradeNumbers

_MINUTE_MS = 60_000


def venue_of(
    rules: list[MarketRules], strategy: Strategy, fee: float, bars: Bars, *, is_freqtrade: bool
) -> Venue:
    """Return what each symbol's market asks, fees, costs and target ladder included."""
    n = len(rules)
    cost = 0 if is_freqtrade else parts(strategy.costs.half_spread + strategy.costs.slippage)
    # What the price must reach so that, fees and costs of both sides paid, the target is what is left.
    gross = [(1 + target) * (1 + fee) / ((1 - fee) * (1 - cost / WHOLE)) for _, target in strategy.roi]
    factors = np.array([max(0, round(factor * WHOLE)) for factor in gross], np.int64)
    return Venue(
        tick_num=np.array([r.tick.numerator for r in rules], np.int64),
        tick_den=np.array([r.tick.denominator for r in rules], np.int64),
        step_num=np.array([r.step.numerator for r in rules], np.int64),
        step_den=np.array([r.step.denominator for r in rules], np.int64),
        min_amount=np.array([r.min_amount for r in rules]),
        min_cost=np.array([r.min_cost for r in rules]),
        fee=np.full(n, fee),
        cost=np.full(n, cost, np.int64),
        factors=np.tile(factors, (n, 1)),
        decimals=_decimals(bars) if is_freqtrade else np.empty(0, np.int8),
    )


def terms_of(bars: Bars, bar_ms: int, strategy: Strategy, slots: int, *, is_freqtrade: bool) -> Terms:
    """Return what the run assumes."""
    trailing = strategy.trailing
    ages = np.array([age for age, _ in strategy.roi], np.int64)
    exits = ExitNumbers(
        stop_keep=WHOLE - parts(strategy.stoploss),
        trail_keep=0 if trailing is None else WHOLE - parts(trailing.stop),
        trail_wake=WHOLE if trailing is None else WHOLE + parts(trailing.offset),
        max_hold=strategy.max_hold_min * _MINUTE_MS,
        ages=ages * _MINUTE_MS,
        factors=np.zeros(len(ages), np.int64),
    )
    peer = FreqtradeNumbers(
        stop=strategy.stoploss,
        trail=0.0 if trailing is None else trailing.stop,
        wake=0.0 if trailing is None else trailing.offset,
        max_hold=strategy.max_hold_min,
        ages=ages,
        targets=np.array([target for _, target in strategy.roi], np.float64),
    )
    return Terms(
        is_freqtrade=is_freqtrade,
        stake=strategy.stake,
        wallet=strategy.wallet,
        slots=slots,
        volume_share=strategy.volume_share,
        entry_limit=strategy.entry_limit,
        impact=strategy.costs.impact,
        bar_ms=bar_ms,
        end_ms=int(bars.open_ms[bars.offsets[1:] - 1].max()),
        exits=exits,
        peer=peer,
    )


def _decimals(bars: Bars) -> NDArray[np.int8]:
    month = bars.open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    out = np.empty(len(month), np.int8)
    month_decimals(bars.offsets, month, bars.open, bars.high, bars.low, bars.close, out)
    return out
