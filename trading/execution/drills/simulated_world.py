"""A world that a process can die in at any operation: exchange, log, clocks, and what happens by itself.

`Left` is all that a dead process leaves behind. It can be kept, compared, and given to the next process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading.execution.desk import Desk
from trading.execution.drills.simulated_gateways import SimulatedAccount, SimulatedPublic, Witness
from trading.execution.drills.simulated_log import MemoryDatabase, OneCommitPerTurn
from trading.execution.drills.simulated_venue import FEE_COIN, Faults, Path, Venue
from trading.execution.engine import Engine
from trading.execution.settings import EngineSettings
from trading.market.clock import ManualClock
from trading.market.orders import SignalSet, TradeSignal
from trading.market.timeframes import to_ms
from trading.notifications.channel import Message
from trading.store.order_log import OrderLog
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.users.directory import Directory
from trading.users.gates import CLOSE_ALL
from trading.users.user import User

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
WALL_START_MS = 1_000_000
WALL_STEP_MS, MARKET_STEP_MS = 400, 30_000
RENEWED = 5  # steps between two renewals of leases, which last 12
CASH, FEE_COINS, OLDER = Decimal(10_000), Decimal(1_000), Decimal(7)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that people or the pipeline do at a step, whoever is alive then."""

    step: int
    kind: str  # a halt's kind | lift | close_all | signal_set
    subject: str | None = None  # symbol of a halt (None = the fleet), user, or number of the set


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is given about one world; the rest follows."""

    name: str
    users: int
    symbols: tuple[str, ...]
    paths: Mapping[str, Path]
    faults: Faults
    settings: EngineSettings
    happenings: tuple[Happening, ...] = ()
    lifetime_s: int = 600

    @property
    def last_step(self) -> int:
        """The step after which people and pipeline do nothing more."""
        return max((happening.step for happening in self.happenings), default=0)

    @property
    def turns(self) -> list[int]:
        """The steps at which something changes by itself: prices, what people do, sets that expire."""
        prices = [-(-at_ms // MARKET_STEP_MS) for path in self.paths.values() for at_ms, _ in path.turns]
        people = [happening.step for happening in self.happenings]
        sets = [
            h.step + self.lifetime_s * 1000 // MARKET_STEP_MS
            for h in self.happenings
            if h.kind == "signal_set"
        ]
        return sorted({*prices, *people, *sets})


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a world when its process is dead: log, venue with its clocks, the step it is at."""

    log: bytes
    venue: Venue
    step: int


class Silence:
    """A channel for messages that nobody reads."""

    async def deliver(self, message: Message) -> None:
        """Drop it."""


@dataclass(slots=True)
class World:
    """One scene, at one moment. `database` is lent by the caller and holds whichever world is current."""

    scene: Scene
    database: MemoryDatabase
    witness: Witness
    venue: Venue = field(init=False)
    step: int = 0

    def begin(self, empty: bytes) -> None:
        """Make the world as it is before the first process; `empty` is a log that nobody wrote to."""
        self.database.put(empty)
        self.venue = Venue(
            ManualClock.at(START), ManualClock(WALL_START_MS), to_ms(START), dict(self.scene.paths),
            self.scene.faults,
        )  # fmt: skip
        self.step = 0
        log = self.log()
        for number in range(1, self.scene.users + 1):
            user_id = f"u{number}"
            Directory(log).add(User(user_id=user_id, name=f"User {number}", account=f"demo:{number}"))
            self.venue.deposit(user_id, "USDT", CASH)
            self.venue.deposit(user_id, FEE_COIN, FEE_COINS)
            for symbol in self.scene.symbols:
                self.venue.deposit(user_id, symbol.split("/")[0], OLDER)
        self._happen()

    def left(self) -> Left:
        """Return what a process that dies now leaves."""
        return Left(self.database.copy(), self.venue.copy(), self.step)

    def resume(self, left: Left) -> None:
        """Go back to what a dead process left."""
        self.database.put(left.log)
        self.venue = left.venue.copy()
        self.step = left.step

    def log(self) -> OrderLog:
        """Open the log as another process of this machine would."""
        log = OrderLog(self.database, wall=self.venue.wall)
        log.writer = OneCommitPerTurn(self.database)
        return log

    async def boot(self, log: OrderLog | None = None) -> Engine:
        """Start a worker on what is there, as `run_engine` does; every worker before it is known to be dead.

        A `log` that is given has taken its leases already.
        """
        venue = self.venue
        if log is None:
            log = self.log()
            log.leases.is_gone = lambda _worker: True
            log.leases.join(f"worker-{venue.wall.at_ms}")
        log.scope.narrow(())
        desk = Desk(
            log=log,
            public=SimulatedPublic(venue),
            open_account=lambda user: SimulatedAccount(venue, user.user_id, self.witness),
            settings=self.scene.settings,
            wall=venue.wall,
        )
        await desk.load_markets()
        engine = Engine(desk, Silence())
        await engine.shift.step()
        return engine

    def advance(self) -> None:
        """Let the time of one step pass, whoever is alive."""
        self.step += 1
        self.venue.advance(WALL_STEP_MS, MARKET_STEP_MS)
        self._happen()

    def is_over(self, engine: Engine) -> bool:
        """Whether nothing is left to do and nothing more will happen."""
        return self.step > self.scene.last_step and not self.venue.arriving and engine.is_idle()

    def _happen(self) -> None:
        for happening in self.scene.happenings:
            if happening.step == self.step:
                self._carry_out(happening)

    def _carry_out(self, happening: Happening) -> None:
        log, subject = self.log(), happening.subject
        if happening.kind == "signal_set":
            log.write_signal_set(self._signal_set(int(subject or 0)))
        elif happening.kind == CLOSE_ALL:
            log.wishes.ask(str(subject), CLOSE_ALL)
        elif happening.kind == "lift":
            for halt in log.halts.active():
                log.halts.lift(halt.halt_id, by="drill", why="over")
        else:
            scope = HaltScope.FLEET if subject is None else HaltScope.SYMBOL
            log.halts.place(HaltKind(happening.kind), (scope, subject), by="drill", why="a drill")

    def _signal_set(self, number: int) -> SignalSet:
        now = self.venue.clock.now()
        return SignalSet(
            signal_set_id=f"set-00000000000000aa-{number:012x}",
            created_at=now,
            expires_at=now + timedelta(seconds=self.scene.lifetime_s),
            bar_time=now - timedelta(minutes=15),
            timeframe="15m",
            signals=tuple(_signal(symbol, number) for symbol in self.scene.symbols),
        )


def _signal(symbol: str, number: int) -> TradeSignal:
    return TradeSignal(
        symbol=symbol,
        signal_id=f"sig-00000000000000bb-{number:x}{symbol[:3].lower()}",
        approval_id=f"app-00000000000000cc-{symbol[:3].lower()}",
        limit_price=Decimal(101),
        stop_loss=Decimal("0.05"),
        take_profit=Decimal("0.10"),
        max_hold_s=900,
        score=0.5,
    )
