"""Mini tickers: last price and the day's change of one pair or of all, every few seconds."""

from trading.market.timeframes import DAY_MS
from trading.simulator.exchange import Exchange
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Pair
from trading.simulator.units import trimmed
from trading.simulator.ws_channels import Channel, zone_offset_ms
from trading.simulator.ws_wire import MINI_TICKER, MINI_TICKERS, binary_frame, nested, texts, wrapper


class _Day:
    """Opening prices of the day of one time zone, taken once a day."""

    def __init__(self, exchange: Exchange, zone: str) -> None:
        self._source = exchange.source
        self._offset_ms = zone_offset_ms(zone)
        self._at: int | None = None
        self._opens: list[int] = []

    def opens(self, now_ms: int) -> list[int] | None:
        """Return the prices of all pairs when the zone's day began; None for the rolling day."""
        if self._offset_ms is None:
            return None
        at = (now_ms + self._offset_ms) // DAY_MS * DAY_MS - self._offset_ms
        at = max(at, self._source.first_ms)
        if at != self._at:
            self._at, self._opens = at, self._source.snapshot(at).last.tolist()
        return self._opens


class MiniTickersFeed:
    """All pairs in one message."""

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._exchange = exchange
        self._channel = channel
        self._day = _Day(exchange, channel.detail)
        self._at: int | None = None

    def frames(self, now_ms: int) -> list[bytes]:
        """Return one frame, or nothing while market time stands."""
        at_ms, shot = self._exchange.snapshot(now_ms)
        if at_ms == self._at:
            return []
        self._at = at_ms
        opens = self._day.opens(at_ms)
        columns = (shot.last, shot.open_24h, shot.high_24h, shot.low_24h, shot.volume_24h)
        rows = zip(*(column.tolist() for column in (*columns, shot.quote_volume_24h)), strict=True)
        body = b"".join(
            nested(1, mini_body(pair, row, None if opens is None else opens[number]))
            for number, (pair, row) in enumerate(zip(self._exchange.source.pairs.values(), rows, strict=True))
            if pair.listed_ms <= at_ms
        )
        self.greeting = binary_frame(wrapper(self._channel.name, MINI_TICKERS, body, send_ms=at_ms))
        return [self.greeting]


class MiniTickerFeed:
    """One pair."""

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._exchange = exchange
        self._channel = channel
        self._symbol = channel.symbol
        self._day = _Day(exchange, channel.detail)
        self._sent = b""

    def frames(self, now_ms: int) -> list[bytes]:
        """Return one frame, or nothing where nothing changed."""
        at_ms, shot = self._exchange.snapshot(now_ms)
        row = self._exchange.books.row(self._symbol)
        opens = self._day.opens(at_ms)
        columns = (shot.last, shot.open_24h, shot.high_24h, shot.low_24h, shot.volume_24h)
        figures = tuple(int(column[row]) for column in (*columns, shot.quote_volume_24h))
        pair = self._exchange.source.pairs[self._symbol]
        body = mini_body(pair, figures, None if opens is None else opens[row])
        if body == self._sent:
            return []
        self._sent = body
        name, symbol = self._channel.name, self._symbol
        self.greeting = binary_frame(wrapper(name, MINI_TICKER, body, symbol=symbol, send_ms=at_ms))
        return [self.greeting]


def mini_body(pair: Pair, figures: tuple[int, ...], day_open: int | None) -> bytes:
    """Return the message of one pair from (last, open, high, low, volume, quote volume) of 24 h.

    `rate` is the change over 24 h, `zonedRate` since the zone's day began, both fractions. `volume`
    is the turnover in quote and `quantity` the volume in base, as MEXC names them. The four figures
    "of the last close" repeat the running ones: what MEXC puts there is nowhere explained.
    """
    last, opened, high, low, volume, turnover = figures
    rate, zoned = _change(last, opened), _change(last, opened if day_open is None else day_open)
    top, bottom = trimmed(high, pair.price_decimals), trimmed(low, pair.price_decimals)
    return texts(
        pair.symbol,
        trimmed(last, pair.price_decimals),
        rate,
        zoned,
        top,
        bottom,
        trimmed(turnover, QUOTE_VOLUME_DECIMALS),
        trimmed(volume, pair.amount_decimals),
        rate,
        zoned,
        top,
        bottom,
    )


def _change(last: int, opened: int) -> str:
    return f"{(last - opened) / opened:.4f}" if opened else "0"
