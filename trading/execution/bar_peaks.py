"""The highest price since the entry, by closed bars: what trailing stops follow, live as in the backtest.

A bar counts once it has closed and if it traded. Of the bar that the entry fell into only what came after the
fill counts, read from finer bars: from the minute of the fill on. Filled in its first minute, as a set that
is traded at once is, that is the whole bar, as in the backtest, which enters at the open.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog

from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.execution.pace import Pace
from trading.market.errors import SluiceError
from trading.market.timeframes import Timeframe, timeframe
from trading.store.order_log.exit_states import ExitState
from trading.store.order_log.records import Trade

_log = structlog.get_logger("execution.bar_peaks")

# A venue that has not shown a bar this long (market ms) after it closed had no trade in it.
LATE_MS = 60_000
MOST_S = 15.0  # between two tries for one symbol, wall time
_PAGE = 500
_FINER = ("1m", "5m", "15m", "1h", "4h")

High = tuple[int, float]  # open time of a bar that traded, its high


class BarPeaks:
    """Reads bars of symbols that are held under a trailing stop, once per bar, and keeps the peaks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pace = Pace(desk.wall, 0.5, MOST_S)
        self._whole: set[tuple[str, str]] = set()  # what this step read up to the newest closed bar
        self.is_behind = False  # whether a bar that closed is not in its peaks yet

    async def step(self, trades: Iterable[Trade], state_of: Callable[[Trade], ExitState]) -> list[ExitState]:
        """Bring every peak up to the newest closed bar; return the states that changed, kept already."""
        now_ms = self._desk.now_ms()
        due: dict[tuple[str, str], list[tuple[Trade, ExitState]]] = defaultdict(list)
        for trade in trades:
            bar = trade.exits.bar
            if trade.exits.trailing_stop is None or bar is None:
                continue
            state = state_of(trade)
            if (state.seen_ms or bar.floor_ms(trade.opened_ms)) < bar.floor_ms(now_ms):
                due[trade.symbol, trade.exits.timeframe].append((trade, state))
        changed: list[ExitState] = []
        self._whole.clear()
        ready = [key for key in due if self._pace.is_due("/".join(key))]
        await self._desk.together(partial(self._read, key, due[key], changed) for key in ready)
        self.is_behind = len(self._whole) < len(due)
        if changed:
            await self._desk.durably(partial(self._desk.log.exits.raise_peaks, list(changed)))
        return changed

    async def _read(
        self, key: tuple[str, str], held: list[tuple[Trade, ExitState]], changed: list[ExitState]
    ) -> None:
        symbol, bar = key[0], timeframe(key[1])
        until_ms = bar.floor_ms(self._desk.now_ms())
        since_ms = min(_first_unread(trade, state, bar) for trade, state in held)
        try:
            with priority(Priority.RECONCILE):  # a stop that is armed goes before one that is raised
                highs, is_whole = await self._highs(symbol, bar, since_ms, until_ms)
                entries = {
                    trade.trade_id: await self._of_entry_bar(trade, bar)
                    for trade, state in held
                    if state.seen_ms is None
                }
        except SluiceError as error:
            self._pace.put_off("/".join(key))
            _log.info("bars_unread", symbol=symbol, error=f"{error!r}")
            return
        read_until_ms = until_ms if is_whole else max((bar.next_ms(at) for at, _ in highs), default=since_ms)
        for trade, state in held:
            own = [*entries.get(trade.trade_id, ())]
            own += [high for at, high in highs if _first_unread(trade, state, bar) <= at]
            peak = max([Decimal(repr(high)) for high in own], default=trade.open_price)
            raised = peak if state.peak is None else max(state.peak, peak)
            # Of a bar that is not shown yet nothing is known: it is asked for again.
            seen_ms = max(read_until_ms, _first_unread(trade, state, bar))
            changed.append(replace(state, peak=raised, seen_ms=seen_ms))
        if is_whole:
            self._whole.add(key)
            self._pace.forget("/".join(key))
        else:
            self._pace.put_off("/".join(key))

    async def _highs(
        self, symbol: str, bar: Timeframe, since_ms: int, until_ms: int
    ) -> tuple[list[High], bool]:
        """Return highs of bars that traded in [since, until), and whether no more are to come."""
        found: list[High] = []
        last_ms = since_ms
        while since_ms < until_ms:
            frame = await self._desk.public.candles(symbol, bar.name, since_ms=since_ms, limit=_PAGE)
            rows = [
                (int(at.timestamp() * 1000), high, volume)
                for at, high, volume in frame.select("open_time", "high", "volume").iter_rows()
            ]
            found += [(at, high) for at, high, volume in rows if volume > 0 and at < until_ms]
            last_ms = max([last_ms, *(bar.next_ms(at) for at, _, _ in rows)])
            since_ms += _PAGE * bar.ms
        is_settled = last_ms >= until_ms or self._desk.now_ms() - until_ms >= LATE_MS
        return found, is_settled

    async def _of_entry_bar(self, trade: Trade, bar: Timeframe) -> list[float]:
        end_ms = bar.next_ms(bar.floor_ms(trade.opened_ms))
        finer = _finer_than(bar)
        if finer is None:
            since_ms = bar.floor_ms(trade.opened_ms)
            return [high for _, high in (await self._highs(trade.symbol, bar, since_ms, end_ms))[0]]
        since_ms = finer.floor_ms(trade.opened_ms)
        return [high for _, high in (await self._highs(trade.symbol, finer, since_ms, end_ms))[0]]


def _first_unread(trade: Trade, state: ExitState, bar: Timeframe) -> int:
    """Return the open time of the first bar, after the entry bar, that is not in the peak yet."""
    return state.seen_ms or bar.next_ms(bar.floor_ms(trade.opened_ms))


def _finer_than(bar: Timeframe) -> Timeframe | None:
    """Return the finest bars that fill `bar` in one page; None where there are none below it."""
    for name in _FINER:
        finer = timeframe(name)
        if finer.ms < bar.ms <= _PAGE * finer.ms:
            return finer
    return None
