"""What it would cost to trade a stake in one symbol: from the book where it is known, else from volume.

The venue's 24 h figure is shown and never used for capacity: wash trading inflates it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.market.errors import BadInput

# Of one minute's usual volume: more than that moves the price against whoever takes it.
MOST_SHARE = 0.10
_WINDOW_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Liquidity:
    """What is traded, what a round trip costs, how much goes in.

    Money in quote units, costs as fractions of the stake for one side, half the spread included.
    `source` says what the cost stands on: depth, one-minute volume, bar volume, or nothing.
    """

    spread: float | None
    bid: float | None
    ask: float | None
    volume_24h: float | None
    volume_24h_candles: float | None
    idle_share: float | None
    minute_volume: float | None
    stake: float
    stake_of: str
    cost: float | None
    fills_whole: bool | None
    capacity: float | None
    source: str
    words: str


def liquidity_of(
    candles: pl.DataFrame,
    bar_ms: int,
    *,
    ticker: Mapping[str, object] | None = None,
    minutes: pl.DataFrame | None = None,
    depth: pl.DataFrame | None = None,
    stake: float = 0.0,
    stake_of: str = "",
) -> Liquidity:
    """Return spread, volumes and the cost of buying `stake` at once.

    Parameters
    ----------
    candles, minutes : DataFrame of CANDLES
        Of one symbol, oldest first. Where minutes are missing, a bar's volume is spread evenly over it.
    depth : DataFrame of BOOK, optional
        Walked level by level; what it does not hold is not bought (`fills_whole` false).
    stake : float
        In quote units, at least 0.

    Notes
    -----
    Without a book: cost = half spread + σ √(stake / V), with σ and V the standard deviation and the mean
    traded value of one minute over the last day: the square-root law of market impact (Almgren et al. 2005,
    Tóth et al. 2011) with factor 1. `capacity` is a tenth of a usual (median) minute.

    Raises
    ------
    BadInput
        If `stake` is negative or no number.
    """
    if not 0 <= stake < float("inf"):
        raise BadInput(f"stake must be at least 0 and finite, was {stake}")
    bid, ask = _number(ticker, "bid"), _number(ticker, "ask")
    is_quoted = bid is not None and ask is not None and 0 < bid <= ask
    spread = (ask - bid) / ((ask + bid) / 2) if is_quoted and ask is not None and bid is not None else None
    has_minutes = minutes is not None and not minutes.is_empty()
    bars, length = (minutes, 60_000) if has_minutes and minutes is not None else (candles, bar_ms)
    window = _last_day(bars)
    per_minute = 60_000 / length
    usual = _float(window["quote_volume"].median()) * per_minute if window.height else None
    if depth is not None and not depth.is_empty():
        cost, whole, capacity = _by_depth(depth, stake)
        source = "depth"
    else:
        cost, whole = _by_volume(window, per_minute, spread, stake), None
        capacity = None if usual is None else MOST_SHARE * usual
        source = "one-minute volume" if has_minutes else "bar volume spread over its minutes"
        source = source if cost is not None or capacity is not None else "nothing"
    day = _last_day(candles)
    return Liquidity(
        spread,
        bid,
        ask,
        _number(ticker, "volume_quote_24h"),
        _float(day["quote_volume"].sum()) if day.height else None,
        _float((day["volume"] <= 0).mean()) if day.height else None,
        usual,
        stake,
        stake_of,
        cost,
        whole,
        capacity,
        source,
        _words(stake, stake_of, cost, whole, capacity, source),
    )


def _last_day(bars: pl.DataFrame) -> pl.DataFrame:
    if bars.is_empty():
        return bars
    last = pl.col("open_time").last().to_physical()
    return bars.filter(pl.col("open_time").to_physical() > last - _WINDOW_MS)


def _number(row: Mapping[str, object] | None, name: str) -> float | None:
    value = None if row is None else row.get(name)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _by_depth(depth: pl.DataFrame, stake: float) -> tuple[float | None, bool | None, float | None]:
    """Walk the asks: mean price paid over the middle, whether all was there, and what 0.5 % would take in."""
    asks = depth.filter(pl.col("side") == "ask").sort("price")
    bids = depth.filter(pl.col("side") == "bid").sort("price", descending=True)
    if asks.is_empty() or bids.is_empty():
        return None, None, None
    price, amount = asks["price"].to_numpy(), asks["amount"].to_numpy()
    middle = (price[0] + _float(bids["price"][0])) / 2
    value = price * amount
    capacity = float(value[price <= middle * 1.005].sum())
    if stake == 0:
        return float(price[0] / middle - 1), True, capacity
    before = np.concatenate([[0.0], np.cumsum(value)[:-1]])
    taken = np.clip(stake - before, 0.0, value)
    bought = float((taken / price).sum())
    is_whole = bool(value.sum() >= stake)
    cost = float(taken.sum() / bought / middle - 1) if bought > 0 else None
    return cost, is_whole, capacity


def _by_volume(window: pl.DataFrame, per_minute: float, spread: float | None, stake: float) -> float | None:
    if window.height < 2:
        return None
    close = window["close"].to_numpy()
    sigma = float(np.std(np.diff(np.log(close)))) * float(np.sqrt(per_minute))
    volume = _float(window["quote_volume"].mean()) * per_minute
    if volume <= 0:
        return None
    return (spread or 0.0) / 2 + sigma * float(np.sqrt(stake / volume))


def _words(
    stake: float, stake_of: str, cost: float | None, whole: bool | None, capacity: float | None, source: str
) -> str:
    whose = f" ({stake_of})" if stake_of else ""
    if cost is None:
        return "Nothing is known of what it would cost to trade here: no book, no volume."
    fits = ""
    if capacity is not None:
        much = f": {stake / capacity:,.1f} times less than the stake" if 0 < capacity < stake else ""
        fits = f" Room for about {capacity:,.0f} at once{much}." if capacity > 0 else " No room at all."
    part = "" if whole is not False else ", and the book is too thin for all of it"
    return f"Buying {stake:,.0f}{whose} at once costs about {cost * 100:.3f} %{part}, by {source}.{fits}"
