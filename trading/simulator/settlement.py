"""What a fill does to an account: money out, goods in, fee taken, the rest of the lock released.

The lock of a buy always covers the worst fee in quote, so a fee can be taken whatever happens to
the MX balance; the lock of a sell is the base amount itself.
"""

from trading.simulator.accounts import Account, FeeAsset
from trading.simulator.listings import Terms
from trading.simulator.orders import Order, Side
from trading.simulator.units import FEE_SCALE, ONE, ceil_div

MX = "MX"


def fee_of(amount: int, rate: int) -> int:
    """Return the fee on `amount` atoms at `rate` x 1e-8, rounded up to an atom."""
    return ceil_div(amount * rate, FEE_SCALE)


def lock_for(terms: Terms, side: Side, price: int, steps: int, fee_asset: FeeAsset) -> int:
    """Return the atoms to reserve for `steps` at `price`: quote and its worst fee, or base."""
    if side is Side.SELL:
        return steps * terms.step_atoms
    cost = price * steps * terms.cost_atoms
    if fee_asset is FeeAsset.BASE:
        return cost
    return cost + fee_of(cost, max(terms.maker_fee, terms.taker_fee))


def locked_asset(terms: Terms, side: Side) -> str:
    """Return the asset that an order of this side reserves."""
    return terms.pair.quote if side is Side.BUY else terms.pair.base


def settle(
    account: Account,
    order: Order,
    terms: Terms,
    *,
    price: int,
    steps: int,
    is_maker: bool,
    mx_worth: int | None,
) -> tuple[int, int, str]:
    """Move the money of one fill; return (cost in quote atoms, fee in atoms, fee asset).

    The order's `locked`, `executed` and `spent` are brought up to date; its status is not.
    `mx_worth` is what one whole MX is worth in quote atoms (None: no such market).
    """
    pair = terms.pair
    cost = price * steps * terms.cost_atoms
    goods = steps * terms.step_atoms
    rate = terms.maker_fee if is_maker else terms.taker_fee
    fee, fee_asset = _fee(account, order, cost, goods, rate, terms, mx_worth)
    if order.side is Side.BUY and fee_asset == pair.quote:
        # Each fill rounds its fee up, the lock rounded once: the last atom may not be there.
        fee = min(fee, order.locked - cost)
    if fee_asset == MX and fee_asset not in (pair.base, pair.quote):
        account.wallet(MX).spend_free(fee)
    quote, base = account.wallet(pair.quote), account.wallet(pair.base)
    quote_fee = fee if fee_asset == pair.quote else 0
    base_fee = fee if fee_asset == pair.base else 0
    if order.side is Side.BUY:
        quote.spend_locked(cost + quote_fee)
        order.locked -= cost + quote_fee
        base.credit(goods - base_fee)
    else:
        base.spend_locked(goods)
        order.locked -= goods
        quote.credit(cost - quote_fee)
    order.executed += steps
    order.spent += cost
    return cost, fee, fee_asset


def _fee(
    account: Account, order: Order, cost: int, goods: int, rate: int, terms: Terms, mx_worth: int | None
) -> tuple[int, str]:
    if order.fee_asset is FeeAsset.BASE and order.side is Side.BUY:
        return fee_of(goods, rate), terms.pair.base
    if order.fee_asset is FeeAsset.MX and mx_worth and MX not in (terms.pair.base, terms.pair.quote):
        in_mx = ceil_div(fee_of(cost, rate) * ONE, mx_worth)
        if in_mx <= account.free(MX):
            return in_mx, MX
    return fee_of(cost, rate), terms.pair.quote


def release(account: Account, order: Order, terms: Terms, keep: int) -> None:
    """Give back what is locked for `order` beyond `keep` atoms."""
    surplus = order.locked - keep
    if surplus > 0:
        account.wallet(locked_asset(terms, order.side)).unlock(surplus)
        order.locked -= surplus
