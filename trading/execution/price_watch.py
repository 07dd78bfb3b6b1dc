"""Every quote that decides anything passes here first: whether it is believed, whether the symbol is open.

A jump beyond the bound is recorded in the order log at once, so that it outlives this process and the
pipeline reads it. What a jump is: `trading.universe.jump_guard`.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import structlog

from trading.exchange.gateway import Quote
from trading.market.clock import Clock
from trading.market.timeframes import HOUR_MS
from trading.store.order_log.records import Event
from trading.store.order_log.suspensions import Suspension
from trading.universe.jump_guard import Jump, JumpGuard, JumpRules, JumpState
from trading.universe.jump_scan import is_plausible

_log = structlog.get_logger("execution.price_watch")
OPERATOR = "operator"
EVERY_SYMBOL = "*"  # of a hold: announced maintenance closes the whole venue


class Register(Protocol):
    """Where suspensions are kept; see `trading.store.order_log.suspensions.Suspensions`."""

    def suspend(self, found: Suspension) -> bool:
        """Suspend a symbol; False if it is already."""
        ...

    def settle(self, symbol: str, state: str, reason: str) -> bool:
        """Note what a second look said."""
        ...

    def active(self) -> dict[str, Suspension]:
        """Return what holds now, by symbol."""
        ...


class Post(Protocol):
    """Where the operator's messages go; see `trading.store.order_log.outbox.Outbox`."""

    def post(self, event: Event) -> None:
        """Write one event down."""
        ...


class PriceWatch:
    """Judges bids: what a position would be sold at, and what an entry is compared with."""

    def __init__(
        self,
        register: Register,
        post: Post,
        wall: Clock,
        rules: JumpRules | None = None,
        closed_by_news: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._guard = JumpGuard(rules)
        self._closed_by_news = closed_by_news
        self._closed: Mapping[str, str] = {}
        self._register = register
        self._post = post
        self._wall = wall
        self._suspended: dict[str, Suspension] = {}

    def believe(
        self, quotes: Mapping[str, Quote], seeds: Mapping[str, tuple[Decimal, int]], *, at_ms: int
    ) -> set[str]:
        """Judge one look at many symbols; return those whose quote may be acted on.

        Parameters
        ----------
        quotes : mapping
            Symbol -> quote of this look.
        seeds : mapping
            Symbol -> a price known from elsewhere (what was paid, what the signal saw) and its market time.
        at_ms : int
            Market time of the look.
        """
        believed: set[str] = set()
        for symbol, quote in quotes.items():
            seed = seeds.get(symbol)
            judged = self._guard.look(
                symbol,
                float(quote.bid),
                at_ms=at_ms,
                wall_ms=self._wall.now_ms(),
                seed=None if seed is None else (float(seed[0]), seed[1]),
            )
            if judged.jump is not None:
                self._note(judged.jump)
            if judged.is_trusted:
                believed.add(symbol)
        return believed

    def survey(self, quotes: Mapping[str, Quote], *, at_ms: int) -> int:
        """Judge one look at the whole market; return how many symbols were judged.

        A look in which more jump than may be true (`jump_scan.is_plausible`) is not believed: nothing of it
        is remembered, nobody is suspended, and the operator is told once per market hour.
        """
        beyond = [
            symbol
            for symbol, quote in quotes.items()
            if self._guard.is_beyond(symbol, float(quote.bid), at_ms=at_ms)
        ]
        if not is_plausible(len(beyond), len(quotes)):
            self._disbelieve(beyond, len(quotes), at_ms)
            return 0
        self.believe(quotes, {}, at_ms=at_ms)
        return len(quotes)

    def refresh(self) -> None:
        """Read which symbols are suspended or closed by news now: others suspend and release them too."""
        self._suspended = self._register.active()
        self._closed = self._closed_by_news()

    def suspended(self, symbol: str) -> str | None:
        """Return why `symbol` takes no entries, or None. As of the last `refresh`."""
        found = self._suspended.get(symbol)
        if found is None:
            return self._closed.get(symbol) or self._closed.get(EVERY_SYMBOL)
        return f"suspended for review since {found.at_ms}: {found.reason}"

    def jumps(self) -> dict[str, Suspension]:
        """Return by symbol the suspensions for a jump of the price that was no bad print."""
        return {
            symbol: found
            for symbol, found in self._suspended.items()
            if found.price_before and found.price_after and found.state != JumpState.BAD_PRINT.value
        }

    def _disbelieve(self, beyond: Sequence[str], looked: int, at_ms: int) -> None:
        reason = f"{len(beyond):,} of {looked:,} prices jumped at once, e.g. {', '.join(sorted(beyond)[:3])}"
        _log.warning("look_not_believed", reason=reason)
        hour = at_ms // HOUR_MS
        self._post.post(
            Event(f"look_not_believed:{hour}", OPERATOR, "look_not_believed", {"reason": reason}, at_ms)
        )

    def _note(self, jump: Jump) -> None:
        if jump.state is JumpState.BAD_PRINT:
            self._register.settle(jump.symbol, jump.state.value, jump.reason)
            return
        began = self._register.suspend(
            Suspension(
                symbol=jump.symbol,
                source="engine",
                state=jump.state.value,
                reason=jump.reason,
                at_ms=jump.at_ms,
                price_before=Decimal(repr(jump.before)),
                price_after=Decimal(repr(jump.after)),
            )
        )
        self.refresh()
        if began:
            _log.warning("symbol_suspended", symbol=jump.symbol, reason=jump.reason)
            payload: dict[str, object] = {"symbol": jump.symbol, "reason": jump.reason}
            key = f"symbol_suspended:{jump.symbol}:{jump.at_ms}"
            self._post.post(Event(key, OPERATOR, "symbol_suspended", payload, jump.at_ms))
