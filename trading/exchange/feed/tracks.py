"""The state of each public stream between its two ways: what was told, when to poll, when to doubt.

Pure but for the numbers passed in: `now_s` is wall time, market times are ms. The network is in polls.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.candle_sequence import CandleSequence
from trading.exchange.feed.events import Candle, Origin, Stream, Trade, Value
from trading.exchange.feed.health import StreamHealth
from trading.exchange.feed.sequence import QuoteSequence, TradeSequence
from trading.exchange.gateway import Quote
from trading.market.timeframes import timeframe, to_ms

type Told = list[tuple[Origin, Value]]

# How often a closed bar is asked for before its last push has to do.
_TRIES = 3
_LONGEST_PAUSE_S = 60.0


class Track:
    """What all public streams have in common: health, the pace of polling, and doubt.

    A silent stream is polled. If a poll brings what the stream should have brought, it is doubted, and if
    it stays silent then, `is_doubtful` says so once: it has to be asked for anew.
    """

    def __init__(self, stream: Stream, bounds: Bounds, now_s: float) -> None:
        self.stream = stream
        self.bounds = bounds
        self.health = StreamHealth(stream, silent_from_s=now_s)
        self.doubts = 0
        self._polled_s = float("-inf")
        self._silent_since_s: float | None = None
        self._doubted_s: float | None = None

    def heard(self, now_s: float) -> None:
        """A message came over the stream: it lives."""
        self.health.heard(now_s)
        self.doubts = 0
        self._doubted_s = None

    def up(self, now_s: float, *, again: bool) -> None:
        """The venue has accepted the subscription."""
        self.health.source = Origin.STREAM
        self.health.silent_from_s = now_s
        self.health.reconnects += again

    def down(self, reason: str) -> None:
        """The stream does not serve."""
        self.health.lost(reason)
        self._doubted_s = None

    def is_polled(self, now_s: float) -> bool:
        """Whether values have to be asked for: the stream is down, or silent beyond its bound."""
        return self.health.source is Origin.POLL or self.health.silence_s(now_s) > self.bounds.silent_s(
            self.stream.kind
        )

    def is_due(self, now_s: float, pace_s: float) -> bool:
        """Whether a poll is due now."""
        return self.is_polled(now_s) and now_s - self._polled_s >= pace_s

    def asked(self, now_s: float) -> None:
        """A poll begins."""
        self._polled_s = now_s
        self._silent_since_s = self.health.silent_from_s if self.health.source is Origin.STREAM else None
        self.health.polls += 1

    def brought(self, news: int, now_s: float) -> None:
        """A poll brought this many values that the stream has not."""
        if not news:
            return
        self.health.missed += news
        # Only a stream that was up when it was asked behind its back, and is silent still, is to blame.
        if self.health.source is Origin.STREAM and self.health.silent_from_s == self._silent_since_s:
            self.health.lost(f"silent for {self.health.silence_s(now_s):.1f} s while the market moved")
            self._doubted_s = now_s

    def is_doubtful(self, now_s: float) -> bool:
        """Whether the stream had its time to bring what a poll brought, and did not. True once."""
        if self._doubted_s is None or now_s - self._doubted_s < self.bounds.suspect_s:
            return False
        self._doubted_s = None
        self.doubts += 1
        return True


class QuoteTrack(Track):
    """Best bid and ask of one symbol."""

    def __init__(self, stream: Stream, bounds: Bounds, now_s: float) -> None:
        super().__init__(stream, bounds, now_s)
        self.sequence = QuoteSequence()

    def pushed(self, values: Sequence[Value]) -> list[Value]:
        """Return what is news."""
        return [quote for quote in values if isinstance(quote, Quote) and self.sequence.offer(quote)]

    def polled(self, quote: Quote, asked_at: datetime) -> list[Value]:
        """Return the polled quote if it is news; it was true at or after `asked_at`."""
        news = self.sequence.offer(replace(quote, at=asked_at))
        return [] if news is None else [news]


class TradeTrack(Track):
    """Prints of one symbol. While a gap is being filled, pushes wait, so that order is kept."""

    def __init__(self, stream: Stream, bounds: Bounds, now_s: float, since_ms: int) -> None:
        super().__init__(stream, bounds, now_s)
        self.sequence = TradeSequence()
        self.since_ms = since_ms
        self.is_filling = False
        self._held: list[Trade] = []

    def pushed(self, values: Sequence[Value]) -> list[Value]:
        """Return what can be told now."""
        trades = [trade for trade in values if isinstance(trade, Trade)]
        if self.is_filling:
            self._held += trades
            return []
        return self._told(trades, Origin.STREAM)

    def filled(self, trades: Sequence[Trade]) -> Told:
        """Return what REST has brought that is news, and after it the pushes that waited.

        From the first waiting push on the stream has everything, so REST's word ends there.
        """
        held, self._held, self.is_filling = self._held, [], False
        first = min((trade.at for trade in held), default=None)
        polled = [trade for trade in trades if first is None or trade.at <= first]
        told: Told = [(Origin.POLL, trade) for trade in self._told(polled, Origin.POLL)]
        return told + [(Origin.STREAM, trade) for trade in self._told(held, Origin.STREAM)]

    def unfilled(self) -> list[Value]:
        """REST had no answer: return the pushes that waited."""
        held, self._held, self.is_filling = self._held, [], False
        return self._told(held, Origin.STREAM)

    def _told(self, trades: Sequence[Trade], source: Origin) -> list[Value]:
        fresh = self.sequence.offer(trades, source)
        if self.sequence.last_ms is not None:
            self.since_ms = max(self.since_ms, self.sequence.last_ms)
        return list(fresh)


class CandleTrack(Track):
    """Bars of one symbol and timeframe."""

    def __init__(self, stream: Stream, bounds: Bounds, now_s: float, market_ms: int) -> None:
        super().__init__(stream, bounds, now_s)
        assert stream.timeframe is not None
        self.bar = timeframe(stream.timeframe)
        # The bar that forms now is the first one told of.
        self.sequence = CandleSequence(self.bar, self.bar.floor_ms(self.bar.floor_ms(market_ms) - 1))
        self.is_settling = False
        self._due_from_s: float | None = None
        self._tries = 0
        self._pause_until_s = now_s

    def pushed(self, values: Sequence[Value]) -> list[Value]:
        """Return what can be told now."""
        told: list[Value] = []
        for candle in values:
            if isinstance(candle, Candle):
                told += self.sequence.pushed(candle)
        return told

    def is_to_settle(self, market_ms: int, now_s: float) -> bool:
        """Whether a closed bar has to be asked for: its end has passed and the stream has not closed it."""
        if self.is_settling or now_s < self._pause_until_s:
            return False
        if self.sequence.wants_since_ms is not None:
            return True
        if not self.sequence.is_due(market_ms):
            self._due_from_s = None
            return False
        self._due_from_s = now_s if self._due_from_s is None else self._due_from_s
        return self.is_polled(now_s) or now_s - self._due_from_s >= self.bounds.settle_s

    def settled(self, candles: Sequence[Candle], until_ms: int, now_s: float) -> Told:
        """Take REST's answer: return the bars it brought that are news, and the pushes that waited.

        `until_ms` is a market time that had passed when REST was asked.
        """
        before_ms = self.sequence.closed_ms
        wanted = any(to_ms(candle.open_time) == self.sequence.next_ms for candle in candles)
        if not wanted and self._again(now_s):
            return []
        told = self.sequence.answered(candles, until_ms)
        if self.sequence.closed_ms > before_ms:
            self._tries, self._pause_until_s, self._due_from_s = 0, now_s, None
        polled = set(map(id, candles))
        return [(Origin.POLL if id(candle) in polled else Origin.STREAM, candle) for candle in told]

    def unsettled(self, now_s: float) -> list[Value]:
        """REST had no answer: return what can be told without it, once patience is over."""
        return [] if self._again(now_s) else list(self.sequence.unanswered())

    def _again(self, now_s: float) -> bool:
        """Note a try that brought nothing; return whether to try again before giving up."""
        self._tries += 1
        pause_s = self.bounds.poll_candles_s
        if self.sequence.wants_since_ms is None:
            # Nothing waits for this bar; most likely nothing was traded in it.
            pause_s = min(pause_s * 2 ** min(self._tries - 1, 20), max(_LONGEST_PAUSE_S, pause_s))
        self._pause_until_s = now_s + pause_s
        return self._tries < _TRIES
