"""What a market is to the embedded exchange: listed pairs, bars, and the path between two moments.

Here live the value types and the `MarketSource` protocol; the two sources are `synthetic` (made by
seed) and `recorded` (real candles). Wire-level names (``BTCUSDT``) and integers throughout: prices
in ticks, volumes in steps. Nothing here knows HTTP, accounts or orders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

type Int64s = npt.NDArray[np.int64]

ONLINE = "1"
HALTED = "2"
DELISTED = "3"

# Quote volumes are integers in units of 10**-6 of the quote asset: fine enough for a minute of a
# pair quoted in BTC, coarse enough that a month of 2e10 USDT per day stays far inside an int64.
QUOTE_VOLUME_DECIMALS = 6
EDGE_LABEL = "(planted edge)"


@dataclass(frozen=True, slots=True)
class Pair:
    """Wire-level facts of one listed pair.

    Parameters
    ----------
    symbol : str
        Wire name, ``BTCUSDT``.
    full_name : str
        What the venue calls the base asset; contains `EDGE_LABEL` where `has_edge`.
    price_decimals, amount_decimals : int
        tick = 10**-price_decimals quote units, step = 10**-amount_decimals base units.
    min_amount : Decimal
        Least order quantity in base units (MEXC `baseSizePrecision`); may be 0.
    min_cost, max_cost : Decimal
        Least and greatest order value in quote units.
    max_cost_market : Decimal or None
        Greatest value of a market order; None where nobody told (see `market_cap`).
    maker_fee, taker_fee : Decimal
        Fractions (0.0005 = 5 bps); may be 0.
    status : str
        ``"1"`` online, ``"2"`` halted, ``"3"`` delisted.
    listed_ms, delisted_ms : int, int | None
        Market time of the first trade, and of the last where trading has ended (halted or delisted).
    sector : int
        Planted cluster; -1 where the source knows none.
    has_edge : bool
        True where a profitable pattern was planted on purpose.
    """

    symbol: str
    base: str
    quote: str
    full_name: str
    price_decimals: int
    amount_decimals: int
    min_amount: Decimal
    min_cost: Decimal
    max_cost: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    status: str
    is_api_tradable: bool
    listed_ms: int
    delisted_ms: int | None
    sector: int
    has_edge: bool
    max_cost_market: Decimal | None = None

    @property
    def market_cap(self) -> Decimal:
        """Greatest value of a market order: as told, else a tenth of `max_cost` (as most of MEXC's pairs)."""
        return self.max_cost / 10 if self.max_cost_market is None else self.max_cost_market


class Bars(NamedTuple):
    """OHLCV columns of equal length, oldest first, all int64.

    Prices in ticks, `volume` in steps of the base, `quote_volume` in units of
    10**-`QUOTE_VOLUME_DECIMALS` of the quote, `open_ms` in ms since the epoch (UTC).
    """

    open_ms: Int64s
    open: Int64s
    high: Int64s
    low: Int64s
    close: Int64s
    volume: Int64s
    quote_volume: Int64s


class Snapshot(NamedTuple):
    """One value per pair, in the order of `MarketSource.pairs`; units as in `Bars`.

    The 24h figures cover (now - 24 h, now]; a pair without trades in that window has zero volume
    and open = high = low = last.
    """

    last: Int64s
    bid: Int64s
    ask: Int64s
    open_24h: Int64s
    high_24h: Int64s
    low_24h: Int64s
    volume_24h: Int64s
    quote_volume_24h: Int64s


class PathStep(NamedTuple):
    """Extremes, last price (ticks) and traded volume (steps) of the path in (from_ms, to_ms]."""

    low: int
    high: int
    last: int
    volume: int


class MarketSource(Protocol):
    """A whole market: what is listed, what it traded at, and how it moves inside a bar.

    Attributes
    ----------
    kind : str
        ``"synthetic"`` or ``"recorded"``.
    seed : int | None
        What the market was made from; None for recorded candles.
    pairs : Mapping[str, Pair]
        By wire name, in listing order.
    timeframes : tuple[str, ...]
        Those it can answer, finest first; others get empty bars, as MEXC does.
    first_ms, last_ms : int, int | None
        Market time it covers (None = endless).
    default_start_ms : int
        A good market time to start at: history behind it, future before it.
    """

    kind: str
    seed: int | None
    pairs: Mapping[str, Pair]
    timeframes: tuple[str, ...]
    first_ms: int
    last_ms: int | None
    default_start_ms: int

    @property
    def finest_timeframe(self) -> str:
        """Shortest bar it can answer."""
        ...

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """Return the bars whose open is in [start_ms, end_ms) and <= now_ms.

        The bar that contains `now_ms` is unfinished: its OHLCV is exactly the path up to `now_ms`.

        Raises
        ------
        UnknownSymbol
            If nothing of that name was ever listed here.
        """
        ...

    def price(self, symbol: str, now_ms: int) -> int:
        """Return the last price at `now_ms`, in ticks."""
        ...

    def half_spread(self, symbol: str, now_ms: int) -> int:
        """Return half the distance between bid and ask at `now_ms`, in ticks; at least 1."""
        ...

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        """Return what the path did in (from_ms, to_ms]; sub-candle exact: matching stands on it."""
        ...

    def snapshot(self, now_ms: int) -> Snapshot:
        """Return last, bid, ask and rolling 24h figures of all pairs at `now_ms`."""
        ...
