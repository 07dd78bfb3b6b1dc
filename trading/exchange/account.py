"""One account's orders, fills and balances, signed by its own ccxt instance."""

from collections.abc import Awaitable, Callable
from typing import Any

from trading.exchange.clock_sync import SyncedClock
from trading.exchange.gateway import BeforeWire
from trading.exchange.listing import MarketTable
from trading.exchange.mexc import Venue
from trading.exchange.order_wire import order_id as id_of
from trading.exchange.order_wire import order_params, to_balances, to_fill, to_order
from trading.exchange.throttle import Priority
from trading.exchange.transfers import read_transfers
from trading.exchange.transport import Caller
from trading.exchange.weights import weight_of
from trading.market.errors import BadInput, BadPayload, OrderNotFound, OutcomeUnknown
from trading.market.orders import Balance, Fill, OrderRequest, OrderState, Transfer
from trading.market.symbols import Market

# Signed requests carry our market time; it must not be older than this (wall seconds).
_CLOCK_AGE_S = 5.0
# What one answer holds at most (exchange.md, section 1): a full one is asked again in two halves.
_MOST_FILLS = 100
_MOST_ORDERS = 1000


class MexcAccount:
    """A `trading.exchange.gateway.AccountGateway`. Its key never shows in a repr or a message."""

    __slots__ = ("__weakref__", "_caller", "_clock", "_load_markets", "_table", "_unify", "_venue")

    def __init__(
        self,
        venue: Venue,
        caller: Caller,
        *,
        table: MarketTable,
        clock: SyncedClock,
        unify: Callable[[str], str],
        load_markets: Callable[[], Awaitable[Any]],
    ) -> None:
        self._venue = venue
        self._caller = caller
        self._table = table
        self._clock = clock
        self._unify = unify
        self._load_markets = load_markets

    async def balances(self) -> dict[str, Balance]:
        """Return asset -> balance, zero ones included as the venue lists them."""
        return (await self.account())[1]

    async def account(self) -> tuple[dict[str, Any], dict[str, Balance]]:
        """Return what the venue says of the account, as it came, and its balances."""
        data = await self._call("GET", "account", {})
        return data, to_balances(data, self._unify)

    async def transfers(self, since_ms: int) -> list[Transfer]:
        """Return completed deposits and withdrawals since then; empty where the key may not look."""
        return await read_transfers(self._call, since_ms, self._unify)

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        """Send an order once; see `AccountGateway.submit` for what each error proves."""
        market = await self._market(request.symbol)
        params = order_params(request, market)
        data = await self._call(
            "POST", "order", params, default=Priority.ENTRY, before_wire=before_wire, is_once=True
        )
        try:
            return id_of(data)
        except BadPayload as error:
            raise OutcomeUnknown(f"POST order {request.client_order_id}: {error}") from error

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Return one order; `OrderNotFound` if the venue does not know it now."""
        market = await self._market(symbol)
        data = await self._call("GET", "order", _which(market, order_id, client_order_id))
        return to_order(data, market)

    async def open_orders(self, symbol: str) -> list[OrderState]:
        """Return the orders of `symbol` that can still fill, oldest first."""
        market = await self._market(symbol)
        rows = _rows(await self._call("GET", "openOrders", {"symbol": market.exchange_id}), "openOrders")
        return sorted((to_order(row, market) for row in rows), key=lambda order: (order.at, order.order_id))

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:
        """Return all orders of `symbol` created at or after `since_ms`, oldest first.

        The venue keeps them for seven days.
        """
        market = await self._market(symbol)
        rows = await self._history("allOrders", market, since_ms, _MOST_ORDERS, "orderId")
        found = [to_order(row, market) for row in rows]
        return sorted(found, key=lambda order: (order.at, order.order_id))

    async def fills(
        self, symbol: str, *, since_ms: int | None = None, order_id: str | None = None
    ) -> list[Fill]:
        """Return executions of `symbol`, oldest first; without `since_ms` only the newest hundred."""
        market = await self._market(symbol)
        extra = {} if order_id is None else {"orderId": order_id}
        if since_ms is None:
            params = {"symbol": market.exchange_id, **extra, "limit": _MOST_FILLS}
            rows = _rows(await self._call("GET", "myTrades", params), "myTrades")
        else:
            rows = await self._history("myTrades", market, since_ms, _MOST_FILLS, "id", extra)
        found = [to_fill(row, market, self._unify) for row in rows]
        wanted = [fill for fill in found if order_id is None or fill.order_id == order_id]
        return sorted(wanted, key=lambda fill: (fill.at, fill.trade_id))

    async def cancel(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Cancel an order and return its state afterwards, read back from the venue.

        Raises
        ------
        OrderNotFound
            If the venue knows no such open order: it may have filled, or not be visible yet.
        OutcomeUnknown
            If the cancel was sent and no certain answer came.
        """
        market = await self._market(symbol)
        which = _which(market, order_id, client_order_id)
        data = await self._call("DELETE", "order", which)
        try:
            return await self.order(symbol, order_id=order_id, client_order_id=client_order_id)
        except OrderNotFound:
            return to_order(data, market)

    async def signed(self, method: str, path: str, params: dict[str, Any]) -> Any:
        """Ask what no other method here asks, for the proof of a key (key_access.py)."""
        return await self._call(method, path, params)

    async def user_data_stream(self, method: str, params: dict[str, Any]) -> Any:
        """Make (POST), keep (PUT) or end (DELETE) a listen key of the account (feed/listen_key.py)."""
        return await self._call(method, "userDataStream", params)

    def __repr__(self) -> str:
        return "MexcAccount(<key hidden>)"

    async def _market(self, symbol: str) -> Market:
        if not self._table.markets:
            await self._load_markets()
        return self._table.get(symbol)

    async def _call(
        self,
        method: str,
        path: str,
        params: dict[str, Any],
        *,
        default: Priority = Priority.RECONCILE,
        before_wire: BeforeWire | None = None,
        is_once: bool = False,
    ) -> Any:
        async def ask() -> Any:
            await self._clock.fresh(_CLOCK_AGE_S)
            self._clock.check_drift()
            if before_wire is not None:
                await before_wire()
            # ccxt writes timestamp and signature into what it is given: a fresh dict each time.
            return await self._venue.request(path, ["spot", "private"], method, dict(params))

        if is_once:
            return await self._caller.once(ask, weight=weight_of(method, path), default=default)
        return await self._caller.run(
            ask, weight=weight_of(method, path), default=default, is_write=method != "GET"
        )

    async def _history(
        self,
        path: str,
        market: Market,
        since_ms: int,
        most: int,
        key: str,
        extra: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Return all rows from `since_ms` to now, halving every window whose answer was full.

        The venue does not say which end of a full window it cuts; halves do not care.
        """
        await self._clock.fresh(_CLOCK_AGE_S)
        found: dict[str, dict[str, Any]] = {}
        windows = [(since_ms, max(since_ms, self._clock.now_ms()) + 1000)]
        while windows:
            start_ms, end_ms = windows.pop()
            params = {
                "symbol": market.exchange_id,
                **(extra or {}),
                "startTime": start_ms,
                "endTime": end_ms,
                "limit": most,
            }
            rows = _rows(await self._call("GET", path, params), path)
            if len(rows) >= most and end_ms - start_ms > 1:
                middle = (start_ms + end_ms) // 2
                windows += [(start_ms, middle), (middle, end_ms)]
                continue
            for row in rows:
                if not isinstance(row, dict) or not row.get(key):
                    raise BadPayload(f"{path} of {market.symbol}: a row without {key}")
                if _time_ms(row, f"{path} of {market.symbol}") >= since_ms:
                    found[str(row[key])] = row
        return list(found.values())


def _which(market: Market, order_id: str | None, client_order_id: str | None) -> dict[str, str]:
    if order_id is not None:
        return {"symbol": market.exchange_id, "orderId": order_id}
    if client_order_id is not None:
        return {"symbol": market.exchange_id, "origClientOrderId": client_order_id}
    raise BadInput("an order is named by order_id or client_order_id; both were None")


def _time_ms(row: dict[str, Any], what: str) -> int:
    """Return when a row happened; 0 where it does not say."""
    raw = row.get("time")
    try:
        return int(raw or 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadPayload(f"{what}: a row whose time is no number: {str(raw)[:40]!r}") from error


def _rows(data: Any, path: str) -> list[Any]:
    if not isinstance(data, list):
        raise BadPayload(f"{path}: expected a list, got {type(data).__name__}")
    return data
