"""Open positions watched, and left: stop, target and maximum hold by the one exit machine of `trading.risk`.

Why a position is left: `exit_reasons.py`; how it is sold: `selling.py`; when one look is enough:
`second_look.py`.

Exits arm from the order log alone, so they are armed the moment a process starts. With a live feed a quote
that crosses a level sells at once (`heard`), and `tick` is the net below it: it reads the log again, asks for
quotes that no stream brings, and goes on with what was begun. Without one, `step` does all of it. A print
that the price watch doubts sells nothing: the look a second later decides.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from hashlib import blake2b

import structlog

from trading.exchange.gateway import Quote
from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.execution.exit_reasons import ExitReasons
from trading.execution.live_prices import LivePrices
from trading.execution.look_again import LookAgain
from trading.execution.open_book import OpenBook
from trading.execution.second_look import STOPS, SecondLook, Seen
from trading.execution.selling import Seller
from trading.execution.stop_steps import StopSteps
from trading.execution.units import UnitWatch
from trading.execution.wire import Wire
from trading.market.errors import SluiceError
from trading.store.order_log.records import IN_FLIGHT, PENDING, Intent, IntentStatus, Leg, Trade

_log = structlog.get_logger("execution.exits")
ENTRIES_WAIT_MS = 300  # so long a first look below a stop holds entries, so that its exit finds tokens
# So long from its turn to the wire an exit holds entries: one that hangs in a question about its own account
# must not stop everybody's.
PREPARES_S = 5.0
POLL_WEIGHT = 10  # of one call for all quotes


class Exits:
    """Watches every open trade, and sells. `live` are the streamed quotes; None = all quotes are polled."""

    def __init__(self, desk: Desk, wire: Wire, live: LivePrices | None = None) -> None:
        self._desk = desk
        self._wire = wire
        self._live = live
        self.book = OpenBook(desk.log)
        self.looks = SecondLook(desk.wall, desk.settings.second_look_most_s)
        self._steps = StopSteps(desk.settings.stop_step, desk.settings.jumps.confirm_after_s)
        self.reasons = ExitReasons(desk)
        self._seller = Seller(desk, wire)
        self._again = LookAgain(desk, self.heard, self._seller.depth.seen)
        self._units = UnitWatch(desk)
        self._doubted: set[str] = set()  # symbols whose newest quote is not believed yet
        self._acting: dict[str, asyncio.Task[None]] = {}  # trades being sold just now
        self._unsent: dict[str, float] = {}  # ... not on the wire yet: until when entries wait for it
        self._is_closing = False
        # Sales at once: a second's worth of orders, so that the line at the limiter is never empty, nor so
        # long that a price in it is old.
        self._gate = asyncio.Semaphore(max(desk.settings.concurrency, int(desk.exit_rate_per_s or 0)))
        wire.exits_wait = self.has_waiting
        wire.exit_left = self._left
        self._sweep_due_s = self._poll_due_s = float("-inf")

    async def step(self) -> int:
        """Look once at all open trades; return how many there are. Goes before all other requests."""
        with priority(Priority.EXIT):
            return await self._sweep()

    async def tick(self) -> None:
        """Do what is due: a sweep within its share of a core, between two of them what cannot wait."""
        with priority(Priority.EXIT):
            if self._live is None or time.monotonic() >= self._sweep_due_s:
                await self._sweep()
                return
            await self._live.follow(self._wanted())
            leaving = self.reasons.memory.leaving
            told = [trade for name in leaving if (trade := self.book.get(name)) is not None]
            # What a stream serves was judged when it came: here are time, what was begun, what is polled.
            quotes = await self._poll(self.book.symbols - self._live.served().keys())
            polled = [trade for symbol in quotes for trade in self.book.of(symbol)]
            urgent = (*self.book.over(self._desk.now_ms()), *told, *self.book.begun(), *polled)
            await self._sell(self._due({trade.trade_id: trade for trade in urgent}.values()))

    def heard(self, quote: Quote) -> None:
        """Take a quote that has just come: what it crosses is sold by tasks of their own."""
        self._again.drop(quote.symbol)
        seen = self._take({quote.symbol: quote}, is_pushed=True)[quote.symbol]
        if quote.symbol in self._doubted:
            self._again.want(quote.symbol, self._desk.settings.jumps.confirm_after_s)
            return
        crossed = {trade.trade_id: trade for trade in self.book.crossed(quote.symbol, quote.bid)}
        for trade_id in self.looks.waiting(quote.symbol):
            trade = self.book.get(trade_id)
            if trade is not None:
                crossed.setdefault(trade_id, trade)
        self._start((trade, reason) for trade in crossed.values() if (reason := self._reason(trade, seen)))

    def booked(self, intent: Intent, after: Trade | None) -> None:
        """An order was booked: its trade (`after`, if it changed) is armed, or its exit goes on, at once."""
        is_opening = intent.leg is Leg.OPEN and after is not None
        if after is not None and is_opening and after.version == 1:
            self.reasons.memory.born(after.trade_id)
        trade = self.book.opened(after) if is_opening and after else self.book.renew(intent.trade_id)
        if trade is None or self._live is None:
            return
        seen = self.looks.newest(trade.symbol)
        if seen is not None and trade.symbol not in self._doubted:
            reason = self._reason(trade, seen)
            self._start([(trade, reason)] if reason else [])

    def has_waiting(self) -> bool:
        """Whether entries let exits go first: one is due and not on the wire, or a stop waits for a look."""
        now_s = time.monotonic()
        is_due = any(until_s > now_s for until_s in self._unsent.values())
        return is_due or self.looks.is_waiting(ENTRIES_WAIT_MS)

    async def close(self) -> None:
        """Let the sales that are under way end; begin none, ask for nothing more."""
        self._is_closing = True
        await self._again.close()
        await self.settled()

    async def settled(self) -> None:
        """Wait until every sale that was begun has had its answer."""
        await asyncio.gather(*self._acting.values(), return_exceptions=True)

    async def _sweep(self) -> int:
        self._desk.fleet.refresh()
        await self._void_unsent()
        began_s = time.thread_time()
        self.book.refresh()
        trades = self.book.trades()
        spent_s = time.thread_time() - began_s
        if not trades:
            self._note_result({})
            return 0
        self._seller.depth.begin()
        self.reasons.refresh(trades)
        if self._live is not None:
            await self._live.follow(self._wanted())
        quotes = await self._ask()
        held_back = await self._units.hold_back(trades)
        in_doubt = {trade.symbol for trade in trades if trade.trade_id in held_back}
        # A coin with new units is no loss of the fleet.
        self._note_result({name: each for name, each in quotes.items() if name not in in_doubt})
        began_s = time.thread_time()
        due = self._due(trades)
        spent_s += time.thread_time() - began_s
        self._sweep_due_s = time.monotonic() + spent_s / self._desk.settings.sweep_share
        await self._sell(due)
        if self._live is None:
            await self._second_look(trades)
        return len(trades)

    async def _second_look(self, trades: list[Trade]) -> None:
        """Ask again at once for what one look has crossed; a look for the sake of a doubt waits its time."""
        symbols = self.looks.symbols_in_question()
        if symbols:
            self._take(await self._desk.quotes(symbols))
            await self._sell(self._due(trade for trade in trades if trade.symbol in symbols))

    async def _ask(self) -> Mapping[str, Quote]:
        """Return quotes of held symbols; those that no stream brings are asked for, as often as may be."""
        symbols = self.book.symbols
        served = {} if self._live is None else self._live.served()
        found = {symbol: quote for symbol, quote in served.items() if symbol in symbols}
        return {**found, **await self._poll(symbols - served.keys())}

    async def _poll(self, missing: set[str]) -> Mapping[str, Quote]:
        """Ask the venue for quotes that no stream brings, within the share of the limiter kept for that."""
        if self._live is not None and (not missing or time.monotonic() < self._poll_due_s):
            return {}
        rate = float(self._desk.exit_rate_per_s or 20) * self._desk.settings.fallback_share
        self._poll_due_s = time.monotonic() + POLL_WEIGHT / rate
        polled = await self._desk.quotes(missing)
        for symbol in missing - polled.keys():
            self.looks.gone(symbol)
        self._take(polled)
        return polled

    def _take(self, quotes: Mapping[str, Quote], *, is_pushed: bool = False) -> dict[str, Seen]:
        """Note new observations, and whether they are believed."""
        paid: dict[str, tuple[Decimal, int]] = {}
        for symbol in quotes:
            trade = self.book.one_of(symbol)
            if trade is not None:
                paid[symbol] = trade.open_price, trade.opened_ms
        believed = self._desk.prices.believe(quotes, paid, at_ms=self._desk.now_ms())
        self._doubted = (self._doubted - quotes.keys()) | (quotes.keys() - believed)
        return {
            symbol: self.looks.observe(quote, self._stands_ms(quote, paid.get(symbol), is_pushed=is_pushed))
            for symbol, quote in quotes.items()
        }

    def _stands_ms(self, quote: Quote, paid: tuple[Decimal, int] | None, *, is_pushed: bool) -> int:
        """Return how long this bid has yet to stand before a stop fires on it."""
        if quote.bid_amount <= 0 or quote.bid <= 0:
            return 0
        desk = self._desk
        push_ms = desk.settings.second_look_s * 1000 * getattr(desk.public.clock, "rate", 1.0)
        return self._steps.look(
            quote.symbol,
            quote.bid,
            at_ms=desk.now_ms(),
            wall_ms=desk.wall.now_ms(),
            seed=paid,
            quiet_ms=push_ms if is_pushed else math.inf,
        )

    def _due(self, trades: Iterable[Trade]) -> list[tuple[Trade, str]]:
        """Return what is to be left now, with the reason, in an order that the seed decides."""
        found = []
        for trade in trades:
            if trade.symbol in self._doubted:
                continue
            reason = self._reason(trade, self.looks.newest(trade.symbol))
            if reason is not None:
                found.append((trade, reason))
        return found

    def _reason(self, trade: Trade, seen: Seen | None) -> str | None:
        """Return why `trade` is to be left now, if it is and may be."""
        before = self.book.attempts(trade.trade_id)
        is_out = any(intent.status in IN_FLIGHT for intent in before)
        if is_out or trade.trade_id in self._acting or trade.user_id in self._desk.unreplayed:
            return None
        if not self._seller.pace.is_due(trade.trade_id):
            return None
        quote = None if seen is None else seen.executable
        try:
            reason = self.reasons.of(trade, before, quote)
        except Exception as error:  # one position's trouble must not keep the others from being left
            self._failed(trade, error)
            return None
        is_begun = any(intent.status is not IntentStatus.VOID for intent in before)
        if reason in STOPS and not is_begun and seen is not None:
            return reason if self._is_confirmed(trade, seen) else None
        if self.looks.calm(trade) and reason is None:
            _log.info("bad_print", user=trade.user_id, symbol=trade.symbol, stop=str(trade.stop_price))
        return reason

    def _is_confirmed(self, trade: Trade, seen: Seen) -> bool:
        if self.looks.confirms(trade, seen):
            return True
        if self._live is not None:
            self._again.want(trade.symbol, max(self._desk.settings.second_look_s, seen.stands_ms / 1000))
        return False

    async def _sell(self, due: Iterable[tuple[Trade, str]]) -> None:
        """Sell; with a live feed by tasks of their own, else this waits for the last one."""
        tasks = self._start(due)
        if self._live is None:
            await asyncio.gather(*tasks)

    def _start(self, due: Iterable[tuple[Trade, str]]) -> list[asyncio.Task[None]]:
        tasks = []
        for trade, reason in sorted(due, key=lambda each: self._turn(each[0])):
            if trade.trade_id in self._acting:  # named twice: read before and after a booking
                continue
            self.looks.forget(trade)
            self.reasons.begin(trade)
            task = asyncio.create_task(self._leave(trade, reason))
            self._acting[trade.trade_id] = task
            self._unsent[trade.trade_id] = math.inf
            tasks.append(task)
        return tasks

    def _turn(self, trade: Trade) -> bytes:
        """Return the place of a trade among those left together: by seed and day, no user is always last."""
        day = self._desk.now_ms() // 86_400_000
        return blake2b(
            f"{self._desk.settings.seed}|{day}|{trade.user_id}|{trade.symbol}".encode(), digest_size=8
        ).digest()

    async def _leave(self, trade: Trade, reason: str) -> None:
        try:
            with priority(Priority.EXIT):
                async with self._gate:
                    if self._is_closing:
                        return
                    self._unsent[trade.trade_id] = time.monotonic() + PREPARES_S
                    # It may have waited long: position, attempts and price are read anew.
                    now = self.book.renew(trade.trade_id)
                    held_back = await self._units.hold_back(self.book.of(trade.symbol))
                    seen = self.looks.newest(trade.symbol)
                    if now is not None and trade.trade_id not in held_back:
                        quote = None if seen is None else seen.executable
                        await self._seller.leave(now, self.book.attempts(trade.trade_id), reason, quote)
        except SluiceError as error:
            self._failed(trade, error)
            await self._desk.told.note(trade.user_id, error)
        except Exception as error:  # nobody awaits this task: without a word here it would fail unseen
            self._failed(trade, error)
        finally:
            self._acting.pop(trade.trade_id, None)
            self._left(trade.trade_id)
        try:
            self.book.renew(trade.trade_id)
        except SluiceError as error:  # the next sweep reads it
            self._failed(trade, error)

    def _left(self, trade_id: str) -> None:
        self._unsent.pop(trade_id, None)

    def _failed(self, trade: Trade, error: Exception) -> None:
        self._seller.pace.put_off(trade.trade_id)
        bound = _log.bind(user=trade.user_id, symbol=trade.symbol, error=f"{error!r}")
        if isinstance(error, SluiceError):
            bound.warning("exit_failed")
        else:  # a mistake of this program
            bound.error("exit_failed", exc_info=error)

    def _note_result(self, quotes: Mapping[str, Quote]) -> None:
        fall = self._desk.fleet.result.note(quotes, self._desk.now_ms())
        if fall is not None:
            self._desk.fleet.book.drawdown = fall

    def _wanted(self) -> set[str]:
        """Return the symbols that are held, or about to be."""
        return self.book.symbols | self._desk.log.orders.symbols(PENDING, Leg.OPEN)

    async def _void_unsent(self) -> None:
        """An exit that was written and not sent (a crash between) has an old price: plan it anew."""
        for intent in self._desk.log.orders.find(statuses=[IntentStatus.NEW], leg=Leg.CLOSE):
            if intent.trade_id not in self._acting and intent.coid not in self._wire.busy:
                why = "not sent before the engine stopped"
                await self._desk.durably(partial(self._desk.log.orders.void, intent.coid, why))
