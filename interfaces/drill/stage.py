"""The stage of a drill: exchange, Valkey and engine as processes, in a temporary world that is gone after.

Nothing is installed and nothing outside the folder is touched. Whatever happens (Ctrl-C, SIGTERM, an error),
the processes are ended by their pids and the folder is deleted, unless the drill says that it is evidence.
"""

import asyncio
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from interfaces.drill.nursery import ForkedChild, Nursery
from interfaces.drill.venue import VenueControl
from interfaces.run.children import Child, free_port, wait_for
from interfaces.run.options import DEMO_START
from trading.execution.run import HEARTBEAT
from trading.market.errors import SluiceError
from trading.store.order_log import OrderLog
from trading.store.valkey import EmbeddedValkey
from trading.users.directory import Directory
from trading.users.user import User

READY_S = 240.0
WORLD = "drill"
Say = Callable[[str], None]

# The drill wants orders without end, so caps that a losing hour or a small fleet would close stay open; those
# that rest on the market's depth hold.
_CAPS = {"symbol_share": None, "cluster_share": None, "beta_share": None, "drawdown_per_hour": None}


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What a drill's world is made of.

    Parameters
    ----------
    users : int
        Paper users, each with an account and key of the exchange made for the drill.
    symbols : int
        Pairs that the exchange lists.
    speed : float
        Market seconds per wall second.
    rate : float
        Weight per second that our side allows itself; the venue allows `venue_rate`.
    capital : Decimal
        Of each user, in quote units.
    timeout_s : float
        Wall seconds after which our side gives a request up.
    impact : float
        Share of a taker's push that stays in the book for minutes.
    is_one_address : bool
        Whether all users' orders share one budget, as behind one address of MEXC; else each key has its own.
    fleet : dict
        Bounds of `[risk.fleet]` beside those that a drill opens.
    is_cold : bool
        Start each engine by a new interpreter instead of by fork.
    is_venue_durable : bool
        Whether the venue answers only what is on its disk, so that killing it makes it forget nothing.
    has_valkey : bool
        Whether there is a Valkey.
    """

    users: int = 8
    seed: int = 7
    symbols: int = 60
    speed: float = 60.0
    rate: float = 200.0
    venue_rate: float = 400.0
    capital: Decimal = Decimal(1_000)
    max_positions: int = 6
    timeout_s: float = 2.0
    impact: float = 0.3
    is_one_address: bool = False
    fleet: dict[str, object] = field(default_factory=dict)
    is_cold: bool = False
    has_valkey: bool = True
    is_venue_durable: bool = False


class Stage:
    """Use as a context manager; `log` and `venue` are there from the start, an engine by `start_engine`."""

    def __init__(self, settings: StageSettings, say: Say) -> None:
        self.settings = settings
        self.say = say
        self.is_evidence = False  # keep the folder: something in it broke an invariant
        self.home = Path(tempfile.mkdtemp(prefix="sluice-drill-"))
        self.world_dir = self.home / WORLD
        self.world_dir.mkdir()
        self.request_log = self.home / "requests.jsonl"
        self._port = free_port()
        self._token = secrets.token_hex(16)
        self.venue = VenueControl(f"http://127.0.0.1:{self._port}", self._token)
        self._exchange: Child | None = None
        self._valkey: EmbeddedValkey | None = None
        self._nursery: Nursery | None = None if settings.is_cold else Nursery()
        self.engines: list[Child | ForkedChild] = []
        self._children: list[Child | ForkedChild] = []
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        asked = self.settings
        self.say(
            f"stage: exchange of {asked.symbols} pairs at {asked.speed:g} times the world's pace, Valkey, log"
        )
        self.start_exchange()
        if asked.has_valkey:
            self._valkey = EmbeddedValkey(self.world_dir / "valkey")
        self.open_log()
        directory = Directory(self.log)
        for number in range(1, asked.users + 1):
            directory.add(
                User(
                    user_id=f"drill-{number:04d}",
                    name=f"Drill user {number}",
                    account=f"demo:{number}",
                    capital=asked.capital,
                    max_positions=asked.max_positions,
                    daily_loss_limit=Decimal("0.99"),
                )
            )
        self._wait(self._exchange, self.venue.is_up)

    def open_log(self) -> None:
        """Open the order log (again, after a restore has put another in its place)."""
        self.log = OrderLog(self.database_url)

    def close(self) -> None:
        """End every process by its pid, and remove the folder."""
        for child in self._children:
            child.kill()
        self.engines.clear()
        if getattr(self, "log", None) is not None:
            self.log.close()
        if self._valkey is not None:
            self._valkey.stop()
        if self._exchange is not None:
            self._exchange.kill()
        self._runner.close()
        if self.is_evidence:
            self.say(f"evidence (order log, requests, logs of all processes) is kept in {self.home}")
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def database_url(self) -> str:
        """The order log's."""
        return f"sqlite:///{self.world_dir / 'orders.db'}"

    @property
    def redis_url(self) -> str | None:
        """The Valkey's, with its password."""
        return None if self._valkey is None else self._valkey.url

    @property
    def valkey(self) -> EmbeddedValkey:
        """The Valkey of this stage."""
        if self._valkey is None:
            raise SluiceError("this stage has no Valkey")
        return self._valkey

    # --- processes ------------------------------------------------------------------------------

    def start_exchange(self) -> None:
        """Start the venue's process, on its old port and from its saved state where there is one."""
        asked = self.settings
        arguments = ["exchange", "serve", "--port", str(self._port), "--state", str(self.home / "exchange")]
        arguments += ["--symbols", str(asked.symbols), "--seed", str(asked.seed), "--speed", str(asked.speed)]
        arguments += ["--rate", str(asked.venue_rate), "--accounts", str(asked.users + 1)]
        arguments += ["--start", DEMO_START, "--impact", str(asked.impact)]
        arguments += ["--json-log", str(self.request_log)]
        arguments += ["--durable"] if asked.is_venue_durable else []
        env = {"SLUICE_ADMIN_TOKEN": self._token}
        self._exchange = Child("exchange", arguments, log=self.home / "exchange.log", env=env)

    def kill_exchange(self) -> None:
        """`kill -9` the venue."""
        if self._exchange is not None:
            self._exchange.kill()

    def wait_for_exchange(self) -> None:
        """Wait until the venue answers."""
        self._wait(self._exchange, self.venue.is_up)

    def restart_valkey(self) -> None:
        """Start a Valkey that was killed again, on its folder and port."""
        self._valkey = EmbeddedValkey(self.world_dir / "valkey", port=self.valkey.port)

    def start_engine(self, *arguments: str, **changes: str) -> Child | ForkedChild:
        """Start `sluice trade` on this world; `is_beating` says when it trades. `changes`: environment."""
        command = ["trade", "--seed", str(self.settings.seed), *arguments]
        engine = self.start("engine", command, **changes)
        self.engines.append(engine)
        return engine

    def start(self, name: str, arguments: Sequence[str], **changes: str) -> Child | ForkedChild:
        """Start any `sluice` command on this world; it is ended with the stage at the latest."""
        log, env = self.home / f"{name}.log", self.environment() | changes
        child: Child | ForkedChild
        if self._nursery is None:
            child = Child(name, arguments, log=log, env=env)
        else:
            child = self._nursery.start(name, arguments, log=log, env=env)
        self._children = [each for each in self._children if each.is_running] + [child]
        return child

    def finish(self, child: Child | ForkedChild, within_s: float) -> int | None:
        """Wait for a command to end and return its exit code; killed, with None, if it takes longer."""
        deadline = time.monotonic() + within_s
        while child.is_running and time.monotonic() < deadline:
            time.sleep(0.05)
        code = child.exit_code
        if code is None:
            child.kill()
        return code

    def kill_engine(self, engine: Child | ForkedChild) -> None:
        """`kill -9`."""
        engine.kill()
        self.engines.remove(engine)

    def stop_engine(self, engine: Child | ForkedChild) -> None:
        """End it in order."""
        engine.stop()
        self.engines.remove(engine)

    def is_beating(self, engine: Child | ForkedChild) -> bool:
        """Whether this very process has written its heartbeat."""
        return self.heartbeat().get("pid") == engine.pid

    def heartbeat(self) -> dict[str, Any]:
        """Return the newest heartbeat, empty if there is none."""
        try:
            found: dict[str, Any] = json.loads((self.world_dir / HEARTBEAT).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def until_beating(self, engine: Child | ForkedChild) -> float:
        """Wait until it trades; return the seconds waited."""
        began = time.monotonic()
        wait_for(engine, lambda: self.is_beating(engine), within_s=READY_S)  # type: ignore[arg-type]  # same answers
        return time.monotonic() - began

    def environment(self) -> dict[str, str]:
        """Return what makes a `sluice` command stand in this world, whatever the caller has set."""
        asked = self.settings
        found = {
            "SLUICE_HOME": str(self.home),
            "SLUICE_WORLD": WORLD,
            "SLUICE_CONFIG": str(self.home / "none.toml"),
            "SLUICE_DATABASE_URL": self.database_url,
            "SLUICE_EXCHANGE__KIND": "embedded",
            "SLUICE_EXCHANGE__BASE_URL": self.venue.base_url,
            "SLUICE_EXCHANGE__RATE_PER_S": str(asked.rate),
            "SLUICE_EXCHANGE__TIMEOUT_S": str(asked.timeout_s),
            "SLUICE_EXCHANGE__SIGNED_ON_ADDRESS": str(asked.is_one_address).lower(),
            "SLUICE_RISK__FLEET": json.dumps(_CAPS | asked.fleet),
        }
        return found if self.redis_url is None else found | {"SLUICE_REDIS_URL": self.redis_url}

    # --- waiting and asking ---------------------------------------------------------------------

    def until(self, is_true: Callable[[], object], within_s: float, every_s: float = 0.05) -> bool:
        """Wait until `is_true`; False if it was not within so many seconds. Raises if an engine ended."""
        deadline = time.monotonic() + within_s
        while not is_true():
            for engine in self.engines:
                engine.require_running()
            if time.monotonic() > deadline:
                return False
            time.sleep(every_s)
        return True

    def ask[T](self, question: Coroutine[Any, Any, T]) -> T:
        """Run something asynchronous to its end."""
        return self._runner.run(question)

    def _wait(self, child: Child | None, is_ready: Callable[[], bool]) -> None:
        if child is not None:
            wait_for(child, is_ready, within_s=READY_S)
