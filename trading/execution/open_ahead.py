"""Accounts opened before their first order needs them: listen key and private stream cost what orders cost.

An account is opened at its first use anyway. Opened ahead, the first order of a set waits for none of it, and
is booked from the stream at once instead of being asked for.
"""

import time

from trading.exchange.throttle import Priority, priority
from trading.execution.account_streams import AccountStreams
from trading.execution.desk import Desk
from trading.execution.pace import Pace
from trading.market.errors import SluiceError

STEP_S = 0.1
AT_ONCE = 10  # streams that are opening: they share the limiter's line with reconciliation
LOOK_S = 2.0  # between two looks for users whose account is not open, once all are
STEADY_S = 3.0  # shards change hands while workers start: nobody opens what another will serve
LINGER_S = 60.0  # the account of a user whose shard was lost stays open so long
_GIVEN_UP_S = 10.0  # a stream that did not come in so long holds nobody up
_FIRST_S, _MOST_S = 60.0, 3_600.0  # between two tries where there is no usable key


class OpenAhead:
    """Opens the accounts of this worker's users, a few at a time, behind everything that trades.

    Those of users whose shard another worker serves now are closed after a while: two listen keys of one
    account, of which one is nobody's, cost the venue's limit and this process's memory.
    """

    def __init__(self, desk: Desk, streams: AccountStreams) -> None:
        self._desk = desk
        self._streams = streams
        self._pace = Pace(desk.wall, _FIRST_S, _MOST_S)
        self._opening: dict[str, float] = {}  # user -> since when
        self._shards: frozenset[int] | None = frozenset()
        self._since_s = self._next_look_s = self._next_tidy_s = 0.0
        self._foreign: dict[str, float] = {}  # user of another's shard, still open here -> since when

    async def step(self) -> int:
        """Open the next few; return how many are opening now."""
        now_s, shards = time.monotonic(), self._desk.log.scope.shards
        if shards != self._shards:
            self._shards, self._since_s = shards, now_s
        if now_s >= self._next_tidy_s:
            self._next_tidy_s = now_s + LOOK_S
            self._close_foreign(now_s)
        if now_s - self._since_s < STEADY_S:
            return 0
        self._opening = {
            user_id: since_s
            for user_id, since_s in self._opening.items()
            if now_s - since_s < _GIVEN_UP_S and not self._streams.is_streaming(user_id)
        }
        room = AT_ONCE - len(self._opening)
        if room > 0 and now_s >= self._next_look_s:
            waiting = self._waiting()
            for user_id in waiting[:room]:
                self._open(user_id, now_s)
            if len(waiting) <= room:
                self._next_look_s = now_s + LOOK_S
        return len(self._opening)

    def _close_foreign(self, now_s: float) -> None:
        """Close what is another worker's for good: a lease that was lost for a moment comes back."""
        scope = self._desk.log.scope
        gone = [user_id for user_id in self._streams.users() if not scope.has(user_id)]
        self._foreign = {user_id: self._foreign.get(user_id, now_s) for user_id in gone}
        for user_id, since_s in self._foreign.items():
            if now_s - since_s >= LINGER_S:
                self._streams.drop(user_id)
                self._desk.forget(user_id)

    def _waiting(self) -> list[str]:
        return [
            user.user_id
            for user in self._desk.mine()
            if not user.is_paused and not self._desk.is_open(user.user_id) and self._pace.is_due(user.user_id)
        ]

    def _open(self, user_id: str, now_s: float) -> None:
        try:
            with priority(Priority.RECONCILE):  # whatever asked for it: it is nobody's exit
                self._desk.account(user_id)
        except SluiceError:  # no usable key: who must know is told by the daily check of keys
            self._pace.put_off(user_id)
            return
        self._opening[user_id] = now_s
