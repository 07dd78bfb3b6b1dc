"""The signed endpoints: account, orders, fills, listen keys."""

from collections.abc import Iterable, Mapping

import orjson

from trading.market.timeframes import DAY_MS
from trading.simulator import wire_account
from trading.simulator.accounts import READ, READ_DEALS, TRADE, WITHDRAW_READ, FeeAsset
from trading.simulator.exchange import Exchange
from trading.simulator.fault_orders import fill_share, refuse_by_mood
from trading.simulator.intake import plan_order
from trading.simulator.listings import Terms
from trading.simulator.orders import Order, Status
from trading.simulator.routes_public import Handler
from trading.simulator.rules import check_order
from trading.simulator.units import FEE_SCALE
from trading.simulator.wire import Call, Refusal, bad_symbol, dumps, refuse_missing

MAX_BATCH = 20
MAX_ORDERS = 1000
MAX_MY_TRADES = 100
ORDER_REACH_MS = 7 * DAY_MS
TRADE_REACH_MS = 30 * DAY_MS


def account_info(x: Exchange, call: Call) -> bytes:
    """Answer balances, after bringing the account's orders up to date."""
    call.account.check_permission(READ)
    x.matcher.advance_account(call.account, call.now_ms)
    return dumps(wire_account.account_info(call.account))


def all_coins(x: Exchange, call: Call) -> bytes:
    """Answer every coin of the listing (ccxt's load_markets asks once keys are set)."""
    call.account.check_permission(READ)
    names: dict[str, str] = {}
    for pair in x.listing.visible(call.now_ms):
        names.setdefault(pair.base, pair.full_name)
        names.setdefault(pair.quote, pair.quote)
    return dumps([wire_account.coin(asset, name) for asset, name in names.items()])


def place_order(x: Exchange, call: Call) -> bytes:
    """Accept a new order."""
    call.account.check_permission(TRADE)
    return dumps(_place(x, call, call.params))


def test_order(x: Exchange, call: Call) -> bytes:
    """Check an order as if it were placed, and change nothing."""
    call.account.check_permission(TRADE)
    request, terms = check_order(call.params, x.listing, call.now_ms)
    call.account.check_symbol(request.symbol)
    if call.struck is not None:
        refuse_by_mood(call.struck, request, x.source.price(request.symbol, call.now_ms))
    plan_order(x.books, call.account, request, terms, call.now_ms)
    return b"{}"


def batch_orders(x: Exchange, call: Call) -> bytes:
    """Place up to 20 orders; each is answered or refused on its own."""
    call.account.check_permission(TRADE)
    try:
        wanted = orjson.loads(call.need("batchOrders"))
    except orjson.JSONDecodeError:
        refuse_missing("batchOrders")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MAX_BATCH:
        raise Refusal(33333, f"batchOrders must hold 1 to {MAX_BATCH} orders")
    answers: list[wire_account.Json] = []
    for raw in wanted:
        params = {str(k): str(v) for k, v in raw.items() if v is not None} if isinstance(raw, dict) else {}
        client = {"newClientOrderId": params["newClientOrderId"]} if params.get("newClientOrderId") else {}
        try:
            answers.append(_place(x, call, params) | client)
        except Refusal as refusal:
            answers.append(client | {"msg": refusal.message, "code": refusal.code})
    return dumps(answers)


def _place(x: Exchange, call: Call, params: Mapping[str, str]) -> wire_account.Json:
    request, terms = check_order(params, x.listing, call.now_ms)
    call.account.check_symbol(request.symbol)
    share = None
    if call.struck is not None:
        refuse_by_mood(call.struck, request, x.source.price(request.symbol, call.now_ms))
        share = fill_share(call.struck)
    order = x.matcher.place(call.account, request, terms, call.now_ms, fill_share=share)
    if call.struck is not None and (veil := call.struck["not_found"]) is not None:
        x.veils.hide(veil, order, x.wall_s())
    return wire_account.created(order, terms)


def query_order(x: Exchange, call: Call) -> bytes:
    """Answer one order, by orderId or origClientOrderId."""
    call.account.check_permission(READ_DEALS)
    order = _find(x, call, Refusal(-2013, "Order does not exist."))
    x.matcher.advance(order.symbol, call.now_ms)
    return dumps(_state(x, order))


def _state(x: Exchange, order: Order) -> wire_account.Json:
    # An order keeps the units it was placed in, whatever its symbol has become since.
    return wire_account.order_state(order, x.listing.terms(order.symbol, order.era))


def cancel_order(x: Exchange, call: Call) -> bytes:
    """Cancel one order."""
    call.account.check_permission(TRADE)
    order = _find(x, call, Refusal(-2011, "Unknown order id."))
    if call.struck is not None:
        race = call.struck["race_answers_ok"] or call.struck["race_answers_unknown"]
        if race is not None and x.matcher.fill_now(order, call.now_ms) and race.kind == "race_answers_ok":
            return dumps(wire_account.cancelled(order, _terms(x, order)) | {"status": Status.CANCELED.value})
    x.matcher.cancel(call.account, order, call.now_ms)
    return dumps(wire_account.cancelled(order, _terms(x, order)))


def _terms(x: Exchange, order: Order) -> Terms:
    return x.listing.terms(order.symbol, order.era)


def _find(x: Exchange, call: Call, unknown: Refusal) -> Order:
    symbol = call.need("symbol")
    if symbol not in x.source.pairs:
        raise bad_symbol()
    order_id, client = call.text("orderId"), call.text("origClientOrderId")
    if order_id is None and client is None:
        refuse_missing("orderId")
    order = x.matcher.store.find(call.account.key, symbol, order_id=order_id, client_order_id=client)
    if order is None or x.veils.hides(order, x.wall_s()):
        raise unknown
    return order


def _shown(x: Exchange, orders: Iterable[Order]) -> list[Order]:
    wall_s = x.wall_s()
    return [order for order in orders if not x.veils.hides(order, wall_s)]


def open_orders(x: Exchange, call: Call) -> bytes:
    """Answer open orders, of `symbol` (or several, by comma) or all."""
    call.account.check_permission(READ_DEALS)
    x.matcher.advance_account(call.account, call.now_ms)
    wanted = call.text("symbol")
    symbols = None if wanted is None else _known(x, wanted)
    found = _shown(x, x.matcher.store.open_orders(call.account.key))
    return dumps([_state(x, o) for o in found if symbols is None or o.symbol in symbols])


def cancel_open_orders(x: Exchange, call: Call) -> bytes:
    """Cancel the open orders of one symbol or several."""
    call.account.check_permission(TRADE)
    symbols = _known(x, call.need("symbol"))
    return dumps(_cancel_all(x, call, symbols))


def cancel_everything(x: Exchange, call: Call) -> bytes:
    """Cancel all open orders of the account."""
    call.account.check_permission(TRADE)
    _cancel_all(x, call, None)
    return dumps({"code": 200, "msg": "success", "timestamp": call.now_ms})


def _cancel_all(x: Exchange, call: Call, symbols: set[str] | None) -> list[wire_account.Json]:
    x.matcher.advance_account(call.account, call.now_ms)
    answers = []
    for order in x.matcher.store.open_orders(call.account.key):
        if symbols is None or order.symbol in symbols:
            x.matcher.cancel(call.account, order, call.now_ms)
            answers.append(wire_account.cancelled(order, _terms(x, order)))
    return answers


def _known(x: Exchange, text: str) -> set[str]:
    symbols = set(text.split(","))
    if not symbols <= x.source.pairs.keys():
        raise bad_symbol()
    return symbols


def all_orders(x: Exchange, call: Call) -> bytes:
    """Answer orders of one symbol, newest first; seven days back at most."""
    call.account.check_permission(READ_DEALS)
    symbol = next(iter(_known(x, call.need("symbol"))))
    x.matcher.advance(symbol, call.now_ms)
    since, until = _window(call, ORDER_REACH_MS)
    limit = call.limit(500, MAX_ORDERS)
    orders = _shown(x, reversed(x.matcher.store.orders(call.account.key, symbol)))
    shown = [o for o in orders if since <= o.created_ms <= until][:limit]
    return dumps([_state(x, o) for o in shown])


def my_trades(x: Exchange, call: Call) -> bytes:
    """Answer fills of one symbol, newest first; 30 days and 100 rows at most."""
    call.account.check_permission(READ_DEALS)
    symbol = next(iter(_known(x, call.need("symbol"))))
    x.matcher.advance(symbol, call.now_ms)
    since, until = _window(call, TRADE_REACH_MS)
    limit, order_id = call.limit(MAX_MY_TRADES, MAX_MY_TRADES), call.text("orderId")
    trades = reversed(x.matcher.store.trades(call.account.key, symbol))
    shown = [t for t in trades if since <= t.at_ms <= until and order_id in (None, t.order_id)][:limit]
    store, key = x.matcher.store, call.account.key
    return dumps(
        [wire_account.fill(t, x.listing.terms(symbol, store.era_of(key, t.order_id))) for t in shown]
    )


def _window(call: Call, reach_ms: int) -> tuple[int, int]:
    until = call.integer("endTime")
    oldest = call.now_ms - reach_ms
    since = call.integer("startTime")
    return max(oldest, since or 0), call.now_ms if until is None else until


def trade_fee(x: Exchange, call: Call) -> bytes:
    """Answer the account's fees on one symbol; JSON numbers here, as MEXC does."""
    call.account.check_permission(READ)
    x.listing.pair(call.need("symbol"), call.now_ms)
    terms = x.listing.terms(call.need("symbol"))
    fees = {
        "makerCommission": terms.maker_fee / FEE_SCALE,
        "takerCommission": terms.taker_fee / FEE_SCALE,
    }
    return dumps({"data": fees, "code": 0, "msg": "success", "timestamp": call.now_ms})


def own_symbols(x: Exchange, call: Call) -> bytes:
    """Answer the symbols this key may trade."""
    only = call.account.symbols
    tradable = [pair.symbol for pair in x.listing.visible(call.now_ms) if pair.is_api_tradable]
    names = [symbol for symbol in tradable if not only or symbol in only]
    return dumps({"code": 200, "data": names, "msg": None})


def withdrawals(_x: Exchange, call: Call) -> bytes:
    """Answer the account's withdrawals; only some keys may ask."""
    return _transfers(call, "applyTime")


def deposits(_x: Exchange, call: Call) -> bytes:
    """Answer the account's deposits; only some keys may ask."""
    return _transfers(call, "insertTime")


def _transfers(call: Call, moment: str) -> bytes:
    if not call.account.can_withdraw:
        call.account.check_permission(WITHDRAW_READ)
    since_ms = int(call.text("startTime") or 0)
    rows = [row for row in call.account.transfers if int(row.get(moment, -1)) >= since_ms]
    return dumps(rows)


def mx_deduct(x: Exchange, call: Call) -> bytes:
    """Answer, or set with `mxDeductEnable`, whether fees are taken in MX."""
    wanted = call.text("mxDeductEnable")
    if wanted is not None:
        call.account.check_permission(TRADE)
        call.account.fee_asset = FeeAsset.MX if wanted == "true" else x.accounts.fee_asset
        x.matcher.store.touch(call.account.key)
    is_on = call.account.fee_asset is FeeAsset.MX
    return dumps({"data": {"mxDeductEnable": is_on}, "code": 0, "msg": "success", "timestamp": call.now_ms})


def make_listen_key(x: Exchange, call: Call) -> bytes:
    """Answer a new listen key."""
    return dumps({"listenKey": x.listen_keys.make(call.account.key, x.wall_s())})


def list_listen_keys(x: Exchange, call: Call) -> bytes:
    """Answer the account's live listen keys."""
    return dumps({"listenKey": x.listen_keys.of(call.account.key, x.wall_s())})


def keep_listen_key(x: Exchange, call: Call) -> bytes:
    """Extend a listen key by an hour."""
    key = call.need("listenKey")
    x.listen_keys.keep(call.account.key, key, x.wall_s())
    return dumps({"listenKey": key})


def close_listen_key(x: Exchange, call: Call) -> bytes:
    """End a listen key."""
    key = call.need("listenKey")
    x.listen_keys.close(call.account.key, key, x.wall_s())
    return dumps({"listenKey": key})


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "account"): account_info,
    ("GET", "capital/config/getall"): all_coins,
    ("GET", "capital/deposit/hisrec"): deposits,
    ("GET", "capital/withdraw/history"): withdrawals,
    ("GET", "tradeFee"): trade_fee,
    ("GET", "selfSymbols"): own_symbols,
    ("GET", "mxDeduct/enable"): mx_deduct,
    ("POST", "mxDeduct/enable"): mx_deduct,
    ("POST", "order"): place_order,
    ("POST", "order/test"): test_order,
    ("POST", "batchOrders"): batch_orders,
    ("GET", "order"): query_order,
    ("DELETE", "order"): cancel_order,
    ("DELETE", "order/all"): cancel_everything,
    ("GET", "openOrders"): open_orders,
    ("DELETE", "openOrders"): cancel_open_orders,
    ("GET", "allOrders"): all_orders,
    ("GET", "myTrades"): my_trades,
    ("POST", "userDataStream"): make_listen_key,
    ("GET", "userDataStream"): list_listen_keys,
    ("PUT", "userDataStream"): keep_listen_key,
    ("DELETE", "userDataStream"): close_listen_key,
}
