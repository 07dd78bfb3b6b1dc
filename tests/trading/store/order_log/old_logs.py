"""Logs as older releases left them, made from the frozen baseline: the material of the migration tests."""

from decimal import Decimal
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from trading.store.order_log.migrations.versions import r0001_baseline

NEWER_TABLES = ("suspensions", "news_holds")  # what releases from before 0001 added one by one


def baseline() -> ModuleType:
    return r0001_baseline


def make_old_log(url: str, *, without: tuple[str, ...] = ()) -> None:
    """Write a log of before migrations: one user, one set, one entry filled and half of it sold."""
    engine = sa.create_engine(url)
    if engine.url.get_backend_name() == "sqlite":
        Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
    metadata = r0001_baseline.metadata
    tables = [table for table in metadata.sorted_tables if table.name not in without]
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        metadata.create_all(connection, tables=tables)
        for name, rows in _rows().items():
            connection.execute(metadata.tables[name].insert(), rows)
    engine.dispose()


def _rows() -> dict[str, list[dict[str, object]]]:
    bought = _fill("f1", "c1", "buy", "2", "100", "0.2")
    sold = _fill("f2", "x1", "sell", "1", "110", "0.11")
    return {
        "schema_version": [{"version": 1}],
        "users": [
            {
                "user_id": "u1", "name": "One", "mode": "paper", "account": "demo:1", "capital": "10000",
                "risk_per_trade": "0.01", "max_positions": 3, "daily_loss_limit": "0.05", "allowed": [],
                "blocked": [], "is_paused": False, "created_wall_ms": 1,
            }
        ],
        "signal_sets": [
            {
                "signal_set_id": "set-1", "body": "{}", "timeframe": "15m", "bar_ms": 1, "created_ms": 1,
                "expires_ms": 2, "written_wall_ms": 1,
            }
        ],
        "intents": [
            _intent("c1", "open", "buy", "2", "DONE", "200", "2"),
            _intent("x1", "close", "sell", "1", "DONE", "0", "1"),
            _intent("c2", "open", "buy", "3", "SENT", "303", "0"),
        ],
        "fills": [bought, sold],
        "trades": [
            {
                "trade_id": "t-c1", "user_id": "u1", "signal_id": "sig-1", "approval_id": "app-1",
                "signal_set_id": "set-1", "symbol": "AAA/USDT", "mode": "paper", "is_closed": False,
                "version": 2, "bought": "2", "bought_cost": "200", "sold": "1", "sold_cost": "110",
                "base_fees": "0", "fees_quote": "0.31", "fees_unpriced": 0, "dust": "0",
                "pnl_quote": "-90.31", "stop_loss": "0.05", "stop_price": "95", "deadline_ms": 9,
                "opened_ms": 5,
            }
        ],
    }  # fmt: skip


def _intent(
    coid: str, leg: str, side: str, amount: str, status: str, reserved: str, filled: str
) -> dict[str, object]:
    return {
        "coid": coid, "intent_id": f"int-{coid}", "trade_id": "t-c2" if coid == "c2" else "t-c1",
        "user_id": "u1", "signal_set_id": "set-1", "signal_id": "sig-1", "approval_id": "app-1",
        "symbol": "BBB/USDT" if coid == "c2" else "AAA/USDT", "leg": leg, "attempt": 1, "side": side,
        "type": "ioc", "amount": amount, "reserved": reserved, "stop_loss": "0.05", "max_hold_s": 60,
        "expires_ms": 2, "status": status, "order_id": None if coid == "c2" else f"O-{coid}",
        "filled": filled, "filled_cost": {"c1": "200", "x1": "110", "c2": "0"}[coid], "created_ms": 1,
        "created_wall_ms": 1, "changed_wall_ms": 1,
    }  # fmt: skip


def _fill(fill_id: str, coid: str, side: str, amount: str, price: str, fee: str) -> dict[str, object]:
    return {
        "user_id": "u1", "order_id": f"O-{coid}", "fill_id": fill_id, "coid": coid, "trade_id": "t-c1",
        "symbol": "AAA/USDT", "side": side, "price": price, "amount": amount,
        "cost": format(Decimal(amount) * Decimal(price), "f"), "fee": fee, "fee_asset": "USDT",
        "fee_quote": fee, "is_maker": False, "at_ms": 5, "booked_wall_ms": 5,
    }  # fmt: skip
