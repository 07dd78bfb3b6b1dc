"""Lost and doubled orders, counted from the venue's side: its own order lists held against our log.

*Lost*: the venue accepted it and the log does not hold it, or holds less of it than was executed.
*Doubled*: for one intent, executed plus still live quantity is above the intended one.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from trading.execution.desk import Desk
from trading.execution.follow import MARGIN_MS
from trading.market.orders import OrderState, OrderStatus
from trading.store.order_log.records import IN_FLIGHT, ZERO, Intent, IntentStatus


@dataclass(slots=True)
class VenueAudit:
    """The verdict. Each entry is a sentence; `orders` is how many the venue listed."""

    accounts: int = 0
    orders: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    ledger_breaks: list[str] = field(default_factory=list)


async def lost_and_doubled(desk: Desk, *, is_exclusive: bool = True) -> VenueAudit:
    """Ask every account for all orders of every symbol we ever meant to trade there, and compare.

    Parameters
    ----------
    desk : Desk
        Log and accounts.
    is_exclusive : bool
        Whether nobody but this engine trades on the accounts: then an order with a client order id
        that the log does not know counts as lost, too.

    Raises
    ------
    ExchangeError
        If an account cannot be read: no verdict is better than half of one.
    """
    verdict = VenueAudit(ledger_breaks=desk.log.breaks())
    for user in desk.users.all():
        mine = desk.log.orders.find(user_id=user.user_id)
        verdict.accounts += 1
        gateway = desk.account(user.user_id)
        found: list[OrderState] = []
        for symbol in sorted({intent.symbol for intent in mine}):
            first = min(intent.created_ms for intent in mine if intent.symbol == symbol)
            found += await gateway.orders_since(symbol, first - MARGIN_MS)
        _judge(verdict, {intent.coid: intent for intent in mine}, found, is_exclusive=is_exclusive)
    return verdict


def _judge(
    verdict: VenueAudit, intents: dict[str, Intent], found: list[OrderState], *, is_exclusive: bool
) -> None:
    quantity: dict[str, Decimal] = {}
    executed: dict[str, Decimal] = {}
    for state in found:
        if state.status is OrderStatus.REJECTED:
            continue
        verdict.orders += 1
        intent = intents.get(state.client_order_id or "")
        if intent is None:
            if is_exclusive:
                verdict.lost.append(f"order {state.order_id} in {state.symbol} is not in the log")
            continue
        live = ZERO if state.status.is_terminal else state.amount - state.filled
        quantity[intent.coid] = quantity.get(intent.coid, ZERO) + state.filled + live
        executed[intent.coid] = executed.get(intent.coid, ZERO) + state.filled
        if intent.status not in (IntentStatus.DONE, *IN_FLIGHT):
            verdict.lost.append(f"{intent.coid} is {intent.status.value} in the log, the venue has it")
    for coid, amount in quantity.items():
        intent = intents[coid]
        if amount > intent.amount:
            verdict.doubled.append(f"{coid}: {amount:f} at the venue, {intent.amount:f} intended")
        if intent.status is IntentStatus.DONE and executed[coid] != intent.filled:
            verdict.lost.append(f"{coid}: venue executed {executed[coid]:f}, log has {intent.filled:f}")
