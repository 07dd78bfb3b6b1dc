"""All websocket connections: who hears what, when each stream is looked at, and who has to go.

One task walks the streams while there are connections and ends with the last of them. Each stream is
computed once for all its subscribers. Market and private data are made elsewhere.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from trading.simulator.events import NOBODY
from trading.simulator.exchange import Exchange
from trading.simulator.wire import Refusal
from trading.simulator.ws_channels import PRIVATE, Channel, Kind, parse_channel
from trading.simulator.ws_depth import DepthFeed
from trading.simulator.ws_faults import deliver
from trading.simulator.ws_private import PrivateStreams
from trading.simulator.ws_protocol import TRANSPORT_KEY
from trading.simulator.ws_public import DealsFeed, Feed, Print, make_feed
from trading.simulator.ws_session import BROKEN, GOING, POLICY, Session, StreamSettings
from trading.simulator.ws_wire import text_frame

PATH = "/ws"
# After this much work the loop lets requests through.
_BREATH_S = 0.005
_LOG = logging.getLogger(__name__)

type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Topic:
    """One public stream and its subscribers."""

    channel: Channel
    feed: Feed
    pace_s: float
    due_s: float
    sessions: set[Session] = field(default_factory=set)


class StreamHub:
    """The websocket side of one exchange. Costs nothing until somebody connects."""

    def __init__(self, exchange: Exchange, settings: StreamSettings | None = None) -> None:
        self.settings = settings or StreamSettings()
        self.sessions: set[Session] = set()
        self.frames_sent = 0
        self._exchange = exchange
        self._topics: dict[str, _Topic] = {}
        self._private: dict[tuple[str, Kind], set[Session]] = {}
        self._streams = PrivateStreams(exchange, self._is_heard, self._send_private, self._show)
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._match_due_s = 0.0

    async def serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Run one connection from handshake to end."""
        transport = scope.get(TRANSPORT_KEY)
        if scope["path"] != PATH or transport is None:
            await send({"type": "websocket.close", "code": GOING})
            return
        await receive()
        await send({"type": "websocket.accept"})
        session = Session(transport, self.settings, self._exchange.wall_s)
        if not self._admit(session, scope.get("query_string", b"").decode("latin-1")):
            return
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                session.receive(message.get("text") or message.get("bytes") or "", self)
        finally:
            self._leave(session)

    def open(self, session: Session, name: str) -> Channel | None:
        """Subscribe `session`; None where MEXC would block it."""
        channel = parse_channel(name)
        if channel is None:
            return None
        if channel.kind in PRIVATE:
            return self._open_private(session, channel)
        if channel.symbol:
            try:
                self._exchange.listing.pair(channel.symbol, self._exchange.catch_up())
            except Refusal:
                return None
        topic = self._topics.get(name)
        if topic is None:
            topic = _Topic(channel, make_feed(self._exchange, channel), self._pace(channel), 0.0)
            self._topics[name] = topic
            self._wake.set()
        elif topic.feed.greeting is not None:
            # After the answer to the subscription, which is written by then.
            asyncio.get_running_loop().call_soon(self._deliver, session, channel, topic.feed.greeting)
        topic.sessions.add(session)
        return channel

    def close(self, session: Session, channel: Channel) -> None:
        """Unsubscribe `session`."""
        if channel.kind in PRIVATE:
            self._close_private(session, channel.kind)
            return
        topic = self._topics.get(channel.name)
        if topic is not None:
            topic.sessions.discard(session)
            if not topic.sessions:
                del self._topics[channel.name]

    def depth_version(self, symbol: str, now_ms: int) -> int | None:
        """Bring the depth streams of `symbol` to `now_ms` and return the version of the book as sent.

        A REST snapshot with that version joins the increments without a gap, of whatever pace they are.
        """
        versions = []
        for topic in list(self._topics.values()):
            if isinstance(topic.feed, DepthFeed) and topic.channel.symbol == symbol:
                self._fan_out(topic, now_ms)
                versions.append(topic.feed.version or now_ms)
        version = min(versions, default=None)
        return version if version is None or version <= now_ms else None

    def _admit(self, session: Session, query: str) -> bool:
        wanted = parse_qs(query).get("listenKey", [""])[0]
        if wanted:
            owner = self._exchange.listen_keys.owner(wanted, self._exchange.wall_s())
            same = sum(1 for other in self.sessions if other.listen_key == wanted)
            if owner is None or same >= self.settings.connections_per_key:
                session.write(text_frame(b"Invalid listen key"))
                session.end(POLICY, "Invalid listen key")
                return False
            session.account_key, session.listen_key = owner, wanted
        self.sessions.add(session)
        if self._task is None or self._task.done():
            self._exchange.matcher.events = self._streams
            self._exchange.depth_version = self.depth_version
            self._task = asyncio.get_running_loop().create_task(self._run())
        return True

    def _leave(self, session: Session) -> None:
        session.is_ending = True
        for channel in session.channels.values():
            self.close(session, channel)
        session.channels.clear()
        self.sessions.discard(session)
        if not self.sessions and self._task is not None:
            self._exchange.matcher.events = NOBODY
            self._exchange.depth_version = None
            self._task.cancel()
            self._task = None

    def _open_private(self, session: Session, channel: Channel) -> Channel | None:
        key = session.account_key
        if key is None:
            return None
        heard = self._private.setdefault((key, channel.kind), set())
        if channel.kind is Kind.ACCOUNT and not heard:
            self._streams.begin_balances(self._exchange.accounts.owner(key))
        heard.add(session)
        return channel

    def _close_private(self, session: Session, kind: Kind) -> None:
        key = session.account_key or ""
        heard = self._private.get((key, kind), set())
        heard.discard(session)
        if not heard:
            self._private.pop((key, kind), None)
            if kind is Kind.ACCOUNT:
                self._streams.end_balances(key)

    def _is_heard(self, account_key: str, kind: Kind) -> bool:
        return (account_key, kind) in self._private

    def _send_private(self, account_key: str, kind: Kind, frame: bytes) -> None:
        for session in list(self._private.get((account_key, kind), ())):
            self._deliver(session, session.channels[f"spot@{kind.value}"], frame)

    def _show(self, symbol: str, fill: Print) -> None:
        for pace in ("10ms", "100ms"):
            topic = self._topics.get(f"spot@{Kind.DEALS.value}@{pace}@{symbol}")
            if topic is not None and isinstance(topic.feed, DealsFeed):
                topic.feed.add(fill)

    def _pace(self, channel: Channel) -> float:
        s = self.settings
        if channel.kind is Kind.KLINE:
            return s.kline_s
        if channel.kind in (Kind.MINI_TICKER, Kind.MINI_TICKERS):
            return s.mini_ticker_s
        return s.fast_s if channel.detail == "10ms" else s.slow_s

    async def _run(self) -> None:
        swept_s = began_s = self._exchange.wall_s()
        while True:
            now_s = self._exchange.wall_s()
            if now_s - swept_s >= self.settings.sweep_s:
                swept_s = now_s
                self._sweep(now_s)
            if self._private and now_s >= self._match_due_s:
                self._match_due_s = now_s + self.settings.slow_s
                self._match()
            began_s = now_s
            for topic in list(self._topics.values()):
                if topic.due_s > now_s or not topic.sessions:
                    continue
                topic.due_s = max(topic.due_s + topic.pace_s, now_s + topic.pace_s / 2)
                self._look(topic)
                if self._exchange.wall_s() - began_s > _BREATH_S:
                    await asyncio.sleep(0)
                    began_s = self._exchange.wall_s()
            await self._rest(swept_s + self.settings.sweep_s)

    async def _rest(self, sweep_s: float) -> None:
        due_s = min((topic.due_s for topic in self._topics.values()), default=sweep_s)
        if self._private:
            due_s = min(due_s, self._match_due_s)
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._wake.wait(), max(0.001, min(due_s, sweep_s) - self._exchange.wall_s())
            )

    def _match(self) -> None:
        """Let the market meet the resting orders of those who listen: fills are told while they are new."""
        now_ms, matcher = self._exchange.catch_up(), self._exchange.matcher
        for key in {key for key, _ in self._private}:
            matcher.advance_account(self._exchange.accounts.owner(key), now_ms)

    def _look(self, topic: _Topic) -> None:
        try:
            self._fan_out(topic, self._exchange.catch_up())
        except Exception:
            # One broken stream must not silence the others: its hearers are told, as a venue would.
            _LOG.exception("stream %s failed", topic.channel.name)
            for session in list(topic.sessions):
                session.end(BROKEN, "stream failed")

    def _fan_out(self, topic: _Topic, now_ms: int) -> None:
        frames = topic.feed.frames(now_ms)
        for frame in frames:
            for session in list(topic.sessions):
                self._deliver(session, topic.channel, frame)

    def _deliver(self, session: Session, channel: Channel, frame: bytes) -> None:
        self.frames_sent += 1
        if self._exchange.faults.rules:
            deliver(self._exchange, session, channel, frame)
        else:
            session.feed(frame)

    def _sweep(self, now_s: float) -> None:
        keys, accounts = self._exchange.listen_keys, self._exchange.accounts
        for session in list(self.sessions):
            if session.is_ending:
                # It was told to go and its socket is still there: the peer does not read.
                session.transport.abort()
                continue
            why = session.overdue(now_s)
            if why is None and session.listen_key is not None:
                owner = keys.owner(session.listen_key, now_s)
                if owner is None or accounts.owner(owner).is_revoked:
                    why = "listen key expired"
            if why is not None:
                session.end(GOING, why)
