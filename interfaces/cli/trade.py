"""`sluice trade`: the trading engine of the current world, as a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="The trading engine: orders, exits, reconciliation.")


@app.command()
def trade(
    until_idle: Annotated[bool, Option(help="End when nothing is held, in flight or waiting.")] = False,
    for_seconds: Annotated[float | None, Option(min=0, help="End after so many wall seconds.")] = None,
    seed: Annotated[
        int | None, Option(min=0, help="Seed of the embedded exchange's accounts; default: the world's.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        Option(min=0, max=65535, help="Serve Prometheus metrics on 127.0.0.1 (0 = any port); default: not."),
    ] = None,
    workers: Annotated[
        int | None,
        Option(min=1, max=16, help="Start so many processes and keep them alive; default: be one."),
    ] = None,
    supervised: Annotated[bool, Option("--supervised", hidden=True)] = False,
    as_json: AsJson = False,
) -> None:
    """Trade for every user of the current world until told to stop (Ctrl-C, SIGTERM).

    Each process is a worker: it serves its share of the users (16 shards, leased in the order log) and joins
    those that run already; start another one at any time (on another machine with the same log: not tried). A
    worker that dies or hangs loses its users to the others, exits first. `sluice trade --workers 2` starts
    two and replaces whichever dies, or was killed for giving no sign of life for six seconds; the workers end
    with it. More than one: for more users than a core serves, and so that stops are
    watched while one restarts. All of one machine share one request budget.
    """
    if workers is not None:
        raise typer.Exit(_supervise(workers, until_idle, for_seconds, seed, metrics_port))
    import asyncio
    from contextlib import AsyncExitStack
    from dataclasses import asdict

    import uvloop

    from interfaces.logging import setup_logging
    from interfaces.run.watched import watched
    from resources.accounts import key_ring, live_refusal, order_exchange
    from resources.settings import load_settings
    from trading.execution.run import EngineSummary, run_engine
    from trading.store.order_log import OrderLog
    from trading.users.keys import DemoKeyRing

    settings = load_settings()
    setup_logging(settings.log_level)
    demo = DemoKeyRing(demo_keys(settings.record_path, seed))
    log = OrderLog(settings.database_url)
    try:
        keys = key_ring(settings, log, demo)

        async def work() -> EngineSummary:
            async with AsyncExitStack() as open_now:
                if supervised:
                    await open_now.enter_async_context(watched())
                return await run_engine(
                    database_url=settings.database_url,
                    exchange=order_exchange(settings),
                    keys=keys,
                    state_dir=settings.world_dir,
                    redis_url=settings.redis_url,
                    settings=settings.risk.engine_settings(),
                    until_idle=until_idle,
                    for_seconds=for_seconds,
                    live_refusal=live_refusal(settings),
                    metrics_port=metrics_port,
                )

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            summary = runner.run(work())
    finally:
        log.close()
    if as_json:
        print_json(asdict(summary))
        return
    print(
        f"engine ended after {summary.seconds:.1f} s: {summary.orders} orders, "
        f"{summary.closed_trades} closed trades, {summary.open_trades} positions open, "
        f"{summary.unclear_orders} orders unclear"
    )


def _supervise(
    count: int, until_idle: bool, for_seconds: float | None, seed: int | None, metrics_port: int | None
) -> int:
    """Keep `count` workers running; the first of them to get the metrics port serves it."""
    import signal

    from interfaces.run.workers import Workers

    given = {"--for-seconds": for_seconds, "--seed": seed, "--metrics-port": metrics_port}
    arguments = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    arguments += ["--until-idle"] if until_idle else []
    workers = Workers(arguments, count, say=lambda text: print(text, flush=True))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: workers.stop.set())
    return workers.run()


def demo_keys(record: Path, seed: int | None) -> Callable[[int], tuple[str, str]]:
    """Return account number -> (key, secret) of the embedded exchange of the world that `record` describes.

    Raises
    ------
    BadInput
        If neither a seed is given nor a record is there.
    """
    from interfaces.run.options import World
    from trading.market.errors import InTheWay
    from trading.simulator.accounts import demo_credentials

    if seed is None and not record.is_file():
        raise InTheWay(f"no world record at {record}: run `sluice run` first, or give --seed of the exchange")
    known = World.read(record).seed if seed is None else seed
    return lambda number: demo_credentials(known, number)
