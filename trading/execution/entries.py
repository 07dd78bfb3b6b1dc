"""What one user does with one signal set: an intent, or a skip with its reason, for every signal.

All of it is one transaction, so that a set is decided once per user however often it is offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from trading.exchange.gateway import Quote
from trading.execution.coid import client_order_id, intent_id, trade_id
from trading.execution.desk import Desk
from trading.execution.entry_price import entry_price
from trading.execution.fleet_book import beta_of
from trading.execution.shared_capacity import SharedCapacity
from trading.market.errors import BadCredentials, SymbolHalted
from trading.market.orders import Side, SignalSet, TradeSignal
from trading.market.symbols import Market
from trading.market.timeframes import DAY_MS, to_ms
from trading.risk.fleet import Wanted
from trading.risk.limits import refusal
from trading.risk.refusal import Refusal
from trading.risk.sizing import position_size, stake_share
from trading.store.order_log.accounts import Standing
from trading.store.order_log.positions import assets
from trading.store.order_log.records import ZERO, Intent, Leg, Skip
from trading.store.order_log.takes import OvertakenError
from trading.users.refusals import in_words
from trading.users.user import Mode, User

_TRIES = 8  # of a plan that other workers overtake


@dataclass(slots=True)
class _Purse:
    """What a user can still commit while a set is being planned. Quote units."""

    equity: Decimal
    free: Decimal
    held: dict[str, Decimal]
    drafted: list[Wanted]

    def commit(self, wanted: Wanted) -> None:
        """Take an entry into account for the signals after it."""
        self.free -= wanted.cost
        self.held[wanted.symbol] = wanted.cost
        self.drafted.append(wanted)


class _Refused(Exception):
    """A signal is not followed; carries what `Refusal` does."""

    def __init__(
        self, rule: str, reason: str, value: Decimal | None = None, bound: Decimal | None = None
    ) -> None:
        super().__init__(reason)
        self.refusal = Refusal(rule, reason, value, bound)

    @classmethod
    def of(cls, refusal: Refusal) -> "_Refused":
        """Return the exception of what a rule said."""
        return cls(refusal.rule, refusal.reason, refusal.value, refusal.bound)


class Entries:
    """Plans entries."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._taken = SharedCapacity(desk.log)

    async def plan(
        self, user: User, batch: SignalSet, quotes: Mapping[str, Quote], *, place: int
    ) -> list[Intent]:
        """Decide and write down; return what was planned: it is on disk, as NEW.

        Raises
        ------
        ExchangeError
            If the account's balance cannot be read now; nothing was decided then.
        """
        now_ms = self._desk.now_ms()
        self._desk.fleet.book.refresh(now_ms)
        standing = self._desk.log.accounts.standing(user.user_id, recent_since_ms=now_ms - DAY_MS)
        gate = closed_gate(user, standing) or self._shut(user)
        # Balances cost ten times a quote: they are read only if something would be bought at all.
        everything = dict.fromkeys({assets(signal.symbol)[1] for signal in batch.signals}, user.capital)
        intents, skips = self._decide(user, batch, quotes, standing, everything, gate)
        if intents:
            try:
                balances = await self._desk.account(user.user_id).balances()
                free = {asset: balance.free for asset, balance in balances.items()}
            except BadCredentials as error:
                free = {}
                gate = _Refused("account", in_words(error)[1])
                await self._desk.told.note(user.user_id, error)
        plan = partial(self._desk.log.orders.plan_entries, user.user_id, batch.signal_set_id)
        book = self._desk.fleet.book
        for _ in range(_TRIES):
            if intents:
                self._taken.count(book.news())
                intents, skips = self._decide(user, batch, quotes, standing, free, gate)
            # Nothing awaits between the decision and here, so no other user of ours decided on the same room;
            # that none of another worker's did is asked in the transaction.
            write = partial(plan, intents, skips, place=place, at_ms=now_ms, seen=book.seen)
            with self._taken.claim(batch.signal_set_id, intents) as claim, book.claim(intents) as room:
                try:
                    claim.is_kept = room.is_kept = await self._desk.durably(write)
                except OvertakenError:
                    continue
            return intents if claim.is_kept else []
        return []  # offered again at the next look

    def _decide(
        self,
        user: User,
        batch: SignalSet,
        quotes: Mapping[str, Quote],
        standing: Standing,
        free: Mapping[str, Decimal],
        gate: _Refused | None,
    ) -> tuple[list[Intent], list[Skip]]:
        equity = user.capital + standing.realised
        purses: dict[str, _Purse] = {}
        held = dict(standing.held)
        drafted: list[Wanted] = []
        intents: list[Intent] = []
        skips: list[Skip] = []
        for signal in sorted(batch.signals, key=lambda signal: (-signal.score, signal.symbol)):
            quote_asset = assets(signal.symbol)[1]
            spendable = free.get(quote_asset, ZERO) - standing.unsent
            purse = purses.setdefault(quote_asset, _Purse(equity, spendable, held, drafted))
            try:
                if gate is not None:
                    raise gate
                intent = self._intent(user, batch, signal, quotes.get(signal.symbol), standing, purse)
            except _Refused as refused:
                skips.append(_skip(user, batch, signal, refused))
            else:
                purse.commit(_wanted(signal, intent.reserved))
                intents.append(intent)
        return intents, skips

    def _intent(
        self,
        user: User,
        batch: SignalSet,
        signal: TradeSignal,
        quote: Quote | None,
        standing: Standing,
        purse: _Purse,
    ) -> Intent:
        self._must_be_open(user, batch, signal, standing)
        market = self._market(signal)
        price = market.price_down(signal.limit_price)
        quote = _check_price(signal, quote, price)
        share = self._desk.canary.share(batch.signal_set_id) * stake_share(signal.features)
        size = position_size(
            purse.equity, purse.free, signal.stop_loss, market, price,
            self._desk.settings.sizing(user.risk_per_trade, share),
        )  # fmt: skip
        if size.skip_reason is not None:
            raise _Refused("size", size.skip_reason)
        full = self._taken.refusal(batch.signal_set_id, signal, size.cost * (1 + market.taker_fee))
        if full is not None:
            raise _Refused("capacity", full)
        limits = self._desk.settings.limits(user.max_positions)
        over = refusal(signal.symbol, size.cost, purse.held, purse.equity, limits)
        if over is not None:
            raise _Refused.of(over)
        resting = self._desk.protections.refusal(user.user_id, signal.symbol, self._desk.now_ms())
        if resting is not None:
            raise _Refused.of(resting)
        capped = self._desk.fleet.over(_wanted(signal, size.cost * (1 + market.taker_fee)), purse.drafted)
        if capped is not None:
            raise _Refused.of(capped)
        key = (user.user_id, batch.signal_set_id, signal.symbol, Leg.OPEN, 1)
        return Intent(
            coid=client_order_id(*key),
            intent_id=intent_id(*key),
            trade_id=trade_id(user.user_id, batch.signal_set_id, signal.symbol),
            user_id=user.user_id,
            signal_set_id=batch.signal_set_id,
            signal_id=signal.signal_id,
            approval_id=signal.approval_id,
            symbol=signal.symbol,
            leg=Leg.OPEN,
            attempt=1,
            side=Side.BUY,
            type=self._desk.settings.entry_type,
            amount=size.amount,
            price=entry_price(self._desk.settings, price, quote, market),
            reserved=size.cost * (1 + market.taker_fee),
            stop_loss=signal.stop_loss,
            take_profit=signal.take_profit,
            max_hold_s=signal.max_hold_s,
            exits=signal.exits,
            expires_ms=to_ms(batch.expires_at),
            created_ms=self._desk.now_ms(),
        )

    def _must_be_open(self, user: User, batch: SignalSet, signal: TradeSignal, standing: Standing) -> None:
        """Refuse what is closed to this user whatever it costs: lists, halts, new strategies, suspensions."""
        if batch.is_exploration and user.mode is not Mode.PAPER:
            raise _Refused("exploration", "exploration is paper only")
        refused = user.refuses(signal.symbol)
        if refused is not None:
            raise _Refused("user_list", refused)
        halted = self._desk.fleet.refusal(user.user_id, signal.symbol, batch.signal_set_id)
        if halted is not None:
            raise _Refused.of(halted)
        new = self._desk.canary.refusal(user.user_id, batch.signal_set_id)
        if new is not None:
            raise _Refused.of(new)
        suspended = self._desk.prices.suspended(signal.symbol)
        if suspended is not None:
            raise _Refused("suspended", suspended)
        if signal.symbol in standing.frozen:
            raise _Refused("frozen", f"an earlier order in {signal.symbol} is lost and not explained yet")

    def _market(self, signal: TradeSignal) -> Market:
        try:
            market = self._desk.market(signal.symbol)
        except SymbolHalted as error:
            raise _Refused("not_listed", str(error)) from error
        if not market.is_api_tradable:
            raise _Refused("not_tradable", f"{signal.symbol} cannot be traded through the API")
        return market

    def _shut(self, user: User) -> _Refused | None:
        gate = self._desk.gates.closed(user)
        return None if gate is None else _Refused(gate.rule, gate.reason)


def closed_gate(user: User, standing: Standing) -> _Refused | None:
    """Return why this user enters nothing at all now, or None."""
    if user.is_paused:
        return _Refused("paused", "the user is paused")
    if user.capital + standing.realised <= 0:
        return _Refused("no_capital", f"equity is {user.capital + standing.realised:f}")
    limit = user.capital * user.daily_loss_limit
    if -standing.realised_recently >= limit:
        lost = -standing.realised_recently
        return _Refused(
            "daily_loss", f"lost {lost:f} in 24 h of market time, the limit is {limit:f}", lost, limit
        )
    return None


def _wanted(signal: TradeSignal, cost: Decimal) -> Wanted:
    return Wanted(signal.symbol, cost, signal.cluster, beta_of(signal.features))


def _check_price(signal: TradeSignal, quote: Quote | None, price: Decimal) -> Quote:
    if quote is None:
        raise _Refused("no_quote", f"{signal.symbol} has no bid and ask now")
    if price <= 0:
        raise _Refused("limit_price", f"limit {signal.limit_price:f} is below one tick")
    if quote.ask > price:
        raise _Refused("price_moved", f"ask {quote.ask:f} is above the limit of {price:f}")
    return quote


def _skip(user: User, batch: SignalSet, signal: TradeSignal, refused: _Refused) -> Skip:
    return Skip(
        signal_set_id=batch.signal_set_id,
        signal_id=signal.signal_id,
        user_id=user.user_id,
        symbol=signal.symbol,
        rule=refused.refusal.rule,
        reason=refused.refusal.reason,
        value=refused.refusal.value,
        bound=refused.refusal.bound,
    )
