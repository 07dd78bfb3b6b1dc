"""Trades into the users' cache: a projection of the log that can be thrown away and made again."""

from redis.exceptions import RedisError

from trading.market.errors import StoreError
from trading.store.cache import UserCache
from trading.store.order_log.records import Trade


class CachedTrades:
    """Satisfies `trading.execution.courier.TradeCache` over `UserCache`."""

    def __init__(self, cache: UserCache) -> None:
        self._cache = cache

    async def forget(self, user_id: str) -> None:
        """Drop what is cached of a user. StoreError if the server cannot be reached."""
        try:
            await self._cache.forget(user_id)
        except RedisError as error:
            raise StoreError(f"user cache cannot be emptied: {type(error).__name__}") from error

    async def apply(self, trade: Trade, version: int) -> None:
        """Show `trade` as a position while it is open, as a closed trade after that.

        Raises
        ------
        StoreError
            If the server cannot be reached; its URL is not in the message.
        """
        try:
            position = None if trade.is_closed else position_view(trade)
            await self._cache.put_position(trade.user_id, trade.symbol, position, version=version)
            if trade.is_closed:
                await self._cache.add_trade(trade.user_id, closed_view(trade), version=version)
        except RedisError as error:
            raise StoreError(f"user cache cannot be written: {type(error).__name__}") from error


def position_view(trade: Trade) -> dict[str, object]:
    """Return what the cache shows of an open trade."""
    return {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "amount": format(trade.held, "f"),
        "open_price": format(trade.open_price, ".12g"),
        "stop_price": format(trade.stop_price, ".12g"),
        "target_price": None if trade.target_price is None else format(trade.target_price, ".12g"),
        "opened_ms": trade.opened_ms,
        "deadline_ms": trade.deadline_ms,
        "mode": trade.mode,
    }


def closed_view(trade: Trade) -> dict[str, object]:
    """Return what the cache shows of a closed one."""
    return {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "amount": format(trade.bought, "f"),
        "open_price": format(trade.open_price, ".12g"),
        "close_price": None if trade.close_price is None else format(trade.close_price, ".12g"),
        "pnl_quote": format(trade.pnl_quote, ".12g"),
        "fees_quote": format(trade.fees_quote, ".12g"),
        "exit_reason": trade.exit_reason,
        "opened_ms": trade.opened_ms,
        "closed_ms": trade.closed_ms,
        "mode": trade.mode,
    }
