"""The engine on the embedded exchange over real HTTP: Ann meets the trouble, Bob shows it is hers alone."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.integration.live_venue import SEED, START_MS, Running, serving
from tests.trading.execution.world import Mailbox
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.execution.desk import Desk
from trading.execution.engine import Engine
from trading.execution.settings import EngineSettings
from trading.execution.venue_audit import lost_and_doubled
from trading.market.orders import SignalSet, TradeSignal
from trading.notifications.channel import Message
from trading.simulator.accounts import demo_credentials
from trading.simulator.faults import FaultRule
from trading.simulator.key_terms import KeyTerms, open_key
from trading.simulator.levers import event_from_json
from trading.simulator.synthetic import synthetic
from trading.store.order_log import OrderLog, frames
from trading.store.order_log.records import IN_FLIGHT, Intent, IntentStatus, Trade
from trading.users.directory import Directory
from trading.users.keys import DemoKeyRing
from trading.users.user import User

D = Decimal
ANN, BOB = "ann", "bob"
NUMBERS = {ANN: 1, BOB: 2}
PATIENCE_S = 40.0


@dataclass
class Stand:
    """An exchange, an engine and two users with 10,000 USDT each."""

    venue: Running
    log: OrderLog
    pool: GatewayPool
    desk: Desk
    engine: Engine
    mailbox: Mailbox
    symbols: list[str]
    sets: int = 0
    told: list[Message] = field(default_factory=list)

    # --- what happens -----------------------------------------------------------------------------

    async def step(self) -> None:
        """One round of every loop, each guarded as the engine's own loops are."""
        engine = self.engine
        await engine._guarded(engine.desk.public.sync_clock)
        for step in (engine.reconcile.step, engine.requests.step, engine.exits.step, engine.follow.step):
            await engine._guarded(step)
        for step in (engine.intake.step, engine.courier.step):
            await engine._guarded(step)
        await engine.tell_of_the_log()

    async def until(self, is_true: Callable[[], object], what: str) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not is_true():
            assert time.monotonic() < ends, f"waited in vain: {what}; told: {self.mailbox.messages}"
            await self.step()

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            await self.step()

    async def offer(self, *symbols: str, hold_s: int = 86_400, minutes: float = 30, **changes: object) -> str:
        """Write a signal set for both users at limits that fill; return its id."""
        self.sets += 1
        set_id = f"set-{self.sets:016x}-{self.sets:012x}"
        quotes = await self.pool.public.quotes(list(symbols))
        now = self.pool.clock.now()
        signals = []
        for symbol in symbols:
            ask = quotes[symbol].ask
            values: dict[str, object] = {
                "symbol": symbol,
                "signal_id": f"sig-{self.sets:016x}-{symbol[:3].lower()}",
                "approval_id": f"app-{self.sets:016x}-{symbol[:3].lower()}",
                "limit_price": ask * D("1.01"),
                "stop_loss": D("0.20"),
                "take_profit": None,
                "max_hold_s": hold_s,
            }
            signals.append(TradeSignal(**(values | changes)))  # type: ignore[arg-type]
        self.log.write_signal_set(
            SignalSet(
                signal_set_id=set_id,
                created_at=now,
                expires_at=now + timedelta(minutes=minutes),
                bar_time=now - timedelta(minutes=15),
                timeframe="15m",
                signals=tuple(signals),
            )
        )
        return set_id

    async def both_hold(self, symbol: str) -> None:
        """Let both users buy `symbol` and keep it."""
        await self.offer(symbol)
        for user in NUMBERS:
            await self.until(lambda user=user: self.held(user, symbol), f"{user} holds {symbol}")

    async def bob_trades_on(self, *, sells: str | None = None) -> str:
        """Bob enters and leaves a fresh symbol; `sells`: he holds this one and is sold out of it, too.

        Returns the id of the set, which Ann was offered as well.
        """
        fresh = next(name for name in self.symbols if not self.trades(BOB, name) and name != sells)
        set_id = await self.offer(fresh, hold_s=1)
        await self.until(lambda: any(t.is_closed for t in self.trades(BOB, fresh)), "bob enters and leaves")
        [trade] = self.trades(BOB, fresh)
        assert trade.sold > 0
        if sells is not None:
            self.log.wishes.ask(BOB, "close_all")
            await self.until(
                lambda: all(t.is_closed for t in self.trades(BOB)), f"bob is sold out of {sells}"
            )
        return set_id

    def pull(self, action: str, symbol: str, **options: object) -> None:
        """Pull a lever of the exchange now."""
        raw = {"action": action, "symbol": symbol.replace("/", ""), **options}
        now_ms = self.venue.exchange.clock.now_ms()
        self.venue.exchange.levers.schedule([event_from_json(raw, now_ms)], now_ms)
        self.venue.exchange.forget_snapshot()

    def strike(self, kind: str, route: str = "", **values: object) -> None:
        self.venue.strike(FaultRule(route, kind, **values))  # type: ignore[arg-type]

    def calm(self) -> None:
        self.venue.strike()

    def terms(self, user: str, **terms: object) -> None:
        """Change what a user's key may do at the exchange."""
        open_key(self.venue.exchange.accounts, KeyTerms(self.key(user), **terms))  # type: ignore[arg-type]

    def key(self, user: str) -> str:
        return demo_credentials(SEED, NUMBERS[user])[0]

    # --- what came of it --------------------------------------------------------------------------

    def trades(self, user: str, symbol: str | None = None) -> list[Trade]:
        return [t for t in self.log.ledger.all_trades(user) if symbol in (None, t.symbol)]

    def held(self, user: str, symbol: str) -> Trade | None:
        return next((t for t in self.trades(user, symbol) if not t.is_closed), None)

    def skips(self, user: str, set_id: str) -> list[tuple[str, str]]:
        """Return rule and reason of what a user was refused."""
        rows = frames.skips(self.log.database).to_dicts()
        mine = [row for row in rows if (row["user_id"], row["signal_set_id"]) == (user, set_id)]
        return [(row["rule"], row["reason"]) for row in mine]

    def sent(self, symbol: str, user: str | None = None) -> list[Intent]:
        """Return what went to the exchange."""
        found = self.log.orders.find(user_id=user)
        return [intent for intent in found if intent.symbol == symbol and intent.sent_wall_ms is not None]

    def refused(self, user: str) -> list[Intent]:
        return self.log.orders.find(user_id=user, statuses=[IntentStatus.REJECTED])

    def messages(self, user: str, *kinds: str) -> list[Message]:
        """What a person was told, besides openings and closings unless asked for."""
        usual = ("trade_opened", "trade_reduced", "trade_closed")
        found = [m for m in self.mailbox.messages.values() if m.user_id == user]
        return [m for m in found if (m.kind in kinds if kinds else m.kind not in usual)]

    async def is_sound(self) -> None:
        """Nothing lost, nothing doubled, the ledger agrees with itself."""
        await self.until(lambda: not self.log.orders.find(statuses=IN_FLIGHT), "all orders are settled")
        verdict = await lost_and_doubled(self.desk)
        assert (verdict.lost, verdict.doubled, verdict.ledger_breaks) == ([], [], [])


@asynccontextmanager
async def standing(
    folder: Path, settings: EngineSettings | None = None, *, url: str | None = None, **exchange: object
) -> AsyncIterator[Stand]:
    """Serve an exchange of eight pairs and open an engine on it."""
    with serving(synthetic(SEED, 8, as_of_ms=START_MS)) as venue:
        log = OrderLog(url or f"sqlite:///{folder}/orders.db")
        for user, number in NUMBERS.items():
            Directory(log).add(
                User(user_id=user, name=user.title(), account=f"demo:{number}", capital=D(1000))
            )
        options = {"base_url": venue.url, "rate_per_s": 2000.0} | exchange
        async with GatewayPool(ExchangeSettings(**options)) as pool:  # type: ignore[arg-type]
            ring = DemoKeyRing(lambda number: demo_credentials(SEED, number))
            desk = Desk(
                log=log,
                public=pool.public,
                open_account=lambda user: pool.account(*ring.credentials(user).pair),
                settings=settings or EngineSettings(),
            )
            await desk.load_markets()
            mailbox = Mailbox()
            engine = Engine(desk, mailbox)
            tickers = (await pool.public.tickers()).sort("volume_quote_24h", descending=True)
            names = [s for s in tickers["symbol"] if desk.markets[s].is_api_tradable and s.endswith("/USDT")]
            names = [name for name in names if not name.startswith("USD")]
            try:
                yield Stand(venue, log, pool, desk, engine, mailbox, names)
            finally:
                log.close()
