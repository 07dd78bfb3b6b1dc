"""One symbol, hand-made bars, and what users made of one signal: for `test_paper_day`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from trading.market.frames import CANDLES
from trading.market.orders import SignalSet, TradeSignal
from trading.market.timeframes import to_ms

D = Decimal
BAR = timedelta(minutes=15)
T0 = datetime(2026, 1, 6, 6, tzinfo=UTC)  # the signal's bar opens here
SYMBOL, SIGNAL, SET = "AAA/USDT", "sig-00000000000000aa-0000000000aa", "set-00000000000000aa-0000000000aa"
MARKETS = pl.DataFrame(
    {
        "symbol": [SYMBOL],
        "tick": [0.01],
        "step": [0.01],
        "min_amount": [0.0],
        "min_cost": [1.0],
        "taker_fee": [0.0],
    }
)
FLAT = (100.0, 100.5, 99.5, 100.0)


def at(bar: int, seconds: int = 0) -> int:
    """Market time in ms, `seconds` into the bar that is `bar` bars after the signal's."""
    return to_ms(T0 + bar * BAR) + 1000 * seconds


def candles(*bars: tuple[float, float, float, float], volume: float = 1000.0) -> pl.DataFrame:
    """Bars after the signal's own, which is flat; flat ones follow up to the twelfth."""
    shown = [FLAT, FLAT, *bars, *[FLAT] * (12 - len(bars))]
    rows = [(SYMBOL, T0 + (n - 1) * BAR, *bar, volume, volume * bar[3]) for n, bar in enumerate(shown)]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def batch() -> SignalSet:
    """Stop 5 % below, target 10 % above, four bars at most."""
    signal = TradeSignal(SYMBOL, SIGNAL, "app-1", D(101), D("0.05"), D("0.10"), 4 * 900)
    return SignalSet(SET, T0 + BAR, T0 + 2 * BAR, T0, "15m", (signal,))


SKIPPED = {
    "signal_set_id": SET, "signal_id": SIGNAL, "symbol": SYMBOL, "bar_ms": at(0), "user_id": "u1", "place": 0,
    "rule": None, "skip_reason": None, "status": None, "refusal": None, "mode": None, "is_closed": None,
    "open_price": None, "close_price": None, "stop_price": None, "target_price": None, "exit_reason": None,
    "held_up": None, "bought_ms": None, "sold_ms": None, "exits": None,
}  # fmt: skip


def user(**values: object) -> dict[str, object]:
    """What one user made of it: nothing, but for `values`."""
    return SKIPPED | values


def entered(price: float = 100.07, **values: object) -> dict[str, object]:
    """A user who bought seven seconds into the bar after the signal's, and still holds."""
    levels = {"stop_price": round(price * 0.95, 4), "target_price": round(price * 1.1, 4)}
    bought = {
        "status": "DONE",
        "mode": "paper",
        "is_closed": False,
        "open_price": price,
        "bought_ms": at(1, 7),
    }
    return SKIPPED | bought | levels | values


def sold(reason: str, bar: int, price: float, seconds: int = 5, **values: object) -> dict[str, object]:
    """What is added when it was sold."""
    return {"is_closed": True, "exit_reason": reason, "sold_ms": at(bar, seconds), "close_price": price,
            "exits": 1} | values  # fmt: skip


def followed(*rows: dict[str, object]) -> pl.DataFrame:
    """As `live_rows.followed`."""
    types = dict.fromkeys(("stop_price", "target_price", "open_price", "close_price"), pl.Float64)
    types |= dict.fromkeys(("bought_ms", "sold_ms", "exits"), pl.Int64)
    named = {name: types.get(name, pl.String) for name, value in SKIPPED.items() if value is None}
    named["is_closed"] = pl.Boolean
    return pl.DataFrame(list(rows), schema_overrides=named)
