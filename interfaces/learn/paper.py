"""The users of the demo: on paper, served by one engine worker that lives while there is something to do.

In accelerated time the engine cannot follow a market that runs 20,000 times as fast as the wall's clock. So
the market stands still while sets are offered, walks while anything is held, and runs when nobody trades.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from interfaces.run.children import Child
from interfaces.run.line import Line
from interfaces.run.live import until_offered
from interfaces.run.market import MarketControl
from interfaces.run.processes import READY_S
from trading.market.timeframes import to_ms
from trading.store.order_log import OrderLog
from trading.users.directory import Directory

USERS = 3
WALK = 1_800.0  # an hourly bar in two seconds: a stop is met within minutes of market time
_LONGEST_MS = 8 * 3_600_000  # the line's longest hold, five bars, and a margin


@dataclass(frozen=True, slots=True)
class PaperDesk:
    """Hands over what the line approved, and lets the users trade it to its end."""

    line: Line
    market: MarketControl
    log: OrderLog
    engine_log: Path

    @classmethod
    def open(cls, line: Line, market: MarketControl, database_url: str, engine_log: Path) -> "PaperDesk":
        """Add the users before the first pass: pairs are approved for what they would stake."""
        log = OrderLog(database_url)
        Directory(log).ensure_demo(USERS)
        return cls(line, market, log, engine_log)

    def trade(self) -> int:
        """Hand over pending sets and follow them; return how many. The market stands still afterwards."""
        before = self.log.signal_sets().height
        self.line.fire_sensor("approved_symbols_sensor")
        handed = self.log.signal_sets().height - before
        if handed:
            self._follow()
        return handed

    def closed(self) -> int:
        """Return how many trades have ended."""
        return self.log.closed_trades().height

    def _follow(self) -> None:
        engine = Child("engine", ["trade", "--until-idle"], log=self.engine_log, env={})
        try:
            until_offered(self.log, within_s=READY_S)
            last_ms = to_ms(self.market.now()) + _LONGEST_MS
            self.market.set_speed(WALK)
            while engine.is_running and to_ms(self.market.now()) < last_ms:
                time.sleep(0.1)
            if engine.exit_code:  # by itself; what is stopped below stands in the order log for the next one
                engine.require_running()
        finally:
            self.market.set_speed(0.0)
            engine.stop()
