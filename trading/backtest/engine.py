"""Candles and signals in, trades and figures per symbol out: the research line on the one engine.

Fill rules are those of `sluice backtest` (`entries`, `walk`); how the line asks for them is in `line`, costs
in `costs`; whether the result is worth money is decided in `approval`.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from trading.backtest.block import Block, candle_block, member_mask, signal_masks
from trading.backtest.candle_file import CandleFile
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.line import LineRun
from trading.backtest.metrics import METRICS, equity_curve, symbol_metrics, with_fragility
from trading.backtest.stake_share import shares, sized
from trading.backtest.strategy import VOLUME_SHARE
from trading.backtest.walk import Bools, Floats, Ints
from trading.market.errors import BadInput
from trading.risk.exits import ExitCode, ExitRules
from trading.universe.members import with_sources

_UTC_MS = pl.Datetime("ms", "UTC")
_REASONS = np.array([code.reason for code in ExitCode])

# One row per trade. `*_mark` is the candle's price, `*_price` what is paid or got after half the spread and
# slippage, on whole ticks; profit_ratio is net of fees too. An open trade is valued at the last close.
# `is_ambiguous`: its last bar touched stop and target, taken as a stop; `is_resolved`: finer bars told.
TRADES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "signal_id": pl.String,
    "signal_time": _UTC_MS,
    "open_time": _UTC_MS,
    "close_time": _UTC_MS,
    "open_mark": pl.Float64,
    "close_mark": pl.Float64,
    "open_price": pl.Float64,
    "close_price": pl.Float64,
    "amount": pl.Float64,
    "profit_ratio": pl.Float64,
    "profit_ratio_2x_costs": pl.Float64,
    "market_excess": pl.Float64,
    "bars_held": pl.Int64,
    "exit_reason": pl.String,
    "is_open": pl.Boolean,
    "is_ambiguous": pl.Boolean,
    "is_resolved": pl.Boolean,
}
# One row per candle: cash plus amount held × close, starting from 1 per symbol.
EQUITY: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_time": _UTC_MS,
    "equity": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class BacktestRules:
    """What the run assumes beside exits and costs.

    Parameters
    ----------
    entry_limit : float
        An open more than this fraction above the signal's close is not bought (a live entry carries a
        limit price too).
    random_draws : int
        Random entry sets per symbol.
    seed : int
        Of the random entries.
    volume_share : float
        Most of the entry bar's volume that is bought; 0 = no limit.
    """

    entry_limit: float = 0.01
    random_draws: int = 500
    seed: int = 0
    volume_share: float = VOLUME_SHARE

    def __post_init__(self) -> None:
        if self.entry_limit < 0:
            raise BadInput(f"entry_limit must not be negative, was {self.entry_limit}")
        if self.random_draws < 1:
            raise BadInput(f"random_draws must be at least 1, was {self.random_draws}")
        if not 0 <= self.volume_share <= 1:
            raise BadInput(f"volume_share must lie in [0, 1], was {self.volume_share}")


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Trades (`TRADES`), figures (one row per symbol with candles, `METRICS`), equity per bar (`EQUITY`)."""

    trades: pl.DataFrame
    metrics: pl.DataFrame
    equity: pl.DataFrame = field(repr=False)


def run_backtest(
    candles: pl.DataFrame,
    signals: pl.DataFrame,
    markets: pl.DataFrame,
    exits: ExitRules | None = None,
    costs: CostModel | None = None,
    *,
    tickers: pl.DataFrame | None = None,
    rules: BacktestRules | None = None,
    bar_ms: int | None = None,
    members: pl.DataFrame | None = None,
    detail: CandleFile | None = None,
) -> BacktestResult:
    """Trade `signals` on `candles`, one position per symbol, and measure each symbol.

    Parameters
    ----------
    candles : DataFrame
        Closed bars, columns of `frames.CANDLES`, any order.
    signals : DataFrame
        `symbol`, `open_time`, `is_entry`, `is_exit`; `lineage_id` or `signal_id` is kept on the trades.
        `policy_size`, where given: part of the stake taken (`stake_share`); null is the whole.
    markets : DataFrame
        `symbol`, `taker_fee`; `tick`, `step`, `min_amount`, `min_cost` where known (`block.candle_block`).
    exits, costs, rules : optional
        Defaults where not given.
    tickers : DataFrame, optional
        Spread and volume per symbol, see `costs.symbol_costs`.
    bar_ms : int, optional
        Bar length; found from the candles where not given.
    members : DataFrame of `trading.universe.members.MEMBERS`, optional
        On which bars a symbol was in the universe. Elsewhere nothing is entered, neither on a signal nor at
        random; bars that are not named are no members. The figures then say what told the universe
        (`universe_source`, `universe_share`). Without it every bar is a member.
    detail : CandleFile, optional
        Finer candles: which came first in a bar that touched stop and target.

    Returns
    -------
    BacktestResult
        Empty frames when there are no candles.

    Raises
    ------
    InvalidBars
        If the candles cannot have been printed by a market.
    """
    exits, costs, rules = exits or ExitRules(), costs or CostModel(), rules or BacktestRules()
    if candles.is_empty():
        return BacktestResult(*(pl.DataFrame(schema=schema) for schema in (TRADES, METRICS, EQUITY)))
    block = candle_block(candles, bar_ms, markets)
    table = symbol_costs(block.symbols, markets, costs, tickers)
    run = _line(block, table, exits, costs, rules, detail)
    is_entry, is_exit = signal_masks(block, signals)
    is_member = member_mask(block, members)
    is_entry &= is_member
    if not exits.use_exit_signal:
        is_exit = np.zeros_like(is_exit)
    rows, rates = run.trades(is_entry, is_exit)
    trades = _trades_frame(run, rows, rates, signals)
    share = shares(trades, signals)
    trades = sized(trades, share, table, costs)
    every = run.every_entry(is_member, is_exit)[1]
    equity = equity_curve(block, rows, trades.select("open_price", "close_price").to_numpy(), run.fee, share)
    metrics = symbol_metrics(block, trades, equity, every, table, seed=rules.seed, draws=rules.random_draws)
    metrics = with_fragility(metrics, block.symbols, run.freqtrade_returns(is_entry, is_exit))
    if members is not None:
        metrics = with_sources(metrics, members)
    curve = block.candles.select("symbol", "open_time").with_columns(pl.Series("equity", equity))
    return BacktestResult(trades, metrics, curve)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Per candle row, how an entry after it ended: `exit_row` (-1 = not entered or not ended), net return."""

    exit_row: Ints
    net_return: Floats


def outcomes(
    block: Block,
    is_wanted: Bools,
    is_exit: Bools,
    table: pl.DataFrame,
    exits: ExitRules,
    rules: BacktestRules,
    costs: CostModel | None = None,
) -> Outcomes:
    """Return how each wanted entry would have ended, were it the only one; NaN where it did not."""
    run = _line(block, table, exits, costs or CostModel(), rules, None)
    return Outcomes(*run.every_entry(is_wanted, is_exit))


def _line(
    block: Block,
    table: pl.DataFrame,
    exits: ExitRules,
    costs: CostModel,
    rules: BacktestRules,
    detail: CandleFile | None,
) -> LineRun:
    return LineRun(block, table, exits, costs.stake_quote, rules.entry_limit, rules.volume_share, detail)


def net_return(open_mark: Floats, close_mark: Floats, price_cost: Floats, fee: Floats) -> Floats:
    """Return what one quote unit spent brings, minus 1: both sides pay spread, slippage and fee."""
    got: Floats = close_mark * (1 - price_cost) * (1 - fee)
    return got / (open_mark * (1 + price_cost) * (1 + fee)) - 1


def _trades_frame(run: LineRun, rows: Ints, rates: Floats, signals: pl.DataFrame) -> pl.DataFrame:
    owner, signal, entry, leave, code, steps, doubt = rows.T
    block, cost, fee = run.block, run.price_cost[owner], run.fee[owner]
    times = block.candles["open_time"].cast(_UTC_MS)
    bars = block.bars
    opened, closed, _, close_mark, spent, got, _ = rates.T
    open_mark = bars.open[entry]
    net = got / spent - 1
    step = np.array([each.step.numerator / each.step.denominator for each in block.markets])
    index = _market_index(block)
    frame = pl.DataFrame(
        {
            "symbol": block.symbols.gather(owner),
            "signal_time": times.gather(signal),
            "open_time": times.gather(entry),
            "close_time": times.gather(leave),
            "open_mark": open_mark,
            "close_mark": close_mark,
            "open_price": opened,
            "close_price": closed,
            "amount": steps * step[owner],
            "profit_ratio": net,
            "profit_ratio_2x_costs": net_return(open_mark, close_mark, 2 * cost, 2 * fee),
            "market_excess": net - (index[leave] / index[signal] - 1),
            "bars_held": (bars.open_ms[leave] - bars.open_ms[entry]) // block.bar_ms,
            "exit_reason": _REASONS[code],
            "is_open": code == 0,
            "is_ambiguous": doubt == 1,
            "is_resolved": doubt == 2,
        }
    )
    named = frame.join(_signal_ids(signals), on=["symbol", "signal_time"], how="left", maintain_order="left")
    return named.select(pl.col(name).cast(dtype) for name, dtype in TRADES.items())


def _signal_ids(signals: pl.DataFrame) -> pl.DataFrame:
    name = next((name for name in ("lineage_id", "signal_id") if name in signals.columns), None)
    column = pl.lit(None, pl.String) if name is None else pl.col(name)
    return signals.select(
        "symbol", pl.col("open_time").cast(_UTC_MS).alias("signal_time"), column.alias("signal_id")
    ).unique(["symbol", "signal_time"], keep="first")


def _market_index(block: Block) -> Floats:
    """Return per candle row the equal-weight market index at its time: mean of close returns, compounded."""
    bars = block.bars
    change = np.empty(len(bars.close))
    change[0] = 0.0
    change[1:] = bars.close[1:] / bars.close[:-1] - 1
    change[bars.offsets[:-1]] = 0.0
    times, place = np.unique(bars.open_ms, return_inverse=True)
    # A symbol's first bar has no return: it must not dilute the mean of the others.
    has_change = np.ones(len(change), bool)
    has_change[bars.offsets[:-1]] = False
    total = np.bincount(place, weights=change, minlength=len(times))
    count = np.bincount(place, weights=has_change.astype(np.float64), minlength=len(times))
    index: Floats = np.cumprod(1 + total / np.maximum(count, 1))[place]
    return index
