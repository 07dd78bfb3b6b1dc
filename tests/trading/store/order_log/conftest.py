"""A log, one user, one set of one signal: where every test here starts, on SQLite and on Postgres."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests import postgres
from tests.trading.store.order_log.rows import fill, intent, order
from trading.market.clock import ManualClock
from trading.market.orders import OrderStatus, SignalSet, TradeSignal
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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    missing = postgres.missing()
    if missing is not None:
        pytest.skip(missing)
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """Where a new, empty log lives. A test that asks for it, or for `log`, runs on both databases."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_server").new_database()
    return f"sqlite:///{tmp_path}/world/orders.db"


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/world/orders.db"


def add_user(log: OrderLog) -> None:
    log.accounts.add(
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


@pytest.fixture
def log(url):
    opened = OrderLog(url, wall=ManualClock(1_000))
    add_user(opened)
    yield opened
    opened.close()


@pytest.fixture
def log_with_set(log):
    """The log with set-1 in it, planned for nobody."""
    log.write_signal_set(make_set(set_id="set-1"))
    return log


@pytest.fixture
def log_with_open_trade(log_with_set):
    """u1 holds 2 AAA bought at 100 without fees."""
    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent()], [], place=0, at_ms=5)
    log.orders.mark_sent("c1")
    bought = [fill("f1", amount="2")]
    log.ledger.book("c1", order("O1", "c1", OrderStatus.FILLED, "2", "2"), bought, at_ms=6)
    return log
