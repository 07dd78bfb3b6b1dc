"""A strategy and its markets in the whole numbers that the compiled loop takes."""

import numpy as np
from numpy.typing import NDArray

from trading.backtest.candle_file import MarketRules
from trading.backtest.fees import Fees, MarketFees, fees_of, one_fee
from trading.backtest.job import Adjust, Terms, Venue
from trading.backtest.strategy import Strategy
from trading.backtest.walk import Bars, Bools, Floats, Ints
from trading.backtest.walk_freqtrade import month_decimals
from trading.risk.exit_machine import WHOLE, ExitNumbers
from trading.risk.exits import parts
from trading.risk.freqtrade_exits import FreqtradeNumbers

_MINUTE_MS = 60_000


def venue_of(
    rules: list[MarketRules], strategy: Strategy, fee: float | None, bars: Bars, *, is_freqtrade: bool
) -> Venue:
    """Return what each symbol's market asks, fees, costs and target ladder included.

    `fee` goes before the markets' fees, these before the strategy's. freqtrade has one fee for all: the worse
    of the first market's two.
    """
    n, costs = len(rules), strategy.costs
    cost = 0 if is_freqtrade else parts(costs.half_spread + costs.slippage)
    fees = _fees(rules, strategy, fee, is_freqtrade=is_freqtrade)
    goals = np.array([target for _, target in strategy.roi])
    factors = target_factors(goals, fees, 0 if costs.target_rests else cost)
    if strategy.take_profit > 0:
        factors = np.full((len(fees.since_ms), n, 1), WHOLE + parts(strategy.take_profit), np.int64)
    return Venue(
        tick_num=np.array([r.tick.numerator for r in rules], np.int64),
        tick_den=np.array([r.tick.denominator for r in rules], np.int64),
        step_num=np.array([r.step.numerator for r in rules], np.int64),
        step_den=np.array([r.step.denominator for r in rules], np.int64),
        min_amount=np.array([r.min_amount for r in rules]),
        min_cost=np.array([r.min_cost for r in rules]),
        fees=fees,
        cost=np.full(n, cost, np.int64),
        factors=factors,
        decimals=_decimals(bars) if is_freqtrade else np.empty(0, np.int8),
    )


def _fees(rules: list[MarketRules], strategy: Strategy, fee: float | None, *, is_freqtrade: bool) -> Fees:
    default = strategy.costs.fee if fee is None else fee
    if is_freqtrade:
        return one_fee(len(rules), max(rules[0].fees.at(0, default)) if fee is None else fee)
    if fee is not None:
        return fees_of([MarketFees(asset=r.fees.asset) for r in rules], fee)
    costs = strategy.costs
    return fees_of(
        [r.fees for r in rules], default, entry_rests=costs.entry_rests, target_rests=costs.target_rests
    )


def target_factors(goals: Floats, fees: Fees, cost: int) -> Ints:
    """Return by (span, symbol, goal) how many parts of the price paid leave the goal as profit.

    Fees and costs of both sides are paid; a fee taken in base leaves less to sell.
    """
    bought = np.where(fees.in_base, 1 / (1 - fees.entry), 1 + fees.entry)
    gross = (1 + goals) * (bought / ((1 - fees.target) * (1 - cost / WHOLE)))[:, :, None]
    factors: Ints = np.maximum(0, np.rint(gross * WHOLE)).astype(np.int64)
    return factors


def terms_of(
    bars: Bars, bar_ms: int, strategy: Strategy, slots: int, *, is_freqtrade: bool, fee: float = 0.0
) -> Terms:
    """Return what the run assumes; `fee` turns a target of the price into freqtrade's, which is net of it."""
    trailing = strategy.trailing
    rungs = strategy.roi
    if strategy.take_profit > 0:
        rungs = ((0, (1 + strategy.take_profit) * (1 - fee) / (1 + fee) - 1),)
    ages = np.array([age for age, _ in rungs], np.int64)
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
        targets=np.array([target for _, target in rungs], np.float64),
    )
    return Terms(
        is_freqtrade=is_freqtrade,
        stake=strategy.stake,
        wallet=strategy.wallet,
        slots=slots,
        volume_share=strategy.volume_share,
        entry_limit=strategy.entry_limit,
        impact=strategy.costs.impact,
        target_rests=strategy.costs.target_rests,
        bar_ms=bar_ms,
        end_ms=int(bars.open_ms[bars.offsets[1:] - 1].max()),
        exits=exits,
        peer=peer,
        risk=(strategy.sizing.risk, strategy.sizing.max_share, strategy.sizing.reserve),
        stop=strategy.stoploss,
        most_stake=strategy.sizing.most,
    )


def adjust_of(strategy: Strategy, venue: Venue, masks: Bools) -> Adjust:
    """Return additions and parts in whole numbers; `masks` are the strategy's `conditions`, by candle row."""
    adds, sold = strategy.additions, strategy.parts
    has = [a.when is not None for a in adds] + [part.when is not None for part in sold]
    place = np.where(has, np.cumsum(has) - 1, -1).astype(np.int64)
    cost = 0 if strategy.costs.target_rests or not len(venue.cost) else int(venue.cost[0])
    factors = target_factors(np.array([part.at for part in sold]), venue.fees, cost)
    factors[:, :, np.array([part.when is not None for part in sold], np.bool_)] = 0
    return Adjust(
        add_keep=np.array([0 if a.when else WHOLE + parts(a.at) for a in adds], np.int64),
        add_share=np.array([a.share for a in adds], np.float64),
        add_amount=np.array([a.amount for a in adds], np.float64),
        add_most=np.array([a.most for a in adds], np.int64),
        add_mask=place[: len(adds)],
        part_factors=factors,
        part_share=np.array([part.share for part in sold], np.float64),
        part_mask=place[len(adds) :],
        masks=masks,
        add_share_sum=sum((a.share * a.most for a in adds), 0.0),
        add_amount_sum=sum((a.amount * a.most for a in adds), 0.0),
        entry_rests=strategy.costs.entry_rests,
    )


def _decimals(bars: Bars) -> NDArray[np.int8]:
    first, last = bars.open_ms[bars.offsets[:-1]].min(), bars.open_ms[bars.offsets[1:] - 1].max()
    month = np.array([first, last], "datetime64[ms]").astype("datetime64[M]")
    months_ms = np.arange(month[0], month[1] + 2).astype("datetime64[ms]").astype(np.int64)
    out = np.empty(len(bars.open_ms), np.int8)
    month_decimals(bars.offsets, bars.open_ms, months_ms, bars.open, bars.high, bars.low, bars.close, out)
    return out
