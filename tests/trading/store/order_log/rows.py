"""Short ways to write an intent, an order state and a fill for the tests here."""

from datetime import UTC, datetime
from decimal import Decimal

from trading.market.orders import Fill, OrderState, OrderStatus, OrderType, Side
from trading.store.order_log.records import Intent, Leg

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def intent(**changes: object) -> Intent:
    values: dict[str, object] = {
        "coid": "c1", "intent_id": "int-1", "trade_id": "trd-1", "user_id": "u1", "signal_set_id": "set-1",
        "signal_id": "sig-1", "approval_id": "app-1", "symbol": "AAA/USDT", "leg": Leg.OPEN, "attempt": 1,
        "side": Side.BUY, "type": OrderType.IOC, "amount": Decimal(2), "price": Decimal(101),
        "reserved": Decimal("202.202"), "stop_loss": Decimal("0.05"), "take_profit": Decimal("0.1"),
        "max_hold_s": 3600, "expires_ms": AT_MS + 60_000, "created_ms": AT_MS,
    }  # fmt: skip
    return Intent(**(values | changes))  # type: ignore[arg-type]


def fill(
    fill_id: str, order_id: str = "O1", *, side: str = "buy", amount: str = "1", price: str = "100",
    fee: str = "0", fee_asset: str = "USDT", at: datetime = AT,
) -> Fill:  # fmt: skip
    return Fill(
        symbol="AAA/USDT", order_id=order_id, trade_id=fill_id, side=Side(side), price=Decimal(price),
        amount=Decimal(amount), cost=Decimal(amount) * Decimal(price), fee=Decimal(fee),
        fee_asset=fee_asset, is_maker=False, at=at,
    )  # fmt: skip


def order(
    order_id: str, coid: str, status: OrderStatus, amount: str, filled: str, *, side: str = "buy"
) -> OrderState:
    return OrderState(
        symbol="AAA/USDT", order_id=order_id, client_order_id=coid, side=Side(side), type=OrderType.IOC,
        status=status, amount=Decimal(amount), filled=Decimal(filled), filled_cost=Decimal(filled) * 100,
        price=Decimal(101), at=AT,
    )  # fmt: skip
