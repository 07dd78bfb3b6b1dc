"""Every command: name, aliases, who may give it, what it means. Help and docs come from here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from interfaces.bot.wire import Button
from trading.market.errors import BadInput
from trading.store.order_log.chats import Chat, Role

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.lake import Lake
    from trading.store.order_log import OrderLog


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody reads: text, buttons under it, a picture above it."""

    text: str
    buttons: tuple[Button, ...] = ()
    photo: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One command of a linked person, in a private chat. `now` is this machine's time, aware."""

    settings: "Settings"
    log: "OrderLog"
    chat: Chat
    words: tuple[str, ...]
    now: datetime

    @property
    def user_id(self) -> str:
        """Whose affairs it is about. BadInput for an operator who does not trade."""
        if self.chat.user_id is None:
            raise BadInput("you are linked as an operator without a trading user; this command is a user's")
        return self.chat.user_id

    @property
    def lake(self) -> "Lake":
        """The tables of this world."""
        from trading.store.lake import Lake

        return Lake(self.settings.lake_dir)

    def count(self, default: int, most: int) -> int:
        """Return the first word as a number from 1 to `most`."""
        if not self.words:
            return default
        if not self.words[0].isdecimal() or not 1 <= int(self.words[0][:6]) <= most:
            raise BadInput(f"must be a number from 1 to {most}, was {self.words[0][:20]!r}")
        return int(self.words[0])

    def button(self, text: str, action: str, /, **arguments: object) -> Button:
        """Return a button that only this person can press, once, within a minute."""
        return Button(text, f"b:{self.log.chats.offer(self.chat, action, arguments)}")


Run = Callable[[Ask], Answer | str]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `freqtrade` says how its meaning relates to freqtrade's, where it has one of that name."""

    name: str
    run: Run
    meaning: str
    usage: str = ""
    aliases: tuple[str, ...] = ()
    role: Role = Role.USER
    freqtrade: str = "same"


@dataclass
class Registry:
    """The commands by name."""

    commands: list[Command] = field(default_factory=list)

    def add(
        self,
        name: str,
        meaning: str,
        *,
        usage: str = "",
        aliases: tuple[str, ...] = (),
        role: Role = Role.USER,
        freqtrade: str = "same",
    ) -> Callable[[Run], Run]:
        """Register what follows as a command."""

        def keep(run: Run) -> Run:
            self.commands.append(Command(name, run, meaning, usage, aliases, role, freqtrade))
            return run

        return keep

    def find(self, name: str) -> Command | None:
        """Return a command by name or alias."""
        wanted = name.lower()
        return next((one for one in self.commands if wanted == one.name or wanted in one.aliases), None)

    def table(self) -> list[dict[str, str]]:
        """Return one row per command, as the docs show it."""
        return [
            {
                "command": " ".join(filter(None, [f"/{one.name}", one.usage])),
                "also": ", ".join(f"/{alias}" for alias in one.aliases),
                "who": one.role.value,
                "meaning": one.meaning,
                "freqtrade": one.freqtrade,
            }
            for one in self.commands
        ]


REGISTRY = Registry()


def registry() -> Registry:
    """Return the registry with every command in it."""
    from interfaces.bot import control, market, money, operators, trades  # noqa: F401 - they register themselves

    return REGISTRY
