"""The verdict: the venue's own lists and its request log held against our order log, with no engine alive."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from interfaces.drill.stage import Stage
from interfaces.drill.venue import Request, requests
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.execution.desk import Desk
from trading.execution.drills.result import DrillResult
from trading.execution.invariants import Invariant, Judgement
from trading.execution.judge import Cached, Evidence
from trading.execution.judge import judge as judge_log
from trading.execution.replay import is_adopted
from trading.execution.venue_audit import cached, lost_and_doubled
from trading.simulator.accounts import demo_credentials
from trading.store.cache import UserCache, connect
from trading.store.order_log.records import Intent, IntentStatus
from trading.users.directory import Directory
from trading.users.keys import DemoKeyRing

# What the embedded exchange gives each demo account, and nothing else.
FUNDS = Decimal(10_000)
SENT_ONCE = "sent_once"  # no client order id goes over the wire again
# Never on the wire, so no request may carry their ids.
_UNSENT = (IntentStatus.NEW, IntentStatus.VOID)


def judge(stage: Stage, result: DrillResult, *, is_settled: bool = True) -> None:
    """Ask the venue for everything and judge what can be judged; faults must be off, no engine running.

    `is_settled` False: orders may be out, as in the middle of a drill.
    """
    users = [user.user_id for user in Directory(stage.log).all()]
    asked = list(requests(stage.request_log))
    refused = sum(each.status == 429 and each.fault is None for each in asked)
    evidence = Evidence(
        is_settled=is_settled,
        opening={(user_id, "USDT"): FUNDS for user_id in users},
        refusals_429=refused,
        cached=stage.ask(_cached(stage.redis_url, users)) if stage.redis_url and is_settled else None,
    )
    verdict = stage.ask(_audit(stage, evidence))
    result.lost += verdict.lost
    result.doubled += verdict.doubled
    result.ledger_breaks += verdict.ledger_breaks
    intents = {intent.coid: intent for intent in stage.log.orders.find()}
    _tell(result, verdict, {Invariant.OWN_KEY_ONLY: verdict.orders})
    orders = [each for each in asked if each.is_order and each.coid]
    _requests(stage, result, orders, intents)
    result.figures |= {
        "intents": len(intents),
        "orders_at_venue": verdict.orders,
        "order_requests": len(orders),
        "trades_closed": stage.log.closed_trades().height,
        "trades_open": len(stage.log.ledger.open_trades()),
        "ended_as": dict(sorted(Counter(intent.status.value for intent in intents.values()).items())),
    }


def _tell(result: DrillResult, verdict: Judgement, checked: Mapping[Invariant, int]) -> None:
    for name, broken in verdict.invariants.items():
        if broken is not None:
            result.judge(name.value, broken, checked=checked.get(name, 1))


def _requests(
    stage: Stage, result: DrillResult, orders: Sequence[Request], intents: Mapping[str, Intent]
) -> None:
    ring = DemoKeyRing(lambda number: demo_credentials(stage.settings.seed, number))
    ends = {user.user_id: ring.credentials(user).api_key[-4:] for user in Directory(stage.log).all()}
    result.judge(SENT_ONCE, resent(orders, intents), checked=len(orders))
    result.judge(Invariant.INTENT_BEFORE_REQUEST.value, early(orders, intents), checked=len(orders))
    result.judge(Invariant.OWN_KEY_ONLY.value, strangers(orders, intents, ends), checked=len(orders))


async def _audit(stage: Stage, evidence: Evidence) -> Judgement:
    settings = ExchangeSettings(base_url=stage.venue.base_url, rate_per_s=stage.settings.venue_rate / 2)
    ring = DemoKeyRing(lambda number: demo_credentials(stage.settings.seed, number))
    async with GatewayPool(settings) as pool:
        desk = Desk(stage.log, pool.public, lambda user: pool.account(*ring.credentials(user).pair))
        await desk.load_markets()
        return await lost_and_doubled(desk, evidence=evidence)


async def _cached(url: str, users: Iterable[str]) -> dict[str, Cached]:
    client = connect(url)
    try:
        return await cached(UserCache(client), users)
    finally:
        await client.aclose()


def resent(orders: Iterable[Request], intents: Mapping[str, Intent]) -> list[str]:
    """Return each client order id of ours that the venue read more than once, whatever it had answered.

    What is tried again after a refusal is another intent with another id.
    """
    times = Counter(each.coid for each in orders)
    return [
        f"{coid} was sent {count} times" for coid, count in times.items() if count > 1 and coid in intents
    ]


def early(orders: Iterable[Request], intents: Mapping[str, Intent]) -> list[str]:
    """Return each order that the venue read before its intent was SENT on disk."""
    found = []
    for each in orders:
        intent = intents.get(each.coid)
        if intent is None:
            found.append(f"{each.coid} reached the venue and is not in the log")
        elif intent.status in _UNSENT or intent.sent_wall_ms is None:
            found.append(f"{each.coid} reached the venue and is {intent.status.value} in the log")
        elif is_adopted(intent):
            continue  # its SENT was on the disk that the restore took away; the drill has judged that one
        elif intent.sent_wall_ms > each.wall_s * 1000 + 1:  # both clocks are this machine's; rounding
            found.append(f"{each.coid} reached the venue before it was SENT on disk")
    return found


def strangers(orders: Iterable[Request], intents: Mapping[str, Intent], ends: Mapping[str, str]) -> list[str]:
    """Return each order that came under another key than its user's; `ends`: user -> end of the key."""
    return [
        f"{each.coid} of {intents[each.coid].user_id} came under the key that ends in {each.key_end}"
        for each in orders
        if each.coid in intents and each.key_end != ends[intents[each.coid].user_id]
    ]


def cache_wrongs(stage: Stage) -> list[str]:
    """Return in what the users' cache differs from SQL now; while users trade the two are a moment apart."""
    users = [user.user_id for user in Directory(stage.log).all()]
    shown = stage.ask(_cached(stage.redis_url or "", users))
    verdict = judge_log(stage.log, [], Evidence(is_settled=False, cached=shown))
    return verdict.invariants[Invariant.CACHE_IS_PROJECTION] or []
