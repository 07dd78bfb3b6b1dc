"""One websocket connection: its commands and answers, its limits, and what is written to it.

Frames go straight to the socket: the same bytes to every subscriber, nothing queued in between. A
peer that does not read is cut when its socket holds more than it may.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from trading.simulator.ws_channels import Channel
from trading.simulator.ws_wire import close_frame, text_frame

POLICY = 1008
GOING = 1000
BROKEN = 1011
_RATE_WINDOW_S = 1.0


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Limits and paces of the streams; times are wall seconds.

    Defaults are MEXC's published ones where it has some. `buffer_bytes` is what may wait unread in
    front of one peer.
    """

    max_subscriptions: int = 30
    messages_per_s: int = 100
    idle_s: float = 60.0
    unsubscribed_s: float = 30.0
    max_age_s: float = 86_400.0
    connections_per_key: int = 5
    buffer_bytes: int = 1 << 20
    kline_s: float = 0.5
    mini_ticker_s: float = 3.0
    fast_s: float = 0.01
    slow_s: float = 0.1
    sweep_s: float = 0.25


class Desk(Protocol):
    """Where a connection gets and gives back its streams."""

    def open(self, session: "Session", name: str) -> Channel | None:
        """Subscribe; None where the stream does not exist or is not this connection's to hear."""
        ...

    def close(self, session: "Session", channel: Channel) -> None:
        """Unsubscribe."""
        ...


@dataclass(slots=True, eq=False)
class Session:
    """One connection. `heard_s` is when the client last spoke, `fed_s` when it last got data."""

    transport: asyncio.Transport = field(repr=False)
    settings: StreamSettings
    wall_s: Callable[[], float]
    account_key: str | None = None
    listen_key: str | None = field(default=None, repr=False)
    channels: dict[str, Channel] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    held: dict[str, bytes] = field(default_factory=dict)
    is_ending: bool = False
    opened_s: float = 0.0
    heard_s: float = 0.0
    fed_s: float = 0.0
    bare_since_s: float = 0.0
    _window_s: float = 0.0
    _window_count: int = 0

    def __post_init__(self) -> None:
        """Start the timers."""
        self.opened_s = self.heard_s = self.fed_s = self.bare_since_s = self._window_s = self.wall_s()

    def write(self, frame: bytes) -> None:
        """Write one frame; cut the connection if the peer has stopped reading."""
        if self.is_ending or self.transport.is_closing():
            return
        self.transport.write(frame)
        if self.transport.get_write_buffer_size() > self.settings.buffer_bytes:
            self.cut()

    def feed(self, frame: bytes) -> None:
        """Write one frame of data."""
        self.fed_s = self.wall_s()
        self.write(frame)

    def cut(self) -> None:
        """Drop the connection without a word."""
        self.is_ending = True
        self.transport.abort()

    def end(self, code: int, reason: str) -> None:
        """Close the connection in order."""
        self.write(close_frame(code, reason))
        self.is_ending = True
        self.transport.close()

    def receive(self, raw: str | bytes, desk: Desk) -> None:
        """Answer one message of the client."""
        now_s = self.heard_s = self.wall_s()
        if now_s - self._window_s >= _RATE_WINDOW_S:
            self._window_s, self._window_count = now_s, 0
        self._window_count += 1
        if self._window_count > self.settings.messages_per_s:
            self.end(POLICY, f"more than {self.settings.messages_per_s} messages a second")
            return
        reply = self._answer(raw, desk)
        self.write(text_frame(orjson.dumps(reply)))

    def overdue(self, now_s: float) -> str | None:
        """Return why the connection has to end by its timers; None while it need not."""
        s = self.settings
        if now_s - self.opened_s >= s.max_age_s:
            return f"connection is older than {s.max_age_s:.0f} s"
        if not self.channels and now_s - self.bare_since_s >= s.unsubscribed_s:
            return f"no valid subscription for {s.unsubscribed_s:.0f} s"
        if now_s - max(self.heard_s, self.fed_s) >= s.idle_s:
            return f"no data and no ping for {s.idle_s:.0f} s"
        return None

    def _answer(self, raw: str | bytes, desk: Desk) -> dict[str, object]:
        try:
            command = orjson.loads(raw)
        except orjson.JSONDecodeError:
            command = None
        if not isinstance(command, dict):
            return _reply(0, "msg format invalid", code=400)
        number = command.get("id")
        number = number if isinstance(number, int) and not isinstance(number, bool) else 0
        method, params = str(command.get("method")).upper(), command.get("params")
        if method == "PING":
            return _reply(number, "PONG")
        if method not in ("SUBSCRIPTION", "UNSUBSCRIPTION") or not isinstance(params, list):
            return _reply(number, "msg format invalid", code=400)
        names = [name for name in params if isinstance(name, str)]
        if method == "SUBSCRIPTION":
            return _reply(number, self._subscribe(names, desk))
        return _reply(number, self._unsubscribe(names, desk))

    def _subscribe(self, names: list[str], desk: Desk) -> str:
        good, bad = [], []
        for name in names:
            channel = self.channels.get(name)
            if channel is None and len(self.channels) < self.settings.max_subscriptions:
                channel = desk.open(self, name)
            if channel is None:
                bad.append(name)
                continue
            self.channels[name] = channel
            good.append(name)
        # The wording is MEXC's, its full-width colon included.
        if not bad and names:
            return ",".join(good)
        refused = f"Not Subscribed successfully! [{','.join(bad)}].  Reason： Blocked! "
        return f"Subscribed successful! [{','.join(good)}]. {refused}" if good else refused

    def _unsubscribe(self, names: list[str], desk: Desk) -> str:
        for name in names:
            channel = self.channels.pop(name, None)
            if channel is not None:
                desk.close(self, channel)
                self.bare_since_s = self.wall_s()
        return ",".join(names)


def _reply(number: int, message: str, *, code: int = 0) -> dict[str, object]:
    return {"id": number, "code": code, "msg": message}
