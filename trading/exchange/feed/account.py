"""The live feed of one account: orders, fills and balances, streamed while the stream proves itself.

One private connection per account. A stream that owes the echo of an acknowledged order is dead: it is
opened again, and meanwhile, and for what it has missed, REST is asked. Fills are told once, by trade id.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Self

from trading.exchange.feed.account_polls import AccountPolls
from trading.exchange.feed.account_story import STREAMS, AccountStory
from trading.exchange.feed.backing import Backing
from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.buffers import Subscription
from trading.exchange.feed.echo import Echoes
from trading.exchange.feed.events import Kind, Stream, Value
from trading.exchange.feed.health import HealthRow
from trading.exchange.feed.line import Line
from trading.exchange.feed.ports import ListenKeys, StreamSource, Wall
from trading.exchange.feed.tasks import start, stop
from trading.exchange.gateway import AccountGateway
from trading.exchange.throttle import Priority, priority
from trading.market.errors import SluiceError
from trading.market.orders import Fill, OrderState
from trading.market.timeframes import from_ms, to_ms

_RNG = random.Random()  # of all accounts: a generator of its own costs each 2.5 kB


class AccountFeed:
    """Use as an async context manager, or `open` and `close`; nothing is connected before `open`.

    Parameters
    ----------
    gateway : AccountGateway
        The account's orders over REST, under its limiters.
    keys : ListenKeys
        The account's listen key.
    known_ms : callable
        A market time that has certainly passed: what is asked about begins there.
    label : str
        What the account is called in `health`: never its key.
    refusal : str
        If not empty, why no connection may be opened: the account is polled only.
    """

    def __init__(
        self,
        gateway: AccountGateway,
        keys: ListenKeys,
        source: StreamSource,
        *,
        known_ms: Callable[[], int],
        label: str,
        bounds: Bounds | None = None,
        wall: Wall = time.monotonic,
        rng: random.Random | None = None,
        refusal: str = "",
    ) -> None:
        self.label = label
        self.bounds = bounds or Bounds()
        self._gateway = gateway
        self._keys = keys
        self._known_ms = known_ms
        self._wall = wall
        self._refusal = refusal
        self._echoes = Echoes()
        self._backing = Backing(self.bounds.echo_s)
        self._story = AccountStory(self._backing, wall)
        self._polls = AccountPolls(gateway, self._story.orders, self._backing)
        self._line = Line(source, self, bounds=self.bounds, wall=wall, rng=rng or _RNG, listen_key=self._key)
        self._was_served = True
        self._catch_up = False
        self._polled_s = float("-inf")
        self._audited_s = wall()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"AccountFeed({self.label})"

    @property
    def has_connection(self) -> bool:
        """Whether the feed keeps a connection, up or not; False where it may only poll."""
        return not self._refusal

    @property
    def is_streaming(self) -> bool:
        """Whether the account's news come over the stream now."""
        return self._story.is_streaming

    def subscribe(self, kinds: Collection[Kind] | None = None, *, size: int = 10_000) -> Subscription:
        """Return a queue of the account's events from now on; `size` bounds it."""
        return self._story.subscribe(kinds, size)

    def leave(self, reader: Subscription) -> None:
        """Stop filling this queue."""
        self._story.leave(reader)

    async def open(self) -> None:
        """Begin; returns at once, the connection comes when it comes."""
        if self._task is not None:
            return
        if self._refusal:
            self.down(STREAMS, self._refusal)
        else:
            await self._line.add(STREAMS)
            self._line.start()
        self._task = start(self._run(), f"the feed of {self.label}")

    async def close(self) -> None:
        """Close the connection, end the listen key and all queues."""
        await stop(self._task)
        self._task = None
        await self._line.close()
        await self._keys.close()
        self._story.end()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def watch(self, symbol: str, since_ms: int | None = None) -> None:
        """Ask about `symbol` whenever the stream does not serve, idle or not; from `since_ms` on."""
        at_ms = self._known_ms() if since_ms is None else since_ms
        self._polls.watch(symbol, at_ms, self._wall(), pinned=True)

    def sending(self, symbol: str) -> None:
        """An order for `symbol` is about to be sent: it may fill, whatever becomes of the answer."""
        self._polls.watch(symbol, self._known_ms(), self._wall())

    def acknowledged(self, symbol: str, order_id: str) -> None:
        """The venue has acknowledged an order over REST: the stream must tell of it within `echo_s`."""
        self.sending(symbol)
        self._polls.await_order(order_id, symbol)
        if self.is_streaming:
            self._echoes.acknowledged(order_id, self._wall())
        self._wake.set()

    @property
    def reconnects(self) -> int:
        """How often a stream of the account came back; cheaper than `health`."""
        return self._story.reconnects()

    def health(self) -> list[HealthRow]:
        """Return one row per stream of the account."""
        return self._story.health(self.label)

    # What the line says (line.Owner).

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        """Take a push."""
        for value in values:
            if isinstance(value, OrderState | Fill):
                self._echoes.heard(value.order_id)
            if isinstance(value, OrderState) and not value.status.is_terminal:
                self._polls.watch(value.symbol, to_ms(value.at), self._wall())
        self._story.heard(stream, values, at)

    def up(self, streams: Iterable[Stream]) -> None:
        """The streams are served: what came before is asked for."""
        self._was_served = True
        self._story.up(streams, again=self._line.connects > 1)
        self._catch_up = True
        self._audited_s = self._wall()
        self._wake.set()

    def down(self, streams: Iterable[Stream], reason: str) -> None:
        """The streams are not served: poll."""
        self._story.down(streams, reason)
        self._echoes.forgive()
        self._wake.set()

    def garbled(self, reason: str) -> None:
        """A message could not be understood: it may have been a fill, so ask."""
        self._story.failed(reason)
        self._catch_up = True
        self._wake.set()

    async def _key(self) -> str:
        if not self._was_served:
            # The venue took the key and served nothing: it may be the key's fault.
            await self._keys.close()
        self._was_served = False
        return await self._keys.usable()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._line.is_open and not await self._keys.keep():
                self._line.restart("the listen key has expired")
            now_s = self._wall()
            late = self._echoes.overdue(now_s, self.bounds.echo_s)
            if late:
                seconds = self.bounds.echo_s
                self._disbelieve(f"no echo of order {late[0]} within {seconds} s of its acknowledgement")
            for symbol in self._backing.overdue(now_s):
                self._story.failed(f"fills of {symbol} that its orders count have not come")
                self._polls.watch(symbol, self._known_ms(), now_s)
                self._catch_up = True
            if now_s - self._audited_s >= self.bounds.audit_s and self.is_streaming:
                await self._audit()
            is_poll_due = now_s - self._polled_s >= self.bounds.poll_account_s
            if self._catch_up or (is_poll_due and not self.is_streaming):
                await self._ask()
            try:
                await asyncio.wait_for(self._wake.wait(), self._rest_s())
            except TimeoutError:
                continue

    def _disbelieve(self, reason: str) -> None:
        self.down(STREAMS, reason)
        self._line.restart(reason)
        self._catch_up = True

    async def _audit(self) -> None:
        self._audited_s = self._wall()
        try:
            untold = await self._polls.audit()
        except SluiceError as error:
            self._story.failed(str(error))
            return
        if untold is not None:
            self._disbelieve(untold)

    def _rest_s(self) -> float:
        now_s = self._wall()
        due_s = [now_s + self.bounds.connection_s]
        owed_s = (self._echoes.due_s(self.bounds.echo_s), self._backing.due_s(), self._keys.due_s)
        due_s += [at_s for at_s in owed_s if at_s is not None]
        if self.is_streaming:
            due_s.append(self._audited_s + self.bounds.audit_s)
        if self._catch_up or not self.is_streaming:
            due_s.append(self._polled_s + self.bounds.poll_account_s)
        return max(0.01, min(due_s) - now_s)

    async def _ask(self) -> None:
        """Ask REST about every pair in question; what the stream says meanwhile waits."""
        self._polled_s = self._wall()
        symbols = self._polls.symbols(self._polled_s)
        is_catching_up, self._catch_up = self._catch_up, False
        if not symbols:
            return
        self._story.polls()
        self._story.hold()
        try:
            for symbol in symbols:
                asked_ms = self._known_ms()
                orders, fills = await self._polls.ask(symbol)
                self._story.polled([*fills, *orders], from_ms(asked_ms))
                self._polls.answered(symbol, asked_ms)
            if is_catching_up:
                asked_ms = self._known_ms()
                with priority(Priority.RECONCILE):
                    balances = await self._gateway.balances()
                self._story.polled(balances.values(), from_ms(asked_ms))
        except SluiceError as error:
            self._catch_up |= is_catching_up
            self._story.failed(str(error))
        finally:
            self._story.release()
