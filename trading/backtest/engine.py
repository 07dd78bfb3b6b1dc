"""Candles and signals in, trades and figures per symbol out.

The fill rules are in `kernel` and `trading.risk.exit_machine`; costs in `costs`; whether the result is worth
money is decided in `approval`.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from trading.backtest.block import Block, candle_block, member_mask, signal_masks
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.kernel import Bools, Floats, Ints, outcomes_kernel, trades_kernel
from trading.backtest.metrics import METRICS, equity_curve, symbol_metrics
from trading.market.errors import BadInput
from trading.risk.exits import ExitCode, ExitRules
from trading.universe.members import with_sources

_UTC_MS = pl.Datetime("ms", "UTC")
_REASONS = np.array([code.reason for code in ExitCode])

# One row per trade. `*_mark` is the candle's price, `*_price` what is paid or got after half the spread
# and slippage; profit_ratio is net of fees too. An open trade is valued at the last close.
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
    "profit_ratio": pl.Float64,
    "profit_ratio_2x_costs": pl.Float64,
    "market_excess": pl.Float64,
    "bars_held": pl.Int64,
    "exit_reason": pl.String,
    "is_open": pl.Boolean,
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
    """

    entry_limit: float = 0.01
    random_draws: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.entry_limit < 0:
            raise BadInput(f"entry_limit must not be negative, was {self.entry_limit}")
        if self.random_draws < 1:
            raise BadInput(f"random_draws must be at least 1, was {self.random_draws}")


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
) -> BacktestResult:
    """Trade `signals` on `candles`, one position per symbol, and measure each symbol.

    Parameters
    ----------
    candles : DataFrame
        Closed bars, columns of `frames.CANDLES`, any order.
    signals : DataFrame
        `symbol`, `open_time`, `is_entry`, `is_exit`; `lineage_id` or `signal_id` is kept on the trades.
    markets : DataFrame
        `symbol`, `taker_fee`.
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
    block = candle_block(candles, bar_ms)
    table = symbol_costs(block.symbols, markets, costs, tickers)
    is_entry, is_exit = signal_masks(block, signals)
    is_open = member_mask(block, members)
    is_entry &= is_open
    if not exits.use_exit_signal:
        is_exit = np.zeros_like(is_exit)
    rows, marks = _trade(block, is_entry, is_exit, _price_cost(table), exits, rules)
    trades = _trades_frame(block, rows, marks, table, signals)
    every = outcomes(block, is_open, is_exit, table, exits, rules).net_return
    fee = table["taker_fee"].to_numpy()
    equity = equity_curve(block, rows, trades.select("open_price", "close_price").to_numpy(), fee)
    metrics = symbol_metrics(block, trades, equity, every, table, seed=rules.seed, draws=rules.random_draws)
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
) -> Outcomes:
    """Return how each wanted entry would have ended, were it the only one; NaN where it did not."""
    n = len(block.candles)
    row, code, mark = np.empty(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    price_cost = _price_cost(table)
    outcomes_kernel(
        block.bars,
        is_wanted,
        is_exit,
        price_cost,
        block.bar_ms,
        rules.entry_limit,
        exits.numbers(block.bar_ms),
        row,
        code,
        mark,
    )
    out = np.full(n, np.nan)
    ended = np.flatnonzero(row >= 0)
    owner = np.repeat(np.arange(len(block.symbols)), np.diff(block.bars.offsets))[ended]
    out[ended] = net_return(block.bars.open[ended + 1], mark[ended], price_cost[owner], _fee(table)[owner])
    return Outcomes(row, out)


def net_return(open_mark: Floats, close_mark: Floats, price_cost: Floats, fee: Floats) -> Floats:
    """Return what one quote unit spent brings, minus 1: both sides pay spread, slippage and fee."""
    got: Floats = close_mark * (1 - price_cost) * (1 - fee)
    return got / (open_mark * (1 + price_cost) * (1 + fee)) - 1


def _trade(
    block: Block, is_entry: Bools, is_exit: Bools, price_cost: Floats, exits: ExitRules, rules: BacktestRules
) -> tuple[Ints, Floats]:
    most = int(is_entry.sum())
    rows, marks = np.zeros((most, 5), np.int64), np.zeros((most, 2))
    count = trades_kernel(
        block.bars,
        is_entry,
        is_exit,
        price_cost,
        block.bar_ms,
        rules.entry_limit,
        exits.numbers(block.bar_ms),
        rows,
        marks,
    )
    return rows[:count], marks[:count]


def _trades_frame(
    block: Block, rows: Ints, marks: Floats, table: pl.DataFrame, signals: pl.DataFrame
) -> pl.DataFrame:
    owner, signal, entry, leave, code = rows.T
    cost, fee = _price_cost(table)[owner], _fee(table)[owner]
    times = block.candles["open_time"].cast(_UTC_MS)
    bars = block.bars
    net = net_return(marks[:, 0], marks[:, 1], cost, fee)
    index = _market_index(block)
    frame = pl.DataFrame(
        {
            "symbol": block.symbols.gather(owner),
            "signal_time": times.gather(signal),
            "open_time": times.gather(entry),
            "close_time": times.gather(leave),
            "open_mark": marks[:, 0],
            "close_mark": marks[:, 1],
            "open_price": marks[:, 0] * (1 + cost),
            "close_price": marks[:, 1] * (1 - cost),
            "profit_ratio": net,
            "profit_ratio_2x_costs": net_return(marks[:, 0], marks[:, 1], 2 * cost, 2 * fee),
            "market_excess": net - (index[leave] / index[signal] - 1),
            "bars_held": (bars.open_ms[leave] - bars.open_ms[entry]) // block.bar_ms,
            "exit_reason": _REASONS[code],
            "is_open": code == 0,
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


def _price_cost(table: pl.DataFrame) -> Floats:
    return (table["half_spread"] + table["slippage"]).to_numpy()


def _fee(table: pl.DataFrame) -> Floats:
    return table["taker_fee"].to_numpy()
