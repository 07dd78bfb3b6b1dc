"""Columns of the frames that the order log hands out for analysis. No queries here."""

import polars as pl

from trading.market.frames import UTC_MS

Type = pl.DataType | type[pl.DataType]

CLOSED_TRADES: dict[str, Type] = {
    "trade_id": pl.String,
    "user_id": pl.String,
    "signal_id": pl.String,
    "approval_id": pl.String,
    "signal_set_id": pl.String,
    "symbol": pl.String,
    "open_at": UTC_MS,
    "close_at": UTC_MS,
    "amount": pl.Float64,  # base units bought
    "open_price": pl.Float64,
    "close_price": pl.Float64,  # null where everything became dust
    "fees_quote": pl.Float64,
    "pnl_quote": pl.Float64,
    "profit_ratio": pl.Float64,  # pnl over what was paid
    "exit_reason": pl.String,
    "mode": pl.String,
}
OPEN_TRADES: dict[str, Type] = {
    "trade_id": pl.String,
    "user_id": pl.String,
    "signal_id": pl.String,
    "symbol": pl.String,
    "open_at": UTC_MS,
    "held": pl.Float64,
    "open_price": pl.Float64,
    "stop_price": pl.Float64,
    "target_price": pl.Float64,
    "deadline": UTC_MS,
    "held_up": pl.String,
}
DECISIONS: dict[str, Type] = {
    "signal_id": pl.String,
    "approval_id": pl.String,
    "signal_set_id": pl.String,
    "symbol": pl.String,
    "bar_time": UTC_MS,
    "created_at": UTC_MS,
    "limit_price": pl.Float64,
    "stop_loss": pl.Float64,
    "take_profit": pl.Float64,
    "max_hold_s": pl.Int64,
    "score": pl.Float64,
    "cluster": pl.Int64,
    "features": pl.String,  # JSON object
}
INTENTS: dict[str, Type] = {
    "intent_id": pl.String,
    "coid": pl.String,
    "trade_id": pl.String,
    "user_id": pl.String,
    "signal_set_id": pl.String,
    "signal_id": pl.String,
    "approval_id": pl.String,
    "symbol": pl.String,
    "leg": pl.String,
    "attempt": pl.Int64,
    "side": pl.String,
    "type": pl.String,
    "amount": pl.Float64,
    "price": pl.Float64,
    "status": pl.String,
    "order_id": pl.String,
    "filled": pl.Float64,
    "filled_cost": pl.Float64,
    "reason": pl.String,
    "exit_reason": pl.String,
    "created_at": UTC_MS,
}
FILLS: dict[str, Type] = {
    "fill_id": pl.String,
    "user_id": pl.String,
    "order_id": pl.String,
    "coid": pl.String,
    "trade_id": pl.String,
    "symbol": pl.String,
    "side": pl.String,
    "price": pl.Float64,
    "amount": pl.Float64,
    "cost": pl.Float64,
    "fee": pl.Float64,
    "fee_asset": pl.String,
    "fee_quote": pl.Float64,
    "is_maker": pl.Boolean,
    "at": UTC_MS,
}
SKIPS: dict[str, Type] = {
    "signal_set_id": pl.String,
    "signal_id": pl.String,
    "user_id": pl.String,
    "symbol": pl.String,
    "rule": pl.String,
    "reason": pl.String,
    "value": pl.Float64,  # what the rule measured; null: it counts nothing
    "bound": pl.Float64,  # the most it may be
    "at": UTC_MS,
}
SIGNAL_SETS: dict[str, Type] = {
    "signal_set_id": pl.String,
    "timeframe": pl.String,
    "bar_time": UTC_MS,
    "created_at": UTC_MS,
    "expires_at": UTC_MS,
    "signals": pl.Int64,
}
USERS: dict[str, Type] = {
    "user_id": pl.String,
    "name": pl.String,
    "mode": pl.String,
    "capital": pl.Float64,
    "is_paused": pl.Boolean,
    "orders": pl.Int64,  # intents that were sent
    "filled_orders": pl.Int64,
    "fills": pl.Int64,
    "open_trades": pl.Int64,
    "closed_trades": pl.Int64,
    "winners": pl.Int64,
    "pnl_quote": pl.Float64,  # of closed trades
    "skips": pl.Int64,
}
