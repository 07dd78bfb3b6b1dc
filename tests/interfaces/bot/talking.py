"""A bot that is written to, without a network: a world with one whole trade, people, and time that is set."""

from dataclasses import dataclass, field
from typing import Any

from interfaces.bot.talk import Incoming, Talk
from trading.market.clock import ManualClock
from trading.store.order_log import OrderLog
from trading.store.order_log.chats import Role


@dataclass
class Talking:
    """`say` and `press` return the answer; update numbers count up by themselves."""

    settings: Any
    log: OrderLog
    wall: ManualClock
    seconds: float = 0.0
    number: int = 0
    buttons: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.talk = Talk(self.settings, self.log, self.wall.now_ms, lambda: self.seconds)

    def link(self, person: int, user_id: str | None, role: Role = Role.USER):
        return self.say(person, f"/link {self.log.chats.code(user_id, role)}")

    def say(self, person: int, text: str, chat: int | None = None, *, later: float = 5.0):
        self.seconds += later
        self.number += 1
        where = person if chat is None else chat
        return self._kept(self.talk.handle(Incoming(self.number, person, where, where == person, text=text)))

    def press(self, person: int, data: str):
        self.seconds += 5.0
        self.number += 1
        return self.talk.handle(Incoming(self.number, person, person, True, data=data))

    def _kept(self, answer):
        self.buttons = {} if answer is None else {button.text: button.data for button in answer.buttons}
        return answer
