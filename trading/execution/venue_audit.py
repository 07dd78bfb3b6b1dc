"""Reads every account at the exchange and lets `judge` hold it against the log.

::

    judgement = await lost_and_doubled(desk)                          # log + exchange
    judgement = await lost_and_doubled(desk, evidence=Evidence(...))  # and what else a drill knows
    judgement = judge(log, [AtVenue("u1", orders, totals)], Evidence(...))  # a venue in memory, no requests
    judgement.lost, judgement.doubled, judgement.ledger_breaks, judgement.invariants, judgement.as_dict()
    Tally().add(judgement, run="point 17").as_dict()                  # many runs
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from trading.exchange.gateway import AccountGateway
from trading.execution.desk import Desk
from trading.execution.follow import MARGIN_MS
from trading.execution.invariants import Judgement
from trading.execution.judge import AtVenue, Cached, Evidence, judge
from trading.market.orders import OrderState
from trading.store.cache import TRADES_KEPT, UserCache
from trading.store.order_log.positions import assets


async def lost_and_doubled(
    desk: Desk, *, is_exclusive: bool = True, evidence: Evidence | None = None
) -> Judgement:
    """Ask every account for all its orders and balances, and judge.

    Parameters
    ----------
    desk : Desk
        Log and accounts; markets loaded.
    is_exclusive : bool
        Whether nobody but this engine trades on the accounts: then an order that the log does not know
        counts as lost. `evidence`, if given, says it instead.
    evidence : Evidence, optional
        What else is known of the run.

    Raises
    ------
    ExchangeError
        If an account cannot be read: no verdict is better than half of one.
    """
    accounts = [await at_venue(desk, user.user_id) for user in desk.users.all()]
    return judge(desk.log, accounts, evidence or Evidence(is_exclusive=is_exclusive))


async def at_venue(desk: Desk, user_id: str) -> AtVenue:
    """Read one account: orders of every symbol that we ever meant to trade there or that it holds."""
    mine = desk.log.orders.find(user_id=user_id)
    gateway = desk.account(user_id)
    totals = {name: balance.free + balance.locked for name, balance in (await gateway.balances()).items()}
    first: dict[str, int] = {}
    for intent in mine:
        first[intent.symbol] = min(intent.created_ms, first.get(intent.symbol, intent.created_ms))
    if mine:  # a lost entry in a symbol that the log does not name leaves its coins behind
        began = min(first.values())
        for symbol in _held(desk, totals):
            first.setdefault(symbol, began)
    return AtVenue(user_id, await _orders(gateway, first), totals)


def _held(desk: Desk, totals: Mapping[str, Decimal]) -> list[str]:
    return sorted(symbol for symbol in desk.markets if totals.get(assets(symbol)[0]))


async def _orders(gateway: AccountGateway, first: dict[str, int]) -> list[OrderState]:
    found: list[OrderState] = []
    for symbol, since_ms in sorted(first.items()):
        found += await gateway.orders_since(symbol, since_ms - MARGIN_MS)
    return found


async def cached(cache: UserCache, user_ids: Iterable[str]) -> dict[str, Cached]:
    """Read what the users' cache shows, for `Evidence.cached`."""
    return {
        user_id: Cached(await cache.positions(user_id), await cache.trades(user_id, count=TRADES_KEPT))
        for user_id in user_ids
    }
