"""What the private streams say of our orders: states and executions, put together until an order is complete.

An order is booked from the stream only where its executions add up to what its state says; everything else,
and every account whose stream does not serve, is asked for over REST by `follow`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import batched

import structlog

from trading.exchange.feed.account import AccountFeed
from trading.exchange.feed.events import Event, Kind
from trading.exchange.feed.watched import WatchedAccount
from trading.exchange.feed.wiring import CLOSING_AT_ONCE, LiveFeeds
from trading.exchange.gateway import AccountGateway, BeforeWire
from trading.market.errors import ExchangeError, SluiceError
from trading.market.orders import Balance, Fill, OrderRequest, OrderState, Transfer
from trading.store.order_log.records import ZERO, Intent
from trading.users.user import User

_log = structlog.get_logger("execution.account_streams")
RETRY_S = 5.0  # after the venue did not answer when a stream was to be opened
MOST_ORDERS = 20_000  # remembered at once; older ones are asked for if anybody still wants them


@dataclass(slots=True)
class _Story:
    state: OrderState | None = None
    fills: dict[str, Fill] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """An order as the stream tells it; `fills` are all its executions, by the venue's own count."""

    state: OrderState
    fills: list[Fill]


class Outcomes:
    """Orders and executions as they are told, by order id. `news` is set with each word."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self._stories: OrderedDict[str, _Story] = OrderedDict()
        self._order_ids: dict[str, str] = {}  # by client order id

    def take(self, event: Event) -> None:
        """Take a word of a private stream."""
        value = event.value
        if isinstance(value, OrderState):
            self._story(value.order_id).state = value
            if value.client_order_id:
                self._order_ids[value.client_order_id] = value.order_id
        elif isinstance(value, Fill):
            self._story(value.order_id).fills[value.trade_id] = value
        else:
            return
        self.news.set()

    def told(self, intent: Intent) -> Told | None:
        """Return what is known of an order, if it is complete and beyond what is booked or its end."""
        order_id = intent.order_id or self._order_ids.get(intent.coid)
        story = None if order_id is None else self._stories.get(order_id)
        if story is None or story.state is None:
            return None
        executed = sum((fill.amount for fill in story.fills.values()), ZERO)
        is_news = story.state.status.is_terminal or executed > intent.filled
        if executed != story.state.filled or not is_news:
            return None
        return Told(story.state, list(story.fills.values()))

    def forget(self, intent: Intent) -> None:
        """Drop a finished order."""
        order_id = self._order_ids.pop(intent.coid, intent.order_id)
        if order_id is not None:
            self._stories.pop(order_id, None)

    def _story(self, order_id: str) -> _Story:
        story = self._stories.get(order_id)
        if story is None:
            story = self._stories[order_id] = _Story()
            if len(self._stories) > MOST_ORDERS:
                _, old = self._stories.popitem(last=False)
                if old.state is not None and old.state.client_order_id:
                    self._order_ids.pop(old.state.client_order_id, None)
        return story


class AccountStreams:
    """Opens accounts with a stream each. Give `open` to the desk in place of a plain gateway's maker.

    Parameters
    ----------
    feeds : LiveFeeds
        Of this process.
    plain : callable
        (key, secret) -> gateway.
    credentials : callable
        User -> (key, secret).
    """

    def __init__(
        self,
        feeds: LiveFeeds,
        plain: Callable[[str, str], AccountGateway],
        credentials: Callable[[User], tuple[str, str]],
    ) -> None:
        self.outcomes = Outcomes()
        self._feeds = feeds
        self._plain = plain
        self._credentials = credentials
        self._open: dict[str, AccountFeed] = {}  # by user
        self._labels: dict[str, str] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}  # by label
        self._count = 0
        self._connects: dict[str, int] = {}  # by label: how often a stream had come back at the last look

    def open(self, user: User) -> AccountGateway:
        """Return the user's gateway; its stream opens meanwhile. A further call is for a replaced key."""
        key, secret = self._credentials(user)
        self._count += 1
        label = f"{user.user_id} #{self._count}"
        before, self._labels[user.user_id] = self._labels.get(user.user_id), label
        gateway = StreamedAccount(self._plain(key, secret))
        job = self._stream(user.user_id, label, before, (key, secret), gateway)
        self._readers[label] = asyncio.create_task(job)
        return gateway

    def is_streaming(self, user_id: str) -> bool:
        """Whether the account's news come over its stream now."""
        feed = self._open.get(user_id)
        return feed is not None and feed.is_streaming

    def returned(self) -> list[str]:
        """Return whose stream came back, by itself or with a new key, since this was asked last."""
        found = []
        for user_id, feed in self._open.items():
            label, count = self._labels[user_id], feed.reconnects
            if count > self._connects.get(label, 0):
                found.append(user_id)
            self._connects[label] = count
        return found

    def users(self) -> list[str]:
        """Return whose accounts are open here."""
        return list(self._labels)

    def drop(self, user_id: str) -> None:
        """Close the stream of somebody who has left, now."""
        label = self._labels.pop(user_id, None)
        self._open.pop(user_id, None)
        if label is None:
            return
        self._connects.pop(label, None)
        reader = self._readers.pop(label, None)
        if reader is not None:
            reader.cancel()
        self._readers[f"{label} leaving"] = asyncio.create_task(self._feeds.leave(label))

    def counts(self) -> tuple[int, int]:
        """Return how many accounts are open, and how many of them stream now."""
        return len(self._labels), sum(feed.is_streaming for feed in self._open.values())

    async def close(self) -> None:
        """Close all streams."""
        for some in batched(list(self._readers.values()), CLOSING_AT_ONCE):
            for task in some:
                task.cancel()
            await asyncio.gather(*some, return_exceptions=True)
        await self._feeds.close()

    async def _stream(
        self,
        user_id: str,
        label: str,
        before: str | None,
        key: tuple[str, str],
        gateway: "StreamedAccount",
    ) -> None:
        try:
            if before is not None:
                self._open.pop(user_id, None)
                await self._feeds.leave(before)
            feed, watched = await self._feed(user_id, label, key)
            if self._labels.get(user_id) != label:  # the key was replaced meanwhile
                await self._feeds.leave(label)
                return
            self._open[user_id], gateway.watched = feed, watched
            reader = feed.subscribe([Kind.ORDERS, Kind.FILLS])
            async for event in reader:
                self.outcomes.take(event)
        except SluiceError as error:  # the account is polled, as without streams
            _log.warning("account_not_streamed", user=user_id, error=f"{error!r}")

    async def _feed(
        self, user_id: str, label: str, key: tuple[str, str]
    ) -> tuple[AccountFeed, WatchedAccount]:
        """Return the account's open feed, however long the venue is away."""
        while True:
            try:
                return await self._feeds.account(label, *key)
            except ExchangeError as error:
                _log.warning("account_not_streamed", user=user_id, error=f"{error!r}", retry_s=RETRY_S)
                await asyncio.sleep(RETRY_S)


class StreamedAccount:
    """An `AccountGateway` whose orders are announced to the account's feed once that is open."""

    def __init__(self, plain: AccountGateway) -> None:
        self._plain = plain
        self.watched: WatchedAccount | None = None

    def __repr__(self) -> str:
        return f"StreamedAccount({self.watched!r})"

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        """Send an order as `AccountGateway.submit`."""
        return await (self.watched or self._plain).submit(request, before_wire=before_wire)

    async def balances(self) -> dict[str, Balance]:
        """Return asset -> balance."""
        return await self._plain.balances()

    async def transfers(self, since_ms: int) -> list[Transfer]:
        """Return deposits and withdrawals completed at or after `since_ms`."""
        return await self._plain.transfers(since_ms)

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Return one order."""
        return await self._plain.order(symbol, order_id=order_id, client_order_id=client_order_id)

    async def open_orders(self, symbol: str) -> list[OrderState]:
        """Return the orders of `symbol` that can still fill."""
        return await self._plain.open_orders(symbol)

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:
        """Return the orders of `symbol` created at or after `since_ms`."""
        return await self._plain.orders_since(symbol, since_ms)

    async def fills(
        self, symbol: str, *, since_ms: int | None = None, order_id: str | None = None
    ) -> list[Fill]:
        """Return executions of `symbol`."""
        return await self._plain.fills(symbol, since_ms=since_ms, order_id=order_id)

    async def cancel(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Cancel an order and return its state afterwards."""
        return await self._plain.cancel(symbol, order_id=order_id, client_order_id=client_order_id)
