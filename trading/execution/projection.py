"""Trades into the users' cache: a projection of the log that can be thrown away and made again."""

import secrets
from collections.abc import Awaitable, Sequence

from redis.exceptions import RedisError

from trading.market.errors import StoreError
from trading.market.exit_words import reason_in_words, rules_in_words
from trading.store.cache import UserCache
from trading.store.order_log.records import Trade
from trading.store.order_log.snapshots import Snapshot


class CachedTrades:
    """Satisfies `trading.execution.cache_keeper.TradeCache` over `UserCache`.

    Each process leaves a sign of its own: one that another process renewed would hide that all is gone.
    """

    def __init__(self, cache: UserCache) -> None:
        self._cache = cache
        self._name = secrets.token_hex(8)

    async def forget(self, user_id: str) -> None:
        """Drop what is cached of a user. StoreError if the server cannot be reached."""
        await _worded(self._cache.forget(user_id))

    async def rebuild(self, snapshot: Snapshot, mark: str, *, forget: bool) -> None:
        """Put a whole user there as of the snapshot. StoreError if the server is away or full."""
        positions = {trade.symbol: position_view(trade) for trade in snapshot.positions}
        trades = [(number, closed_view(trade)) for trade, number in snapshot.closed]
        await _worded(
            self._cache.rebuild(
                snapshot.user_id, positions, trades, version=snapshot.version, mark=mark, forget=forget
            )
        )

    async def marks(self, user_ids: Sequence[str]) -> dict[str, str | None]:
        """Return which log each user was rebuilt from. StoreError if the server cannot be reached."""
        return await _worded(self._cache.marks(user_ids))

    async def is_lit(self, sign: str) -> bool:
        """Whether the sign of this process is there. StoreError if the server cannot be reached."""
        return await _worded(self._cache.beacon(self._name)) == sign

    async def light(self, sign: str) -> None:
        """Leave the sign of this process. StoreError if the server cannot be reached or is full."""
        await _worded(self._cache.light(self._name, sign))

    async def apply(self, trade: Trade, version: int) -> None:
        """Show `trade` as a position while it is open, as a closed trade after that.

        Raises
        ------
        StoreError
            If the server cannot be reached; its URL is not in the message.
        """
        position = None if trade.is_closed else position_view(trade)
        put = self._cache.put_position(trade.user_id, trade.symbol, position, version=version)
        await _worded(put)
        if trade.is_closed:
            await _worded(self._cache.add_trade(trade.user_id, closed_view(trade), version=version))


async def _worded[T](work: Awaitable[T]) -> T:
    """Await work on the cache; what the server refuses is told by its kind, never with its URL."""
    try:
        return await work
    except RedisError as error:
        raise StoreError(f"user cache: {type(error).__name__}") from error


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
        "exits": rules_in_words(trade.stop_loss, trade.take_profit, trade.exits),
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
        "exit_in_words": reason_in_words(trade.exit_reason),
        "opened_ms": trade.opened_ms,
        "closed_ms": trade.closed_ms,
        "mode": trade.mode,
    }
