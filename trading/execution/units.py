"""After a jump of a price: did the coin change its units? Then log and account hold different amounts.

A swap of coins (1,000 old for one new) or a split looks like a jump: a stop or a target would fire on it, and
the amount in the log would be the wrong one. So while a symbol is suspended for a jump, a few accounts that
held it before are asked for their balance. As many coins as before: the price moved, exits go on. Changed by
one whole ratio that undoes the price's: every position is converted by its own account's balance. Fewer coins
for no such reason: nothing is sold until a person releases the symbol.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import partial
from itertools import batched
from math import log

import structlog

from trading.execution.desk import Desk
from trading.market.errors import SluiceError
from trading.store.order_log.entries import OWNED
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.positions import assets
from trading.store.order_log.records import PENDING, ZERO, Event, Trade
from trading.store.order_log.suspensions import Suspension

_log = structlog.get_logger("execution.units")

# Balances cost ten quotes: what they said is good so long in wall time, if the units are as ever or in doubt.
GOOD_MS, AGAIN_MS = 60_000, 5_000
ASKED = 3  # accounts that speak for all: a venue changes a coin for everybody
_SAME = Decimal("0.98")  # so much of what the log holds is "as many as before": fees, dust
_EXACT = 1e-6
_SAME_VALUE = log(1.25)  # units times price: what a re-denomination leaves as it was


class Verdict(StrEnum):
    """What balances say of a jump."""

    PRICE = "price"
    CONVERTED = "converted"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Units:
    """One account's coins: `expected` by the log, `found` at the venue."""

    expected: Decimal
    found: Decimal

    def judge(self, price_ratio: float) -> tuple[Verdict, Decimal]:
        """Return what they say, and how many old coins became one new (1 if none did)."""
        if self.found <= 0 or self.expected <= 0:  # who took coins away may be expected to hold none
            return Verdict.UNCLEAR, Decimal(1)
        ratio = float(self.expected / self.found)
        whole = round(max(ratio, 1 / ratio))
        is_whole = whole >= 2 and abs(max(ratio, 1 / ratio) - whole) <= _EXACT * whole
        if is_whole and abs(log(ratio) - log(price_ratio)) <= _SAME_VALUE:
            return Verdict.CONVERTED, Decimal(whole) if ratio > 1 else 1 / Decimal(whole)
        if self.found >= self.expected * _SAME:
            return Verdict.PRICE, Decimal(1)
        return Verdict.UNCLEAR, Decimal(1)


@dataclass(slots=True)
class _Look:
    """What was found of one jump, until wall time `until_ms`: old trades that may not be sold."""

    until_ms: int
    held: set[str]


class UnitWatch:
    """Asked before positions in suspended symbols are sold; costs nothing while none is suspended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._looks: dict[tuple[str, int], _Look] = {}
        self._turn = asyncio.Lock()

    async def hold_back(self, trades: Iterable[Trade]) -> set[str]:
        """Return ids of trades that may not be sold now; positions are converted on the way.

        `trades` are all that are open in their symbols.
        """
        jumps = self._desk.prices.jumps()
        by_symbol: dict[str, list[Trade]] = {}
        for trade in trades if jumps else ():
            jump = jumps.get(trade.symbol)
            if jump is not None and trade.opened_ms < jump.at_ms:
                by_symbol.setdefault(trade.symbol, []).append(trade)
        held: set[str] = set()
        for symbol, mine in by_symbol.items():
            async with self._turn:
                held |= await self._held(jumps[symbol], mine)
        return held

    async def _held(self, jump: Suspension, trades: list[Trade]) -> set[str]:
        key, now_ms = (jump.symbol, jump.at_ms), self._desk.wall.now_ms()
        known = self._looks.get(key)
        if known is not None and now_ms < known.until_ms:
            return known.held
        held = await self._look(jump, trades)
        good_ms = GOOD_MS if held is None else AGAIN_MS
        self._looks[key] = _Look(self._desk.wall.now_ms() + good_ms, held or set())
        return held or set()

    async def _look(self, jump: Suspension, trades: list[Trade]) -> set[str] | None:
        """Return the trades to hold back; None if the price moved and the units did not."""
        ratio = float(jump.price_after or 1) / float(jump.price_before or 1)
        done = self._desk.log.conversions.since(jump.symbol, jump.at_ms)
        old = [trade for trade in trades if trade.trade_id not in done]
        if not done:
            found = await self._ask(old)
            verdicts = {units.judge(ratio)[0] for _, units in found}
            if not found:
                return set()  # nobody can be asked now, so nobody can sell now either
            if verdicts == {Verdict.PRICE}:
                return None
            if Verdict.CONVERTED not in verdicts:
                for trade, units in found:
                    await self._tell(trade, units, jump)
                return {trade.trade_id for trade in old}
        for trade in old:
            await self._convert(trade, ratio)
        return {trade.trade_id for trade in old}

    async def _ask(self, trades: list[Trade]) -> list[tuple[Trade, Units]]:
        """Return what the first accounts say that can be asked."""
        for batch in batched(trades, ASKED):
            answers = await asyncio.gather(*(self._units(trade) for trade in batch))
            found = [(t, units) for t, units in zip(batch, answers, strict=True) if units is not None]
            if found:
                return found
        return []

    async def _convert(self, trade: Trade, ratio: float) -> None:
        units = await self._units(trade)
        if units is None:
            return
        verdict, old_per_new = units.judge(ratio)
        if verdict is not Verdict.CONVERTED:
            return
        convert = partial(self._desk.log.conversions.convert, trade, old_per_new, at_ms=self._desk.now_ms())
        if await self._desk.durably(convert) is not None:
            _log.warning(
                "position_converted", user=trade.user_id, symbol=trade.symbol, ratio=str(old_per_new)
            )

    async def _units(self, trade: Trade) -> Units | None:
        """Return an account's coins; None while it cannot be asked or something of it is in flight."""
        base = assets(trade.symbol)[0]
        if self._desk.log.orders.find(statuses=PENDING, trade_id=trade.trade_id):
            return None
        try:
            balance = (await self._desk.account(trade.user_id).balances()).get(base)
        except SluiceError as error:
            await self._desk.told.note(trade.user_id, error)
            return None
        accounts = self._desk.log.ledger.entries.balances(trade.user_id)
        expected = sum((accounts.get((name, base), ZERO) for name in OWNED), ZERO)
        return Units(expected, ZERO if balance is None else balance.free + balance.locked)

    async def _tell(self, trade: Trade, units: Units, jump: Suspension) -> None:
        reason = (
            f"the price jumped ({jump.reason}) and the account has {units.found:f} coins where we hold "
            f"{units.expected:f}: nothing is sold until somebody has looked"
        )
        for user_id in (trade.user_id, OPERATOR):
            payload: dict[str, object] = {"symbol": trade.symbol, "reason": reason}
            event_id = f"units_unclear:{trade.symbol}:{jump.at_ms}:{user_id}"
            event = Event(event_id, user_id, "units_unclear", payload, self._desk.now_ms())
            await self._desk.durably(partial(self._desk.log.outbox.post, event))
