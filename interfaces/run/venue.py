"""Where a command that only needs market data finds an exchange: the running one, or one of its own.

Its own lives as long as the command. What it serves is the current world; where there is none yet, a
synthetic market in a world of its own, so that nothing is mixed with what `sluice run` will make.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from interfaces.run.options import DEMO_RATE, DEMO_START, RunOptions, World

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.exchange.pool import ExchangeSettings


@dataclass(frozen=True, slots=True)
class MarketPlace:
    """An exchange that answers: how to reach it, and the lake of the world it belongs to.

    `started` says whether it was started for this command and ends with it.
    """

    world: str
    exchange: "ExchangeSettings"
    lake_dir: Path
    timeframe: str
    preset: str
    started: bool


@contextmanager
def market_place(
    settings: "Settings",
    *,
    symbols: int | None = None,
    rate: float | None = None,
    burst: float | None = None,
    say: Callable[[str], None],
) -> Iterator[MarketPlace]:
    """Give an exchange for the length of the block.

    Parameters
    ----------
    settings : Settings
        Of the current world.
    symbols : int or None
        A market of its own has at least so many pairs.
    rate, burst : float or None
        Budget of our requests instead of the configured one; a market of its own allows this rate.
    say : callable
        Told in one sentence when an exchange is started.

    Raises
    ------
    SluiceError
        If the exchange does not start; the message has the end of its log.
    """
    if settings.exchange.kind == "mexc" or settings.exchange.base_url is not None:
        yield _place(settings, settings.exchange_settings, rate, burst, started=False)
        return
    world = _world(settings, symbols)
    from resources.settings import load_settings

    own = load_settings(world.name)
    if world.exchange == "mexc":
        own = own.model_copy(update={"exchange": own.exchange.model_copy(update={"kind": "mexc"})})
        yield _place(own, own.exchange_settings, rate, burst, started=False)
        return
    with ExitStack() as until_done:
        url = _serve(until_done, own, world if rate is None else replace(world, rate=rate), say)
        named = own.exchange.model_copy(update={"base_url": url, "rate_per_s": rate or world.rate})
        reached = own.model_copy(update={"exchange": named}).exchange_settings
        # Nobody else asks an exchange that only this command knows.
        yield _place(own, replace(reached, limiter_path=None), rate, burst, started=True)


def next_step(base_url: str | None) -> str:
    """Return what to do about an exchange that does not answer; `base_url` None is MEXC."""
    if base_url is None:
        return "Next: `sluice doctor` looks for the reason; then the same command again"
    return (
        f"Next: start the exchange of {base_url} (`sluice dev`, or `sluice exchange serve`), "
        "then the same command again"
    )


def _place(
    settings: "Settings",
    exchange: "ExchangeSettings",
    rate: float | None,
    burst: float | None,
    *,
    started: bool,
) -> MarketPlace:
    budget = {name: value for name, value in (("rate_per_s", rate), ("burst", burst)) if value is not None}
    return MarketPlace(
        world=settings.world,
        exchange=replace(exchange, **budget),  # type: ignore[arg-type]  # names and types as declared there
        lake_dir=settings.lake_dir,
        timeframe=settings.timeframe,
        preset=settings.preset,
        started=started,
    )


def _world(settings: "Settings", symbols: int | None) -> World:
    """Return the current world, or the one that scans of an empty machine have to themselves."""
    if settings.record_path.is_file():
        return World.read(settings.record_path)
    options = RunOptions(symbols=max(symbols or 0, RunOptions().symbols))
    world = World(
        name=f"scan-{options.seed}-{options.symbols}",
        seed=options.seed,
        symbols=options.symbols,
        edge=options.has_edge,
        candles=None,
        start=DEMO_START,
        users=1,
        rate=DEMO_RATE,
        timeframe=settings.timeframe,
        history_bars=settings.history_bars,
    )
    world.write(settings.home / world.name / settings.record_path.name)
    return world


def _serve(until_done: ExitStack, settings: "Settings", world: World, say: Callable[[str], None]) -> str:
    from interfaces.run.processes import start_exchange, wait_until_up
    from resources.addresses import require_unserved, serving

    require_unserved(settings.world_dir)
    say(f"no exchange is running: starting the embedded one for world {world.name}, until this is done")
    child, control = start_exchange(
        world, state=settings.exchange_state_dir, log=settings.world_dir / "logs" / "exchange.log", env={}
    )
    until_done.callback(child.stop)
    wait_until_up(child, control)
    until_done.enter_context(serving(settings.world_dir, {"exchange": control.base_url}))
    return control.base_url
