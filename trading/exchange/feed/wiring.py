"""Live feeds over a `GatewayPool`: its session, clock, limiters and listing; one connection per account.

    feeds = LiveFeeds(pool)
    async with await feeds.public() as public: ...
    feed, gateway = await feeds.account("user 7", key, secret)

Not here: which keys there are (users know).
"""

import asyncio
import resource
from dataclasses import dataclass, field
from itertools import batched

from trading.exchange.feed.account import AccountFeed
from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.listen_key import LIFE_S, ListenKey
from trading.exchange.feed.mexc_socket import REAL_URL, MexcSocket
from trading.exchange.feed.public import PublicFeed
from trading.exchange.feed.trades_rest import RestTrades
from trading.exchange.feed.watched import WatchedAccount
from trading.exchange.pool import GatewayPool
from trading.market.errors import BadInput

CLOSING_AT_ONCE = 100
MOST_ACCOUNTS = 6_000  # 51 MB and 3 % of a core for each thousand that is idle
_FILES_LEFT = 256  # of those that the process may open: log, budget, REST, public streams


def most_accounts() -> int:
    """Return how many private connections this process may keep: each is an open file of its own."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_ACCOUNTS
    return max(0, min(MOST_ACCOUNTS, files - _FILES_LEFT))


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """How live feeds connect.

    Parameters
    ----------
    url : str or None
        Where the streams are; None = MEXC's, or path ``/ws`` of the pool's own base URL.
    most_accounts : int
        Private connections of this process; default `most_accounts()`. An account beyond is polled only:
        its feed says so.
    listen_key_life_s : float
        How long the venue keeps a listen key alive without a word (wall seconds).
    """

    url: str | None = None
    most_accounts: int = field(default_factory=most_accounts)
    listen_key_life_s: float = LIFE_S

    def __post_init__(self) -> None:
        if self.url is not None and not self.url.startswith(("ws://", "wss://")):
            raise BadInput(f"a stream's url must start with ws:// or wss://, was {self.url!r}")
        if self.most_accounts < 0:
            raise BadInput(f"most_accounts must be at least 0, was {self.most_accounts}")


def stream_url(base_url: str | None) -> str:
    """Return where a venue's streams are, by its REST base URL (None = MEXC)."""
    if base_url is None:
        return REAL_URL
    scheme, _, rest = base_url.rstrip("/").partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws"


class LiveFeeds:
    """Makes the feeds of one process. Use inside the pool's life, in its event loop."""

    def __init__(
        self, pool: GatewayPool, settings: FeedSettings | None = None, bounds: Bounds | None = None
    ) -> None:
        self._pool = pool
        self._settings = settings or FeedSettings()
        self._bounds = bounds or Bounds()
        self._accounts: dict[str, tuple[AccountFeed, WatchedAccount]] = {}
        transport, self._http, table, unify = pool.shared
        self._table = table
        self._listing = asyncio.Lock()
        self.source = MexcSocket(
            self._settings.url or stream_url(pool.settings.base_url),
            lambda: transport.session,
            market_of=lambda wire_id: table.by_id.get(wire_id),  # noqa: PLW0108 - the dict is replaced with every listing
            market_called=table.get,
            unify=unify,
            timeout_s=pool.settings.timeout_s,
        )

    async def public(self) -> PublicFeed:
        """Return a public feed, not opened yet; asks for the listing if there is none."""
        await self._listed()
        reader = RestTrades(self._http.get, self._table.get, self._pool.clock.now_ms)
        return PublicFeed(self._pool.public, self.source, trades=reader, bounds=self._bounds)

    async def account(self, label: str, api_key: str, secret: str) -> tuple[AccountFeed, WatchedAccount]:
        """Return the open feed of an account and the gateway to send its orders through.

        The first call for a label opens it; later ones return the same. `label` names the account in
        health and messages; it must not be the key.

        Raises
        ------
        BadInput
            If the label holds the key.
        """
        if api_key and api_key in label:
            raise BadInput("a feed's label is shown and logged: it must not hold the API key")
        await self._listed()
        if label not in self._accounts:
            self._accounts[label] = self._made(label, api_key, secret)
            await self._accounts[label][0].open()
        return self._accounts[label]

    async def leave(self, label: str) -> None:
        """Close one account's feed and free its connection."""
        feed, _ = self._accounts.pop(label, (None, None))
        if feed is not None:
            await feed.close()

    async def close(self) -> None:
        """Close the feeds of all accounts, some at a time: a closing connection holds 20 kB of its own."""
        feeds = [feed for feed, _ in self._accounts.values()]
        self._accounts.clear()
        for some in batched(feeds, CLOSING_AT_ONCE):
            await asyncio.gather(*(feed.close() for feed in some))

    def _made(self, label: str, api_key: str, secret: str) -> tuple[AccountFeed, WatchedAccount]:
        gateway = self._pool.account(api_key, secret)
        most = self._settings.most_accounts
        is_full = sum(feed.has_connection for feed, _ in self._accounts.values()) >= most
        feed = AccountFeed(
            gateway,
            ListenKey(gateway.user_data_stream, life_s=self._settings.listen_key_life_s),
            self.source,
            known_ms=self._pool.clock.known_ms,
            label=label,
            bounds=self._bounds,
            refusal=f"polled only: this process keeps at most {most} private connections" if is_full else "",
        )
        return feed, WatchedAccount(gateway, feed)

    async def _listed(self) -> None:
        async with self._listing:
            if not self._table.markets:
                await self._pool.public.markets()
            await self._pool.clock.fresh(5.0)
