"""An account gateway that tells its feed of every order it sends, so that the stream can be held to it."""

from trading.exchange.feed.account import AccountFeed
from trading.exchange.gateway import AccountGateway, BeforeWire
from trading.market.orders import Balance, Fill, OrderRequest, OrderState


class WatchedAccount:
    """A `gateway.AccountGateway` over another one; use it in its place wherever orders are sent."""

    def __init__(self, gateway: AccountGateway, feed: AccountFeed) -> None:
        self._gateway = gateway
        self._feed = feed

    def __repr__(self) -> str:
        return f"WatchedAccount({self._feed.label})"

    async def submit(self, request: OrderRequest, *, before_wire: BeforeWire | None = None) -> str:
        """Send an order as `AccountGateway.submit`; its echo is expected from the acknowledgement on."""
        self._feed.sending(request.symbol)
        order_id = await self._gateway.submit(request, before_wire=before_wire)
        self._feed.acknowledged(request.symbol, order_id)
        return order_id

    async def balances(self) -> dict[str, Balance]:
        """Return asset -> balance."""
        return await self._gateway.balances()

    async def order(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Return one order."""
        return await self._gateway.order(symbol, order_id=order_id, client_order_id=client_order_id)

    async def open_orders(self, symbol: str) -> list[OrderState]:
        """Return the orders of `symbol` that can still fill."""
        return await self._gateway.open_orders(symbol)

    async def orders_since(self, symbol: str, since_ms: int) -> list[OrderState]:
        """Return the orders of `symbol` created at or after `since_ms`."""
        return await self._gateway.orders_since(symbol, since_ms)

    async def fills(
        self, symbol: str, *, since_ms: int | None = None, order_id: str | None = None
    ) -> list[Fill]:
        """Return executions of `symbol`."""
        return await self._gateway.fills(symbol, since_ms=since_ms, order_id=order_id)

    async def cancel(
        self, symbol: str, *, order_id: str | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """Cancel an order and return its state afterwards."""
        return await self._gateway.cancel(symbol, order_id=order_id, client_order_id=client_order_id)
