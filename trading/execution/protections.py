"""Trades that ended, of each user and of the fleet, for the four protections; read once a second at most."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from trading.market.clock import Clock
from trading.risk.guards import Guards
from trading.risk.protection import STOPS, Ended, horizon_ms, protection
from trading.risk.refusal import Refusal
from trading.store.order_log import OrderLog, fleet_rows
from trading.store.order_log.fleet_rows import Closed

KEPT_MS = 1000


class Protections:
    """The user's own and the fleet's; both off cost nothing.

    The fleet's trade is one signal: profit over cost of all users who followed it, ended when the last of
    them ended, by a stop if at least half of them were. Otherwise one bad signal would be a thousand stops.
    """

    def __init__(self, log: OrderLog, wall: Clock, user: Guards, fleet: Guards) -> None:
        self._log = log
        self._wall = wall
        self._user = user
        self._fleet = fleet
        self._read_ms: int | None = None
        self._of_user: dict[str, list[Ended]] = {}
        self._of_fleet: list[Ended] = []

    def refusal(self, user_id: str, symbol: str, now_ms: int) -> Refusal | None:
        """Return the protection that keeps this user out of this symbol now, the user's own first."""
        if not (self._user.is_on or self._fleet.is_on):
            return None
        self._refresh(now_ms)
        mine = self._of_user.get(user_id, [])
        return protection(mine, symbol, now_ms, self._user, whose="the user") or protection(
            self._of_fleet, symbol, now_ms, self._fleet, whose="the fleet"
        )

    def _refresh(self, now_ms: int) -> None:
        wall_ms = self._wall.now_ms()
        if self._read_ms is not None and 0 <= wall_ms - self._read_ms < KEPT_MS:
            return
        self._read_ms = wall_ms
        since_ms = now_ms - max(horizon_ms(self._user), horizon_ms(self._fleet))
        with self._log.database.read() as connection:
            closed = fleet_rows.closed(connection, since_ms=since_ms)
        self._of_user = {}
        for trade in closed:
            self._of_user.setdefault(trade.user_id, []).append(_ended([trade]))
        self._of_fleet = fleet_trades(closed)


def fleet_trades(closed: Iterable[Closed]) -> list[Ended]:
    """Return one trade per signal of what all users closed."""
    signals: defaultdict[tuple[str, str], list[Closed]] = defaultdict(list)
    for trade in closed:
        signals[trade.signal_set_id, trade.symbol].append(trade)
    return [_ended(trades) for trades in signals.values()]


def _ended(trades: list[Closed]) -> Ended:
    cost = sum((trade.cost for trade in trades), Decimal(0))
    pnl = sum((trade.pnl for trade in trades), Decimal(0))
    stops = sum(trade.exit_reason in STOPS for trade in trades)
    return Ended(
        trades[0].symbol,
        max(trade.closed_ms for trade in trades),
        float(pnl / cost),
        2 * stops >= len(trades),
    )
