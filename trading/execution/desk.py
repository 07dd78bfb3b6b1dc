"""What every part of the engine works with: the log, the venue, the users' accounts, the clocks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from trading.exchange.gateway import AccountGateway, PublicGateway, Quote
from trading.execution.canary_gate import CanaryGate
from trading.execution.fleet_book import FleetBook
from trading.execution.fleet_gates import FleetGates
from trading.execution.liquidity import Liquidity
from trading.execution.price_watch import PriceWatch
from trading.execution.protections import Protections
from trading.execution.settings import EngineSettings
from trading.execution.told import Told
from trading.market.clock import Clock, SystemClock
from trading.market.errors import StoreError, SymbolHalted, Unreachable
from trading.market.symbols import Market
from trading.store.order_log import OrderLog
from trading.users.directory import Directory
from trading.users.gates import ONLY_EMBEDDED, EntryGates
from trading.users.user import User

_log = structlog.get_logger("execution.desk")

# What an entry did may wait so long for others' commits: it is at the venue, and found there after a crash.
ENTRY_HAS_S = 0.03

OpenAccount = Callable[[User], AccountGateway]


@dataclass(slots=True)
class Desk:
    """The engine's surroundings. `open_account` makes a gateway for a user; one is kept per user.

    `live_refusal` says why nobody trades live here; None = live is open (decision 18).
    """

    log: OrderLog
    public: PublicGateway
    open_account: OpenAccount
    settings: EngineSettings = field(default_factory=EngineSettings)
    wall: Clock = field(default_factory=SystemClock)
    markets: dict[str, Market] = field(default_factory=dict)
    live_refusal: str | None = ONLY_EMBEDDED
    exit_rate_per_s: Decimal | None = None
    prices: PriceWatch = field(init=False)
    gates: EntryGates = field(init=False)
    fleet: FleetGates = field(init=False)
    protections: Protections = field(init=False)
    canary: CanaryGate = field(init=False)
    told: Told = field(init=False)
    unreplayed: set[str] = field(default_factory=set)  # after a restore: nothing of theirs leaves yet
    trouble: str | None = None  # what the log refused last, until the operator was told
    _accounts: dict[str, AccountGateway] = field(default_factory=dict)
    _everybody: tuple[str | None, list[User]] = (None, [])
    _mine: tuple[list[User] | None, frozenset[int] | None, list[User]] = (None, None, [])

    def __post_init__(self) -> None:
        """Put the price watch before every quote that decides anything, the gates before every entry."""
        if self.log.restores.pending() is not None:
            self.unreplayed = {user.user_id for user in self.users.all()}
        self.log.orders.market_ms = self._booked_ms
        self.gates = EntryGates(self.log, self.live_refusal)
        self.told = Told(self.log, self.wall)
        liquidity = Liquidity(self.public, self.settings.exit_bands[-1], self.log)
        book = FleetBook(self.log, self.wall)
        self.fleet = FleetGates(
            self.log, book, liquidity, self.settings.fleet, self.exit_rate_per_s, self.settings.peg
        )
        settings = self.settings
        self.canary = CanaryGate(self.log, settings.canary, settings.seed)
        self.protections = Protections(self.log, self.wall, settings.guards, settings.fleet_guards)
        log, rules = self.log, self.settings.jumps
        self.prices = PriceWatch(log.suspensions, log.outbox, self.wall, rules, self._closed_by_news)

    @property
    def users(self) -> Directory:
        """The users of this world."""
        return Directory(self.log)

    def everybody(self) -> list[User]:
        """Return all users of this world, by id; read again only when any of them changed."""
        version = self.log.accounts.version()
        if version is None or version != self._everybody[0]:
            self._everybody = version, self.users.all()
        return self._everybody[1]

    def mine(self) -> list[User]:
        """Return the users of the shards that this process holds, by id."""
        everybody, shards = self.everybody(), self.log.scope.shards
        if everybody is not self._mine[0] or shards != self._mine[1]:
            found = [user for user in everybody if self.log.scope.has(user.user_id)]
            self._mine = everybody, shards, found
        return self._mine[2]

    async def durably[T](self, work: Callable[[], T], *, within_s: float = 0.0) -> T:
        """Run a write of the log and return once it is on disk; writes of other tasks share its commit.

        `within_s` is the time it has to wait for such others; none for what an order on its way waits for.
        """
        try:
            return await self.log.durably(work, within_s=within_s)
        except StoreError as error:
            self.note_trouble(error)
            raise

    def note_trouble(self, error: StoreError) -> None:
        """Say that the log refused a write; the engine tells the operator, by a way that needs no log."""
        self.trouble = str(error)
        _log.error("order_log_refused", error=self.trouble)

    def now_ms(self) -> int:
        """Return market time."""
        return self.public.clock.now_ms()

    def _booked_ms(self) -> int:
        """Return market time; this machine's before the venue told any."""
        try:
            return self.now_ms()
        except Unreachable:
            return self.wall.now_ms()

    def _closed_by_news(self) -> dict[str, str]:
        held = self.log.news_holds.active(self.now_ms()).items()
        return {symbol: f"closed by news since {hold.since_ms}: {hold.reason}" for symbol, hold in held}

    def units_in_doubt(self, symbols: Iterable[str]) -> list[str]:
        """Return those whose coin may have other units by now: the price jumped, or they are not traded."""
        jumped = self.prices.jumps()
        found = [(name, self.markets.get(name)) for name in symbols]
        return [
            name for name, market in found if name in jumped or market is None or not market.is_api_tradable
        ]

    def account(self, user_id: str) -> AccountGateway:
        """Return the user's gateway. BadCredentials if there is no key, MissingData if no such user."""
        if user_id not in self._accounts:
            self._accounts[user_id] = self.open_account(self.users.get(user_id))
        return self._accounts[user_id]

    def is_open(self, user_id: str) -> bool:
        """Whether the user's gateway was made."""
        return user_id in self._accounts

    def forget(self, user_id: str) -> None:
        """Open this user's account anew at the next use: the key was replaced, or the user has left."""
        self._accounts.pop(user_id, None)

    async def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """Return quotes of those symbols that are listed and have both sides, in one call."""
        listed = sorted({symbol for symbol in symbols if symbol in self.markets})
        return await self.public.quotes(listed) if listed else {}

    async def load_markets(self) -> None:
        """Read what the venue lists."""
        self.markets = {market.symbol: market for market in await self.public.markets()}

    def market(self, symbol: str) -> Market:
        """Return one market. SymbolHalted if the venue does not list it (any more)."""
        market = self.markets.get(symbol)
        if market is None:
            raise SymbolHalted(f"{symbol} is not listed")
        return market

    async def together(self, jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Run jobs side by side, at most `settings.concurrency` at a time, started in their order."""
        gate = asyncio.Semaphore(self.settings.concurrency)

        async def one(job: Callable[[], Awaitable[None]]) -> None:
            async with gate:
                await job()

        await asyncio.gather(*(one(job) for job in jobs))
