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
    """A started engine and the file its heart beats in."""

    child: Child
    heartbeat: Path

    def is_beating(self) -> bool:
        """Whether this very process has written its heartbeat."""
        try:
            found: dict[str, object] = json.loads(self.heartbeat.read_text())
        except (OSError, ValueError):
            return False
        return found.get("pid") == self.child.pid


def start_engine(*, world_dir: Path, log: Path, env: Mapping[str, str]) -> Engine:
    """Start the trading engine of the current world; it is ready when its heart beats."""
    return Engine(Child("engine", ["trade"], log=log, env=env), world_dir / HEARTBEAT)
