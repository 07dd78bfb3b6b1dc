"""New strategies trade few users first: asked for every set, decided on evidence or by a person."""

from collections.abc import Sequence
from decimal import Decimal

from trading.market.orders import SignalSet
from trading.market.timeframes import DAY_MS
from trading.risk.canary import CANARY, STOPPED, CanaryRules, drawn, verdict
from trading.risk.refusal import Refusal
from trading.store.order_log import OrderLog
from trading.store.order_log.canaries import Canary
from trading.store.order_log.records import Event
from trading.users.user import User

OPERATOR = "operator"
_ALL = Decimal(1)


class CanaryGate:
    """Where each strategy stands, as of the last set that was offered."""

    def __init__(self, log: OrderLog, rules: CanaryRules, seed: int) -> None:
        self._log = log
        self._rules = rules
        self._seed = seed
        self._known: dict[str, Canary] = {}  # by signal set

    def offer(self, batch: SignalSet, users: Sequence[User], now_ms: int) -> None:
        """Look where the strategy of a set stands before the set is offered to anybody."""
        name = batch.strategy_id
        if not name:
            return
        chosen = drawn((user.user_id for user in users if not user.is_paused), name, self._seed, self._rules)
        found = self._log.canaries.see(batch.signal_set_id, name, chosen, now_ms)
        if found.state == CANARY and self._log.scope.leads:
            found = self._judge(found, now_ms)
        self._known[batch.signal_set_id] = found

    def refusal(self, user_id: str, signal_set_id: str) -> Refusal | None:
        """Return why this user does not trade this set, or None."""
        found = self._known.get(signal_set_id)
        if found is None:
            return None
        if found.state == STOPPED:
            return Refusal(
                "canary", f"strategy {found.strategy_id} was stopped by {found.changed_by}: {found.why}"
            )
        if found.state == CANARY and user_id not in found.users:
            said = f"strategy {found.strategy_id} is new: {len(found.users)} users trade it first"
            return Refusal("canary", said)
        return None

    def share(self, signal_set_id: str) -> Decimal:
        """Return which part of the usual stake an entry of this set takes."""
        found = self._known.get(signal_set_id)
        return self._rules.stake_share if found is not None and found.state == CANARY else _ALL

    def _judge(self, found: Canary, now_ms: int) -> Canary:
        trades, profit = self._log.canaries.progress(found.strategy_id)
        days = (now_ms - found.since_ms) / DAY_MS
        state = verdict(trades, profit, days, self._rules)
        if state == CANARY:
            return found
        why = f"{trades} trades in {days:.1f} days made {profit:.4%} of their cost"
        changed = self._log.canaries.decide(found.strategy_id, state, by="engine", why=why)
        payload: dict[str, object] = {"text": f"Strategy {found.strategy_id} is {state}: {why}"}
        key = f"canary:{found.strategy_id}:{state}"
        self._log.outbox.post(Event(key, OPERATOR, "canary", payload, now_ms))
        return changed
