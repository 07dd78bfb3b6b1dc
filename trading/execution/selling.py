"""How a position is sold: what is sellable, at which limit, in which slices, and what stands in the way.

Never more than min(position, free balance), never into another user's resting entry, and all users
together no more of a symbol on one look than its bids bear (`selling_depth.py`). What follows a refusal:
`exit_ladder.py`.
"""

from decimal import Decimal
from functools import partial

import structlog

from trading.exchange.gateway import Quote
from trading.execution.coid import client_order_id, intent_id
from trading.execution.desk import Desk
from trading.execution.exit_ladder import Step, last_refusal, narrowed
from trading.execution.exit_reasons import FLATTEN
from trading.execution.pace import Pace
from trading.execution.selling_depth import Depth
from trading.execution.wire import Wire
from trading.market.orders import Balance, OrderType, Side
from trading.market.symbols import Market
from trading.store.order_log.positions import assets
from trading.store.order_log.records import PENDING, ZERO, Intent, IntentStatus, Leg, Trade

_log = structlog.get_logger("execution.selling")

MOST_S = 30.0  # between two attempts to leave one position
MOST_REFUSED_S = 120.0  # ... where nothing helps but a person
_MOST_HALVED = 5  # after so many refusals by the venue's price band an exit's limit is the bid
_NEVER_MS = 2**62  # an exit does not expire


class Seller:
    """Sells positions that are to be left."""

    def __init__(self, desk: Desk, wire: Wire) -> None:
        self._desk = desk
        self._wire = wire
        self.pace = Pace(desk.wall, desk.settings.watch_s, MOST_S)  # by trade
        self._has_limits: bool | None = None  # whether an entry may rest; not known yet
        self.depth = Depth(desk.public, desk.settings)

    async def leave(self, trade: Trade, before: list[Intent], reason: str, quote: Quote | None) -> None:
        """Sell, write off, or say what stands in the way. Does nothing while the entry may still fill."""
        if self._entry_is_out(trade):
            return
        if quote is None:
            await self._stuck(trade, "no bid")
            return
        market = self._desk.market(trade.symbol)
        sellable = market.floor_amount(trade.held)
        if _is_dust(sellable, quote.bid, market):
            value = trade.held * quote.bid
            why = f"{reason}: {trade.held:f} left, too little to sell"
            write_off = partial(self._desk.log.ledger.write_off, trade.trade_id, value_quote=value)
            await self._desk.durably(partial(write_off, reason=why, at_ms=self._desk.now_ms()))
            return
        free, total = await self._sellable(trade, before, sellable)
        if total < sellable and any(intent.status is IntentStatus.LOST for intent in before):
            await self._stuck(trade, "a lost exit seems to have sold; waiting for its fills")
            return
        amount = market.floor_amount(min(sellable, free))
        if _is_dust(amount, quote.bid, market):
            await self._stuck(trade, "free balance is below the position")
            return
        refused = last_refusal(before)
        step = None if refused is None else refused[0].step
        if step is Step.SMALLER and refused is not None:
            amount = max(market.floor_amount(amount / 2 ** refused[1]), _least_sale(quote.bid, market))
        if reason != FLATTEN and any(intent.status is not IntentStatus.VOID for intent in before):
            await self.depth.look(trade.symbol)
        band = self._band(before)
        limit = _limit(band, quote.bid, amount, market)
        amount = self.depth.take(trade.symbol, amount, quote, limit, market, is_flatten=reason == FLATTEN)
        if amount > 0:
            limit = _limit(band, quote.bid, amount, market)
            clear = self._clear_of_ours(trade.symbol, limit, quote, market)
            if clear is not None:
                kind = OrderType.LIMIT if step is Step.REST else OrderType.IOC
                await self._sell(trade, before, reason, (amount, clear, kind))

    def _clear_of_ours(self, symbol: str, limit: Decimal, quote: Quote, market: Market) -> Decimal | None:
        """Return a limit at which no user's resting entry can be hit, or None: wait for its cancellation.

        Entries that rest at the limit or above are cancelled. Meanwhile the exit sells one tick above the
        highest of them, if anybody else bids there.
        """
        ours = [intent for intent in self._resting() if intent.symbol == symbol and _bids(intent) >= limit]
        if not ours:
            return limit
        self._wire.unwanted.update(intent.coid for intent in ours)
        above = max(_bids(intent) for intent in ours) + market.tick
        return above if above <= quote.bid else None

    def _resting(self) -> list[Intent]:
        """Return entries of all users that rest or may be about to; none is looked for where none can be."""
        if self._has_limits is False:
            return []
        out = self._desk.log.orders.find(statuses=PENDING, leg=Leg.OPEN)
        limits = [intent for intent in out if intent.type is OrderType.LIMIT]
        # Left over from other settings: once gone, no more come.
        self._has_limits = bool(limits) or self._desk.settings.entry_type is OrderType.LIMIT
        busy = self._wire.busy
        return [each for each in limits if each.status is not IntentStatus.NEW or each.coid in busy]

    def _entry_is_out(self, trade: Trade) -> bool:
        """Whether the entry may still fill; it is cancelled first, the exit follows when it is settled."""
        entries = self._desk.log.orders.find(trade_id=trade.trade_id, leg=Leg.OPEN, statuses=PENDING)
        self._wire.unwanted.update(intent.coid for intent in entries)
        return bool(entries)

    async def _sellable(self, trade: Trade, before: list[Intent], amount: Decimal) -> tuple[Decimal, Decimal]:
        """Return free and total base units at the venue.

        The first attempt does not ask: the venue itself refuses a sale above the free balance, and a
        stop should not wait for one more round trip. Any attempt after it does, and the first, too, on an
        account that reconciliation has frozen: what is free there may be the user's own. An attempt that was
        void never left.
        """
        left = any(intent.status is not IntentStatus.VOID for intent in before)
        if not left and not self._desk.fleet.freezes.holds(trade.user_id, trade.symbol):
            return amount, amount
        base = assets(trade.symbol)[0]
        found = (await self._desk.account(trade.user_id).balances()).get(base)
        balance = found if found is not None else Balance(base, ZERO, ZERO)
        return balance.free, balance.free + balance.locked

    async def _sell(
        self,
        trade: Trade,
        before: list[Intent],
        reason: str,
        terms: tuple[Decimal, Decimal, OrderType],
    ) -> None:
        amount, price, kind = terms
        attempt = 1 + max((intent.attempt for intent in before), default=0)
        key = (trade.user_id, trade.signal_set_id, trade.symbol, Leg.CLOSE, attempt)
        intent = Intent(
            coid=client_order_id(*key),
            intent_id=intent_id(*key),
            trade_id=trade.trade_id,
            user_id=trade.user_id,
            signal_set_id=trade.signal_set_id,
            signal_id=trade.signal_id,
            approval_id=trade.approval_id,
            symbol=trade.symbol,
            leg=Leg.CLOSE,
            attempt=attempt,
            side=Side.SELL,
            type=kind,
            amount=amount,
            price=price,
            reserved=ZERO,
            stop_loss=trade.stop_loss,
            take_profit=trade.take_profit,
            max_hold_s=0,
            expires_ms=_NEVER_MS,
            created_ms=self._desk.now_ms(),
            exit_reason=reason,
        )
        if not await self._desk.durably(partial(self._desk.log.orders.plan_close, intent)):
            return
        in_vain = _in_vain(before)
        if in_vain == 0:
            self.pace.forget(trade.trade_id)
        else:
            self.pace.put_off(trade.trade_id)
        if in_vain >= self._desk.settings.exit_alert_attempts:
            await self._tell(trade, f"{self._desk.settings.exit_alert_attempts} attempts sold nothing")
        await self._wire.send(intent)
        await self._answered(trade, before, self._desk.log.orders.get(intent.coid))

    async def _answered(self, trade: Trade, before: list[Intent], last: Intent) -> None:
        """Do what the ladder says of a refusal: wait, read the listing anew, tell a person."""
        refused = last_refusal([*before, last])
        if refused is None:
            return
        rung, in_a_row = refused
        most_s = MOST_REFUSED_S if rung.step is Step.PERSON else None
        self.pace.put_off(trade.trade_id, most_s=most_s, least_s=rung.wait_s)
        if rung.step is Step.RELIST:
            await self._desk.load_markets()
        if in_a_row >= rung.alert_after:
            await self._tell(trade, f"{rung.said} ({(last.reason or '').partition(':')[0]})")

    def _band(self, before: list[Intent]) -> Decimal:
        bands, halved = self._desk.settings.exit_bands, narrowed(before)
        if halved:  # at the bid itself an IOC order misses whenever the bid moves
            return ZERO if halved > _MOST_HALVED else bands[0] / 2**halved
        return bands[min(_in_vain(before, refused_too=False), len(bands) - 1)]

    async def _stuck(self, trade: Trade, reason: str) -> None:
        self.pace.put_off(trade.trade_id)
        if self.pace.tries(trade.trade_id) >= 3:  # a moment's disagreement is no alarm
            await self._tell(trade, reason)

    async def _tell(self, trade: Trade, reason: str) -> None:
        hold_up = partial(self._desk.log.ledger.hold_up, trade.trade_id, reason, self._desk.now_ms())
        if await self._desk.durably(hold_up):
            _log.warning("exit_held_up", user=trade.user_id, symbol=trade.symbol, reason=reason)


def _bids(entry: Intent) -> Decimal:
    return ZERO if entry.price is None else entry.price


def _in_vain(before: list[Intent], *, refused_too: bool = True) -> int:
    """Return how many attempts in a row, up to the last one, left and sold nothing.

    A refused one says nothing of the price: it does not widen the band.
    """
    nothing = {IntentStatus.VOID} if refused_too else {IntentStatus.VOID, IntentStatus.REJECTED}
    count = 0
    for intent in reversed(before):
        if intent.filled > 0:
            break
        count += intent.status not in nothing
    return count


def _least_sale(bid: Decimal, market: Market) -> Decimal:
    """Return the least amount that is no dust."""
    least = max(market.min_amount, market.min_cost / bid, market.step)
    return -(-least // market.step) * market.step


def _is_dust(amount: Decimal, bid: Decimal, market: Market) -> bool:
    return amount <= 0 or amount < market.min_amount or amount * bid < market.min_cost


def _limit(band: Decimal, bid: Decimal, amount: Decimal, market: Market) -> Decimal:
    """Return the sell limit: `band` below the bid, but not so low that the venue calls it too small."""
    price = market.price_down(bid * (1 - band))
    if price <= 0 or amount * price < market.min_cost:
        return market.price_down(bid)
    return price
