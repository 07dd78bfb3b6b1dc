"""How much money a symbol bears, and how much the users would put on it.

An edge is measured at a small stake; 1,000 users who follow one signal are not small. Here: the largest
total stake at which a symbol's trades still earn (`symbol_capacity`), and what the fleet would stake
(`fleet_stakes`). Whether the one covers the other is asked by `approval`; what one user really buys is sized
by `trading.risk.sizing` when a signal comes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest.costs import CostModel
from trading.market.errors import BadInput
from trading.market.instruments import symbol_of
from trading.risk.sizing import SizingRules
from trading.users.user import User

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# One row per symbol asked for.
CAPACITY: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "capacity_quote": pl.Float64,  # largest total stake that still earns, quote units; null = no closed trade
    "fleet_stake_quote": pl.Float64,  # what all eligible users together would stake
}
_HALVINGS = 80  # of a stake below 1e15: exact to 1e-9 quote units
_MOST = 1e15


@dataclass(frozen=True, slots=True)
class CapacityRules:
    """What a stake may be, beside earning.

    Parameters
    ----------
    volume_share : float
        Most of what a bar traded that all users together may take, in (0, 1].
    thin_share : float
        Share of a symbol's entries whose bar may be too thin for that, in [0, 1): 0.5 means that every other
        entry finds room for everybody; in the thinner ones the live engine takes less.
    cost_multiple : float
        The mean trade must still earn with all costs times this, impact included.
    """

    volume_share: float = 0.1
    thin_share: float = 0.5
    cost_multiple: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.volume_share <= 1:
            raise BadInput(f"volume_share must lie in (0, 1], was {self.volume_share}")
        if not 0 <= self.thin_share < 1:
            raise BadInput(f"thin_share must lie in [0, 1), was {self.thin_share}")
        if self.cost_multiple < 1:
            raise BadInput(f"cost_multiple must be at least 1, was {self.cost_multiple}")


@dataclass(frozen=True, slots=True)
class Staked:
    """One user's equity (quote units) beside who they are."""

    user: User
    equity: Decimal


def fleet_stakes(
    fleet: Iterable[Staked], symbols: pl.Series, stop_loss: float, sizing: SizingRules | None = None
) -> pl.Series:
    """Return what all eligible users together would stake on each of `symbols`, in quote units.

    A user stakes what loses `risk_per_trade` of their equity at the stop, at most the sizing's share of it.
    Not eligible: who is paused, has no equity, or keeps the symbol off (allowed and blocked lists). What else
    they hold at that moment is not known here, so each is taken to have one of their places free: the sum is
    the most that one signal can bring to the market.

    Parameters
    ----------
    fleet : iterable of Staked
        Users; none of them gives zeros.
    symbols : Series of shape (n,)
        Series names; an earlier instrument counts under its symbol.
    stop_loss : float
        Of the strategy, as a fraction of the entry price, in (0, 1).
    """
    if not 0 < stop_loss < 1:
        raise BadInput(f"stop_loss must lie between 0 and 1, was {stop_loss}")
    share = (sizing or SizingRules()).max_position_share
    open_to_all = Decimal(0)
    change: dict[str, Decimal] = {}  # against what those stake who may trade anything
    for one in fleet:
        user = one.user
        if user.is_paused or one.equity <= 0:
            continue
        stake = one.equity * min(user.risk_per_trade / Decimal(repr(stop_loss)), share)
        if user.allowed:
            named = dict.fromkeys(user.allowed - user.blocked, stake)
        else:
            open_to_all += stake
            named = dict.fromkeys(user.blocked, -stake)
        for symbol, more in named.items():
            change[symbol] = change.get(symbol, Decimal(0)) + more
    plain = pl.DataFrame({"symbol": symbols}).select(symbol_of())["symbol"]
    total = [float(open_to_all + change.get(symbol, Decimal(0))) for symbol in plain]
    return pl.Series("fleet_stake_quote", total, dtype=pl.Float64)


def symbol_capacity(
    trades: pl.DataFrame,
    candles: pl.DataFrame,
    costs: pl.DataFrame,
    model: CostModel | None = None,
    rules: CapacityRules | None = None,
) -> pl.DataFrame:
    """Return the largest total stake per symbol at which its closed trades still earn on average.

    Two bounds, the lower one counts. *Impact*: both sides of a trade pay the model's base slippage and
    `impact` × √(stake / what the entry's bar traded), without the model's ceiling, which would let a rich
    strategy bear any sum. *Volume*: `volume_share` of what the bar of an entry traded, for all but
    `thin_share` of the entries. Marks stay as they were traded: that a dearer entry would move its target is
    left out.

    Parameters
    ----------
    trades : DataFrame
        `symbol`, `open_time`, `open_mark`, `close_mark`, `is_open`; open trades are left out.
    candles : DataFrame
        `symbol`, `open_time`, `volume`, `close` of the bars of entry (more is ignored).
    costs : DataFrame
        `symbol`, `taker_fee`, `half_spread` (`costs.symbol_costs`).
    model, rules : optional
        Defaults where not given.

    Returns
    -------
    DataFrame
        `symbol`, `capacity_quote` of each symbol with a closed trade, sorted; 0 where nothing is earned even
        without impact, or an entry's bar is not among the candles.

    References
    ----------
    The square-root law of impact: Tóth et al. (2011), Anomalous price impact and the critical nature of
    liquidity in financial markets, Physical Review X 1, 021006.
    """
    model, rules = model or CostModel(), rules or CapacityRules()
    closed = _entries(trades, candles, costs, model)
    names = closed["symbol"].unique(maintain_order=True)
    if closed.is_empty():
        return pl.DataFrame(schema={name: CAPACITY[name] for name in ("symbol", "capacity_quote")})
    lengths = closed.select(pl.col("symbol").rle().struct.field("len"))["len"].to_numpy().astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    by_impact = _still_earning(closed, starts, model, rules.cost_multiple)
    # So many of the thinnest bars do not count.
    thin = (pl.len() * rules.thin_share).floor().cast(pl.Int64)
    room = closed.group_by("symbol", maintain_order=True).agg(pl.col("traded").sort().get(thin))["traded"]
    capacity = np.minimum(by_impact, rules.volume_share * room.to_numpy())
    return pl.DataFrame({"symbol": names, "capacity_quote": capacity})


def with_capacity(metrics: pl.DataFrame, capacity: pl.DataFrame, stakes: pl.Series) -> pl.DataFrame:
    """Return `metrics` with `capacity_quote` (0 without a closed trade) and `fleet_stake_quote`.

    `stakes` are in the order of `metrics`.
    """
    joined = metrics.join(capacity, on="symbol", how="left", maintain_order="left")
    return joined.with_columns(pl.col("capacity_quote").fill_null(0.0), fleet_stake_quote=stakes)


def _entries(
    trades: pl.DataFrame, candles: pl.DataFrame, costs: pl.DataFrame, model: CostModel
) -> pl.DataFrame:
    """Closed trades by symbol, each with what its entry's bar traded (quote units) and its costs."""
    time = trades.schema["open_time"]
    traded = candles.select(
        "symbol",
        pl.col("open_time").cast(time),
        (pl.col("volume") * pl.col("close")).alias("traded"),
    )
    paid = costs.select("symbol", "taker_fee", "half_spread")
    closed = trades.filter(~pl.col("is_open")).select("symbol", "open_time", "open_mark", "close_mark")
    joined = closed.join(traded, on=["symbol", "open_time"], how="left").join(paid, on="symbol", how="left")
    return joined.with_columns(
        pl.col("traded").fill_nan(None).fill_null(0.0),
        pl.col("taker_fee").fill_null(model.taker_fee),
        pl.col("half_spread").fill_null(model.half_spread),
    ).sort("symbol", "open_time")


def _still_earning(closed: pl.DataFrame, starts: Ints, model: CostModel, multiple: float) -> Floats:
    """Per symbol the largest stake whose mean net return is above zero, by halving; 0 where none is."""
    gain, traded, fee, spread = (
        closed.select(pl.col("close_mark") / pl.col("open_mark"), "traded", "taker_fee", "half_spread")
        .to_numpy()
        .T
    )
    counts = np.diff(np.append(starts, len(closed)))
    known = np.maximum(traded, 1e-12)

    def earns(stake: Floats) -> Floats:
        slippage = model.base_slippage + model.impact * np.sqrt(np.repeat(stake, counts) / known)
        side = np.minimum(multiple * (spread + slippage), 1.0)
        fees = multiple * fee
        net = gain * (1 - side) * (1 - fees) / ((1 + side) * (1 + fees)) - 1
        mean: Floats = np.add.reduceat(net, starts) / counts
        return mean

    low: Floats = np.zeros(len(starts))
    high: Floats = np.full(len(starts), _MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_good = earns(middle) > 0
        low, high = np.where(is_good, middle, low), np.where(is_good, high, middle)
    # The volume bound always lies far below the upper end; without any gain the lower end never moved.
    none: Floats = np.zeros(len(starts))
    capacity: Floats = np.where(earns(none) > 0, low, none)
    return capacity
