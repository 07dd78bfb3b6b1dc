"""The drills by name: what each does, in one sentence, and what runs it. Imports nothing heavy."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading.execution.drills.result import DrillResult


class Target(StrEnum):
    """What `kill` kills."""

    ENGINE = "engine"
    WORKER = "worker"
    VALKEY = "valkey"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill: `module` holds a function of the drill's name that returns a `DrillResult`."""

    name: str
    sentence: str
    module: str

    def run(self, **options: Any) -> "DrillResult":
        """Run it."""
        function: Callable[..., DrillResult] = getattr(
            import_module(self.module), self.name.replace("-", "_")
        )
        return function(**options)


DRILLS = {
    drill.name: drill
    for drill in (
        Drill(
            "kill",
            "kill -9 of engine, worker, Valkey or exchange at random moments, orders in flight, recovering.",
            "interfaces.drill.kill",
        ),
        Drill(
            "mass-stop",
            "Every position of every user crosses its stop at once: time and price by place in the queue.",
            "interfaces.drill.mass_stop",
        ),
        Drill(
            "flush-redis",
            "FLUSHALL while users trade: nothing is lost, the cache comes back out of SQL.",
            "interfaces.drill.flush_redis",
        ),
        Drill(
            "storm-429",
            "429 on half of all requests, then one 418: nobody knocks on, and the exits leave.",
            "interfaces.drill.storm_429",
        ),
        Drill(
            "outage",
            "The venue is gone while prices fall: exits leave when it is back, at what policy says.",
            "interfaces.drill.outage",
        ),
        Drill(
            "bad-print",
            "An absurd price for a moment, inside and beyond the bounds: nothing is sold; a real fall is.",
            "interfaces.drill.bad_print",
        ),
        Drill(
            "clock-skew",
            "The venue's clock, or its word about it, is off and changes: nothing lost, no set traded late.",
            "interfaces.drill.clock_skew",
        ),
        Drill(
            "restore",
            "Backup, trade on, kill, restore: starts frozen, the venue fills in what the backup lacks.",
            "interfaces.drill.restore",
        ),
        Drill(
            "flatten",
            "kill -9 of `sluice flatten` in the middle of selling: nothing is sold twice, all is sold.",
            "interfaces.drill.flatten",
        ),
        Drill(
            "dead-stream",
            "The websocket goes silent: polling takes over within its bound, exits still leave.",
            "interfaces.drill.dead_stream",
        ),
    )
}
