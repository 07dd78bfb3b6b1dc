"""`sluice dev`: the current world, alive: exchange, Valkey, engine, dashboard and Dagster UI, until Ctrl-C.

It resumes what `sluice run` left, so the UI shows that very run. Every child is ended by pid on the way out.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interfaces.run.children import Child
    from interfaces.run.options import World
    from resources.settings import Settings

app = typer.Typer(help="Exchange, Valkey, engine, dashboard and the Dagster UI on 127.0.0.1:3000.")
PROJECT_ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
METRICS_PORT = 9464  # of the engine; taken by another world, it is a warning there
_UI_READY_S = 180.0
_STOP_S = 15.0


@app.command()
def dev(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the Dagster UI.")] = 3000,
    speed: Annotated[
        float, typer.Option(min=0, help="Market seconds per wall second; 1 fits the schedules.")
    ] = 1.0,
    trade: Annotated[bool, typer.Option("--trade/--no-trade", help="Run the trading engine.")] = True,
    workers: Annotated[
        int, typer.Option(min=1, max=16, help="Engine processes; one that dies is started again.")
    ] = 1,
    dashboard_port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Port of the dashboard; a free one where it is taken.")
    ] = 8050,
) -> None:
    """Serve the current world until interrupted; makes the default world if there is none yet."""
    from interfaces.run import dashboard
    from resources.addresses import require_unserved, serving
    from resources.settings import load_settings

    _require_free(port)
    with _interruptible(), ExitStack() as children:
        world = _world(load_settings())
        settings = load_settings(world.name)
        require_unserved(settings.world_dir)
        environment = _environment(settings, world)
        logs = settings.home / world.name / "logs"
        print("starting exchange, cache, engine and Dagster; the UI takes some seconds ...", flush=True)
        from interfaces.run.processes import start_exchange, wait_until_up

        exchange, control = start_exchange(
            world, state=settings.exchange_state_dir, log=logs / "exchange.log", env=environment, speed=speed
        )
        children.callback(exchange.stop)
        wait_until_up(exchange, control)
        environment |= {"SLUICE_EXCHANGE__BASE_URL": control.base_url} | _cache(children, settings)
        where = {"exchange": control.base_url, "redis": environment["SLUICE_REDIS_URL"]}
        children.enter_context(serving(settings.world_dir, where))
        watched = [exchange]
        if trade:
            watched.append(_engine(children, environment, logs, workers))
        dashboard_port, password = dashboard.port_for(dashboard_port), dashboard.first_password(settings.home)
        watched.append(dashboard.start(logs, environment, dashboard_port))
        children.callback(watched[-1].stop)
        ui = _user_interface(children, environment, logs, port)
        dashboard.wait_until_up(watched[-1], dashboard_port)
        print(dashboard.said(dashboard_port, password))
        _say(world, port, logs, control.base_url)
        _watch(watched, ui)


def _world(settings: "Settings") -> "World":
    """Return the current world's record; a first start makes the default one."""
    from interfaces.run.options import DEMO_RATE, DEMO_START, RunOptions, World
    from resources.settings import select_world

    if settings.record_path.is_file():
        return World.read(settings.record_path)
    options = RunOptions()
    world = World(
        name=options.world,
        seed=options.seed,
        symbols=options.symbols,
        edge=options.has_edge,
        candles=None,
        start=DEMO_START,
        users=options.users,
        rate=DEMO_RATE,
        timeframe=settings.timeframe,
        history_bars=settings.history_bars,
    )
    world.write(settings.home / world.name / settings.record_path.name)
    select_world(settings.home, world.name)
    _demo_users(settings.home, world)
    return world


def _demo_users(home: Path, world: "World") -> None:
    from resources.settings import load_settings
    from trading.store.order_log import OrderLog
    from trading.users.directory import Directory

    (home / world.name).mkdir(parents=True, exist_ok=True)
    with closing(OrderLog(load_settings(world.name).database_url)) as log:
        Directory(log).ensure_demo(world.users)


def _environment(settings: "Settings", world: "World") -> dict[str, str]:
    """Return what every child needs to mean the same world."""
    return {
        "SLUICE_HOME": str(settings.home),
        "SLUICE_WORLD": world.name,
        "SLUICE_TIMEFRAME": world.timeframe,
        "SLUICE_HISTORY_BARS": str(world.history_bars),
        "SLUICE_EXCHANGE__KIND": world.exchange,
        # One request budget for all of them: they share it by a file (trading/exchange/shared_budget.py).
        "SLUICE_EXCHANGE__RATE_PER_S": str(world.rate),
        "DAGSTER_HOME": os.environ["DAGSTER_HOME"],
    }


def _cache(children: ExitStack, settings: "Settings") -> dict[str, str]:
    if settings.redis_url is not None:
        return {"SLUICE_REDIS_URL": settings.redis_url}
    from trading.store.valkey import EmbeddedValkey

    server = EmbeddedValkey(settings.valkey_dir)
    children.callback(server.stop)
    return {"SLUICE_REDIS_URL": server.url}


def _engine(children: ExitStack, environment: Mapping[str, str], logs: Path, workers: int) -> "Child":
    from interfaces.run.children import Child

    # Supervised also where there is one: an engine that dies is started again, and the world goes on.
    arguments = ["trade", "--metrics-port", str(METRICS_PORT), "--workers", str(workers)]
    child = Child("engine", arguments, log=logs / "engine.log", env=environment)
    children.callback(child.stop)
    return child


def _user_interface(
    children: ExitStack, environment: Mapping[str, str], logs: Path, port: int
) -> subprocess.Popen[bytes]:
    """Start Dagster's webserver and daemon, and wait until the first answers."""
    log = logs / "dagster.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    children.callback(_end, process)
    deadline = time.monotonic() + _UI_READY_S
    while not _answers(f"http://{HOST}:{port}/server_info"):
        if process.poll() is not None or time.monotonic() > deadline:
            from interfaces.run.children import tail
            from trading.market.errors import SluiceError

            raise SluiceError(f"the Dagster UI did not start; the end of {log} says: {tail(log)}")
        time.sleep(0.5)
    return process


def _watch(children: Sequence["Child"], ui: subprocess.Popen[bytes]) -> None:
    """Wait for Ctrl-C; a child that ends by itself is a failure, and its log says why."""
    from trading.market.errors import SluiceError

    while ui.poll() is None:
        for child in children:
            child.require_running()
        time.sleep(1.0)
    raise SluiceError(f"the Dagster UI ended by itself with code {ui.returncode}; see its log")


def _say(world: "World", port: int, logs: Path, exchange: str) -> None:
    print(
        f"World      {world.name}" + (" (declared planted edge)" if world.edge and not world.candles else "")
    )
    print(f"Dagster    http://{HOST}:{port}/asset-groups")
    print(f"Exchange   {exchange} (point ccxt's mexc class at it: sluice exchange serve --help)")
    print(f"Metrics    http://{HOST}:{METRICS_PORT}/metrics (Prometheus)")
    print(f"Logs       {logs}")
    print("Ctrl-C ends everything.", flush=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask Dagster to end its own children, and insist on the whole session after a while."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    # Run workers live in the same session and may outlive the webserver: end them too.
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5.0
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make SIGTERM and SIGINT end us in order, and give children the default SIGINT.

    A background job of a non-interactive shell inherits SIGINT ignored; so would our children, and Dagster
    maps SIGTERM to its SIGINT handler: it could then be ended by neither.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require_free(port: int) -> None:
    import socket

    from trading.market.errors import InTheWay

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise InTheWay(
                f"port {port} on {HOST} is in use; end what listens there or give --port"
            ) from None


def _answers(url: str) -> bool:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310  # our own loopback address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
