"""A world whose tables ask for one entry, as small as a sensor needs it."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from resources.store import Store
from trading.market.lineage import Version
from trading.market.listing import to_frame
from trading.market.symbols import Market
from trading.risk.exits import ExitRules

BAR = timedelta(minutes=15)
LOOK = datetime(2026, 1, 6, 6, 0, 4, tzinfo=UTC)
NEWEST_BAR = datetime(2026, 1, 6, 5, 45, tzinfo=UTC)
D = Decimal


class PendingWorld:
    """Publishes what the hand-over reads; `at` is the market time of the newest look."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lake = store.lake
        self.look(LOOK)
        self.lake.publish("markets", to_frame([market("AAA"), market("BBB")]), key=["exchange_id"], at=LOOK)
        results = pl.DataFrame({"symbol": ["AAA/USDT", "BBB/USDT"], "trades": [12, 9]})
        rules = {"ExitRules": asdict(ExitRules())}
        self.lake.publish("backtest_results", results, key=["symbol"], at=LOOK, params=rules)

    def look(self, at: datetime) -> None:
        frame = pl.DataFrame({"symbol": ["AAA/USDT"], "last": [10.0], "at_ms": [at.timestamp()]})
        self.lake.publish("tickers", frame, key=["symbol"], at=at)

    def approve(self, *symbols: str) -> Version:
        frame = pl.DataFrame({"symbol": ["AAA/USDT", "BBB/USDT"]}, schema={"symbol": pl.String}).with_columns(
            is_approved=pl.col("symbol").is_in(symbols)
        )
        return self.lake.publish("approved_symbols", frame, key=["symbol"], at=LOOK)

    def signal(self, symbol: str = "AAA/USDT", *, bar: datetime = NEWEST_BAR, entry: bool = True) -> Version:
        frame = pl.DataFrame(
            {
                "symbol": [symbol],
                "open_time": [bar],
                "strategy": ["rsi_regime"],
                "is_candidate": [True],
                "is_entry": [entry],
                "reason": ["entry: RSI 24.0 < 30.0"],
                "close": [10.0],
                "score": [0.5],
                "f_rsi_14": [24.0],
            }
        ).with_columns(pl.col("open_time").dt.cast_time_unit("ms"))
        return self.lake.publish("signals", frame, key=["symbol", "open_time"], at=LOOK)


def market(base: str) -> Market:
    return Market(
        symbol=f"{base}/USDT",
        exchange_id=f"{base}USDT",
        base=base,
        quote="USDT",
        status="1",
        is_scannable=True,
        is_api_tradable=True,
        tick=D("0.001"),
        step=D("0.01"),
        min_amount=D(0),
        min_cost=D(1),
        max_cost=D(1_000_000),
        maker_fee=D(0),
        taker_fee=D("0.0005"),
    )
