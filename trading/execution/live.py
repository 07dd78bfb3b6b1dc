"""The live feed of one engine: streamed quotes for its exits, private streams for its orders.

Streams open when the venue is there and come back by themselves; what they do not bring is polled. Nothing
waits for them.
"""

import asyncio
from collections.abc import Callable

import structlog

from trading.exchange.feed.wiring import LiveFeeds
from trading.exchange.gateway import Quote
from trading.exchange.pool import GatewayPool
from trading.execution.account_streams import AccountStreams
from trading.execution.live_prices import LivePrices
from trading.market.errors import SluiceError
from trading.users.user import User

_log = structlog.get_logger("execution.live")
RETRY_S = 2.0


class Live:
    """Use inside the pool's life, in its event loop; `run` until cancelled, then `close`."""

    def __init__(self, pool: GatewayPool, credentials: Callable[[User], tuple[str, str]]) -> None:
        self._feeds = LiveFeeds(pool)
        self.prices = LivePrices()
        self.accounts = AccountStreams(self._feeds, pool.account, credentials)

    async def run(self, heard: Callable[[Quote], None]) -> None:
        """Open the public feed, as soon as the venue is there, and tell `heard` of every quote."""

        def guarded(quote: Quote) -> None:
            try:
                heard(quote)
            except Exception:  # one symbol's trouble must not end the watch over all others
                _log.exception("quote_not_heard", symbol=quote.symbol)

        while True:
            try:
                feed = await self._feeds.public()
                await feed.open()
            except SluiceError as error:
                _log.warning("feed_not_open", error=f"{error!r}", retry_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await self.prices.listen(feed, guarded)
            except Exception:  # all is polled meanwhile; without a next feed it would be for good
                _log.exception("feed_broken", retry_s=RETRY_S)
            finally:
                await feed.close()
            await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Close the private streams."""
        await self.accounts.close()

    def health(self) -> dict[str, int]:
        """Return how much is streamed now, and how much is not: symbols and accounts."""
        followed, served = self.prices.counts()
        accounts, streamed = self.accounts.counts()
        return {
            "quotes_streamed": served,
            "quotes_polled": followed - served,
            "accounts_streamed": streamed,
            "accounts_polled": accounts - streamed,
        }
