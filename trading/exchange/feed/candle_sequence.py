"""The bars of one symbol and timeframe: each closed bar once, complete and in order, forming ones between.

A forming bar is closed by the venue's own last word on it (a push sent at or after its end) or by REST;
what was pushed before the end may lack the last trades, so it is settled over REST first. Only when REST
cannot be had either, the last push stands. Pure: no clock, no network.
"""

from collections.abc import Sequence
from dataclasses import replace

from trading.exchange.feed.events import Candle
from trading.market.timeframes import Timeframe, to_ms


class CandleSequence:
    """What has been told of one symbol's bars.

    Parameters
    ----------
    closed_ms : int
        Open (ms) of the last bar that counts as known: the story begins with the one after it.

    `wants_since_ms` is set while a closed bar has to be asked for over REST; pushes wait meanwhile.
    `guessed` counts bars that REST did not answer for: closed from their last push, or passed over.
    """

    def __init__(self, bar: Timeframe, closed_ms: int) -> None:
        self.bar = bar
        self.closed_ms = closed_ms
        self.forming: Candle | None = None
        self.guessed = 0
        self._held: list[Candle] = []
        self._wants = False

    @property
    def next_ms(self) -> int:
        """Open of the bar that has to be closed next."""
        return self.bar.next_ms(self.closed_ms)

    @property
    def wants_since_ms(self) -> int | None:
        """From which open on closed bars have to be asked for; None when all is known."""
        return self.next_ms if self._wants else None

    def is_due(self, market_ms: int) -> bool:
        """Whether the next bar's end has passed by market time `market_ms`."""
        return self.bar.next_ms(self.next_ms) <= market_ms

    def pushed(self, candle: Candle) -> list[Candle]:
        """Take a push of the stream; return what can be told now."""
        if self._wants:
            self._hold(candle)
            return []
        return self._take(candle)

    def ask(self) -> int:
        """Hold pushes back until `answered`; return the open from which closed bars are to be asked for."""
        self._wants = True
        return self.next_ms

    def answered(self, candles: Sequence[Candle], until_ms: int) -> list[Candle]:
        """Take the closed bars that REST knows from `wants_since_ms` on; return what can be told now.

        `until_ms` is a market time that had certainly passed when REST was asked. A bar that it does not
        have a whole bar later never was: nothing traded.
        """
        told: list[Candle] = []
        for candle in sorted(candles, key=lambda candle: candle.open_time):
            if candle.is_closed and to_ms(candle.open_time) > self.closed_ms:
                told += [*self._guess_before(candle), self._close(candle)]
        over_ms = self.bar.floor_ms(self.bar.floor_ms(self.bar.floor_ms(until_ms) - 1) - 1)
        if self.forming is not None and to_ms(self.forming.open_time) <= over_ms:
            told += self._guess()
        self.closed_ms = max(self.closed_ms, over_ms)
        return told + self._release()

    def unanswered(self) -> list[Candle]:
        """REST had no answer: let the last push of a bar whose successor has begun stand for it."""
        if self._held and to_ms(self._held[0].open_time) > self.next_ms and self.forming is None:
            self.guessed += 1
        return self._release()

    def _release(self) -> list[Candle]:
        self._wants = False
        held, self._held = self._held, []
        told: list[Candle] = []
        for candle in held:
            opens_ms = to_ms(candle.open_time)
            if opens_ms <= self.closed_ms:
                continue
            told += self._guess_before(candle)
            self.closed_ms = max(self.closed_ms, self.bar.floor_ms(opens_ms - 1))
            told += self._tell(candle)
        return told

    def _guess_before(self, candle: Candle) -> list[Candle]:
        if self.forming is None or candle.open_time <= self.forming.open_time:
            return []
        return self._guess()

    def _guess(self) -> list[Candle]:
        assert self.forming is not None
        self.guessed += 1
        return [self._close(replace(self.forming, is_closed=True))]

    def _take(self, candle: Candle) -> list[Candle]:
        opens_ms = to_ms(candle.open_time)
        if opens_ms <= self.closed_ms:
            return []
        if opens_ms > self.next_ms:
            self._wants = True
            self._hold(candle)
            return []
        return self._tell(candle)

    def _tell(self, candle: Candle) -> list[Candle]:
        forming = self.forming
        if forming is not None and forming.open_time == candle.open_time and candle.at < forming.at:
            return []
        if candle.is_closed:
            return [self._close(candle)]
        self.forming = candle
        return [candle]

    def _close(self, candle: Candle) -> Candle:
        self.closed_ms = to_ms(candle.open_time)
        if self.forming is not None and self.forming.open_time <= candle.open_time:
            self.forming = None
        return candle

    def _hold(self, candle: Candle) -> None:
        # Of one bar only the newest word matters.
        if self._held and self._held[-1].open_time == candle.open_time:
            if candle.at >= self._held[-1].at:
                self._held[-1] = candle
        else:
            self._held.append(candle)
            self._held.sort(key=lambda held: held.open_time)
