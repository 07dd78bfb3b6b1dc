"""The four protections for live trading: which of them keeps a symbol out now, after these trades. Pure.

The rules are `trading.risk.guards`, which the backtest compiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.market.timeframes import DAY_MS, HOUR_MS, from_ms
from trading.risk.guards import Guards, Log, empty_log, is_locked, note_end
from trading.risk.refusal import Refusal

STOPS = ("stop_loss", "trailing_stop")  # exit reasons that the stop guard counts, as the backtest does
# One protection's own numbers: a lock is put down to the protection that made it.
_PARTS: dict[str, tuple[str, ...]] = {
    "cooldown": ("cooldown_ms",),
    "stoploss_guard": ("stop_window_ms", "stop_trades", "stop_ms", "stop_per_symbol"),
    "max_drawdown": ("drawdown_window_ms", "drawdown_trades", "drawdown_most", "drawdown_ms"),
    "low_profit": ("low_window_ms", "low_trades", "low_least", "low_ms"),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A trade that ended: market time, profit as a fraction of what was spent, whether a stop ended it."""

    symbol: str
    ended_ms: int
    profit: float
    is_stop: bool


def protection(
    trades: Sequence[Ended], symbol: str, now_ms: int, guards: Guards, *, whose: str
) -> Refusal | None:
    """Return the protection that keeps `symbol` out at `now_ms`, or None.

    Parameters
    ----------
    trades : sequence of Ended
        Of one user, or of the fleet, at least as far back as `horizon_ms`; any order.
    guards : Guards
        Which protections are on.
    whose : str
        Word for the sentence: "the user" or "the fleet".
    """
    for name, parts in _PARTS.items():
        only = Guards(**{part: getattr(guards, part) for part in parts})
        if not only.is_on:
            continue
        log, symbols = replay(trades, symbol, only)
        if is_locked(log, symbols[symbol], now_ms):
            until = max(int(log.lock_ms[symbols[symbol]]), int(log.lock_ms[-1]))
            left_s = Decimal(until - now_ms) / 1000
            said = f"{name} of {whose} keeps {symbol} out until {from_ms(until):%Y-%m-%d %H:%M:%S}"
            return Refusal(f"protection_{name}", said, left_s, Decimal(0))
    return None


def replay(trades: Sequence[Ended], symbol: str, guards: Guards) -> tuple[Log, dict[str, int]]:
    """Return the protections' log after `trades`, and each symbol's place in it (`symbol` has one, too)."""
    names = sorted({trade.symbol for trade in trades} | {symbol})
    places = {name: place for place, name in enumerate(names)}
    log = empty_log(len(names), len(trades))
    for trade in sorted(trades, key=lambda trade: (trade.ended_ms, trade.symbol)):
        note_end(log, guards, places[trade.symbol], trade.ended_ms, trade.profit, trade.is_stop)
    return log, places


def horizon_ms(guards: Guards) -> int:
    """Return how far back trades can matter: longest window plus longest lock; 0 when all are off."""
    if not guards.is_on:
        return 0
    windows = (guards.stop_window_ms, guards.drawdown_window_ms, guards.low_window_ms)
    locks = (guards.cooldown_ms, guards.stop_ms, guards.drawdown_ms, guards.low_ms)
    return max(windows) + max(locks)


# What a person who wants them on may begin with; none is on by default, as approvals assume none.
SOBER = Guards(
    cooldown_ms=HOUR_MS,
    stop_window_ms=6 * HOUR_MS,
    stop_trades=4,
    stop_ms=6 * HOUR_MS,
    drawdown_window_ms=DAY_MS,
    drawdown_trades=10,
    drawdown_most=0.15,
    drawdown_ms=12 * HOUR_MS,
    low_window_ms=3 * DAY_MS,
    low_trades=4,
    low_least=-0.02,
    low_ms=DAY_MS,
)
