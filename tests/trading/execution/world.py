"""A small world for engine tests: venue, log on disk, users, and processes that can die and come back."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.trading.execution.fake_venue import D, FakeAccount, FakePublic, Faults, KillSwitch, Venue
from trading.execution.desk import Desk
from trading.execution.drills.simulated_log import OneCommitPerTurn
from trading.execution.engine import Engine
from trading.execution.settings import EngineSettings
from trading.market.clock import ManualClock
from trading.market.orders import OrderStatus, SignalSet, TradeSignal
from trading.notifications.channel import Message
from trading.store.order_log import OrderLog
from trading.store.order_log.records import IntentStatus, Leg
from trading.users.directory import Directory
from trading.users.user import User

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
SET_ID = "set-00000000000000aa-0000000000aa"


_FIRST_LOGS: dict[tuple[tuple[str, ...], int], bytes] = {}


_COMPILED: list[tuple[object, object]] = []


class Mailbox:
    """A channel that keeps what it was given; known events are one message."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}

    async def deliver(self, message: Message) -> None:
        self.messages[message.event_id] = message

    def kinds(self) -> list[str]:
        return [message.kind for message in self.messages.values()]


def signal(symbol: str, **changes: object) -> TradeSignal:
    values: dict[str, object] = {
        "symbol": symbol,
        "signal_id": f"sig-00000000000000bb-{symbol[:3].lower()}",
        "approval_id": f"app-00000000000000cc-{symbol[:3].lower()}",
        "limit_price": D(101),
        "stop_loss": D("0.05"),
        "take_profit": D("0.10"),
        "max_hold_s": 6 * 3600,
        "score": 0.5,
    }
    return TradeSignal(**(values | changes))  # type: ignore[arg-type]


@dataclass
class World:
    """Everything that outlives a process: venue, database file, clocks, mailbox."""

    folder: Path
    faults: Faults = field(default_factory=Faults)
    settings: EngineSettings = field(default_factory=lambda: EngineSettings(lost_after_s=3.0, lost_looks=4))
    symbols: tuple[str, ...] = ("AAA/USDT", "BBB/USDT")
    users: int = 1

    def __post_init__(self) -> None:
        self.clock = ManualClock.at(START)
        self.wall = ManualClock(1_000_000)
        self.venue = Venue(self.clock, self.faults)
        for symbol in (*self.symbols, "MX/USDT"):
            self.venue.list_pair(symbol, "100")
        self.mailbox = Mailbox()
        self.url = f"sqlite:///{self.folder}/orders.db"
        (self.folder / "orders.db").write_bytes(self._first_log())
        for number in range(1, self.users + 1):
            self.venue.deposit(f"u{number}", "USDT", "10000")
            self.venue.deposit(f"u{number}", "MX", "1000")

    def _first_log(self) -> bytes:
        """The log before the first process: made once per kind of world, copied after that."""
        key = (self.symbols, self.users)
        if key not in _FIRST_LOGS:
            log = OrderLog(self.url, wall=self.wall)
            for number in range(1, self.users + 1):
                user = User(user_id=f"u{number}", name=f"User {number}", account=f"demo:{number}")
                Directory(log).add(user)
            log.write_signal_set(self.batch())
            log.close()  # the last connection to close moves the write-ahead log into the file
            _FIRST_LOGS[key] = (self.folder / "orders.db").read_bytes()
        return _FIRST_LOGS[key]

    def batch(self, *signals: TradeSignal, set_id: str = SET_ID, minutes: int = 30) -> SignalSet:
        return SignalSet(
            signal_set_id=set_id,
            created_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(minutes=minutes),
            bar_time=self.clock.now() - timedelta(minutes=15),
            timeframe="15m",
            signals=signals or tuple(signal(symbol) for symbol in self.symbols),
        )

    async def boot(self, switch: KillSwitch | None = None) -> Engine:
        """Start a process: a fresh engine on the log and the venue that are there."""
        switch = switch or KillSwitch()
        log = OrderLog(self.url, wall=self.wall)
        log.writer = OneCommitPerTurn(log.database)
        _share_compiled_statements(log)
        switch.arm(log.database.engine)
        desk = Desk(
            log=log,
            public=FakePublic(self.venue, switch),
            open_account=lambda user: FakeAccount(self.venue, user.user_id, switch),
            settings=self.settings,
            wall=self.wall,
        )
        await desk.load_markets()
        return Engine(desk, self.mailbox)

    async def live(self, engine: Engine, steps: int = 60) -> None:
        """Let a process run: after a while prices reach the targets; ends when nothing is left to do."""
        for number in range(steps):
            await engine.step()
            self.wall.advance(400)
            self.clock.advance(30_000)
            if number == 4:
                self.set_prices("112")
            if number > 5 and engine.is_idle():
                return

    def set_prices(self, price: str) -> None:
        for symbol in self.symbols:
            self.venue.prices[symbol] = D(price)

    def wrongs(self, engine: Engine) -> list[str]:
        """Judge from the venue's own books. Empty = 0 lost, 0 doubled, ledger = fills = balances."""
        log = engine.desk.log
        found = log.breaks()
        intents = {intent.coid: intent for intent in log.orders.find()}
        at_venue: dict[str, Decimal] = {}
        for account, state in self.venue.orders:
            intent = intents.get(state.client_order_id or "")
            if intent is None or intent.user_id != account:
                found.append(f"lost: {state.order_id} of {account} is not in the log")
                continue
            live = D(0) if state.status.is_terminal else state.amount - state.filled
            at_venue[intent.coid] = at_venue.get(intent.coid, D(0)) + state.filled + live
            if intent.status is not IntentStatus.DONE:
                found.append(f"lost: {intent.coid} is {intent.status} and the venue has it")
            if intent.filled != state.filled:
                found.append(f"lost: {intent.coid} executed {state.filled}, booked {intent.filled}")
        found += [f"doubled: {coid}" for coid, amount in at_venue.items() if amount > intents[coid].amount]
        found += self._accepted_twice(intents)
        found += self._balances(log)
        return found

    def _accepted_twice(self, intents: dict[str, object]) -> list[str]:
        """An entry may be priced again for what it left: its orders together are held against the first."""
        bought: dict[str, Decimal] = {}
        for _account, state in self.venue.orders:
            intent = intents.get(state.client_order_id or "")
            if intent is not None and intent.leg is Leg.OPEN and state.status is not OrderStatus.REJECTED:
                amount = state.filled if state.status.is_terminal else state.amount
                bought[intent.trade_id] = bought.get(intent.trade_id, D(0)) + amount
        meant = {
            each.trade_id: each.amount
            for each in intents.values()
            if (each.leg, each.attempt) == (Leg.OPEN, 1)
        }
        return [f"entered twice: {name}" for name, amount in bought.items() if amount > meant[name]]

    def _balances(self, log: OrderLog) -> list[str]:
        found = []
        for number in range(1, self.users + 1):
            user_id = f"u{number}"
            trades = log.ledger.all_trades(user_id)
            for symbol in self.symbols:
                base = symbol.split("/")[0]
                ledger = sum((trade.held + trade.dust for trade in trades if trade.symbol == symbol), D(0))
                real = self.venue.balances.get((user_id, base), D(0))
                if ledger != real:
                    found.append(f"ledger of {user_id} holds {ledger} {base}, the venue {real}")
        return found


def _share_compiled_statements(log: OrderLog) -> None:
    """Let all engines of a test run share SQLAlchemy's statement cache: compiling is most of a short life."""
    engine = log.database.engine
    if not _COMPILED:
        _COMPILED.append((engine.dialect, engine._compiled_cache))
    engine.dialect, engine._compiled_cache = _COMPILED[0]
