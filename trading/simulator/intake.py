"""What an arriving order would take from the book and whether it can be paid: plans, no changes."""

from typing import NamedTuple

from trading.simulator.accounts import Account, FeeAsset
from trading.simulator.book import BookMaker, Take
from trading.simulator.listings import Terms
from trading.simulator.orders import Kind, OrderRequest, Side
from trading.simulator.settlement import lock_for, locked_asset
from trading.simulator.units import FEE_SCALE
from trading.simulator.wire import Refusal

# A market order accepts prices up to this far from the last one, in percent; recorded: 0.004327
# stands as the price of a sale made at 0.004542.
PROTECTION = 5


class Plan(NamedTuple):
    """What to do with an order: its price (ticks), quantity (steps), fills at once, and atoms to lock."""

    price: int
    quantity: int
    takes: list[Take]
    lock: int


def plan_order(books: BookMaker, account: Account, request: OrderRequest, terms: Terms, now_ms: int) -> Plan:
    """Return what `request` would do right now.

    Raises
    ------
    Refusal
        10101 / 30004 without the funds, 30041 for a LIMIT_MAKER that would take, 30010 when a market
        order meets no price it accepts.
    """
    if request.kind is Kind.MARKET:
        plan = _plan_market(books, account, request, terms, now_ms)
    else:
        plan = _plan_limit(books, account, request, terms, now_ms)
    if plan.lock > account.free(locked_asset(terms, request.side)):
        raise _short(request.side)
    return plan


def _plan_limit(books: BookMaker, account: Account, request: OrderRequest, terms: Terms, now_ms: int) -> Plan:
    assert request.quantity is not None  # limit orders always have one
    takes = books.walk(
        request.symbol, request.side, now_ms, limit_price=request.price, steps=request.quantity
    )
    if takes and request.kind is Kind.LIMIT_MAKER:
        raise Refusal(30041, "current order type can not place order")
    if request.kind is Kind.FOK and sum(take.steps for take in takes) < request.quantity:
        takes = []
    need = lock_for(terms, request.side, request.price, request.quantity, account.fee_asset)
    return Plan(request.price, request.quantity, takes, need)


def _plan_market(
    books: BookMaker, account: Account, request: OrderRequest, terms: Terms, now_ms: int
) -> Plan:
    worst = _protection(books, request, now_ms)
    steps = request.quantity
    if steps is None:
        assert request.budget is not None  # a market order has one of the two
        steps = request.budget // terms.cost_atoms  # at one tick each: more than any book can ask for
    takes = books.walk(request.symbol, request.side, now_ms, limit_price=worst, steps=steps)
    if request.budget is not None:
        takes = _within_budget(takes, terms, _spendable(account, request, terms, request.budget))
    if not takes:
        raise Refusal(30010, "no valid trade price")
    planned = sum(take.steps for take in takes)
    quantity = planned if request.quantity is None else request.quantity
    if request.side is Side.SELL:
        return Plan(worst, quantity, takes, quantity * terms.step_atoms)
    need = sum(lock_for(terms, Side.BUY, take.price, take.steps, account.fee_asset) for take in takes)
    return Plan(worst, quantity, takes, need)


def _protection(books: BookMaker, request: OrderRequest, now_ms: int) -> int:
    last = books.last(request.symbol, now_ms)
    if request.side is Side.BUY:
        return last * (100 + PROTECTION) // 100
    return max(1, -(-last * (100 - PROTECTION) // 100))


def _spendable(account: Account, request: OrderRequest, terms: Terms, budget: int) -> int:
    if request.side is Side.SELL:
        return budget
    free = account.free(terms.pair.quote)
    if budget > free:
        raise _short(Side.BUY)
    if account.fee_asset is FeeAsset.BASE:
        return budget
    rate = max(terms.maker_fee, terms.taker_fee)
    # The fee comes on top in quote; 1,000 atoms pay for each level's rounding.
    return min(budget, max(0, (free - 1_000) * FEE_SCALE // (FEE_SCALE + rate)))


def _short(side: Side) -> Refusal:
    if side is Side.BUY:
        return Refusal(10101, "Insufficient balance")
    return Refusal(30004, "Insufficient position")


def _within_budget(takes: list[Take], terms: Terms, budget: int) -> list[Take]:
    kept: list[Take] = []
    for take in takes:
        affordable = min(take.steps, budget // (take.price * terms.cost_atoms))
        if affordable > 0:
            kept.append(Take(take.price, affordable))
            budget -= affordable * take.price * terms.cost_atoms
        if affordable < take.steps:
            break
    return kept
