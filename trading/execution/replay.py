"""After a restore: the venue tells what happened since the backup, before any order of that account leaves.

An order that the log does not hold is written down from what the venue says of it. Client order ids are
functions of user, signal set, symbol, leg and attempt, so an order that follows a set or a position in the
log gets back all it had. One of a set that was lost with the log gets the stop of
`EngineSettings.orphan_stop`: its position is protected, and sold by a rule that somebody declared, rather
than held by nobody.

What this cannot find: a round trip that began and ended since the backup, in a symbol that the log never
traded, at a venue that lists more than `replay_all_symbols` symbols and must be asked symbol by symbol.
"""

from dataclasses import dataclass
from functools import partial

import structlog

from trading.exchange.gateway import AccountGateway
from trading.execution.coid import LENGTH, client_order_id, intent_id, trade_id
from trading.execution.desk import Desk
from trading.execution.settle import Settler
from trading.market.orders import PLAIN, OrderState, OrderStatus, Side, TradeSignal
from trading.market.timeframes import HOUR_MS, to_ms
from trading.store.order_log.positions import assets
from trading.store.order_log.records import ZERO, Intent, Leg, Trade
from trading.store.order_log.restores import Restore

_log = structlog.get_logger("execution.replay")

MOST_ATTEMPTS = 64  # of one exit, that a client order id is tried against
_NEVER_MS = 2**62
_FOUND = "found at the venue after restore"


def is_adopted(intent: Intent) -> bool:
    """Whether an intent was written down from what the venue said, after a restore."""
    return (intent.reason or "").startswith(_FOUND)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an order came from: its place in the log, and how its position is protected."""

    signal_set_id: str
    leg: Leg
    attempt: int
    signal: TradeSignal | None
    trade: Trade | None


class Replay:
    """Writes down what the venue knows and a restored log does not."""

    def __init__(self, desk: Desk, settler: Settler) -> None:
        self._desk = desk
        self._settler = settler

    async def account(self, user_id: str, gateway: AccountGateway, restore: Restore) -> int:
        """Read all orders of one account since the backup; return how many the log did not hold.

        Raises
        ------
        ExchangeError
            If the account cannot be read: it stays closed then, exits included.
        """
        since_ms = restore.since_ms - HOUR_MS  # the venue stamps orders with its own clock
        found: list[OrderState] = []
        for symbol in await self._symbols(user_id, gateway):
            found += await gateway.orders_since(symbol, since_ms)
        adopted = 0
        # Entries before the exits of what they bought.
        for state in sorted(found, key=lambda state: (state.at, state.side is Side.SELL, state.order_id)):
            adopted += await self._order(user_id, gateway, state, restore)
        return adopted

    async def _symbols(self, user_id: str, gateway: AccountGateway) -> list[str]:
        listed = self._desk.markets
        if len(listed) <= self._desk.settings.replay_all_symbols:
            return sorted(listed)
        log = self._desk.log
        known = {intent.symbol for intent in log.orders.find(user_id=user_id)}
        known |= set(log.decisions()["symbol"])
        held = {name for name, balance in (await gateway.balances()).items() if balance.free + balance.locked}
        return sorted(symbol for symbol in listed if symbol in known or assets(symbol)[0] in held)

    async def _order(self, user_id: str, gateway: AccountGateway, state: OrderState, restore: Restore) -> int:
        coid = state.client_order_id or ""
        if len(coid) != LENGTH or state.status is OrderStatus.REJECTED:
            return 0  # not ours; `Reconcile` reports it
        intent = self._desk.log.orders.lookup(coid)
        is_new = intent is None
        if intent is None:
            intent = self._intent(user_id, state, restore)
            await self._desk.durably(partial(self._desk.log.orders.adopt, intent))
            _log.warning("order_adopted", user=user_id, symbol=state.symbol, coid=coid, leg=intent.leg.value)
        await self._desk.durably(partial(self._desk.log.orders.acknowledge, coid, state.order_id))
        await self._settler.settle(gateway, intent, state)
        return int(is_new)

    def _intent(self, user_id: str, state: OrderState, restore: Restore) -> Intent:
        origin = self._origin(user_id, state, restore)
        key = (user_id, origin.signal_set_id, state.symbol, origin.leg, origin.attempt)
        signal, settings = origin.signal, self._desk.settings
        is_open = origin.leg is Leg.OPEN
        return Intent(
            coid=state.client_order_id or "",
            intent_id=intent_id(*key) if signal or origin.trade else f"int-{state.client_order_id}",
            trade_id=origin.trade.trade_id if origin.trade else trade_id(*key[:3]),
            user_id=user_id,
            signal_set_id=origin.signal_set_id,
            signal_id=_of(signal, origin.trade, "signal_id"),
            approval_id=_of(signal, origin.trade, "approval_id"),
            symbol=state.symbol,
            leg=origin.leg,
            attempt=origin.attempt,
            side=state.side,
            type=state.type,
            amount=state.amount,
            price=state.price,
            reserved=state.amount * (state.price or ZERO) if is_open else ZERO,
            stop_loss=signal.stop_loss if signal else settings.orphan_stop,
            take_profit=signal.take_profit if signal else None,
            max_hold_s=signal.max_hold_s if signal else settings.orphan_hold_s,
            exits=signal.exits if signal else PLAIN,
            expires_ms=_NEVER_MS,
            created_ms=to_ms(state.at),
            exit_reason=None if is_open else "before the restore",
            reason=f"{_FOUND} {restore.epoch}",
        )

    def _origin(self, user_id: str, state: OrderState, restore: Restore) -> _Origin:
        """Find which set or position an order belongs to: by its client order id, else by its symbol."""
        coid, symbol = state.client_order_id, state.symbol
        leg = Leg.OPEN if state.side is Side.BUY else Leg.CLOSE
        trades = [t for t in self._desk.log.ledger.all_trades(user_id) if t.symbol == symbol]
        for set_id, signal in self._signals(symbol).items():
            for attempt in range(1, MOST_ATTEMPTS):
                if client_order_id(user_id, set_id, symbol, leg, attempt) == coid:
                    own = [t for t in trades if t.signal_set_id == set_id]
                    return _Origin(set_id, leg, attempt, signal, own[0] if own else None)
        if leg is Leg.CLOSE:
            open_now = [trade for trade in trades if not trade.is_closed] or trades
            if open_now:
                return _Origin(open_now[-1].signal_set_id, leg, self._next(open_now[-1]), None, open_now[-1])
        # One made-up set for each order, so that two of one symbol are two round trips.
        return _Origin(f"restored-{restore.epoch}-{state.order_id}", leg, 1, None, None)

    def _signals(self, symbol: str) -> dict[str, TradeSignal]:
        log = self._desk.log
        ids = set(log.decisions().filter(symbol=symbol)["signal_set_id"])
        return {
            set_id: signal
            for set_id in sorted(ids)
            for signal in log.get_signal_set(set_id).signals
            if signal.symbol == symbol
        }

    def _next(self, trade: Trade) -> int:
        before = self._desk.log.orders.find(trade_id=trade.trade_id, leg=Leg.CLOSE)
        return 1 + max((intent.attempt for intent in before), default=0)


def _of(signal: TradeSignal | None, trade: Trade | None, name: str) -> str:
    known = signal if signal is not None else trade
    return "restored" if known is None else str(getattr(known, name))
