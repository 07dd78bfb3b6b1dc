"""One look at a linked key, and what is kept of it: run when it is linked, every day, and by hand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.exchange.gateway import Quote
from trading.exchange.key_access import KeyAccess
from trading.market.symbols import Market
from trading.market.timeframes import DAY_MS
from trading.store.order_log import OrderLog
from trading.store.order_log.records import Event
from trading.store.order_log.user_keys import SealedKey
from trading.users.key_store import EXCHANGE, FAILED, PROVEN, expiry_notice
from trading.users.proof import Proof, Prover, Wanted
from trading.users.user import User


@dataclass(frozen=True, slots=True)
class Bench:
    """What a proof is made with: the venue's listing and prices, and the least capital for a user."""

    markets: Mapping[str, Market]
    quotes: Callable[[Sequence[str]], Awaitable[dict[str, Quote]]]
    smallest: Callable[[User], Decimal]


async def prove(log: OrderLog, user: User, access: KeyAccess, bench: Bench, *, is_ip_bound: bool) -> Proof:
    """Return what a look at a key finds, linked or not; nothing is kept."""
    prover = Prover(access, bench.markets, bench.quotes, lambda coid: log.orders.lookup(coid) is not None)
    wanted = Wanted(
        capital=user.capital,
        smallest=bench.smallest(user),
        is_ip_bound=is_ip_bound,
        symbols=user.allowed,
    )
    return await prover.run(wanted)


async def check_key(log: OrderLog, user: User, access: KeyAccess, bench: Bench, *, now_ms: int) -> Proof:
    """Prove the user's linked key and keep what came of it; the user is told of a failure and of an end near.

    A venue that cannot be asked changes nothing: the key keeps the state it had.
    """
    key = log.keys.get(user.user_id, EXCHANGE)
    proof = await prove(log, user, access, bench, is_ip_bound=key is not None and key.is_ip_bound)
    if key is not None:
        keep(log, user, key, proof, now_ms=now_ms)
    return proof


def keep(log: OrderLog, user: User, key: SealedKey, proof: Proof, *, now_ms: int) -> None:
    """Write down what a proof found of a linked key, and tell the user what they must act on."""
    if proof.is_passed or proof.is_failed:
        state = PROVEN if proof.is_passed else FAILED
        log.keys.note(
            user.user_id, EXCHANGE, key.key_version, state=state, reason=proof.reason, wall_ms=now_ms
        )
        if state == FAILED and (key.state, key.reason) != (FAILED, proof.reason):
            _tell(
                log, user, f"key_failed:{key.key_version}:{now_ms}", "key_failed", str(proof.reason), now_ms
            )
    notice = expiry_notice(key, now_ms)
    if notice is not None:
        day = now_ms // DAY_MS  # once a day
        _tell(log, user, f"key_expires:{key.key_version}:{day}", "key_expires", notice, now_ms)


def _tell(log: OrderLog, user: User, name: str, kind: str, reason: str, at_ms: int) -> None:
    log.outbox.post(Event(f"{user.user_id}:{name}", user.user_id, kind, {"reason": reason}, at_ms))
