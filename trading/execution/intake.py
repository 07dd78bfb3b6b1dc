"""Signal sets in: from the stream (quick) and from SQL (certain), each user planned once per set.

The stream only wakes the engine. A set is read from SQL, so a stream that is lost, repeated or late
loses and doubles nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Protocol

import structlog

from trading.exchange.gateway import Quote
from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.execution.entries import Entries
from trading.execution.reconcile import Reconcile
from trading.execution.wire import Wire
from trading.market.errors import NoVersion, SluiceError
from trading.market.lineage import digest
from trading.market.orders import SignalSet
from trading.market.timeframes import to_ms
from trading.store.order_log.records import ZERO, Intent, Leg
from trading.users.user import User

_log = structlog.get_logger("execution.intake")


class SetStream(Protocol):
    """Where ids of new signal sets arrive (see `trading.store.cache.StreamReader`)."""

    async def read(self, wait_s: float) -> list[tuple[str, str]]:
        """Wait for news; return (entry id, signal set id) pairs."""
        ...

    async def ack(self, entry_id: str) -> None:
        """Say that an entry needs no redelivery."""
        ...


class Intake:
    """Offers every unexpired set to every user, in an order drawn anew for each set."""

    def __init__(self, desk: Desk, wire: Wire, reconcile: Reconcile) -> None:
        self._desk = desk
        self._wire = wire
        self._reconcile = reconcile
        self._entries = Entries(desk)
        self._frozen: frozenset[str] = frozenset()
        self._live: set[str] = set()  # sets that had not expired at the last look
        self._done: dict[str, frozenset[str]] = {}  # set id -> users offered; SQL knows better

    async def step(self) -> int:
        """Plan and send entries of every set that has users left to serve; return how many were planned."""
        self._desk.prices.refresh()
        self._refresh_gates()
        await self._wire.send_new(Leg.OPEN)  # left over from before a restart, or tried again
        planned = 0
        live = self._desk.log.sets.live(self._desk.now_ms())
        for signal_set_id in live:
            planned += await self._offer(signal_set_id)
        for signal_set_id in sorted(self._live - set(live)):
            await self._expired(signal_set_id)
        self._live = set(live)
        self._done = {name: users for name, users in self._done.items() if name in self._live}
        return planned

    async def _expired(self, signal_set_id: str) -> None:
        """Tell the operator of users whose turn did not come in time."""
        left = {user.user_id for user in self._desk.mine()} - self._desk.log.sets.offered_to(signal_set_id)
        if left:
            await self._desk.told.late_set(signal_set_id, f"before {len(left):,} users were served")

    def _refresh_gates(self) -> None:
        """Read the gates. After a freeze the log is believed only once the venue agrees with it again."""
        before = self._desk.fleet.frozen
        self._desk.fleet.refresh()
        if (self._frozen | before) - self._desk.fleet.frozen:
            self._reconcile.doubt()
        self._frozen = self._desk.fleet.frozen

    async def listen(self, stream: SetStream, wait_s: float, wake: Callable[[], None]) -> bool:
        """Take one look at the stream; what it names is planned by `step` from SQL. True = there is news.

        `wake` is called at the first news, before the entries are acknowledged: sixteen shards' take a while.
        """
        entries = await stream.read(wait_s)
        is_news = False
        for name in dict.fromkeys(name for _, name in entries):  # each shard is told of each set
            if await self._is_news(name):
                is_news = True
                wake()
        for entry_id, _ in entries:
            await stream.ack(entry_id)
        return is_news

    async def _is_news(self, signal_set_id: str) -> bool:
        try:
            batch = self._desk.log.get_signal_set(signal_set_id)
        except NoVersion:
            _log.warning("signal_set_unknown", signal_set_id=signal_set_id)
            await self._desk.told.strange_message()
            return False
        if to_ms(batch.expires_at) > self._desk.now_ms():
            return True
        # Never call a set expired by an estimate: ask the venue what time it is.
        await self._desk.public.sync_clock()
        if to_ms(batch.expires_at) <= self._desk.now_ms():
            _log.warning("signal_set_expired", signal_set_id=signal_set_id)
            await self._desk.told.late_set(signal_set_id, "before it reached the engine")
            return False
        return True

    async def _offer(self, signal_set_id: str) -> int:
        users, mine = self._desk.everybody(), {user.user_id for user in self._desk.mine()}
        if mine <= self._done.get(signal_set_id, frozenset()):
            return 0
        offered = self._desk.log.sets.offered_to(signal_set_id)
        if mine <= offered:
            self._done[signal_set_id] = frozenset(mine)
            return 0
        waiting = (mine - offered) & self._reconcile.ready
        if not waiting:
            return 0
        batch = self._desk.log.get_signal_set(signal_set_id)
        turns = [turn for turn in self._rotation(batch, users) if turn[1].user_id in waiting]
        self._desk.canary.offer(batch, users, self._desk.now_ms())
        with priority(Priority.ENTRY):  # a scan of another process must not hold up an entry
            pegs = self._desk.fleet.peg.pairs(self._desk.markets)
            quotes = await self._desk.quotes([*(signal.symbol for signal in batch.signals), *pegs])
        self._desk.fleet.peg.look(quotes, self._desk.now_ms())
        self._look_for_jumps(batch, quotes)
        await self._measure_depth(batch, quotes, [user for _, user in turns])
        planned = 0

        async def serve(place: int, user: User) -> None:
            nonlocal planned
            try:
                mine = await self._entries.plan(user, batch, quotes, place=place)
            except SluiceError as error:  # this user is offered the set again until it expires
                await self._desk.told.note(user.user_id, error)
                _log.warning("user_not_served", user=user.user_id, error=f"{error!r}")
                return
            planned += len(mine)  # after the await: others count meanwhile
            await self._send_planned(mine)

        await self._desk.together(partial(serve, *turn) for turn in turns)
        return planned

    async def _measure_depth(
        self, batch: SignalSet, quotes: Mapping[str, Quote], users: Sequence[User]
    ) -> None:
        """See what stands in the books; a best level that bears everybody's stake is enough."""
        settings = self._desk.settings
        share = settings.fleet.depth_share
        if share is None and settings.fleet.holding_depths is None:
            return
        stakes = sum((user.capital for user in users), ZERO) * settings.max_position_share
        limits = {signal.symbol: signal.limit_price for signal in batch.signals}
        await self._desk.fleet.liquidity.look(quotes, limits, stakes / (share or Decimal(1)))

    def _look_for_jumps(self, batch: SignalSet, quotes: Mapping[str, Quote]) -> None:
        """A price far from what the signal saw suspends the symbol before anybody enters it."""
        at_ms = to_ms(batch.created_at)
        seen = {signal.symbol: (signal.limit_price, at_ms) for signal in batch.signals}
        self._desk.prices.believe(quotes, seen, at_ms=self._desk.now_ms())
        self._desk.prices.refresh()

    async def _send_planned(self, planned: Sequence[Intent]) -> None:
        await asyncio.gather(*(self._wire.send(intent) for intent in planned))

    def _rotation(self, batch: SignalSet, users: list[User]) -> list[tuple[int, User]]:
        seed = str(self._desk.settings.seed)
        drawn = sorted(users, key=lambda user: digest(seed, batch.signal_set_id, user.user_id))
        return list(enumerate(drawn))
