"""The order log's front door: one object that opens the database and hands out its parts."""

from collections.abc import Callable

import polars as pl
import sqlalchemy as sa

from trading.market.clock import Clock, SystemClock
from trading.market.orders import SignalSet
from trading.store.order_log import audit, frames, schema
from trading.store.order_log.accounts import Accounts
from trading.store.order_log.canaries import Canaries
from trading.store.order_log.chats import Chats
from trading.store.order_log.conversions import Conversions
from trading.store.order_log.database import Database
from trading.store.order_log.exit_states import ExitStates
from trading.store.order_log.group_commit import GroupCommit, Writer
from trading.store.order_log.halts import Halts
from trading.store.order_log.history import History
from trading.store.order_log.intents import Intents
from trading.store.order_log.leases import Leases
from trading.store.order_log.leaving import Leaving
from trading.store.order_log.ledger import Ledger
from trading.store.order_log.messages import Messages
from trading.store.order_log.news_holds import NewsHolds
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.page_links import PageLinks
from trading.store.order_log.reconciliations import Reconciliations
from trading.store.order_log.remainders import Remainders
from trading.store.order_log.restores import Restores
from trading.store.order_log.scope import Scope
from trading.store.order_log.signal_sets import SignalSets
from trading.store.order_log.snapshots import Snapshots
from trading.store.order_log.suspensions import Suspensions
from trading.store.order_log.takeover import Takeover
from trading.store.order_log.user_keys import UserKeys
from trading.store.order_log.user_wishes import UserWishes


class OrderLog:
    """Everything that was decided, intended, executed and said, in SQL.

    Parts: `sets` (signal sets), `accounts` (users), `orders` (write-ahead intents), `ledger` (executions
    and round trips), `outbox` (events), `suspensions` (symbols held back for review),
    `news_holds` (symbols that news closes), `halts` (what people ordered to stop), `keys` (sealed exchange
    keys), `wishes` (consents, preferences, requests), `leaving` (export and removal of a user), `history`
    (of one user), `takeover` (users from elsewhere), `exits` (what open trades remember, what research said
    of them), `leases` (which shards this process holds), `scope` (whose rows it looks at), `conversions`
    (coins that changed their units), `messages` (what waits to be told), `chats` (who is who in Telegram),
    `page_links` (one-time links to users' own pages), `remainders` (what entries left unexecuted).
    The methods here are what other rooms read and write.

    Parameters
    ----------
    url : str or Database
        SQLAlchemy URL; ``sqlite:///path/orders.db`` by default settings, Postgres to grow. Or a database that
        is open already.
    wall : Clock
        This machine's time, for the ``*_wall_ms`` columns.
    """

    def __init__(self, url: str | Database, wall: Clock | None = None) -> None:
        clock: Clock = wall if wall is not None else SystemClock()
        self.database = Database(url) if isinstance(url, str) else url
        self.writer: Writer = GroupCommit(self.database)
        self.scope = Scope()
        self.leases = Leases(self.database, clock)
        self.outbox = Outbox(self.database, clock, self.scope)
        self.sets = SignalSets(self.database, clock)
        self.accounts = Accounts(self.database, clock)
        self.suspensions = Suspensions(self.database, clock)
        self.keys = UserKeys(self.database)
        self.wishes = UserWishes(self.database, clock, self.scope)
        self.leaving = Leaving(self.database)
        self.history = History(self.database)
        self.news_holds = NewsHolds(self.database, clock, self.outbox)
        self.orders = Intents(self.database, clock, self.outbox, self.leases, self.scope)
        self.remainders = Remainders(self.database, clock, self.leases, self.scope)
        self.canaries = Canaries(self.database, clock)
        self.exits = ExitStates(self.database)
        self.halts = Halts(self.database, clock, self.outbox)
        self.restores = Restores(self.database, clock, self.halts)
        self.reconciliations = Reconciliations(self.database, clock, self.outbox)
        self.ledger = Ledger(self.database, clock, self.outbox, self.scope)
        self.snapshots = Snapshots(self.database)
        self.takeover = Takeover(self.database, clock, self.ledger, self.keys)
        self.messages = Messages(self.database, clock)
        self.chats = Chats(self.database, clock)
        self.page_links = PageLinks(self.database, clock)
        self.conversions = Conversions(self.database, clock, self.ledger, self.outbox)

    async def durably[T](self, work: Callable[[], T], *, within_s: float = 0.0) -> T:
        """Run a write of this log (``partial(log.orders.mark_sent, coid)``) without blocking the event loop.

        Writes of many tasks share one commit (`group_commit`). What `work` returned comes back once it is on
        disk. One that has time (`within_s`) shares a commit with those that come meanwhile.
        """
        return await self.writer.do(work, within_s=within_s)

    def write_signal_set(self, batch: SignalSet) -> bool:
        """Write a set once; False (and nothing changed) if one of that id is there. BadInput if unusable."""
        return self.sets.write(batch)

    def get_signal_set(self, signal_set_id: str) -> SignalSet:
        """Return a set by id. NoVersion if there is none."""
        return self.sets.get(signal_set_id)

    def closed_trades(self) -> pl.DataFrame:
        """Return finished round trips (`columns.CLOSED_TRADES`), oldest close first."""
        return frames.closed_trades(self.database)

    def open_trades(self) -> pl.DataFrame:
        """Return round trips that still hold something (`columns.OPEN_TRADES`)."""
        return frames.open_trades(self.database)

    def decisions(self) -> pl.DataFrame:
        """Return one row per signal of every set (`columns.DECISIONS`)."""
        return frames.decisions(self.database)

    def intents(self) -> pl.DataFrame:
        """Return every intended order (`columns.INTENTS`)."""
        return frames.intents(self.database)

    def fills(self) -> pl.DataFrame:
        """Return every booked execution (`columns.FILLS`)."""
        return frames.fills(self.database)

    def skips(self) -> pl.DataFrame:
        """Return every signal that a user did not follow (`columns.SKIPS`)."""
        return frames.skips(self.database)

    def signal_sets(self) -> pl.DataFrame:
        """Return one row per signal set (`columns.SIGNAL_SETS`)."""
        return frames.signal_sets(self.database)

    def user_summary(self) -> pl.DataFrame:
        """Return one row per user with orders, fills, trades and P&L (`columns.USERS`)."""
        return frames.users(self.database)

    def breaks(self) -> list[str]:
        """Return every way in which the ledger disagrees with itself; empty is well."""
        return audit.breaks(self.database)

    def cursor(self, name: str) -> str | None:
        """Return a remembered position in some stream, None if none was kept."""
        table = schema.cursors
        with self.database.read() as connection:
            return connection.scalar(sa.select(table.c.value).where(table.c.name == name))

    def set_cursor(self, name: str, value: str) -> None:
        """Remember a position in some stream."""
        table = schema.cursors
        with self.database.write() as connection:
            if not self.database.insert_new(connection, table, [{"name": name, "value": value}]):
                connection.execute(table.update().where(table.c.name == name).values(value=value))

    def close(self) -> None:
        """Write what waits to be written, then close the database."""
        if isinstance(self.writer, GroupCommit):
            self.writer.close()
        self.database.close()
