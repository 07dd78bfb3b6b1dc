"""One account's balances against the ledger, asset by asset: what is external is booked, the rest is named.

What may explain a difference, in this order: somebody else's executions, the venue's own history of deposits
and withdrawals, and, where no order of ours can be behind it, that only the user can have moved the coins.
Decision 40 says why.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import partial

from trading.execution.account_orders import AccountOrders, Reading
from trading.execution.desk import Desk
from trading.execution.differences import Difference, Kind
from trading.market.orders import Fill, Side
from trading.market.timeframes import to_ms
from trading.store.order_log.entries import OWNED, External
from trading.store.order_log.positions import assets
from trading.store.order_log.records import IN_FLIGHT, ZERO, IntentStatus

# Executions may show in the balances a moment later than in the list of trades.
QUIET_MS = 1_000

_AS_BOOKED = {
    Kind.OPENING: External.OPENING,
    Kind.DEPOSIT: External.DEPOSIT,
    Kind.WITHDRAWAL: External.WITHDRAWAL,
    Kind.DUST: External.OBSERVED,
    Kind.UNKNOWN: External.OBSERVED,  # once a person has said so
}


class AccountBalances:
    """Explains balances; what it books never belongs to a position and is never profit."""

    def __init__(self, desk: Desk, orders: AccountOrders) -> None:
        self._desk = desk
        self._orders = orders

    async def read(self, reading: Reading, read_symbols: set[str]) -> None:
        """Compare all balances. While orders are out nothing is judged: the check is not whole then."""
        before = self._mark(reading.user_id)
        reading.pay("GET", "account")
        held = await reading.gateway.balances()
        if before is None or before != self._mark(reading.user_id):
            reading.is_whole = False
            return
        totals = {name: balance.free + balance.locked for name, balance in held.items()}
        since_ms = self._desk.log.reconciliations.whole_ms(reading.user_id)
        if since_ms is not None and self._left(reading.user_id, totals):
            await self._trades_elsewhere(reading, totals, read_symbols, since_ms)
            await self._manual_trades(reading, since_ms)
            await self._history(reading, totals, since_ms)
        left = self._left(reading.user_id, totals)
        for asset in sorted(left, key=lambda asset: (asset in self._quotes(), asset)):
            await self._judge(reading, asset, left[asset], is_first=since_ms is None)
        self._name_booked_away(reading, totals, left)

    def _mark(self, user_id: str) -> tuple[int, int] | None:
        """Return what must not change while balances are read; None while something is on its way."""
        log = self._desk.log
        unclear = log.orders.find(statuses=IN_FLIGHT, user_id=user_id)
        count, newest_wall_ms = log.reconciliations.extent(user_id)
        is_fresh = newest_wall_ms is not None and self._desk.wall.now_ms() - newest_wall_ms < QUIET_MS
        return None if unclear or is_fresh else (count, newest_wall_ms or 0)

    def _left(self, user_id: str, totals: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return asset -> what the venue has beyond (below 0: less than) our accounts."""
        booked = self._desk.log.ledger.entries.balances(user_id)
        names = {asset for _, asset in booked} | set(totals)
        mine = {asset: sum((booked.get((name, asset), ZERO) for name in OWNED), ZERO) for asset in names}
        found = {asset: totals.get(asset, ZERO) - mine[asset] for asset in names}
        return {asset: change for asset, change in found.items() if change != 0}

    def _quotes(self) -> set[str]:
        return {market.quote for market in self._desk.markets.values()}

    async def _trades_elsewhere(
        self, reading: Reading, totals: Mapping[str, Decimal], read_symbols: set[str], since_ms: int
    ) -> None:
        """Read the trades of pairs whose base asset moved, and those of symbols read before once more."""
        moved = set(self._left(reading.user_id, totals)) - self._quotes()
        pairs = {name for name, market in self._desk.markets.items() if market.base in moved}
        for symbol in sorted(pairs - read_symbols):
            await self._orders.trades(reading, symbol, since_ms)

    async def _manual_trades(self, reading: Reading, since_ms: int) -> None:
        for fill in sorted(reading.foreign.values(), key=lambda fill: (fill.at, fill.trade_id)):
            if to_ms(fill.at) > since_ms and await self._manual_trade(reading.user_id, fill):
                sign = 1 if fill.side is Side.BUY else -1
                text = f"{fill.side.value} of {fill.amount:f} at {fill.price:f}, somebody else's"
                found = Difference(Kind.MANUAL_TRADE, fill.symbol, fill.order_id, sign * fill.amount, text)
                reading.differences.append(found)

    async def _manual_trade(self, user_id: str, fill: Fill) -> bool:
        """Book both sides and the fee of somebody else's execution; False if that was done before."""
        base, quote = assets(fill.symbol)
        sign = 1 if fill.side is Side.BUY else -1
        moves = {base: sign * fill.amount}
        moves[quote] = moves.get(quote, ZERO) - sign * fill.cost
        moves[fill.fee_asset] = moves.get(fill.fee_asset, ZERO) - fill.fee
        ref = f"trade:{fill.symbol}:{fill.order_id}:{fill.trade_id}"
        is_new = False
        for asset, amount in moves.items():
            if amount != 0:
                is_new |= await self._book(user_id, asset, amount, External.MANUAL_TRADE, ref)
        return is_new

    async def _history(self, reading: Reading, totals: Mapping[str, Decimal], since_ms: int) -> None:
        """Book what the venue itself lists as deposits and withdrawals, where the key may see it."""
        if not self._left(reading.user_id, totals):
            return
        reading.pay("GET", "capital/deposit/hisrec")
        reading.pay("GET", "capital/withdraw/history")
        for one in await reading.gateway.transfers(since_ms):
            kind = Kind.DEPOSIT if one.amount > 0 else Kind.WITHDRAWAL
            ref = f"transfer:{one.transfer_id}"
            if await self._book(reading.user_id, one.asset, one.amount, _AS_BOOKED[kind], ref):
                text = f"in the venue's history as {one.transfer_id}"
                reading.differences.append(Difference(kind, None, one.asset, one.amount, text))

    async def _judge(self, reading: Reading, asset: str, change: Decimal, *, is_first: bool) -> None:
        found = self._named(reading, asset, change, is_first=is_first)
        if found is None:  # not judged: that may neither lift a freeze nor count as agreement
            reading.is_whole = False
            return
        is_accepted = (found.kind.value, found.subject, format(change, "f")) in reading.accepted
        reading.differences.append(found)
        if found.kind in _AS_BOOKED and (is_accepted or not found.kind.freezes):
            kind = _AS_BOOKED[found.kind]
            ref = f"seen:{self._desk.now_ms()}:{change:f}"
            await self._book(reading.user_id, asset, change, kind, ref)

    def _named(self, reading: Reading, asset: str, change: Decimal, *, is_first: bool) -> Difference | None:
        """Return which kind of difference is left in an asset; None while an order in doubt may be it."""
        symbol = self._held_of(reading.user_id, asset)
        if self._is_in_doubt(reading.user_id, asset, symbol):
            return None
        short = self._shortage(reading.user_id, asset, change)
        if abs(change) < self._step(asset):
            return Difference(Kind.DUST, symbol, asset, change, "less than a step of the pair")
        if short is not None:
            return Difference(Kind.SHORTAGE, symbol, asset, change, short)
        if any(found.kind is Kind.UNKNOWN for found in reading.differences):
            return None  # its money may be part of that; nothing is explained away
        return _moved_by_the_user(symbol, asset, change, is_first=is_first)

    def _name_booked_away(
        self, reading: Reading, totals: Mapping[str, Decimal], judged: Collection[str]
    ) -> None:
        """Name what the user sold or sent away of our positions: booked as theirs, no difference shows it."""
        for (account, asset), ours in self._desk.log.ledger.entries.balances(reading.user_id).items():
            missing = ours - totals.get(asset, ZERO)
            if account != "base" or asset in judged or missing <= 0 or missing < self._step(asset):
                continue
            symbol = self._held_of(reading.user_id, asset)
            if self._is_in_doubt(reading.user_id, asset, symbol):
                reading.is_whole = False
                continue
            text = f"our positions hold {ours:f} {asset}, the venue has {missing:f} less: traded or sent away"
            reading.differences.append(Difference(Kind.SHORTAGE, symbol, asset, -missing, text))

    def _held_of(self, user_id: str, asset: str) -> str | None:
        """Return the symbol of an open trade of the user's in this base asset, None if there is none."""
        held = [trade.symbol for trade in self._desk.log.ledger.open_trades(user_id)]
        return next((name for name in held if assets(name)[0] == asset), None)

    def _is_in_doubt(self, user_id: str, asset: str, symbol: str | None) -> bool:
        """Whether a lost order, or a change of units, may be behind what is found in an asset."""
        lost = self._desk.log.orders.find(statuses=[IntentStatus.LOST], user_id=user_id)
        if asset in {name for intent in lost for name in assets(intent.symbol)}:
            return True
        # After a split the user's own coins would explain too much: `units` judges it.
        return symbol is not None and bool(self._desk.units_in_doubt([symbol]))

    def _shortage(self, user_id: str, asset: str, change: Decimal) -> str | None:
        """Return how much of our own positions the venue does not have, or None: the user's own covers it."""
        booked = self._desk.log.ledger.entries.balances(user_id)
        ours = booked.get(("base", asset), ZERO) + booked.get(("dust", asset), ZERO)
        missing = -(booked.get(("other", asset), ZERO) + change)
        if ours <= 0 or missing <= 0:
            return None
        return f"our positions hold {ours:f} {asset}, the venue has {missing:f} less"

    def _step(self, asset: str) -> Decimal:
        steps = [market.step for market in self._desk.markets.values() if market.base == asset]
        return min(steps, default=ZERO)

    async def _book(self, user_id: str, asset: str, amount: Decimal, kind: External, ref: str) -> bool:
        external = partial(self._desk.log.ledger.entries.external, kind=kind, ref=ref)
        at_ms = self._desk.now_ms()
        return await self._desk.durably(partial(external, user_id, asset, amount, at_ms=at_ms))


def _moved_by_the_user(symbol: str | None, asset: str, change: Decimal, *, is_first: bool) -> Difference:
    """Return what a difference is that no order of ours explains."""
    if is_first:
        return Difference(Kind.OPENING, None, asset, change, "held before the first check")
    if change > 0 and symbol is not None:
        text = f"{change:f} {asset} more than our position, without a trade or deposit on record"
        return Difference(Kind.UNKNOWN, symbol, asset, change, text)
    kind = Kind.DEPOSIT if change > 0 else Kind.WITHDRAWAL
    return Difference(kind, None, asset, change, "no order of ours can have moved it")
