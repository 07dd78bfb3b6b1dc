"""What a key may do, asked of the venue without changing anything: for the proof when a key is linked.

Not here: what follows from it, and in which words (`trading.users.proof`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from trading.exchange.order_wire import order_params
from trading.exchange.pool import GatewayPool
from trading.market.errors import BadCredentials, BadPayload
from trading.market.orders import Balance, OrderRequest, OrderType, Side
from trading.market.symbols import Market

NO_PERMISSION = 700007
# openOrders takes at most this many pairs in one call.
_PAIRS_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Rights:
    """What the account endpoint says of a key, and its balances; `can_withdraw` None = it does not say."""

    can_trade: bool | None
    can_withdraw: bool | None
    balances: dict[str, Balance]


class KeyAccess(Protocol):
    """The questions a proof asks.

    `address` and `standby` are the addresses that requests leave from, None where none is set.
    """

    address: str | None
    standby: str | None

    async def from_standby(self) -> None:
        """Ask for the account from the standby address; raises what the venue refuses."""
        ...

    async def rights(self) -> Rights:
        """Return permissions and balances."""
        ...

    async def may_see_withdrawals(self) -> bool:
        """Whether the key opens the wallet's withdrawals."""
        ...

    async def pairs(self) -> set[str]:
        """Return the wire names of the pairs that the key may trade."""
        ...

    async def test_order(self, market: Market, price: Decimal, amount: Decimal) -> None:
        """Let the venue check an order that is never placed; raises what it refuses."""
        ...

    async def open_client_ids(self, markets: Sequence[Market]) -> list[str]:
        """Return the client order ids ("" = none) of the open orders in `markets`."""
        ...


class MexcKeyAccess:
    """Satisfies `KeyAccess` over one key's gateways.

    Parameters
    ----------
    pool : GatewayPool
        Says from which addresses requests leave.
    api_key, secret : str
        The key to ask about.
    """

    def __init__(self, pool: GatewayPool, api_key: str, secret: str) -> None:
        self._account = pool.account(api_key, secret)
        self._elsewhere = pool.standby_account(api_key, secret)
        self.address = pool.settings.source_address
        self.standby = pool.settings.standby_address

    async def from_standby(self) -> None:
        """Ask for the account from the standby address; raises what the venue refuses."""
        if self._elsewhere is not None:
            await self._elsewhere.account()

    async def rights(self) -> Rights:
        """Return permissions and balances. BadPayload if the answer is no account."""
        data, balances = await self._account.account()
        return Rights(_flag(data, "canTrade"), _flag(data, "canWithdraw"), balances)

    async def may_see_withdrawals(self) -> bool:
        """Whether the key opens the wallet's withdrawals; 700007 (no permission) is the good answer."""
        try:
            await self._account.signed("GET", "capital/withdraw/history", {})
        except BadCredentials as error:
            if error.code == NO_PERMISSION:
                return False
            raise
        return True

    async def pairs(self) -> set[str]:
        """Return the wire names of the pairs that the key may trade."""
        data = await self._account.signed("GET", "selfSymbols", {})
        names = data.get("data") if isinstance(data, dict) else None
        if not isinstance(names, list):
            raise BadPayload("GET selfSymbols: the answer lists no pairs")
        return {str(name) for name in names}

    async def test_order(self, market: Market, price: Decimal, amount: Decimal) -> None:
        """Let the venue check a limit order that is never placed; raises what it refuses."""
        request = OrderRequest(market.symbol, Side.BUY, OrderType.LIMIT, "sluice-link-test", amount, price)
        await self._account.signed("POST", "order/test", order_params(request, market))

    async def open_client_ids(self, markets: Sequence[Market]) -> list[str]:
        """Return the client order ids ("" = none) of the open orders in `markets`."""
        found = []
        names = [market.exchange_id for market in markets]
        for first in range(0, len(names), _PAIRS_AT_ONCE):
            asked = {"symbol": ",".join(names[first : first + _PAIRS_AT_ONCE])}
            rows = await self._account.signed("GET", "openOrders", asked)
            if not isinstance(rows, list):
                raise BadPayload(f"GET openOrders: expected a list, got {type(rows).__name__}")
            found += [str(row.get("clientOrderId") or "") for row in rows if isinstance(row, dict)]
        return found


def _flag(data: dict[str, Any], name: str) -> bool | None:
    value = data.get(name)
    return value if isinstance(value, bool) else None
