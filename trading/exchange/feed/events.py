"""What a live feed says: values with exact numbers, the stream each belongs to, and where it came from.

Prices and amounts are Decimal as the venue wrote them; times are UTC market time. Not here: how a value
travels (mexc_wire.py) and what is told twice or out of order (sequence.py, account_sequence.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import polars as pl

from trading.exchange.gateway import Quote
from trading.market.frames import CANDLES, UTC_MS
from trading.market.orders import Balance, Fill, OrderState, Side
from trading.market.timeframes import Timeframe, from_ms


class Kind(StrEnum):
    """What a stream carries. The first three are public, the last three belong to one account."""

    QUOTES = "quotes"
    TRADES = "trades"
    CANDLES = "candles"
    ORDERS = "orders"
    FILLS = "fills"
    BALANCES = "balances"

    @property
    def is_private(self) -> bool:
        """Whether the stream belongs to one account."""
        return self in (Kind.ORDERS, Kind.FILLS, Kind.BALANCES)


class Origin(StrEnum):
    """Which way a value came: pushed by the venue, or asked for over REST."""

    STREAM = "stream"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Stream:
    """One subscription. Public kinds have a symbol, candles a timeframe, private kinds neither."""

    kind: Kind
    symbol: str | None = None
    timeframe: str | None = None

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.kind, self.symbol, self.timeframe) if part is not None)


@dataclass(frozen=True, slots=True)
class Trade:
    """One public print. The venue gives it no id: equal prints of one millisecond are told apart by count."""

    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Candle:
    """One bar. `at` is market time of the last word on it; `is_closed`: nothing can change it any more.

    `open_time` is the bar's open; `volume` is in base, `quote_volume` in quote units.
    """

    symbol: str
    timeframe: str
    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    at: datetime
    is_closed: bool


type Value = Quote | Trade | Candle | OrderState | Fill | Balance


@dataclass(frozen=True, slots=True)
class Event:
    """One value of a feed: its stream, which way it came, and the market time of the word itself."""

    stream: Stream
    source: Origin
    at: datetime
    value: Value


def candle_frame(candles: Iterable[Candle]) -> pl.DataFrame:
    """Return `frames.CANDLES` of the closed bars among `candles`, in their order; forming ones are left out.

    Prices become Float64 here, as everywhere in frames.
    """
    closed = [candle for candle in candles if candle.is_closed]
    numbers = ("open", "high", "low", "close", "volume", "quote_volume")
    return pl.DataFrame(
        {
            "symbol": [candle.symbol for candle in closed],
            "open_time": pl.Series([candle.open_time for candle in closed], dtype=UTC_MS),
            **{name: [float(getattr(candle, name)) for candle in closed] for name in numbers},
        },
        schema=CANDLES,
    )


def candles_of(frame: pl.DataFrame, bar: Timeframe) -> list[Candle]:
    """Return the closed bars of a `frames.CANDLES` frame, oldest first; `at` is the bar's end.

    Numbers are the shortest decimals that read back as the frame's floats: what the venue wrote, up to
    15 digits.
    """
    opens = pl.col("open_time").dt.epoch("ms").alias("opens")
    rows = frame.sort("open_time").with_columns(opens).iter_rows(named=True)
    return [
        Candle(
            symbol=row["symbol"],
            timeframe=bar.name,
            open_time=from_ms(row["opens"]),
            open=Decimal(repr(row["open"])),
            high=Decimal(repr(row["high"])),
            low=Decimal(repr(row["low"])),
            close=Decimal(repr(row["close"])),
            volume=Decimal(repr(row["volume"])),
            quote_volume=Decimal(repr(row["quote_volume"])),
            at=from_ms(bar.next_ms(row["opens"])),
            is_closed=True,
        )
        for row in rows
    ]
