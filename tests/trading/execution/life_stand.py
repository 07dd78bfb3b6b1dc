"""A stand for order life cycles: the embedded exchange on loopback, the real gateway, a log in memory.

One exchange serves every example; an example has accounts of its own on it, and the market back at its start.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket, pair
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.execution.desk import Desk
from trading.execution.drills.simulated_log import MemoryDatabase, OneCommitPerTurn
from trading.execution.drills.simulated_world import Silence
from trading.execution.engine import Engine
from trading.execution.judge import AtVenue, Evidence, Judgement, judge
from trading.execution.settings import EngineSettings
from trading.market.clock import ManualClock
from trading.market.errors import ExchangeError
from trading.market.orders import OrderRequest, OrderType, Side, SignalSet, TradeSignal
from trading.simulator.accounts import AccountBook, demo_credentials
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.faults import plan_from_json
from trading.simulator.inside import in_thread
from trading.simulator.levers import event_from_json
from trading.simulator.limits import LimitSettings
from trading.simulator.source import DELISTED, ONLINE
from trading.simulator.transfers import move_coins
from trading.store.order_log import OrderLog
from trading.users.directory import Directory
from trading.users.user import User

SYMBOLS = ("AAA/USDT", "BBB/USDT")
STEPS_A_ROUND = 30
FAST = 100_000.0  # weight per second: what the limiter does is tested elsewhere
D = Decimal


class Killed(BaseException):
    """The process is dead; nothing in it may catch this."""


class Market(FakeMarket):
    """Prices that stand where they are put."""

    def __init__(self) -> None:
        super().__init__(pair("AAAUSDT"), pair("BBBUSDT"), steps_per_minute=60_000_000)
        self.level = dict.fromkeys(self.pairs, 10_000)

    def price(self, symbol, now_ms):
        return self.level[symbol]


@contextmanager
def exchange_for_all() -> Iterator[tuple[Exchange, Market, str]]:
    """Serve one exchange to all examples."""
    market = Market()
    accounts = AccountBook(SEED, demo_accounts=9_999)
    limits = LimitSettings(rate_per_s=FAST)
    exchange = make_exchange(
        market, MarketClock(START_MS, 60.0), seed=SEED, accounts=accounts, limits=limits, impact=0.0
    )
    with in_thread(exchange) as url:
        yield exchange, market, url


class Stand:
    """One example: users, log, gateway, and one engine after the other."""

    accounts_used = 0

    def __init__(self, served: tuple[Exchange, Market, str], entry_type: OrderType, users: int) -> None:
        self.exchange, self.market, url = served
        self.runner = asyncio.Runner()
        self.runner.get_loop().set_exception_handler(lambda _loop, _context: None)
        self.wall = ManualClock(1_000_000)
        self.database = MemoryDatabase()
        self.settings = EngineSettings(
            lost_after_s=1.6, lost_exit_after_s=1.6, explain_after_s=3.0, lost_looks=3,
            entry_type=entry_type, entry_timeout_market_s=1,
        )  # fmt: skip
        self.credentials: dict[str, tuple[str, str]] = {}
        for number in range(1, users + 1):
            Stand.accounts_used += 1
            name = f"u{number}"
            self.credentials[name] = demo_credentials(SEED, Stand.accounts_used)
            Directory(self.log()).add(User(user_id=name, name=name, account=f"demo:{number}"))
        self.sets = self.by_hand = 0
        self.faults: list[dict[str, object]] = []
        self._kill_at: int | None = None
        self._dies_after_submit = False
        self.reset_market()
        self.database.on_commit = self._commit
        self.pool = self.run(self._open(ExchangeSettings(base_url=url, rate_per_s=FAST, timeout_s=3.0)))
        self.engine = self.run(self._boot())

    def run(self, coroutine):
        """Run one coroutine on the stand's loop."""
        return self.runner.run(coroutine)

    async def _open(self, settings: ExchangeSettings) -> GatewayPool:
        return await GatewayPool(settings).__aenter__()

    def log(self) -> OrderLog:
        """Open the log as another process would."""
        log = OrderLog(self.database, wall=self.wall)
        log.writer = OneCommitPerTurn(self.database)
        return log

    async def _boot(self) -> Engine:
        log = self.log()
        log.leases.is_gone = lambda _worker: True
        log.leases.join(f"worker-{self.wall.at_ms}")
        log.scope.narrow(())
        desk = Desk(
            log=log, public=self.pool.public, open_account=lambda user: Mortal(self, user.user_id),
            settings=self.settings, wall=self.wall,
        )  # fmt: skip
        await self.pool.public.sync_clock()
        await desk.load_markets()
        engine = Engine(desk, Silence())
        await engine.shift.step()
        return engine

    # --- the market and the venue ---------------------------------------------------------------

    def reset_market(self) -> None:
        """Put prices, listings and faults back to the beginning."""
        self.market.level.update(dict.fromkeys(self.market.level, 10_000))
        self.set_faults([])
        for symbol in SYMBOLS:
            self.reopen(symbol)

    def reopen(self, symbol: str) -> None:
        """Let a symbol trade again that was halted, or list one anew that was delisted."""
        status = self.exchange.levers.market.pairs[symbol.replace("/", "")].status
        if status != ONLINE:
            self.lever("relist" if status == DELISTED else "resume", symbol)

    def lever(self, action: str, symbol: str) -> None:
        """Halt, resume or delist a symbol at the exchange; what cannot be done is not."""
        now_ms = self.exchange.clock.now_ms()
        event = event_from_json({"action": action, "symbol": symbol.replace("/", "")}, now_ms)
        try:
            self.exchange.levers.schedule([event], now_ms)
        except ValueError:
            return
        except Exception as error:  # BadInput: not halted, say
            if type(error).__name__ != "BadInput":
                raise
        self.exchange.forget_snapshot()

    def set_faults(self, rules: list[dict[str, object]]) -> None:
        """Let the exchange do these wrong from now on, on the accounts of this example."""
        self.faults = rules
        self.exchange.faults = plan_from_json({"rules": rules}, seed=SEED)
        self.exchange.faults.started_s = self.exchange.wall_s()

    def transfer(self, user: str, asset: str, amount: str) -> None:
        """Move coins in or out, without us."""
        key = self.credentials[user][0]
        if D(amount) < 0 and self.free(user, asset) < -D(amount):
            return
        raw = {"key": key, "asset": asset, "amount": amount, "recorded": True}
        move_coins(self.exchange.accounts, raw, self.exchange.clock.now_ms())

    def free(self, user: str, asset: str) -> Decimal:
        """Return what is free at the venue."""
        balances = self.run(self.pool.account(*self.credentials[user]).balances())
        return balances[asset].free if asset in balances else D(0)

    def trade_by_hand(self, user: str, symbol: str, side: Side) -> None:
        """Let the user trade past us: a unit bought, or half of a unit of their own sold."""
        price = D(self.market.level[symbol.replace("/", "")]) / 100
        slack = D("1.02") if side is Side.BUY else D("0.98")
        limit = (price * slack).quantize(D("0.01"))
        self.by_hand += 1
        request = OrderRequest(
            symbol, side, OrderType.IOC, client_order_id=f"hand-{self.by_hand}", amount=D(1), price=limit
        )
        try:
            self.run(self.pool.account(*self.credentials[user]).submit(request))
        except ExchangeError:
            return

    # --- the pipeline and the process -----------------------------------------------------------

    def write_set(self, symbols: tuple[str, ...]) -> None:
        """Write a signal set as the pipeline does."""
        self.sets += 1
        now = self.exchange.clock.now()
        signals = tuple(_signal(symbol, self.sets) for symbol in symbols)
        batch = SignalSet(
            signal_set_id=f"set-00000000000000aa-{self.sets:012x}", created_at=now,
            expires_at=now + timedelta(hours=2), bar_time=now - timedelta(minutes=15), timeframe="15m",
            signals=signals,
        )  # fmt: skip
        self.log().write_signal_set(batch)

    def steps(self, count: int) -> None:
        """Let the process work."""
        for _ in range(count):
            self.run(self._step())

    async def _step(self) -> None:
        await self.engine.shift.step()
        try:
            await self.engine.step()
        except ExchangeError:  # the engine's loops try again
            pass
        finally:
            self.wall.advance(400)

    def crash(self, at: int, *, after_submit: bool) -> bool:
        """Kill the process at its `at`-th commit from now (or as an order was accepted), start another."""
        self._kill_at, self._dies_after_submit = at, after_submit
        died = False
        try:
            self.steps(2)
        except Killed:
            died = True
        self._kill_at, self._dies_after_submit = None, False
        self.run(_bury())
        self.engine = self.run(self._boot())
        return died

    def _commit(self) -> None:
        if self._kill_at is not None:
            self._kill_at -= 1
            if self._kill_at <= 0 and not self._dies_after_submit:
                raise Killed

    def after_submit(self) -> None:
        """Tell that the venue has taken an order whose answer nobody wrote down yet."""
        if self._dies_after_submit:
            raise Killed

    # --- the judge ------------------------------------------------------------------------------

    def judge(self, *, is_settled: bool) -> Judgement:
        """Hold the log against the exchange."""
        self.database.on_commit = lambda: None
        rules, plan = self.faults, self.exchange.faults
        self.set_faults([])
        accounts = [self.run(self._account(user, with_totals=is_settled)) for user in self.credentials]
        self.faults, self.exchange.faults = rules, plan
        verdict = judge(self.log(), accounts, Evidence(is_settled=is_settled, is_exclusive=False))
        self.database.on_commit = self._commit
        return verdict

    async def _account(self, user: str, *, with_totals: bool) -> AtVenue:
        gateway = self.pool.account(*self.credentials[user])
        orders = [state for symbol in SYMBOLS for state in await gateway.orders_since(symbol, START_MS)]
        totals = None
        if with_totals:
            totals = {name: each.free + each.locked for name, each in (await gateway.balances()).items()}
        return AtVenue(user, orders, totals)

    def settle(self) -> bool:
        """End all trouble and let the process work until nothing is left to do; whether it got there.

        Then until every account was read against the log once more: what a user moved last is seen then.
        """
        self.set_faults([])
        for symbol in SYMBOLS:
            self.reopen(symbol)
        for halt in self.log().halts.active():
            self.log().halts.lift(halt.halt_id, by="test", why="over")
        self.run(self.engine.desk.load_markets())
        self.market.level.update(dict.fromkeys(self.market.level, 11_300))
        if not self._until_idle():
            return False
        self._later()
        self.steps(2)
        return self._until_idle()

    def _until_idle(self) -> bool:
        """Work, in so many steps and whatever time they take.

        Between rounds passes what anything waits for at most: pauses between attempts (120 s), the next check
        of an account, a person who looks at a jump or brings back coins that a position misses.
        """
        for level in (None, 9_000, None, None, None, None):
            if level is not None:
                self.market.level.update(dict.fromkeys(self.market.level, level))
            for _ in range(STEPS_A_ROUND):
                self.steps(1)
                if self.engine.is_idle():
                    return True
            self._later()
        return False

    def _later(self) -> None:
        log = self.log()
        for symbol in log.suspensions.active():
            log.suspensions.release(symbol, "looked at", at_ms=self.exchange.clock.now_ms())
        for trade in log.ledger.open_trades():
            base = trade.symbol.split("/")[0]
            missing = trade.held - self.free(trade.user_id, base)
            if missing > 0:
                self.transfer(trade.user_id, base, str(missing))
        self.wall.advance(int(self.settings.reconcile_every_s * 1000))

    def close(self) -> None:
        """End the example."""
        self.run(self.pool.close())
        self.runner.close()
        self.database.raw.close()


class Mortal:
    """An account's gateway whose process may die when the venue has taken an order."""

    def __init__(self, stand: Stand, user_id: str) -> None:
        self._stand = stand
        self._inner = stand.pool.account(*stand.credentials[user_id])

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def submit(self, request: OrderRequest, *, before_wire=None) -> str:
        order_id = await self._inner.submit(request, before_wire=before_wire)
        self._stand.after_submit()
        return order_id


async def _bury() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    rest = [task for task in rest if "Engine" in repr(task) or "Desk" in repr(task) or "Wire" in repr(task)]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.sleep(0)


def _signal(symbol: str, number: int) -> TradeSignal:
    return TradeSignal(
        symbol=symbol, signal_id=f"sig-00000000000000bb-{number:x}{symbol[:3].lower()}",
        approval_id=f"app-00000000000000cc-{symbol[:3].lower()}", limit_price=D(101), stop_loss=D("0.05"),
        take_profit=D("0.10"), max_hold_s=6 * 3600, score=0.5,
    )  # fmt: skip
