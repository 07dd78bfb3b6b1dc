"""What the exits of open trades remember: peaks, what research said, and for how long it has said nothing.

All of it is in the order log, so a restart arms trailing stops and exit signals where they were. A look at a
price reads this from memory; the log and the venue are asked in a loop beside (`step`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from trading.execution.bar_peaks import BarPeaks
from trading.execution.desk import Desk
from trading.market.lineage import digest
from trading.store.order_log.exit_states import ExitState, Word
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.records import Event, Trade

_log = structlog.get_logger("execution.exit_memory")

STEP_S = 0.5
_AGAIN_MS = 30_000  # open trades are read again after so long, whatever happened
_NEVER_MS = -(2**62)
_FOREVER_MS = 2**62

Topic = tuple[str, str]  # whose exit signals, and of which symbol


class ExitMemory:
    """Knows of every open trade what its exits need beside the price.

    `told` are trades that an exit signal told to leave, `silent` those that are left because research has
    been silent for too long.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._peaks = BarPeaks(desk)
        self._known: set[str] = set()  # trades whose states have been read
        self._has_read = False
        self._states: dict[str, ExitState] = {}
        self._heard_from_ms = _FOREVER_MS  # words of bars from here on have been read
        self._heard: set[str] = set()  # unexpired sets of exits whose words have been read
        self._news_ms = _NEVER_MS  # market time at which open trades are to be read again
        self._again_wall_ms = 0
        self._spoken: dict[Topic, int] = {}  # open time of the newest bar that research spoke of
        self._leave: dict[Topic, list[Word]] = {}  # words that say leave, oldest first
        self.told: set[str] = set()
        self.silent: set[str] = set()
        self._alerted: set[tuple[Topic, int]] = set()
        self._unsaid: list[Event] = []
        self._began_ms: int | None = None

    def state(self, trade: Trade) -> ExitState:
        """Return what is remembered of a trade; read from the log where this process has not yet."""
        if trade.trade_id not in self._known:
            self._read(trade.trade_id)
        return self._states.get(trade.trade_id) or ExitState(trade.trade_id, trade.user_id)

    def born(self, trade_id: str) -> None:
        """Take it that nothing is remembered of a trade that this process just opened."""
        self._known.add(trade_id)

    def doubt(self) -> None:
        """Read all states again before they count: another process may have written to them meanwhile."""
        self._known.clear()
        self._has_read = False
        self.wake()

    def _read(self, trade_id: str) -> None:
        """Read what is remembered of every open trade at first, then of one at a time."""
        if self._has_read:
            found = self._desk.log.exits.get(trade_id)
            states = {} if found is None else {trade_id: found}
        else:
            states, self._has_read = self._desk.log.exits.of_open_trades(), True
        self._states |= states
        self.told |= {key for key, state in states.items() if state.exit_signal_id is not None}
        self._known |= states.keys() | {trade_id}

    @property
    def leaving(self) -> set[str]:
        """Trades that are left whatever the price."""
        return self.told | self.silent

    def wake(self) -> None:
        """Read open trades with the next step: there is a new one, or one has changed."""
        self._again_wall_ms = 0

    def say(self, event: Event) -> None:
        """Post a message with the next step: a look at a price does not wait for the disk."""
        self._unsaid.append(event)

    async def step(self) -> int:
        """Hear what research said, tell trades, note silence, follow bars; return how many trades care.

        Open trades are read only when there is news: a word, a bar that closed, a bar not read yet; and now
        and then.
        """
        while self._unsaid:  # a log that refuses keeps them for the next step
            await self._desk.durably(partial(self._desk.log.outbox.post, self._unsaid[0]))
            del self._unsaid[0]
        words, wall_ms = self._new_words(), self._desk.wall.now_ms()
        if not words and self._desk.now_ms() < self._news_ms and wall_ms < self._again_wall_ms:
            return 0
        self._again_wall_ms = wall_ms + _AGAIN_MS
        trades = [trade for trade in self._desk.log.ledger.with_terms() if not trade.exits.is_plain]
        self._prune(trades)
        listening = [trade for trade in trades if trade.exits.exit_source]
        self._hear([*words, *self._older_words(listening)])
        if listening:
            await self._tell(listening)
            await self._note_silence(listening)
        now_ms = self._desk.now_ms()
        changed = await self._peaks.step(trades, self.state)
        for state in changed:
            # An exit signal that was heard meanwhile stays.
            known = self._states.get(state.trade_id, state)
            self._states[state.trade_id] = replace(known, peak=state.peak, seen_ms=state.seen_ms)
        bars = {trade.exits.bar for trade in trades}
        closes = [bar.next_ms(bar.floor_ms(now_ms)) for bar in bars if bar is not None]
        if self._began_ms is not None:  # when the time is over that research has after an outage
            patient = (self._began_ms + bar.ms for bar in bars if bar is not None)
            closes += [at_ms for at_ms in patient if at_ms > now_ms]
        self._news_ms = now_ms if self._peaks.is_behind else min(closes, default=_FOREVER_MS)
        return len(trades)

    def _new_words(self) -> list[Word]:
        """Return words of sets that were not read yet: by their ids, whatever any clock says."""
        open_now = self._desk.log.exits.open_sets(self._desk.now_ms())
        words = self._desk.log.exits.words_of(open_now - self._heard)
        self._heard = open_now
        return words

    def _older_words(self, trades: Sequence[Trade]) -> list[Word]:
        """Return words of before this process, or of before the first trade that it looked after."""
        oldest_ms = min((entry_bar_ms(trade) for trade in trades), default=_FOREVER_MS)
        if oldest_ms >= self._heard_from_ms:
            return []
        self._heard_from_ms = oldest_ms
        return self._desk.log.exits.words_since_bar(oldest_ms)

    # --- research ---------------------------------------------------------------------------------

    def _hear(self, words: Iterable[Word]) -> None:
        for word in words:
            topic = (word.source, word.symbol)
            self._spoken[topic] = max(self._spoken.get(topic, _NEVER_MS), word.bar_ms)
            leave = self._leave.setdefault(topic, [])
            if word.signal_id is not None and word not in leave:
                leave.append(word)

    async def _tell(self, trades: Sequence[Trade]) -> None:
        now_ms = self._desk.now_ms()
        told = []
        for trade in trades:
            self.state(trade)
            if trade.trade_id in self.told:
                continue
            word = self._word_for(trade, now_ms)
            if word is not None:
                signal, batch = word.signal_id, word.signal_set_id
                state = self.state(trade)
                told.append(replace(state, exit_signal_id=signal, exit_set_id=batch, told_ms=now_ms))
        if not told:
            return
        # On disk before anything is sold on it: a restart leaves for the same reason, by the same signal.
        await self._desk.durably(partial(self._desk.log.exits.tell, told))
        for state in told:
            self._states[state.trade_id] = state
            self.told.add(state.trade_id)
            _log.info("exit_signal", trade=state.trade_id, signal=state.exit_signal_id)

    def _word_for(self, trade: Trade, now_ms: int) -> Word | None:
        """Return the first word that says leave about the entry bar or a later one and has not expired."""
        since_ms = entry_bar_ms(trade)
        for word in self._leave.get((trade.exits.exit_source, trade.symbol), ()):
            if word.bar_ms >= since_ms and word.expires_ms > now_ms:
                return word
        return None

    # --- silence ----------------------------------------------------------------------------------

    async def _note_silence(self, trades: Sequence[Trade]) -> None:
        now_ms = self._desk.now_ms()
        began_ms = self._began_ms = now_ms if self._began_ms is None else self._began_ms
        silent: set[str] = set()
        news: dict[str, set[str]] = {}
        for trade in trades:
            bars, since_ms = self._silent_bars(trade, now_ms)
            bar = trade.exits.bar
            # After an outage research gets one bar to speak before trades are left for its silence.
            has_had_time = bar is not None and now_ms - began_ms >= bar.ms
            if bars >= trade.exits.leave_after_bars and (has_had_time or trade.trade_id in self.silent):
                silent.add(trade.trade_id)
            topic = (trade.exits.exit_source, trade.symbol)
            if bars >= trade.exits.alert_after_bars and (topic, since_ms) not in self._alerted:
                self._alerted.add((topic, since_ms))
                news.setdefault(trade.exits.exit_source, set()).add(trade.symbol)
        self.silent = silent
        for source, symbols in news.items():
            terms = next(trade.exits for trade in trades if trade.exits.exit_source == source)
            payload: dict[str, object] = {
                "strategy": source.partition("@")[0],
                "symbols": ", ".join(sorted(symbols)),
                "alert_after_bars": terms.alert_after_bars,
                "leave_after_bars": terms.leave_after_bars,
                "timeframe": terms.timeframe,
            }
            key = digest(source, *sorted(symbols), *(str(self._spoken.get((source, s))) for s in symbols))
            event = Event(f"exit_silence:{key}", OPERATOR, "exit_silence", payload, now_ms)
            await self._desk.durably(partial(self._desk.log.outbox.post, event))
            _log.warning("research_is_silent", strategy=source, symbols=len(symbols))

    def _silent_bars(self, trade: Trade, now_ms: int) -> tuple[int, int]:
        """Return how many bars closed since research last spoke of it, and since when that is.

        The entry itself was a word about the bar before it.
        """
        bar = trade.exits.bar
        if bar is None:
            return 0, 0
        spoken_ms = self._spoken.get((trade.exits.exit_source, trade.symbol), _NEVER_MS)
        since_ms = max(bar.next_ms(spoken_ms) if spoken_ms > 0 else 0, entry_bar_ms(trade))
        return max(0, (bar.floor_ms(now_ms) - since_ms) // bar.ms), since_ms

    def _prune(self, trades: Iterable[Trade]) -> None:
        """Forget trades that are closed and words that no open trade waits for."""
        open_now = {trade.trade_id for trade in trades}
        if len(self._known) > 2 * len(open_now) + 100:
            self._known &= open_now
            self.told &= open_now
            self._states = {key: state for key, state in self._states.items() if key in open_now}
        now_ms = self._desk.now_ms()
        for heard in self._leave.values():
            heard[:] = [word for word in heard if word.expires_ms > now_ms]


def entry_bar_ms(trade: Trade) -> int:
    """Return the open time of the bar that the entry fell into."""
    bar = trade.exits.bar
    return trade.opened_ms if bar is None else bar.floor_ms(trade.opened_ms)
