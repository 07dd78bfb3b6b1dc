"""A world without a network: simulated seconds, a wire that counts windows, a log with users and chats."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from interfaces.bot.sender import Sender
from trading.market.clock import ManualClock
from trading.notifications.fake_limits import Windows
from trading.store.order_log import OrderLog
from trading.store.order_log.chats import Role
from trading.store.order_log.records import Event
from trading.users.directory import Directory
from trading.users.telling import Telling
from trading.users.user import User

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Line:
    """A wire that takes everything, or raises what it was told to."""

    stand: "Stand"
    sent: list[tuple[int, str]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    windows: Windows = field(default_factory=Windows)

    async def send(self, chat, text, buttons=(), photo=None):
        await self.stand.sleep(0.004)
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((chat, text))
        self.at.append(self.stand.now)
        self.windows.arrived(chat, self.stand.now)
        return str(len(self.sent))


class Stand:
    """`now` are simulated seconds; sleeping moves them and the wall."""

    def __init__(self, path) -> None:
        self.now = 0.0
        self.wall = ManualClock.at(START)
        self.log = OrderLog(f"sqlite:///{path}", self.wall)
        self.line = Line(self)
        self.telling = Telling(self.log, has_alerts=False)
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        return Sender(
            self.log, self.line, self.wall, now=lambda: self.now, sleep=self.sleep, aside=self.aside
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.wall.at_ms = int(START.timestamp() * 1000) + int(self.now * 1000)

    async def aside(self, work, *arguments):
        return work(*arguments)

    def add(self, count: int, *, first: int = 1) -> list[str]:
        names = [f"u{index}" for index in range(first, first + count)]
        directory = Directory(self.log)
        for index, name in enumerate(names, first):
            directory.add(User(user_id=name, name=name, account=f"demo:{index}"))
            self.link(index, name)
        return names

    def link(self, telegram_id: int, user_id: str | None, role: Role = Role.USER):
        chat = self.log.chats.link(
            self.log.chats.code(user_id, role), telegram_id, is_group=role is Role.GROUP
        )
        assert chat is not None
        return chat

    def post(self, event_id: str, user_id: str, kind: str, **payload) -> None:
        self.log.outbox.post(Event(event_id, user_id, kind, payload, self.wall.now_ms()))

    def bought(self, event_id: str, user_id: str, symbol: str = "BTC/USDT") -> None:
        self.post(event_id, user_id, "trade_opened", symbol=symbol, held=1, open_price=2, mode="paper")

    async def run(self, until: float) -> None:
        """Take in and send until that second."""
        while self.now < until:
            self.telling.step(self.wall.now())
            if not await self.sender.step():
                await self.sleep(0.1)
