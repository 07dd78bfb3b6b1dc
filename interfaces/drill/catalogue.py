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
            "kill -9 of engine, Valkey or exchange at random moments, orders in flight, while recovering.",
            "interfaces.drill.kill",
        ),
    )
}
