"""The users of the demo: on paper, served by the one engine, round by round at moments that the demo sets.

In accelerated time the engine cannot follow a market that runs 200,000 times as fast as the wall's clock, and
one that runs beside it sees other moments in every run. So the market walks in steps while anything is held
and stands at each of them until the engine has done all it has to do there; when nobody trades it runs.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from interfaces.cli.trade import demo_keys
from interfaces.logging import setup_logging
from interfaces.run.line import Line
from interfaces.run.market import MarketControl
from resources.accounts import key_ring, live_refusal, order_exchange
from resources.settings import Settings
from trading.exchange.pool import GatewayPool
from trading.execution.desk import Desk
from trading.execution.engine import Engine
from trading.execution.heartbeat import working
from trading.execution.run import LOCK
from trading.execution.worker_id import own_id
from trading.market.clock import ManualClock
from trading.market.errors import SluiceError
from trading.market.timeframes import to_ms
from trading.notifications.channel import Message
from trading.store.order_log import OrderLog
from trading.store.order_log.records import PENDING
from trading.users.directory import Directory
from trading.users.keys import DemoKeyRing

USERS = 3
MOST_SPEED = 200_000.0
STEP = timedelta(minutes=10)  # between two looks at what is held: a stop is seen this late at most
_ROUND_MS = 600  # wall time of one round, as the engine is told: two looks of a second apart are three rounds
_LOOKS = 3
_MOST_ROUNDS = 60


class _Unread:
    """A channel for messages that nobody reads; the order log keeps them."""

    async def deliver(self, message: Message) -> None:
        """Drop it."""


@dataclass(slots=True)
class PaperDesk:
    """Hands over what the line approved, and lets the users trade it while market time passes."""

    line: Line
    market: MarketControl
    log: OrderLog
    engine: Engine
    pool: GatewayPool
    wall: ManualClock
    runner: asyncio.Runner
    rounds: int = field(default=0)

    def offer(self) -> int:
        """Hand over pending sets and let the engine offer them, at this moment; return how many."""
        before = self.log.signal_sets().height
        self.line.fire_sensor("approved_symbols_sensor")
        handed = self.log.signal_sets().height - before
        if handed:
            self.runner.run(self._stand())
        return handed

    def pass_time(self, moment: datetime) -> None:
        """Let market time pass: in steps while anything is held, at once where nothing is."""
        while (now := self.market.now()) < moment:
            is_watched = self.log.ledger.count_open() > 0 or self.log.orders.count(PENDING) > 0
            self.market.run_until(min(now + STEP, moment) if is_watched else moment, MOST_SPEED)
            if is_watched:
                self.runner.run(self._stand())

    def closed(self) -> int:
        """Return how many trades have ended."""
        return self.log.closed_trades().height

    async def _stand(self) -> None:
        """Let the engine do all it has to do at this moment of the market, one thing after the other."""
        await self.pool.clock.sync()
        for number in range(_MOST_ROUNDS):
            self.wall.advance(_ROUND_MS)
            await self.engine.shift.step()
            await self.engine.step()
            await self.engine.exits.settled()
            self.rounds += 1
            if number + 1 >= _LOOKS and not self._is_under_way():
                return
        raise SluiceError(f"the engine was not done at {self.market.now()} after {_MOST_ROUNDS} rounds")

    def _is_under_way(self) -> bool:
        users = {user.user_id for user in self.engine.desk.mine()}
        live = self.log.sets.live(self.engine.desk.now_ms())
        return bool(self.log.orders.count(PENDING)) or not all(
            users <= self.log.sets.offered_to(name) for name in live
        )


@contextmanager
def paper_desk(line: Line, market: MarketControl, settings: Settings) -> Iterator[PaperDesk]:
    """Open the engine with its users, before the first pass: pairs are approved for what they would stake.

    One order after the other, no streams: what is done at a moment does not depend on who answers first.
    """
    wall = ManualClock(to_ms(market.now()))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield runner.run(_opened(stack, line, market, settings, wall, runner))
        finally:
            runner.run(stack.aclose())


async def _opened(
    stack: AsyncExitStack,
    line: Line,
    market: MarketControl,
    settings: Settings,
    wall: ManualClock,
    runner: asyncio.Runner,
) -> PaperDesk:
    stack.enter_context(working(settings.world_dir / LOCK))
    said = stack.enter_context((settings.world_dir / "logs" / "engine.log").open("a"))
    stack.callback(setup_logging, settings.log_level)
    setup_logging(settings.log_level, stream=said)
    log = OrderLog(settings.database_url, wall)
    stack.callback(log.close)
    Directory(log).ensure_demo(USERS)
    pool = await stack.enter_async_context(GatewayPool(order_exchange(settings)))
    pool.clock.hold()
    await pool.clock.sync()
    keys = key_ring(settings, log, DemoKeyRing(demo_keys(settings.record_path, None)))
    asked = replace(settings.risk.engine_settings(), streams=False, concurrency=1, entry_slots=1)
    desk = Desk(
        log=log,
        public=pool.public,
        open_account=lambda user: pool.account(*keys.credentials(user).pair),
        settings=asked,
        wall=wall,
        live_refusal=live_refusal(settings),
    )
    log.leases.join(own_id())
    log.scope.narrow(())
    await desk.load_markets()
    engine = Engine(desk, _Unread())
    await engine.shift.step()
    return PaperDesk(line, market, log, engine, pool, wall, runner)
