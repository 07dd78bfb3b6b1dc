"""Prepared arrays for the portfolio loop, from bars and signals by row; and its trades as plain tuples."""

import numpy as np
import polars as pl

from trading.backtest import replay
from trading.backtest.candle_file import CandleFile, MarketRules, candle_file
from trading.backtest.fees import NO_FEES, MarketFees
from trading.backtest.job import Job, Signals
from trading.backtest.replay import Replay, run
from trading.backtest.runs import adjusted, empty_book
from trading.backtest.strategy import Costs, Strategy
from trading.backtest.translate import adjust_of, terms_of, venue_of
from trading.indicators.expressions.expression import condition
from trading.market.ticks import Grid

FREE = Costs(fee=0.0, half_spread=0.0, slippage=0.0, impact=0.0)
NEVER = condition("volume < 0", known=lambda name: False)


def strategy(**changes) -> Strategy:
    """A strategy without costs whose own signals are never asked."""
    plain = {"entry": NEVER, "stoploss": 0.02, "stake": 100.0, "costs": FREE, "volume_share": 0.0}
    return Strategy(**(plain | changes))


def frame_of(symbols: dict[str, list[tuple]], bar_ms: int) -> pl.DataFrame:
    """Bars of (place, open, high, low, close, volume) per symbol; the place counts bar lengths."""
    rows = [(name, place * bar_ms, *rest) for name, bars in symbols.items() for place, *rest in bars]
    return pl.DataFrame(rows, schema=["symbol", "ts", "open", "high", "low", "close", "volume"], orient="row")


def play(
    frame: pl.DataFrame,
    rules: Strategy,
    entries: dict[str, set[int]],
    exits: dict[str, set[int]] | None = None,
    *,
    tick: float = 0.001,
    slots: int = 0,
    is_freqtrade: bool = False,
    bar_ms: int | None = None,
    detail: CandleFile | None = None,
    step: str = "1e-8",
    min_cost: float = 0.0,
    in_base: bool = False,
    is_forced: bool = False,
    with_fills: bool = False,
    met: list[set[int]] | None = None,
) -> Replay:
    """Run the loop with signals by row of each symbol; `is_forced`: through the follower of adjusted ones.

    `met` are the rows of all on which each condition of the strategy is met.
    """
    candles = candle_file(frame)
    fees = MarketFees(asset="base") if in_base else NO_FEES
    market = MarketRules(Grid.of(tick), Grid.of(step), 0.0, min_cost, fees)
    scale = np.full(len(candles.symbols), market.tick.denominator / market.tick.numerator)
    bars = candles.bars._replace(per_unit=scale)
    masks = []
    for wanted in (entries, exits or {}):
        mask = np.zeros(len(bars.close), np.bool_)
        for symbol, rows in wanted.items():
            mask[[int(bars.offsets[candles.symbols.index(symbol)]) + row for row in rows]] = True
        masks.append(mask)
    listed = [market] * len(candles.symbols)
    venue = venue_of(listed, rules, None, bars, is_freqtrade=is_freqtrade)
    conditions = np.zeros((len(met or []), len(bars.close)), np.bool_)
    for place, rows in enumerate(met or []):
        conditions[place, list(rows)] = True
    job = Job(
        bars,
        replay.detail_bars(detail, candles.symbols, candles.bar_ms),
        Signals(*masks, np.empty(0)),
        venue,
        terms_of(bars, bar_ms or candles.bar_ms, rules, slots, is_freqtrade=is_freqtrade),
        empty_book(),
    )
    if is_forced or rules.is_adjusted:
        job = adjusted(job, adjust_of(rules, venue, conditions))
    return run(candles.symbols, job, rules.startup, np.empty(0), guards=rules.guards, with_fills=with_fills)
