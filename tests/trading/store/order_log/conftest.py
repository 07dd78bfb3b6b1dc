"""A log on a file, one user, one set of one signal: the ground every test here stands on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trading.market.clock import ManualClock
from trading.market.orders import SignalSet, TradeSignal
from trading.store.order_log import OrderLog

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def make_signal(symbol: str = "AAA/USDT", **changes) -> TradeSignal:
    values = {
        "symbol": symbol,
        "signal_id": f"sig-0000000000000001-{symbol[:3].lower()}",
        "approval_id": "app-0000000000000001-000000000001",
        "limit_price": Decimal(101),
        "stop_loss": Decimal("0.05"),
        "take_profit": Decimal("0.1"),
        "max_hold_s": 3600,
        "score": 0.5,
        "features": {"f_rsi": 25.0},
    }
    return TradeSignal(**(values | changes))


def make_set(*signals: TradeSignal, set_id: str = "set-00000000000000aa-0000000000aa") -> SignalSet:
    return SignalSet(
        signal_set_id=set_id,
        created_at=START,
        expires_at=START + timedelta(minutes=30),
        bar_time=START - timedelta(minutes=15),
        timeframe="15m",
        signals=signals or (make_signal(),),
    )


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/world/orders.db"


@pytest.fixture
def log(url):
    opened = OrderLog(url, wall=ManualClock(1_000))
    opened.accounts.add(
        {
            "user_id": "u1",
            "name": "One",
            "mode": "paper",
            "account": "demo:1",
            "capital": Decimal(10_000),
            "risk_per_trade": Decimal("0.01"),
            "max_positions": 3,
            "daily_loss_limit": Decimal("0.05"),
            "allowed": [],
            "blocked": [],
            "is_paused": False,
        }
    )
    yield opened
    opened.close()
