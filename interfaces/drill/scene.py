"""What most drills begin and end with: users who hold positions, and whether everything is sold at last."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from interfaces.drill.nursery import ForkedChild
from interfaces.drill.sets import Exits, write_set
from interfaces.drill.stage import Stage
from interfaces.drill.venue import Pair, Request, requests
from interfaces.run.children import Child
from trading.execution.drills.result import DrillResult
from trading.market.errors import SluiceError
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.store.order_log.records import PENDING, Intent, IntentStatus, Leg, Trade
from trading.users.directory import Directory

# Caps that rest on depth and pace would keep a drill from the fleet that it is about.
UNCAPPED: Mapping[str, object] = {
    "minute_share": None,
    "depth_share": None,
    "holding_depths": None,
    "exit_budget_s": None,
}
# Far from everything: positions with these stay until the drill moves the price.
HOLD = Exits(Decimal("0.05"), None, 30 * 86_400)
FILL_S = 240.0


@dataclass(frozen=True, slots=True)
class Sale:
    """One exit order: when the venue read it, and the intent it belongs to."""

    wall_s: float
    intent: Intent


def fill(stage: Stage, pairs: Sequence[Pair], number: int, *, exits: Exits = HOLD) -> list[Trade]:
    """Write a set of entries in `pairs` and wait until every user has what they can get; return what is held.

    Raises
    ------
    SluiceError
        If nobody got anything, which says that the stage is no good, not the engine.
    """
    batch = write_set(stage, pairs, number, exits=exits)
    users = {user.user_id for user in Directory(stage.log).all()}

    def is_served() -> bool:
        served = users <= stage.log.sets.offered_to(batch.signal_set_id)
        return served and not stage.log.orders.find(statuses=PENDING)

    is_done = stage.until(is_served, FILL_S, every_s=0.2)
    held = stage.log.ledger.open_trades()
    if not is_done or not held:
        skips = stage.log.skips()["rule"].value_counts().to_dicts()
        raise SluiceError(f"after {FILL_S:.0f} s {len(held)} positions were held; skipped: {skips}")
    stage.say(
        f"{len(held)} positions of {len(users)} users in {len({t.symbol for t in held})} pairs are held"
    )
    return held


def until_sold(stage: Stage, result: DrillResult, within_s: float) -> float:
    """Wait until nothing is held, in flight or LOST; judge that it came to be; return the seconds it took."""
    began = time.monotonic()
    unclear = (*PENDING, IntentStatus.LOST)

    def is_over() -> bool:
        return not stage.log.ledger.open_trades() and not stage.log.orders.find(statuses=unclear)

    is_done = stage.until(is_over, within_s, every_s=0.2)
    left = [f"{each.user_id} {each.symbol}: {each.held_up}" for each in stage.log.ledger.open_trades()]
    left += [f"{each.coid}: {each.status.value}" for each in stage.log.orders.find(statuses=unclear)]
    result.judge("settles_by_itself", [] if is_done else [f"after {within_s:.0f} s: {left[:5]}"])
    return time.monotonic() - began


def sell_all(stage: Stage, result: DrillResult, within_s: float = 240.0) -> None:
    """Have the engine that runs sell whatever is left and buy no more, so that the end can be judged."""
    stage.log.halts.place(
        HaltKind.FLATTEN, (HaltScope.FLEET, None), by="drill", why="the drill is over: sell what is left"
    )
    until_sold(stage, result, within_s)


def sales(stage: Stage, since_s: float) -> list[Sale]:
    """Return the exit orders that the venue read since then (seconds since the epoch), oldest first."""
    return [Sale(each.wall_s, intent) for each, intent in orders(stage, since_s) if intent.leg is Leg.CLOSE]


def orders(stage: Stage, since_s: float) -> list[tuple[Request, Intent]]:
    """Return the order requests that the venue read since then, with their intents, oldest first."""
    intents = {intent.coid: intent for intent in stage.log.orders.find()}
    found = [each for each in requests(stage.request_log) if each.is_order and each.wall_s >= since_s]
    known = [(each, intents[each.coid]) for each in found if each.coid in intents]
    return sorted(known, key=lambda pair: pair[0].wall_s)


def still(engine: Child | ForkedChild, seconds: float) -> None:
    """Let things go on for so long, and see that the engine lives."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        engine.require_running()
        time.sleep(0.05)


def bids(stage: Stage, symbols: set[str]) -> dict[str, Decimal]:
    """Return the best bids as they stand now."""
    return {pair.symbol: pair.bid for pair in stage.venue.pairs() if pair.symbol in symbols}
