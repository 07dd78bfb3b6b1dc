"""One run from start to end: exchange, line, live trading with a kill in the middle, line again."""

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from interfaces.run import collect
from interfaces.run.audit import Audit, audit_venue
from interfaces.run.children import Child
from interfaces.run.line import JobResult, Line
from interfaces.run.live import LivePhase, trade
from interfaces.run.market import MarketControl, RealMarket
from interfaces.run.measure import scan_speed
from interfaces.run.options import (
    DEMO_RATE,
    DEMO_START,
    MEXC_RATE,
    ROUND_TRIP_MS,
    RunOptions,
    World,
)
from interfaces.run.processes import Engine, start_engine, start_exchange, wait_until_up
from interfaces.run.progress import Screen
from interfaces.run.record import Approved, RunRecord, ScanSpeed
from pipelines.windows import days_of_history
from resources.addresses import require_unserved, serving
from resources.settings import PROJECT_ROOT, Settings, load_settings, select_world
from trading.market.timeframes import timeframe as find_timeframe
from trading.simulator.accounts import demo_credentials
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.valkey import EmbeddedValkey
from trading.users.directory import Directory
from trading.users.keys import DemoKeyRing


class Run:
    """The state of one run: its world, its children, its line."""

    def __init__(self, options: RunOptions, screen: Screen) -> None:
        self.options = options
        self.screen = screen
        self.world, self.settings = _prepare(options)
        self.bar = find_timeframe(self.settings.timeframe)
        self.lake = Lake(self.settings.lake_dir)
        self.logs = self.settings.world_dir / "logs"
        self._children = ExitStack()
        self._env: dict[str, str] = {}
        self._exchange: Child | None = None
        self._beside: tuple[Child, ...] = ()  # workers beside the engine
        self.market: MarketControl | RealMarket = RealMarket()

    def __enter__(self) -> "Run":
        """Start exchange and Valkey."""
        try:
            self._start()
        except BaseException:
            self._children.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End every child."""
        self._children.close()

    def _start(self) -> None:
        addresses: dict[str, str] = {}
        if self.options.exchange == "embedded":
            self.screen.say(f"world {self.world.name}: starting the embedded exchange and Valkey")
            self._exchange, self.market = start_exchange(
                self.world, state=self.settings.exchange_state_dir, log=self.logs / "exchange.log", env={}
            )
            self._children.callback(self._exchange.stop)
            addresses["exchange"] = self.market.base_url
            self._env["SLUICE_EXCHANGE__BASE_URL"] = self.market.base_url
        self._env["SLUICE_EXCHANGE__KIND"] = self.options.exchange
        if self.settings.redis_url is None:
            valkey = EmbeddedValkey(self.settings.valkey_dir)
            self._children.callback(valkey.stop)
            self._env["SLUICE_REDIS_URL"] = addresses["redis"] = valkey.url
        self._children.enter_context(serving(self.settings.world_dir, addresses))
        self._env |= {
            "SLUICE_HOME": str(self.settings.home),
            "SLUICE_WORLD": self.world.name,
            "SLUICE_TIMEFRAME": self.settings.timeframe,
            "SLUICE_HISTORY_BARS": str(self.settings.history_bars),
            "SLUICE_EXCHANGE__RATE_PER_S": str(self.world.rate),
        }
        os.environ.update(self._env)
        self.settings = load_settings(self.world.name)

    def wait_for_market(self) -> None:
        """Wait until the exchange answers."""
        if isinstance(self.market, MarketControl) and self._exchange is not None:
            wait_until_up(self._exchange, self.market)

    def engine(self) -> Engine:
        """Start an engine, the first time the workers beside it, too; all draw on one request budget."""
        for number in range(len(self._beside) + 2, self.options.workers + 1):
            worker = Child("engine", ["trade"], log=self.logs / f"engine-{number}.log", env=self._env)
            self._children.callback(worker.stop)
            self._beside += (worker,)
        return start_engine(
            beside=self._beside,
            world_dir=self.settings.world_dir,
            log=self.logs / "engine.log",
            env=self._env,
        )

    def research(self, line: Line, title: str) -> JobResult:
        """Run the whole line once at the market's present time."""
        with self.screen.stage(title):
            return line.run(
                "research",
                tags=days_of_history(self.market.now(), self.bar, self.settings.history_bars),
            )

    def can_trade(self, approved: list[Approved]) -> bool:
        """Whether there is something to trade and a venue that takes paper orders at accelerated time."""
        return bool(approved) and self.options.trade_s > 0 and isinstance(self.market, MarketControl)

    def live(self, line: Line, log: OrderLog) -> LivePhase:
        """Let the users trade."""
        assert isinstance(self.market, MarketControl)
        with self.screen.stage("live trading on paper"):
            return trade(
                line,
                self.market,
                log,
                start_engine=self.engine,
                timeframe=self.bar,
                speed=self.options.speed,
                seconds=self.options.trade_s,
                on_tick=self._show_tick(log),
            )

    def _show_tick(self, log: OrderLog):
        def show(phase: LivePhase, moment: datetime) -> None:
            closed, held = log.closed_trades().height, len(log.ledger.open_trades())
            self.screen.say(
                f"market {moment:%d %b %H:%M}  bars {phase.ticks}  signal sets {len(phase.handovers)}  "
                f"positions {held}  closed trades {closed}"
                + ("  (engine killed and restarted)" if phase.kill else ""),
                transient=True,
            )

        return show


def execute(options: RunOptions, screen: Screen) -> RunRecord:
    """Run everything and return what was found.

    Raises
    ------
    SluiceError
        If a stage failed; children are ended all the same.
    """
    began = time.monotonic()
    with Run(options, screen) as run:
        with screen.stage("loading Dagster's definitions"):
            line = Line(PROJECT_ROOT / "dagster_home", run.logs / "dagster.log")
            run.wait_for_market()
        started_at = run.market.now()
        about = run.market.about()
        log = OrderLog(run.settings.database_url)
        if isinstance(run.market, MarketControl):
            # Before the first pass: pairs are approved for what these users would stake.
            Directory(log).ensure_demo(options.users)
        with _round_trip(run.market):
            first = run.research(line, "first pass: the market through the line")
            scan = _measure(run, first)
        first_model = collect.model(run.lake)
        funnel = collect.funnel(run.lake, first.step_seconds)
        approved = collect.approved(run.lake, collect.planted(run.lake, about))
        phase = run.live(line, log) if run.can_trade(approved) else LivePhase()
        second = run.research(line, "second pass: what the trades taught")
        with screen.stage("marts for people (DuckDB, dbt)"):
            line.run("marts")
        audit = Audit(0, 0, 0)
        if isinstance(run.market, MarketControl):
            with screen.stage("asking the venue for lost and doubled orders"):
                ring = DemoKeyRing(partial(demo_credentials, run.world.seed))
                audit = audit_venue(load_settings(run.world.name), ring, log)
        record = RunRecord(
            world=run.world.name,
            market=collect.market_sentence(about, run.world),
            market_from=started_at.isoformat(),
            market_to=run.market.now().isoformat(),
            timeframe=run.bar.name,
            funnel=funnel,
            second_funnel=collect.funnel(run.lake, second.step_seconds),
            scan=scan,
            approved=approved,
            orders=collect.orders(log, started_at),
            fills=collect.fills(log, started_at),
            closed_trades=collect.closed(log, started_at),
            open_positions=len(log.ledger.open_trades()),
            lost=audit.lost,
            doubled=audit.doubled,
            kill=phase.kill,
            users=collect.users(log, started_at),
            story=collect.story(run.lake, log, started_at),
            trade_pool_rows=run.lake.read("trade_pool").height,
            model={"first_pass": first_model, "second_pass": collect.model(run.lake)},
            equity=collect.equity(log, started_at),
            elapsed_s=0.0,
            cpu_s=0.0,
            warnings=audit.warnings,
        )
        log.close()
    return replace(record, elapsed_s=time.monotonic() - began, cpu_s=_cpu_seconds())


def _prepare(options: RunOptions) -> tuple[World, Settings]:
    """Write the world's record, make it the current one, and return the settings that follow."""
    base = load_settings(options.world)
    require_unserved(base.world_dir)
    bar = _timeframe(options, base.timeframe)
    bars = base.history_bars
    if options.days is not None:
        bars = max(int(options.days * 86_400_000 / find_timeframe(bar).ms), 250)
    world = World(
        name=options.world,
        seed=options.seed,
        symbols=options.symbols,
        edge=options.has_edge,
        candles=None if options.candles is None else str(options.candles.resolve()),
        start=DEMO_START,
        users=max(options.users, _users_before(base)),
        rate=DEMO_RATE if options.exchange == "embedded" else MEXC_RATE,
        timeframe=bar,
        history_bars=bars,
        exchange=options.exchange,
    )
    world.write(base.record_path)
    select_world(base.home, world.name)
    return world, load_settings(world.name, timeframe=bar, history_bars=bars)


def _users_before(settings: Settings) -> int:
    """Return how many demo accounts the world has had: a user who holds something must stay able to sell."""
    if not settings.record_path.is_file():
        return 0
    return int(json.loads(settings.record_path.read_text()).get("users", 0))


def _timeframe(options: RunOptions, configured: str) -> str:
    """Return the line's bar length: the configured one, or the file's own where that is coarser."""
    if options.candles is None:
        return configured
    from trading.simulator.recorded import recorded

    finest = recorded(options.candles).finest_timeframe
    return finest if find_timeframe(finest).ms > find_timeframe(configured).ms else configured


def _measure(run: Run, first: JobResult) -> ScanSpeed | None:
    """Measure a sample one after another, unless the candles were there already."""
    figures = collect.scan_figures(run.lake, first.run_id)
    # A later run fetches only what is missing: nothing to hold a whole scan against.
    if figures.requests < len(collect.kept(run.lake, "liquid_symbols")):
        return None
    with run.screen.stage("the same scan, one symbol after another (30 as a sample)"):
        return scan_speed(
            run.settings.exchange_settings,
            collect.kept(run.lake, "liquid_symbols"),
            timeframe=run.bar.name,
            bars=run.settings.history_bars,
            took_s=figures.seconds,
            requests=figures.requests,
            http_429=figures.http_429,
            round_trip_ms=ROUND_TRIP_MS,
        )


@contextmanager
def _round_trip(market: MarketControl) -> Iterator[None]:
    """Let the exchange answer as slowly as a distant one while speeds are measured."""
    market.set_round_trip(ROUND_TRIP_MS)
    try:
        yield
    finally:
        market.set_round_trip(0)


def _cpu_seconds() -> float:
    """CPU seconds of this process and of the children that have ended (all of them have, by now)."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def report_path(home: Path) -> Path:
    """Where a run writes its report: beside the folder of the worlds, `./report.html` by default."""
    return home.parent / "report.html"
