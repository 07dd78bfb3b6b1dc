"""One check of one account: open orders, trades since the cursor, balances; explained, booked, or frozen.

Reads first and trades never: exits go on meanwhile, entries of other accounts, too.
"""

from dataclasses import dataclass
from functools import partial

import structlog

from trading.exchange.gateway import AccountGateway
from trading.exchange.weights import weight_of
from trading.execution.account_balances import AccountBalances
from trading.execution.account_orders import AccountOrders, Reading
from trading.execution.desk import Desk
from trading.execution.replay import Replay
from trading.execution.settle import Settler
from trading.store.order_log.reconciliations import Check
from trading.store.order_log.records import Intent, Trade

_log = structlog.get_logger("execution.account_check")

AGREED, EXPLAINED, FROZEN, FAILED = "agreed", "explained", "frozen", "failed"


@dataclass(frozen=True, slots=True)
class AtRisk:
    """What one user has at stake: open trades and orders whose outcome is not known."""

    trades: tuple[Trade, ...] = ()
    unclear: tuple[Intent, ...] = ()

    def __len__(self) -> int:
        return len(self.trades) + len(self.unclear)

    def symbols(self) -> dict[str, int]:
        """Return each symbol in play and the market time it goes back to."""
        since = [(trade.symbol, trade.opened_ms) for trade in self.trades]
        since += [(intent.symbol, intent.created_ms) for intent in self.unclear]
        earliest: dict[str, int] = {}
        for symbol, at_ms in since:
            earliest[symbol] = min(at_ms, earliest.get(symbol, at_ms))
        return dict(sorted(earliest.items()))

    @property
    def floor(self) -> int:
        """Return the least weight that a check of this account costs."""
        unclear = {intent.symbol for intent in self.unclear}
        orders = {True: weight_of("GET", "allOrders"), False: weight_of("GET", "openOrders")}
        each = [orders[symbol in unclear] + weight_of("GET", "myTrades") for symbol in self.symbols()]
        return weight_of("GET", "account") + sum(each)


class AccountCheck:
    """Checks accounts, one call each."""

    def __init__(self, desk: Desk) -> None:
        settler = Settler(desk)
        self._desk = desk
        self._replay = Replay(desk, settler)
        self._orders = AccountOrders(desk, settler)
        self._balances = AccountBalances(desk, self._orders)
        self._seen: dict[str, set[tuple[str, str]]] = {}  # what a look before could not explain either

    async def run(self, user_id: str, at_risk: AtRisk, cause: str) -> Check:
        """Check one account and keep what came of it.

        Raises
        ------
        ExchangeError
            If the account cannot be read: what held before goes on holding.
        StoreError
            If the log refuses.
        """
        log, began_ms = self._desk.log.reconciliations, self._desk.now_ms()
        began_wall_ms = self._desk.wall.now_ms()
        gateway = self._desk.account(user_id)
        await self._replay_since_backup(user_id, gateway)
        reading = Reading(user_id, gateway, accepted=log.accepted(user_id))
        cursors = log.cursors(user_id)
        unclear = {intent.symbol for intent in at_risk.unclear}
        symbols = at_risk.symbols()
        for symbol, since_ms in symbols.items():
            from_ms = max(since_ms, cursors.get(symbol, 0)) if symbol not in unclear else since_ms
            await self._orders.read(reading, symbol, from_ms, is_unclear=symbol in unclear)
        await self._balances.read(reading, set(symbols))
        await self._freeze(reading)
        # What is frozen is read again from where it was last in order, until it is explained.
        is_explained = reading.is_whole and not any(one.kind.freezes for one in reading.differences)
        check = Check(
            user_id, cause, self._outcome(reading), began_wall_ms,
            began_ms if is_explained else None, reading.weight,
            [found.as_dict() for found in reading.differences], is_whole=reading.is_whole,
        )  # fmt: skip
        moved = dict.fromkeys(symbols, began_ms) if is_explained else {}
        await self._desk.durably(partial(log.note, check, moved))
        self._tell(check)
        return check

    async def _freeze(self, reading: Reading) -> None:
        """Freeze what two looks in a row could not explain; a whole look without it lifts what it froze."""
        found = {(one.kind.value, one.subject): one for one in reading.differences if one.kind.freezes}
        before = self._seen.pop(reading.user_id, set())
        held = {one.key for one in self._desk.log.reconciliations.frozen() if one.user_id == reading.user_id}
        sure = [one.unexplained() for key, one in found.items() if key in before | held]
        if found:
            self._seen[reading.user_id] = set(found)
        settle = partial(
            self._desk.log.reconciliations.settle,
            reading.user_id,
            sure,
            at_ms=self._desk.now_ms(),
            is_whole=reading.is_whole,
        )
        if sure or held:
            await self._desk.durably(settle)
            self._desk.fleet.freezes.refresh()

    def is_sure(self, user_id: str) -> bool:
        """Whether nothing of an account waits for a second look."""
        held = {one.key for one in self._desk.log.reconciliations.frozen() if one.user_id == user_id}
        accepted = {key[:2] for key in self._desk.log.reconciliations.accepted(user_id)}
        return self._seen.get(user_id, set()) <= held | accepted

    def _outcome(self, reading: Reading) -> str:
        if any(found.kind.freezes for found in reading.differences):
            return FROZEN
        return EXPLAINED if reading.differences else AGREED

    def _tell(self, check: Check) -> None:
        bound = _log.bind(user=check.user_id, cause=check.cause, outcome=check.outcome)
        if check.differences:
            bound.warning("account_checked", differences=list(check.differences), weight=check.weight)
        else:
            bound.info("account_checked", weight=check.weight, is_whole=check.at_ms is not None)

    async def _replay_since_backup(self, user_id: str, gateway: AccountGateway) -> None:
        """After a restore, write down what the venue knows since the backup; exits wait for that, too."""
        restore = self._desk.log.restores.pending()
        if restore is None or user_id not in self._desk.unreplayed:
            return
        adopted = await self._replay.account(user_id, gateway, restore)
        checks = self._desk.log.reconciliations
        await self._desk.durably(partial(checks.note_replayed, user_id, restore.epoch))
        self._desk.unreplayed.discard(user_id)
        _log.warning("account_replayed", user=user_id, epoch=restore.epoch, adopted=adopted)
        # Of all users, not of this process's alone: another one may still have accounts to read.
        if {user.user_id for user in self._desk.everybody()} <= checks.replayed(restore.epoch):
            await self._desk.durably(self._desk.log.restores.done)
