"""After a start: what does the venue hold that the log does not know? Accounts at risk come first.

Until an account is reconciled its *entries* wait; its exits do not. Orders in flight are looked for one
by one in `follow`; here the venue's own list is read against the log, so that an order the log had
given up (LOST) is taken over, and one that nobody here placed is reported.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import structlog

from trading.exchange.gateway import AccountGateway
from trading.execution.coid import LENGTH
from trading.execution.desk import Desk
from trading.execution.follow import MARGIN_MS
from trading.execution.pace import Pace
from trading.execution.replay import Replay
from trading.execution.settle import Settler
from trading.market.errors import SluiceError
from trading.market.orders import OrderState
from trading.store.order_log.positions import assets
from trading.store.order_log.records import IN_FLIGHT, ZERO, Intent, IntentStatus, Trade

_log = structlog.get_logger("execution.reconcile")
_MOST_S = 30.0


@dataclass(slots=True)
class Findings:
    """What reconciling found: orders taken over, orders of nobody here, positions short at the venue."""

    taken_over: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)


class Reconcile:
    """Reads each account against the log once per start; `ready` holds those that agree."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settler = Settler(desk)
        self._replay = Replay(desk, self._settler)
        self._pace = Pace(desk.wall, 0.5, _MOST_S)
        self.ready: set[str] = set()
        self.findings = Findings()

    def doubt(self) -> None:
        """Take no account's agreement with the log for granted any more: all are read again."""
        self.ready.clear()

    async def step(self) -> int:
        """Reconcile every account that is due, those with most open first; return how many are left."""
        waiting = [user.user_id for user in self._desk.users.all() if user.user_id not in self.ready]
        trades = self._desk.log.ledger.open_trades() if waiting else []
        unclear = self._desk.log.orders.find(statuses=(*IN_FLIGHT, IntentStatus.LOST)) if waiting else []
        at_risk = Counter(item.user_id for item in trades) + Counter(item.user_id for item in unclear)
        due = [user_id for user_id in waiting if self._pace.is_due(user_id)]
        await self._desk.together(
            partial(
                self._account,
                user_id,
                [trade for trade in trades if trade.user_id == user_id],
                [intent for intent in unclear if intent.user_id == user_id],
            )
            for user_id in sorted(due, key=lambda user_id: -at_risk[user_id])
        )
        return len([user_id for user_id in waiting if user_id not in self.ready])

    async def _account(self, user_id: str, trades: list[Trade], unclear: list[Intent]) -> None:
        if not trades and not unclear and user_id not in self._desk.unreplayed:
            self.ready.add(user_id)
            return
        try:
            gateway = self._desk.account(user_id)
            await self._replay_since_backup(user_id, gateway)
            for symbol, since_ms in _in_play(trades, unclear).items():
                for state in await gateway.orders_since(symbol, since_ms - MARGIN_MS):
                    await self._compare(user_id, gateway, state)
            await self._holdings(user_id, gateway)
        except SluiceError as error:
            self._pace.put_off(user_id)
            await self._desk.told.note(user_id, error)
            _log.warning("reconcile_failed", user=user_id, error=f"{error!r}")
        else:
            self.ready.add(user_id)
            _log.info("reconciled", user=user_id, open_trades=len(trades), unclear=len(unclear))

    async def _replay_since_backup(self, user_id: str, gateway: AccountGateway) -> None:
        """After a restore, write down what the venue knows since the backup; exits wait for that, too."""
        restore = self._desk.log.restores.pending()
        if restore is None or user_id not in self._desk.unreplayed:
            return
        adopted = await self._replay.account(user_id, gateway, restore)
        self._desk.unreplayed.discard(user_id)
        _log.warning("account_replayed", user=user_id, epoch=restore.epoch, adopted=adopted)
        if not self._desk.unreplayed:
            await self._desk.durably(self._desk.log.restores.done)

    async def _compare(self, user_id: str, gateway: AccountGateway, state: OrderState) -> None:
        intent = self._desk.log.orders.lookup(state.client_order_id) if state.client_order_id else None
        if intent is None or intent.user_id != user_id:
            is_ours = len(state.client_order_id or "") == LENGTH
            self.findings.foreign.append(state.order_id)
            _log.warning("foreign_order", user=user_id, order_id=state.order_id, looks_like_ours=is_ours)
            return
        if intent.status is IntentStatus.DONE and state.filled <= intent.filled:
            return
        await self._desk.durably(partial(self._desk.log.orders.acknowledge, intent.coid, state.order_id))
        await self._settler.settle(gateway, intent, state)
        if intent.status is not IntentStatus.ACKED:
            self.findings.taken_over.append(intent.coid)

    async def _holdings(self, user_id: str, gateway: AccountGateway) -> None:
        """Compare what the ledger holds with the venue's balances; a shortage is told, not traded on."""
        balances = await gateway.balances()
        held = {trade.symbol: trade.held for trade in self._desk.log.ledger.open_trades(user_id)}
        for symbol, amount in held.items():
            found = balances.get(assets(symbol)[0])
            total = ZERO if found is None else found.free + found.locked
            if total < amount:
                self.findings.short.append(f"{user_id} {symbol}: ledger {amount:f}, venue {total:f}")
                _log.warning(
                    "holding_short", user=user_id, symbol=symbol, ledger=str(amount), venue=str(total)
                )
        if not self._desk.log.orders.find(statuses=(*IN_FLIGHT, IntentStatus.LOST), user_id=user_id):
            # Nothing of ours is on its way: what the venue has beyond our accounts is the user's own.
            totals = {name: balance.free + balance.locked for name, balance in balances.items()}
            observe = partial(self._desk.log.ledger.entries.observe, user_id, totals, self._desk.now_ms())
            await self._desk.durably(observe)


def _in_play(trades: list[Trade], unclear: list[Intent]) -> dict[str, int]:
    """Return each symbol with something open or unclear, and the market time it goes back to."""
    since = [(trade.symbol, trade.opened_ms) for trade in trades]
    since += [(intent.symbol, intent.created_ms) for intent in unclear]
    earliest: dict[str, int] = {}
    for symbol, at_ms in sorted(since):
        earliest.setdefault(symbol, at_ms)
    return earliest
