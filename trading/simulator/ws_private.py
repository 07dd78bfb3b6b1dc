"""Private streams: orders, fills and balances of an account, told in the moment they happen.

Listens to the matching engine's `AccountEvents` and encodes only for accounts that somebody hears. What a
taker traded is public too, without a name: it is passed on to whoever prints trades.
"""

from collections.abc import Callable

from trading.simulator.accounts import Account
from trading.simulator.exchange import Exchange
from trading.simulator.listings import Terms
from trading.simulator.orders import Kind as OrderKind
from trading.simulator.orders import Order, Side, Status, Trade
from trading.simulator.units import ATOM_DECIMALS, atoms_text, trimmed
from trading.simulator.ws_channels import Kind
from trading.simulator.ws_public import Print, symbol_id
from trading.simulator.ws_wire import (
    PRIVATE_ACCOUNT,
    PRIVATE_DEALS,
    PRIVATE_ORDERS,
    binary_frame,
    text,
    texts,
    whole,
    wrapper,
)

# Numbers of MEXC's schema.
_SIDE = {Side.BUY: 1, Side.SELL: 2}
_TYPE = {
    OrderKind.LIMIT: 1,
    OrderKind.LIMIT_MAKER: 2,
    OrderKind.IOC: 3,
    OrderKind.FOK: 4,
    OrderKind.MARKET: 5,
}
_NEW, _FILLED, _PARTIAL, _CANCELED, _PARTIALLY_CANCELED = 1, 2, 3, 4, 5
_ENDED = {Status.CANCELED: _CANCELED, Status.PARTIALLY_CANCELED: _PARTIALLY_CANCELED}

type Send = Callable[[str, Kind, bytes], None]
"""Takes account key, kind of stream, frame."""
type Show = Callable[[str, Print], None]
"""Takes symbol and a fill of whatever account."""


class PrivateStreams:
    """Turns the engine's events into frames.

    Parameters
    ----------
    is_heard : callable
        Says whether an account's stream of a kind has a subscriber.
    send : callable
        Takes the ready frame.
    show : callable
        Takes each taker's fill; resting orders fill out of the market's own volume.
    """

    def __init__(
        self, exchange: Exchange, is_heard: Callable[[str, Kind], bool], send: Send, show: Show
    ) -> None:
        self._exchange = exchange
        self._is_heard = is_heard
        self._send = send
        self._show = show
        self._known: dict[tuple[str, str], tuple[int, int]] = {}

    def begin_balances(self, account: Account) -> None:
        """Remember an account's balances: later events carry the change since."""
        for asset, wallet in account.wallets.items():
            self._known[(account.key, asset)] = (wallet.free, wallet.locked)

    def end_balances(self, account_key: str) -> None:
        """Forget an account's balances."""
        self._known = {key: value for key, value in self._known.items() if key[0] != account_key}

    def order_changed(self, order: Order) -> None:
        """Send an order that was accepted or has ended."""
        self._order(order, 0, is_maker=False)

    def filled(self, order: Order, trade: Trade) -> None:
        """Send the fill, and the order with it."""
        if not trade.is_maker:
            self._show(trade.symbol, Print(trade.at_ms, trade.price, trade.quantity, _SIDE[trade.side]))
        if self._is_heard(order.account_key, Kind.FILLS):
            terms = self._exchange.listing.terms(order.symbol, order.era)
            self._push(order.account_key, Kind.FILLS, PRIVATE_DEALS, _fill_body(trade, terms), order.symbol)
        self._order(order, trade.quantity, is_maker=trade.is_maker)

    def balances_changed(self, account: Account, assets: tuple[str, ...], cause: str, at_ms: int) -> None:
        """Send each of the assets whose balance is not what was last sent."""
        if not self._is_heard(account.key, Kind.ACCOUNT):
            return
        for asset in assets:
            wallet = account.wallets.get(asset)
            now = (0, 0) if wallet is None else (wallet.free, wallet.locked)
            before = self._known.get((account.key, asset), (0, 0))
            if now == before:
                continue
            self._known[(account.key, asset)] = now
            body = texts(
                asset,
                symbol_id(asset),
                atoms_text(now[0]),
                _signed(now[0] - before[0]),
                atoms_text(now[1]),
                _signed(now[1] - before[1]),
                cause,
            ) + whole(8, at_ms)
            self._push(account.key, Kind.ACCOUNT, PRIVATE_ACCOUNT, body, "", at_ms)

    def _order(self, order: Order, last_steps: int, *, is_maker: bool) -> None:
        if self._is_heard(order.account_key, Kind.ORDERS):
            terms = self._exchange.listing.terms(order.symbol, order.era)
            body = _order_body(order, terms, last_steps, is_maker=is_maker)
            self._push(order.account_key, Kind.ORDERS, PRIVATE_ORDERS, body, order.symbol)

    def _push(self, key: str, kind: Kind, number: int, body: bytes, symbol: str, create_ms: int = 0) -> None:
        now_ms = self._exchange.clock.now_ms()
        name = f"spot@{kind.value}"
        whole_message = wrapper(name, number, body, symbol=symbol, create_ms=create_ms, send_ms=now_ms)
        self._send(key, kind, binary_frame(whole_message))


def _signed(amount: int) -> str:
    return f"-{atoms_text(-amount)}" if amount < 0 else atoms_text(amount)


def _status(order: Order) -> int:
    ended = _ENDED.get(order.status)
    if ended is not None:
        return ended
    if not order.executed:
        return _NEW
    return _PARTIAL if order.remaining else _FILLED


def _order_body(order: Order, terms: Terms, last_steps: int, *, is_maker: bool) -> bytes:
    price_decimals, amount_decimals = terms.pair.price_decimals, terms.pair.amount_decimals
    value = order.price * order.quantity * terms.cost_atoms
    budget = order.budget
    if budget is None:
        budget = 0 if order.kind is OrderKind.MARKET else value
    average = order.spent * 10**amount_decimals // order.executed if order.executed else 0
    return (
        text(1, order.order_id)
        + text(2, order.client_order_id or "")
        + text(3, trimmed(order.price, price_decimals))
        + text(4, trimmed(order.quantity, amount_decimals))
        + text(5, atoms_text(budget))
        + text(6, trimmed(average // 10**6, ATOM_DECIMALS - 6))
        + whole(7, _TYPE[order.kind])
        + whole(8, _SIDE[order.side])
        + whole(9, is_maker)
        + text(10, atoms_text(max(0, value - order.spent)))
        + text(11, trimmed(order.remaining, amount_decimals))
        + text(12, trimmed(last_steps, amount_decimals))
        + text(13, trimmed(order.executed, amount_decimals))
        + text(14, atoms_text(order.spent))
        + whole(15, _status(order))
        + whole(16, order.created_ms)
    )


def _fill_body(trade: Trade, terms: Terms) -> bytes:
    return (
        text(1, trimmed(trade.price, terms.pair.price_decimals))
        + text(2, trimmed(trade.quantity, terms.pair.amount_decimals))
        + text(3, atoms_text(trade.cost))
        + whole(4, _SIDE[trade.side])
        + whole(5, trade.is_maker)
        + text(7, trade.trade_id)
        + text(8, trade.client_order_id or "")
        + text(9, trade.order_id)
        + text(10, atoms_text(trade.fee))
        + text(11, trade.fee_asset)
        + whole(12, trade.at_ms)
    )
