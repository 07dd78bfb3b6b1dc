"""The SQL order log as a Dagster resource: the truth of every order, read here and handed signal sets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

import dagster as dg
import polars as pl

from resources.settings import load_settings
from trading.backtest.capacity import Staked
from trading.market.clock import SystemClock
from trading.market.timeframes import to_ms
from trading.news.holds import Hold
from trading.store.order_log import OrderLog
from trading.store.order_log.news_holds import NewsHold
from trading.store.order_log.records import Event
from trading.store.order_log.suspensions import Suspension
from trading.universe.jump_guard import Jump
from trading.users.directory import Directory

# Alerts that belong to no user go to the operator.
OPERATOR = "operator"


class OrderLogResource(dg.ConfigurableResource[None]):
    """Opens the order log of one world; SQLite by default, Postgres by URL."""

    world: str = ""

    @contextmanager
    def open(self) -> Iterator[OrderLog]:
        """Give the log for the block; opening creates the schema once."""
        log = OrderLog(load_settings(self.world).database_url)
        try:
            yield log
        finally:
            log.close()

    def suspended(self) -> dict[str, str]:
        """Return the symbols that are suspended for review now, each with its reason."""
        with self.open() as log:
            holding = log.suspensions.active().items()
            return {symbol: f"suspended for review: {found.reason}" for symbol, found in holding}

    def fleet(self) -> list[Staked]:
        """Return every user with what they have now: their capital and what closed trades made of it."""
        with self.open() as log:
            made = log.closed_trades().group_by("user_id").agg(pl.col("pnl_quote").sum())
            earned = dict(made.iter_rows())
            return [
                Staked(user, user.capital + Decimal(repr(earned.get(user.user_id, 0.0))))
                for user in Directory(log).all()
            ]

    def suspend(self, jumps: Sequence[Jump]) -> int:
        """Suspend the symbols of `jumps` for review; return how many were not suspended before."""
        if not jumps:
            return 0
        with self.open() as log:
            return sum(log.suspensions.suspend(_suspension(jump)) for jump in jumps)

    def hold(self, found: Sequence[Hold], at: datetime) -> int:
        """Close the symbols of `found` to entries and tell who must know; return how many holds were new."""
        if not found:
            return 0
        with self.open() as log:
            return log.news_holds.place([_news_hold(hold) for hold in found], at_ms=to_ms(at))

    def tell(self, key: str, kind: str, text: str, at: datetime) -> None:
        """Put an event for the operator into the outbox; the same `key` again changes nothing."""
        with self.open() as log:
            log.outbox.post(Event(key, OPERATOR, kind, {"text": text}, to_ms(at)))

    def alert(self, key: str, text: str) -> None:
        """Put an alert for the operator into the outbox; the same `key` again changes nothing."""
        with self.open() as log:
            log.outbox.post(Event(key, OPERATOR, "run_failed", {"text": text}, SystemClock().now_ms()))


def _news_hold(hold: Hold) -> NewsHold:
    ends_ms = None if hold.ends_at is None else to_ms(hold.ends_at)
    times = to_ms(hold.since), to_ms(hold.until), ends_ms
    return NewsHold(hold.hold_id, hold.symbol, hold.event, hold.reason, *times)


def _suspension(jump: Jump) -> Suspension:
    return Suspension(
        symbol=jump.symbol,
        source="scan",
        state=jump.state.value,
        reason=jump.reason,
        at_ms=jump.at_ms,
        price_before=Decimal(repr(jump.before)),
        price_after=Decimal(repr(jump.after)),
    )
