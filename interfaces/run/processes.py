"""The processes a world needs: the embedded exchange and the engine, with the arguments its record says."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interfaces.run.children import Child, free_port, wait_for
from interfaces.run.market import MarketControl
from interfaces.run.options import World
from trading.execution.run import HEARTBEAT

READY_S = 240.0


def start_exchange(
    world: World, *, state: Path, log: Path, env: Mapping[str, str], speed: float = 1.0
) -> tuple[Child, MarketControl]:
    """Start the world's exchange on a free port, resuming its state; `wait_until_up` says when it answers."""
    token, port = secrets.token_hex(16), free_port()
    arguments = ["exchange", "serve", "--port", str(port), "--state", str(state)]
    arguments += ["--symbols", str(world.symbols), "--seed", str(world.seed), "--speed", str(speed)]
    arguments += ["--rate", str(world.rate), "--accounts", str(max(world.users, 1))]
    arguments += [] if world.edge else ["--no-edge"]
    arguments += ["--candles", world.candles] if world.candles else ["--start", world.start]
    # The token travels by environment: arguments can be read by every user of the machine.
    child = Child("exchange", arguments, log=log, env={**env, "SLUICE_ADMIN_TOKEN": token})
    return child, MarketControl(f"http://127.0.0.1:{port}", token)


def wait_until_up(child: Child, control: MarketControl) -> None:
    """Wait until the exchange answers; on a new machine it first compiles its candle generator."""
    wait_for(child, control.is_up, within_s=READY_S)


@dataclass(frozen=True, slots=True)
class Engine:
    """A started engine, the file its heart beats in, and the workers beside it, of which one may beat."""

    child: Child
    heartbeat: Path
    beside: tuple[Child, ...] = ()

    def require_running(self) -> None:
        """Raise with the end of its log if any of the processes has ended."""
        for child in (self.child, *self.beside):
            child.require_running()

    def stop(self) -> None:
        """Ask all to end, and insist after a while."""
        for child in (self.child, *self.beside):
            child.stop()

    def is_beating(self) -> bool:
        """Whether this very process, or one beside it, has written its heartbeat."""
        try:
            found: dict[str, object] = json.loads(self.heartbeat.read_text())
        except (OSError, ValueError):
            return False
        return found.get("pid") in {child.pid for child in (self.child, *self.beside)}


def start_engine(
    *, world_dir: Path, log: Path, env: Mapping[str, str], beside: tuple[Child, ...] = ()
) -> Engine:
    """Start the trading engine of the current world; it is ready when its heart, or one beside it, beats."""
    return Engine(Child("engine", ["trade"], log=log, env=env), world_dir / HEARTBEAT, beside)
