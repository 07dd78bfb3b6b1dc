"""The SQL order log as a Dagster resource: the truth of every order, read here and handed signal sets."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from resources.settings import load_settings
from trading.market.clock import SystemClock
from trading.store.order_log import OrderLog
from trading.store.order_log.records import Event

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
            return {symbol: found.reason for symbol, found in log.suspensions.active().items()}

    def alert(self, key: str, text: str) -> None:
        """Put an alert for the operator into the outbox; the same `key` again changes nothing."""
        with self.open() as log:
            log.outbox.post(Event(key, OPERATOR, "run_failed", {"text": text}, SystemClock().now_ms()))
