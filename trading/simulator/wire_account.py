"""Orders, fills and balances in MEXC's shapes; its spelling of `cummulativeQuoteQty` included."""

from trading.simulator.accounts import Account
from trading.simulator.listings import Terms
from trading.simulator.orders import Order, Side, Trade
from trading.simulator.units import ATOM_DECIMALS, atoms_text, trimmed

type Json = dict[str, object]


def created(order: Order, terms: Terms) -> Json:
    """Return the answer to a new order: no status, no fills; ask again for those."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": trimmed(order.price, terms.pair.price_decimals),
        "origQty": trimmed(order.quantity, terms.pair.amount_decimals),
        "type": order.kind.value,
        "side": order.side.value,
        "transactTime": order.created_ms,
    }


def cancelled(order: Order, terms: Terms) -> Json:
    """Return the answer to a cancel, with the docs' fuller set of keys."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "clientOrderId": order.client_order_id,
        "price": trimmed(order.price, terms.pair.price_decimals),
        "origQty": trimmed(order.quantity, terms.pair.amount_decimals),
        "executedQty": trimmed(order.executed, terms.pair.amount_decimals),
        "cummulativeQuoteQty": atoms_text(order.spent),
        "status": order.status.value,
        "timeInForce": None,
        "type": order.kind.value,
        "side": order.side.value,
    }


def order_state(order: Order, terms: Terms) -> Json:
    """Return one order of a query; `price` of a MARKET order is its protection price."""
    value = order.price * order.quantity * terms.cost_atoms
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": trimmed(order.price, terms.pair.price_decimals),
        "origQty": trimmed(order.quantity, terms.pair.amount_decimals),
        "executedQty": trimmed(order.executed, terms.pair.amount_decimals),
        "cummulativeQuoteQty": atoms_text(order.spent),
        "status": order.status.value,
        "timeInForce": None,
        "type": order.kind.value,
        "side": order.side.value,
        "stopPrice": None,
        "icebergQty": None,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "origQuoteOrderQty": atoms_text(value if order.budget is None else order.budget),
    }


def fill(trade: Trade, terms: Terms) -> Json:
    """Return one entry of myTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": trimmed(trade.price, terms.pair.price_decimals),
        "qty": trimmed(trade.quantity, terms.pair.amount_decimals),
        "quoteQty": trimmed(trade.cost, ATOM_DECIMALS),
        "commission": atoms_text(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.at_ms,
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": trade.client_order_id,
    }


def account_info(account: Account) -> Json:
    """Return the account answer; only assets of which there is something."""
    balances = [
        {"asset": asset, "free": atoms_text(wallet.free), "locked": atoms_text(wallet.locked)}
        for asset, wallet in account.wallets.items()
        if wallet.free or wallet.locked
    ]
    return {
        "canTrade": True,
        "canWithdraw": account.can_withdraw,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
    }


def coin(asset: str, full_name: str) -> Json:
    """Return one entry of capital/config/getall: one network, nothing to move (no chain is here)."""
    network = {
        "coin": asset,
        "depositDesc": None,
        "depositEnable": False,
        "minConfirm": 0,
        "name": full_name,
        "network": "SLUICE",
        "withdrawEnable": False,
        "withdrawFee": "0",
        "withdrawIntegerMultiple": None,
        "withdrawMax": "0",
        "withdrawMin": "0",
        "sameAddress": False,
        "contract": "",
        "withdrawTips": None,
        "depositTips": None,
        "netWork": "SLUICE",
    }
    return {"coin": asset, "name": full_name, "networkList": [network]}
