"""Matching: takers walk the synthesised book, resting orders fill when the path crosses them.

Resting orders of a symbol are brought up to date only when somebody looks at that symbol or account
(or on the background tick), so a request never costs more than its own symbol. Accounts never trade
with each other: the other side is always the market. Price-time priority holds among the resting
orders of a side: what a better or earlier order took of a moment's volume is gone for the rest.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from trading.simulator.accounts import Account, AccountBook, FeeAsset
from trading.simulator.book import BookMaker, Take
from trading.simulator.events import CANCELLED, DEALT, NOBODY, PLACED, UNFROZEN, AccountEvents
from trading.simulator.fault_orders import at_most
from trading.simulator.intake import plan_order
from trading.simulator.listings import Listing, Terms
from trading.simulator.orders import (
    Kind,
    Order,
    OrderRequest,
    OrderStore,
    Resting,
    Side,
    Status,
    Trade,
    order_id,
    trade_id,
)
from trading.simulator.settlement import MX, lock_for, locked_asset, release, settle
from trading.simulator.source import PathStep
from trading.simulator.units import ATOM_DECIMALS
from trading.simulator.wire import Refusal

MAX_OPEN_ORDERS = 500
# Share of the volume traded beyond a resting order's price that reaches it: others queue there too.
PARTICIPATION = 0.25
_SLICE_MS = 15_000
_MAX_SLICES = 16


@dataclass(slots=True)
class Matcher:
    """Places, cancels and fills the orders of all accounts."""

    listing: Listing
    accounts: AccountBook
    books: BookMaker
    store: OrderStore = field(default_factory=OrderStore)
    # Market time up to which the path has been held against a symbol's resting orders.
    cursors: dict[str, int] = field(default_factory=dict)
    events: AccountEvents = NOBODY

    def place(
        self,
        account: Account,
        request: OrderRequest,
        terms: Terms,
        now_ms: int,
        *,
        fill_share: float | None = None,
    ) -> Order:
        """Accept an order, fill what fills at once, and rest or cancel the remainder.

        With `fill_share`, no more than that share of it ever fills: a fault on purpose.

        Raises
        ------
        Refusal
            What `plan_order` refuses, and 30029 with too many open orders.
        """
        self.advance(request.symbol, now_ms)
        if self.store.open_count(account.key) >= MAX_OPEN_ORDERS:
            raise Refusal(30029, "Cannot exceed the maximum order limit")
        plan = plan_order(self.books, account, request, terms, now_ms)
        order = self._new_order(account, request, plan.price, plan.quantity, now_ms)
        asset = locked_asset(terms, request.side)
        account.wallet(asset).lock(plan.lock)
        order.locked = plan.lock
        if fill_share is not None:
            order.most = int(order.quantity * fill_share)
        self.store.add(order)
        self.events.order_changed(order)
        self.events.balances_changed(account, (asset,), PLACED, now_ms)
        self._take(account, order, terms, at_most(order, plan.takes), now_ms)
        if order.is_open and order.kind in (Kind.MARKET, Kind.IOC, Kind.FOK):
            self._close(account, order, now_ms)
        return order

    def cancel(self, account: Account, order: Order, now_ms: int) -> Order:
        """Cancel an open order after bringing it up to date.

        Raises
        ------
        Refusal
            -2011 if it is filled or cancelled already.
        """
        self.advance(order.symbol, now_ms)
        if not order.is_open:
            raise Refusal(-2011, "Order filled." if order.status is Status.FILLED else "Order cancelled.")
        self._close(account, order, now_ms)
        return order

    def fill_now(self, order: Order, now_ms: int) -> bool:
        """Fill an open order at its own price, whatever the market does: a fault on purpose.

        Returns
        -------
        bool
            Whether there was anything to fill.
        """
        self.advance(order.symbol, now_ms)
        if not order.is_open or not order.fillable:
            return False
        account, terms = self.accounts.owner(order.account_key), self.listing.terms(order.symbol)
        self._fill(account, order, terms, Take(order.price, order.fillable), is_maker=True, at_ms=now_ms)
        self._after_fill(account, order, terms, now_ms)
        return True

    def advance_account(self, account: Account, now_ms: int) -> None:
        """Bring every symbol in which `account` has resting orders up to date."""
        for symbol in {order.symbol for order in self.store.open_orders(account.key)}:
            self.advance(symbol, now_ms)

    def advance_all(self, now_ms: int) -> None:
        """Bring every symbol with resting orders up to date: the background tick."""
        for symbol in list(self.store.resting):
            self.advance(symbol, now_ms)

    def advance(self, symbol: str, now_ms: int) -> None:
        """Let the path since the last look cross the resting orders of `symbol`."""
        resting = self.store.resting.get(symbol)
        since = self.cursors.get(symbol)
        if resting is None or since is None:
            self.cursors[symbol] = max(now_ms, since or now_ms)
            return
        ended_ms = self.listing.source.ended_by_itself(symbol, now_ms)
        if now_ms > since:
            self.cursors[symbol] = now_ms
            until = now_ms if ended_ms is None else min(now_ms, ended_ms)
            if until > since:
                self._cross(symbol, resting, since, until)
        if ended_ms is not None:
            self._close_all(resting, now_ms)

    def end_stretch(self, symbol: str, at_ms: int) -> None:
        """Trading of `symbol` has ended at `at_ms`: fill what filled until then, cancel what is open."""
        self.advance(symbol, at_ms)
        resting = self.store.resting.get(symbol)
        if resting is not None:
            self._close_all(resting, at_ms)

    def _close_all(self, resting: Resting, now_ms: int) -> None:
        for order in list(resting.orders.values()):
            self._close(self.accounts.owner(order.account_key), order, now_ms)

    def _cross(self, symbol: str, resting: Resting, since: int, until: int) -> None:
        whole = self.listing.source.step_path(symbol, since, until)
        if resting.may_cross(whole.low, whole.high):
            self._advance_sliced(symbol, since, until)

    def _advance_sliced(self, symbol: str, since: int, until: int) -> None:
        slices = max(1, min(_MAX_SLICES, (until - since) // _SLICE_MS))
        edges = [since + (until - since) * number // slices for number in range(slices + 1)]
        for begin, end in pairwise(edges):
            resting = self.store.resting.get(symbol)
            if resting is None:
                return
            step = self.listing.source.step_path(symbol, begin, end)
            hit = [order for order in resting.orders.values() if _crosses(order, step)]
            for side in Side:
                self._fill_queue([order for order in hit if order.side is side], step, end)

    def _fill_queue(self, queue: list[Order], step: PathStep, at_ms: int) -> None:
        sign = -1 if queue and queue[0].side is Side.BUY else 1
        taken = 0
        for order in sorted(queue, key=lambda o: (sign * o.price, o.sequence)):
            offered = int(step.volume * PARTICIPATION * _beyond(order, step)) - taken
            steps = min(order.fillable, offered)
            if steps <= 0:
                continue
            taken += steps
            terms = self.listing.terms(order.symbol)
            account = self.accounts.owner(order.account_key)
            self._fill(account, order, terms, Take(order.price, steps), is_maker=True, at_ms=at_ms)
            self._after_fill(account, order, terms, at_ms)

    def _new_order(
        self, account: Account, request: OrderRequest, price: int, quantity: int, now_ms: int
    ) -> Order:
        self.store.sequence += 1
        return Order(
            order_id=order_id(now_ms, self.store.sequence),
            sequence=self.store.sequence,
            account_key=account.key,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            price=price,
            quantity=quantity,
            budget=request.budget,
            client_order_id=request.client_order_id,
            created_ms=now_ms,
            updated_ms=now_ms,
            fee_asset=account.fee_asset,
            era=self.listing.source.era(request.symbol),
        )

    def _take(self, account: Account, order: Order, terms: Terms, takes: list[Take], now_ms: int) -> None:
        if not takes:
            return
        for take in takes:
            self._fill(account, order, terms, take, is_maker=False, at_ms=now_ms)
        self.books.trade(order.symbol, order.side, now_ms, takes)
        self._after_fill(account, order, terms, now_ms)
        self._sweep(order, takes, now_ms)

    def _sweep(self, taker: Order, takes: list[Take], now_ms: int) -> None:
        # Whoever else rested within the prices that the taker went through would have been met first.
        resting = self.store.resting.get(taker.symbol)
        low, high = min(take.price for take in takes), max(take.price for take in takes)
        if resting is None or not resting.may_cross(low, high):
            return
        step = PathStep(low, high, takes[-1].price, sum(take.steps for take in takes))
        others = [order for order in resting.orders.values() if order.account_key != taker.account_key]
        queue = [order for order in others if order.side is not taker.side and _crosses(order, step)]
        self._fill_queue(queue, step, now_ms)

    def _fill(
        self, account: Account, order: Order, terms: Terms, take: Take, *, is_maker: bool, at_ms: int
    ) -> None:
        cost, fee, fee_asset = settle(
            account,
            order,
            terms,
            price=take.price,
            steps=take.steps,
            is_maker=is_maker,
            mx_worth=self._mx_worth(order, terms, at_ms),
        )
        trade = Trade(
            trade_id=trade_id(order.order_id, order.executed),
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            price=take.price,
            quantity=take.steps,
            cost=cost,
            fee=fee,
            fee_asset=fee_asset,
            is_maker=is_maker,
            at_ms=at_ms,
        )
        self.store.add_trade(account.key, trade)
        self.events.filled(order, trade)
        touched = dict.fromkeys((terms.pair.quote, terms.pair.base, fee_asset))
        self.events.balances_changed(account, tuple(touched), DEALT, at_ms)

    def _after_fill(self, account: Account, order: Order, terms: Terms, now_ms: int) -> None:
        order.updated_ms = now_ms
        order.status = Status.PARTIALLY_FILLED if order.remaining else Status.FILLED
        keep = 0
        if order.remaining:
            keep = lock_for(terms, order.side, order.price, order.remaining, order.fee_asset)
        release(account, order, terms, keep)
        self.store.note(order)
        self.events.balances_changed(account, (locked_asset(terms, order.side),), UNFROZEN, now_ms)

    def _close(self, account: Account, order: Order, now_ms: int) -> None:
        terms = self.listing.terms(order.symbol)
        release(account, order, terms, 0)
        order.status = Status.PARTIALLY_CANCELED if order.executed else Status.CANCELED
        order.updated_ms = now_ms
        self.store.note(order)
        self.events.order_changed(order)
        self.events.balances_changed(account, (locked_asset(terms, order.side),), CANCELLED, now_ms)

    def _mx_worth(self, order: Order, terms: Terms, now_ms: int) -> int | None:
        symbol = f"{MX}{terms.pair.quote}"
        if order.fee_asset is not FeeAsset.MX or symbol not in self.listing.source.pairs:
            return None
        mx = self.listing.source.pairs[symbol]
        return int(self.listing.source.price(symbol, now_ms) * 10 ** (ATOM_DECIMALS - mx.price_decimals))


def _crosses(order: Order, step: PathStep) -> bool:
    return step.low <= order.price if order.side is Side.BUY else step.high >= order.price


def _beyond(order: Order, step: PathStep) -> float:
    """Return which share of the step's range lies at or beyond the order's price."""
    width = step.high - step.low + 1
    inside = order.price - step.low + 1 if order.side is Side.BUY else step.high - order.price + 1
    return max(0.0, min(1.0, inside / width))
