"""The users of one world, kept in the order log."""

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from trading.market.errors import MissingData
from trading.store.order_log import OrderLog
from trading.store.order_log.leaving import LEFT
from trading.users.preferences import Preferences
from trading.users.user import Mode, User

# Of a demo user, in quote units. Ten of them stake 1,000 on one signal: what the demo's better bars bear.
DEMO_CAPITAL = Decimal(1_000)


class Directory:
    """Add, find, change, pause users."""

    def __init__(self, log: OrderLog) -> None:
        self._log = log

    def add(self, user: User) -> None:
        """Add a user. BadInput if the id is taken."""
        self._log.accounts.add(row_of(user))

    def all(self) -> list[User]:
        """Return every user who has not left, by id."""
        return [_user(row) for row in self._log.accounts.rows() if row["account"] != LEFT]

    def get(self, user_id: str) -> User:
        """Return one user.

        Raises
        ------
        MissingData
            If there is none of that id; the message names those there are.
        """
        rows = [row for row in self._log.accounts.rows(user_id) if row["account"] != LEFT]
        if not rows:
            names = ", ".join(user.user_id for user in self.all()) or "none"
            raise MissingData(f"no user {user_id!r}; there are: {names}")
        return _user(rows[0])

    def change(self, user_id: str, **values: Any) -> User:
        """Change settings of one user and return them as they are then. BadInput if one is out of bounds."""
        changed = replace(self.get(user_id), **values)
        row = row_of(changed)
        self._log.accounts.change(user_id, **{name: row[name] for name in values})
        return changed

    def preferences(self, user_id: str) -> Preferences:
        """Return when and of what a user wants to hear."""
        return Preferences.from_json(self._log.wishes.preferred(user_id))

    def pause(self, user_id: str) -> None:
        """Open nothing new for this user; exits go on."""
        self._log.accounts.change(user_id, is_paused=True)

    def resume(self, user_id: str) -> None:
        """Let this user's entries go on."""
        self._log.accounts.change(user_id, is_paused=False)

    def ensure_demo(self, count: int) -> list[User]:
        """Return the first `count` demo users, adding those that are missing (``demo-01`` on ``demo:1``)."""
        known = {user.user_id for user in self.all()}
        wanted = [
            User(
                user_id=f"demo-{index:02d}",
                name=f"Demo user {index}",
                account=f"demo:{index}",
                capital=DEMO_CAPITAL,
            )
            for index in range(1, count + 1)
        ]
        for user in wanted:
            if user.user_id not in known:
                self.add(user)
        return [self.get(user.user_id) for user in wanted]


def row_of(user: User) -> dict[str, Any]:
    """Return a user as a row of the order log."""
    row = asdict(user)
    row["mode"] = user.mode.value
    row["allowed"], row["blocked"] = sorted(user.allowed), sorted(user.blocked)
    return row


def _user(row: dict[str, Any]) -> User:
    values = {name: value for name, value in row.items() if name != "created_wall_ms"}
    values["mode"] = Mode(values["mode"])
    values["allowed"], values["blocked"] = frozenset(values["allowed"]), frozenset(values["blocked"])
    return User(**values)
