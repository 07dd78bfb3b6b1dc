"""Stop entries, freeze, flatten, lift: what a person orders from the Live page. Same functions as the CLI."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interfaces.cli import halting, vitals
from interfaces.ui.foreign import is_name
from trading.market.errors import BadInput

if TYPE_CHECKING:
    from resources.settings import Settings

# The word to type, as on the command line.
WORDS = {"stop-entries": "stop", "freeze": "freeze", "flatten": "flatten", "lift": "lift"}
LONGEST_WHY = 400


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a person: what, why, for whom, and the word that they typed."""

    what: str
    why: str
    typed: str
    by: str
    user: str = ""
    symbol: str = ""
    halt_id: str = ""

    def check(self) -> None:
        """Raise BadInput for an order that is unknown, without a reason, or not confirmed."""
        if self.what not in WORDS:
            raise BadInput(f"no order {self.what[:40]!r}; there are {', '.join(WORDS)}")
        word = WORDS[self.what]
        if self.typed.strip() != word:
            raise BadInput(f"not confirmed: {word} had to be typed; nothing was done")
        if not 0 < len(self.why.strip()) <= LONGEST_WHY:
            raise BadInput(
                f"say why in 1 to {LONGEST_WHY} characters, for whoever lifts it; nothing was done"
            )
        if self.user and self.symbol:
            raise BadInput("name a user or a symbol, not both; nothing was done")
        if any(name and not is_name(name) for name in (self.user, self.symbol, self.halt_id)):
            raise BadInput("that name is too long; nothing was done")


def order_of(what: str, form: Mapping[str, str], by: str) -> Order:
    """Return the order that a form says."""
    given = {name: form.get(name, "").strip() for name in ("why", "typed", "user", "symbol", "halt_id")}
    return Order(what, by=by, **given)


def carry_out(settings: "Settings", order: Order) -> str:
    """Do it, and return one sentence.

    Raises
    ------
    BadInput, MissingData
        If the order is not confirmed or not whole, or names nobody: nothing was done.
    """
    order.check()
    from trading.store.order_log import OrderLog
    from trading.store.order_log.halts import HaltKind
    from trading.users.directory import Directory

    with closing(OrderLog(settings.database_url)) as log:
        if order.what == "lift":
            return f"Lifted: {log.halts.lift(order.halt_id, by=order.by, why=order.why).in_words()}"
        scope = halting.subject(order.user, order.symbol)
        if order.user:
            Directory(log).get(order.user)
        kind = HaltKind(order.what.replace("-", "_"))
        halt = log.halts.place(kind, scope, by=order.by, why=order.why)
    said = f"{halt.halt_id}: {halt.in_words()}"
    if order.what == "flatten" and not vitals.engine(settings)["is_running"]:
        return f"{said}. {_sell(settings, order)}"
    return said


def _sell(settings: "Settings", order: Order) -> str:
    """Sell from a process of its own where no engine runs: it goes on when the dashboard ends."""
    named = [
        *(["--user", order.user] if order.user else []),
        *(["--symbol", order.symbol] if order.symbol else []),
    ]
    command = [
        sys.executable,
        "-m",
        "interfaces.cli",
        "flatten",
        "--yes",
        "--by",
        order.by,
        "--why",
        order.why,
    ]
    log = settings.world_dir / "logs" / "ui_flatten.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    from resources.settings import PROJECT_ROOT

    with log.open("ab") as output:
        child = subprocess.Popen(
            [*command, *named],
            cwd=PROJECT_ROOT,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return f"No engine runs, so process {child.pid} sells; it writes to {log.name} in the world's logs."


def _environment(settings: "Settings") -> dict[str, Any]:
    import os

    return {**os.environ, "SLUICE_HOME": str(settings.home), "SLUICE_WORLD": settings.world}
