"""Why an open position is to be left now: the one exit machine of `trading.risk`, and what goes before it.

A symbol whose delisting is announced with a time is left before it, whatever the price; everything of a
user who asked to close all; a trade that an exit signal told to leave; and one that leaves by exit signals of
which nothing has been heard for too long. Once an exit has begun it goes on until nothing sellable is left,
whatever the price does then.

A price far below the stop, as an outage leaves it, is no reason to wait: the position is sold at once, on
two looks as any stop, in steps that widen (`selling.py`), and the user and the operator are told how far it
fell unwatched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.exchange.gateway import Quote
from trading.execution.desk import Desk
from trading.execution.exit_memory import ExitMemory, entry_bar_ms
from trading.market.orders import TradeSignal
from trading.market.symbols import Market
from trading.market.ticks import Grid
from trading.risk.armed import Armed
from trading.risk.exits import ExitCode, ExitRules
from trading.store.order_log.exit_states import ExitState
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.records import Event, Intent, IntentStatus, Trade
from trading.users.gates import CLOSE_ALL, CLOSE_TRADE, closing_of

DELISTING = "delisting"  # the exit reason of a position whose symbol stops trading
FLATTEN = "flatten"  # of a position that a person ordered sold
SILENCE = "exit_silence"  # of one whose exit signals have not been heard of for too long
_STOPS = (ExitCode.STOP_LOSS, ExitCode.TRAILING_STOP)


@dataclass(slots=True)
class _Watched:
    """One trade's levels, worked out for one version of it and what was remembered of it then."""

    version: int
    state: ExitState
    market: Market
    grid: Grid
    armed: Armed


class ExitReasons:
    """Says of each open trade why it is left, if it is."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.memory = ExitMemory(desk)
        self._leaving: Mapping[str, object] = {}  # symbols that stop trading soon, as of this step
        self._asked: set[tuple[str, str]] = set()  # user and kind of what was asked and is not done
        self._watched: dict[str, _Watched] = {}
        self._ticks: dict[str, tuple[Quote, int]] = {}  # the bid of each symbol's newest quote
        self._fallen: dict[str, tuple[int, int]] = {}  # bid and stop in ticks, of trades far below it

    def refresh(self, trades: Sequence[Trade]) -> None:
        """Read what the log orders sold: symbols that end, users who close. `trades` are those open now."""
        if len(self._watched) > 2 * len(trades) + 100:
            open_now = {trade.trade_id for trade in trades}
            self._watched = {key: each for key, each in self._watched.items() if key in open_now}
        lead_ms = self._desk.settings.delisting_lead_s * 1000
        self._leaving = self._desk.log.news_holds.leaving(self._desk.now_ms(), lead_ms)
        self._asked = {(request.user_id, request.kind) for request in self._desk.log.wishes.open_requests()}

    def of(self, trade: Trade, before: list[Intent], quote: Quote | None) -> str | None:
        """Return the reason, or None while it stays. `before` are the exit attempts made so far."""
        begun = [intent for intent in before if intent.status is not IntentStatus.VOID]
        if self._desk.fleet.selling(trade.user_id, trade.symbol) is not None:
            return begun[-1].exit_reason if begun else FLATTEN
        # A flatten that was lifted sells no more; any other exit that has begun goes on.
        if begun and begun[-1].exit_reason != FLATTEN:
            return begun[-1].exit_reason
        if (trade.user_id, CLOSE_ALL) in self._asked:
            return CLOSE_ALL
        if (trade.user_id, closing_of(trade.trade_id)) in self._asked:
            return CLOSE_TRADE
        if trade.symbol in self._leaving:
            return DELISTING
        return self._by_rules(trade, quote)

    def _by_rules(self, trade: Trade, quote: Quote | None) -> str | None:
        now_ms = self._desk.now_ms()
        if quote is None:
            if now_ms >= trade.deadline_ms:
                return ExitCode.MAX_HOLD.reason
            if trade.trade_id in self.memory.told:
                return ExitCode.EXIT_SIGNAL.reason
        else:
            watched = self.watched(trade)
            tick = self._tick(trade.symbol, quote, watched.grid)
            code = watched.armed.look(tick, now_ms, trade.trade_id in self.memory.told)
            if code:
                if code in _STOPS and self._is_far_below(tick, watched.armed.stop):
                    self._fallen[trade.trade_id] = tick, watched.armed.stop
                return ExitCode(code).reason
            if self._fallen:  # the next look saw another price: a bad print
                self._fallen.pop(trade.trade_id, None)
        return SILENCE if trade.trade_id in self.memory.silent else None

    def watched(self, trade: Trade) -> _Watched:
        """Return a trade's levels; worked out anew when it or what is remembered of it has changed."""
        found = self._watched.get(trade.trade_id)
        market = self._desk.market(trade.symbol)
        if found is not None and found.version == trade.version and found.market is market:
            if trade.exits.trailing_stop is not None:
                state = self.memory.state(trade)
                if state is not found.state and state.peak is not None:
                    found.state = state
                    found.armed.raise_peak(found.grid.whole(float(state.peak)))
            return found
        state = self.memory.state(trade)
        grid = Grid.of(market.tick)
        found = _Watched(trade.version, state, market, grid, arm(trade, state.peak, grid))
        self._watched[trade.trade_id] = found
        self.memory.wake()
        return found

    def _tick(self, symbol: str, quote: Quote, grid: Grid) -> int:
        known = self._ticks.get(symbol)
        if known is not None and known[0] is quote:
            return known[1]
        tick = grid.whole(float(quote.bid))
        self._ticks[symbol] = (quote, tick)
        return tick

    def _is_far_below(self, tick: int, stop: int) -> bool:
        return Decimal(tick) < stop * (1 - self._desk.settings.far_below_stop)

    def begin(self, trade: Trade) -> None:
        """Note that a trade is being sold: whoever must know hears if it fell far below its stop."""
        fallen = self._fallen.pop(trade.trade_id, None)
        if fallen is None:
            return
        (tick, stop), grid = fallen, self.watched(trade).grid
        payload: dict[str, object] = {
            "symbol": trade.symbol,
            "user_id": trade.user_id,
            "bid": format(grid.value(tick), ".12g"),
            "stop": format(grid.value(stop), ".12g"),
            "below": f"{1 - tick / stop:.1%}",
        }
        for reader in (trade.user_id, OPERATOR):
            event_id = f"far_below_stop:{trade.trade_id}:{reader}"
            event = Event(event_id, reader, "far_below_stop", payload, self._desk.now_ms())
            self.memory.say(event)


def rules_of(trade: Trade) -> ExitRules:
    """Return the rules that a trade was entered with."""
    bar, held_s = trade.exits.bar, (trade.deadline_ms - entry_bar_ms(trade)) // 1000
    signal = TradeSignal(
        trade.symbol, trade.signal_id, trade.approval_id, trade.open_price, trade.stop_loss,
        trade.take_profit, max_hold_s=max(1, held_s), exits=trade.exits,
    )  # fmt: skip
    return ExitRules.of_signal(signal, 1 if bar is None else bar.ms // 1000)


def arm(trade: Trade, peak: Decimal | None, grid: Grid) -> Armed:
    """Return the levels of an open trade, given the highest price of closed bars; None = none has closed."""
    bar, paid = trade.exits.bar, grid.whole(float(trade.open_price))
    numbers = rules_of(trade).numbers(1000 if bar is None else bar.ms)
    seen = paid if peak is None else grid.whole(float(peak))
    return Armed(numbers, paid, trade.opened_ms, trade.deadline_ms, bar, seen)
