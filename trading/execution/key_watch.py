"""Linked keys, looked at once a day: one user at a time, so that a thousand checks never come at once."""

from collections.abc import Callable
from decimal import Decimal

import structlog

from trading.exchange.key_access import KeyAccess
from trading.execution.desk import Desk
from trading.market.errors import SluiceError
from trading.market.timeframes import DAY_MS
from trading.risk.exits import ExitRules
from trading.risk.smallest import smallest_capital
from trading.users.check import Bench, check_key
from trading.users.key_store import ACCOUNT
from trading.users.user import User

_log = structlog.get_logger("execution.key_watch")

# A thousand keys in a day is one in 86 s; one a half minute leaves room for those that could not be asked.
STEP_S = 30.0


class KeyWatch:
    """Checks the key whose last check is longest ago, if that is a day or more."""

    def __init__(self, desk: Desk, access: Callable[[User], KeyAccess]) -> None:
        self._desk = desk
        self._access = access
        self._tried: dict[str, int] = {}

    async def step(self) -> str | None:
        """Check at most one key; return whose."""
        now_ms = self._desk.wall.now_ms()
        keys = {key.user_id: key for key in self._desk.log.keys.all()}
        users = [u for u in self._desk.mine() if u.account == ACCOUNT and u.user_id in keys]
        due = [
            (max(keys[user.user_id].checked_wall_ms or 0, self._tried.get(user.user_id, 0)), user)
            for user in users
        ]
        # A key that the venue refused a moment ago is not left until tomorrow.
        doubted = self._desk.told.doubted
        due = [(0 if user.user_id in doubted else at_ms, user) for at_ms, user in due]
        due = [(at_ms, user) for at_ms, user in due if now_ms - at_ms >= DAY_MS]
        if not due:
            return None
        user = min(due, key=lambda pair: (pair[0], pair[1].user_id))[1]
        # One that could not be asked is due again in an hour, not at once: others wait.
        self._tried[user.user_id] = now_ms - DAY_MS + 3_600_000
        doubted.discard(user.user_id)
        bench = Bench(self._desk.markets, self._desk.quotes, self._smallest)
        try:
            proof = await check_key(self._desk.log, user, self._access(user), bench, now_ms=now_ms)
        except SluiceError as error:
            _log.warning("key_not_checked", user=user.user_id, error=f"{error!r}")
        else:
            _log.info("key_checked", user=user.user_id, passed=proof.is_passed, reason=proof.reason)
        return user.user_id

    def _smallest(self, user: User) -> Decimal:
        settings = self._desk.settings
        rules, limits = settings.sizing(user.risk_per_trade), settings.limits(user.max_positions)
        return smallest_capital(rules, limits, stop=Decimal(repr(ExitRules().stop_loss)))
