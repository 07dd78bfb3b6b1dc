"""Questions that only the real venue can answer, for the price of one minimum order.

Every order's id is in the record, on disk, before the order leaves; what an earlier run left open is
cancelled first. Not here: whether the person agreed (the command line), reading records (record.py).
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from trading.exchange.verify.prober import Prober, Told
from trading.exchange.verify.record import Answer, Record, RecordBook
from trading.market.errors import BadInput, ExchangeError

# The resting order stands this far under the bid: it must not fill, and not leave the price band.
_UNDER = Decimal("0.90")
# Market orders for exactly the minimum are refused when the price moves meanwhile.
_MARGIN = Decimal("1.05")
_SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Ground:
    """The pair the probe stands on: its exchangeInfo row and its best bid."""

    row: dict[str, Any]
    bid: Decimal

    @property
    def symbol(self) -> str:
        """Wire name."""
        return str(self.row["symbol"])

    def resting(self) -> dict[str, str]:
        """Price and quantity of an order that will not fill, just above the minimum cost."""
        tick, step = (
            Decimal(1).scaleb(-int(self.row[n])) for n in ("quoteAssetPrecision", "baseAssetPrecision")
        )
        price = (self.bid * _UNDER).quantize(tick, ROUND_DOWN)
        amount = (self.cost() / price).quantize(step, ROUND_UP)
        return {"price": f"{price:f}", "quantity": f"{amount:f}"}

    def cost(self) -> Decimal:
        """What the one order spends, in quote units."""
        return Decimal(str(self.row["quoteAmountPrecision"])) * _MARGIN


class Probe:
    """Asks, concludes and records. `say` gets each question as it is asked."""

    def __init__(
        self, prober: Prober, record: Record, book: RecordBook, *, say: Callable[[str], None]
    ) -> None:
        self._prober = prober
        self._record = record
        self._book = book
        self._say = say

    async def run(self) -> Record:
        """Ask everything and return the complete, saved record.

        Raises
        ------
        BadInput
            If the pair is unknown or closed to this key: no order was sent.
        ExchangeError
            If the venue did not answer a question the rest stands on.
        """
        ground = await self._stand()
        await self._refusals(ground)
        await self._resting(ground)
        await self._spend(ground)
        self._record.is_complete = True
        self._book.save(self._record)
        return self._record

    async def settle(self, earlier: Record) -> None:
        """Cancel whatever an interrupted run left open, then forget it."""
        for order in earlier.orders:
            named = {"symbol": earlier.symbol, "origClientOrderId": order}
            told = await self._prober.ask("GET", "order", named)
            if told.is_good and told.body.get("status") in ("NEW", "PARTIALLY_FILLED"):
                await self._prober.ask("DELETE", "order", named)
        self._book.drop(earlier)

    async def _stand(self) -> Ground:
        info = await self._ask("Is the venue there, and does it list the pair?", "GET", "exchangeInfo",
                               {"symbol": self._record.symbol}, is_signed=False)  # fmt: skip
        rows = info.body.get("symbols") if isinstance(info.body, dict) else None
        if not rows:
            raise BadInput(f"the venue lists no {self._record.symbol}: HTTP {info.status} {info.message}")
        allowed = await self._ask("Which pairs may this key trade?", "GET", "selfSymbols", {})
        named = allowed.body.get("data") if isinstance(allowed.body, dict) else None
        if isinstance(named, list) and self._record.symbol not in named:
            raise BadInput(f"this key may not trade {self._record.symbol} by API; name another with --symbol")
        book = await self._ask("What is the best bid?", "GET", "ticker/bookTicker",
                               {"symbol": self._record.symbol}, is_signed=False)  # fmt: skip
        try:
            return Ground(rows[0], Decimal(str(book.body["bidPrice"])))
        except (TypeError, KeyError, ArithmeticError) as wrong:
            raise ExchangeError(f"bookTicker: no bid to stand on: {book.message}") from wrong

    async def _refusals(self, ground: Ground) -> None:
        """Error bodies, by orders that are only tested or cannot be accepted."""
        fine = ground.resting() | {"symbol": ground.symbol, "side": "BUY", "type": "LIMIT"}
        one_step = Decimal(1).scaleb(-int(ground.row["baseAssetPrecision"]))
        small = fine | {"quantity": f"{one_step:f}"}
        never = _named(ground, "never-was")
        for question, method, path, params in (
            ("A good order, only tested: what does the answer hold?", "POST", "order/test", fine),
            ("Below the minimum: which code?", "POST", "order/test", small),
            ("Unknown pair: which code?", "POST", "order/test", fine | {"symbol": "NOSUCHPAIRUSDT"}),
            ("An order that never was: which code on asking?", "GET", "order", never),
            ("An order that never was: which code on cancelling?", "DELETE", "order", never),
            ("What fee does the venue say it takes?", "GET", "tradeFee", {"symbol": ground.symbol}),
        ):  # fmt: skip
            await self._ask(question, method, path, params)

    async def _resting(self, ground: Ground) -> None:
        """Duplicate client order ids and cancels, on an order that rests far under the bid."""
        order = self._plan()
        params = ground.resting() | {
            "symbol": ground.symbol,
            "side": "BUY",
            "type": "LIMIT",
            "newClientOrderId": order,
        }
        placed = await self._ask("A resting order: what does the reply hold?", "POST", "order", params)
        _require(placed, "the resting order")
        again = await self._ask("The same id again: refused, or a second order?", "POST", "order", params,
                                conclude=_duplicate)  # fmt: skip
        named = _named(ground, order)
        await self._ask("What does asking by client order id say?", "GET", "order", named)
        await self._ask("Cancel it", "DELETE", "order", named)
        await self._ask("Cancel it again: which code?", "DELETE", "order", named)
        await self._ask("How does it stand afterwards?", "GET", "order", named)
        if again.is_good:
            # Whatever a second order is called, none of this pair may stay open.
            second = {"symbol": ground.symbol, "orderId": str(again.body.get("orderId"))}
            await self._ask("Cancel the second order of one id", "DELETE", "order", second)

    async def _spend(self, ground: Ground) -> None:
        """The one minimum order: fee, fee asset, and what a cancel says to a filled order."""
        order = self._plan()
        params = {"symbol": ground.symbol, "side": "BUY", "type": "MARKET",
                  "quoteOrderQty": f"{ground.cost():f}", "newClientOrderId": order}  # fmt: skip
        bought = await self._ask("The one order: a market buy for the minimum", "POST", "order", params)
        _require(bought, "the market order")
        named = _named(ground, order)
        await self._ask("Cancel races fill: which code for a filled order?", "DELETE", "order", named)
        await asyncio.sleep(_SETTLE_S)
        await self._ask("How was it filled?", "GET", "order", named)
        mine = {"symbol": ground.symbol, "orderId": str(bought.body.get("orderId"))}
        await self._ask(
            "Which asset is the fee taken in, and how much?", "GET", "myTrades", mine, conclude=_fee
        )

    def _plan(self) -> str:
        """Return a new client order id that is already on disk: intent first, then the wire."""
        order = f"sluice-verify-{secrets.token_hex(6)}"
        self._record.orders.append(order)
        self._book.save(self._record)
        return order

    async def _ask(
        self,
        question: str,
        method: str,
        path: str,
        params: dict[str, Any],
        *,
        is_signed: bool = True,
        conclude: Callable[[Told], str] | None = None,
    ) -> Told:
        self._say(question)
        told = await self._prober.ask(method, path, params, is_signed=is_signed)
        found = (conclude or _plainly)(told)
        answer = Answer(question, f"{method} {path}", told.status, told.code, told.message, found)
        self._record.answers.append(answer)
        return told


def _named(ground: Ground, order: str) -> dict[str, str]:
    return {"symbol": ground.symbol, "origClientOrderId": order}


def _require(told: Told, what: str) -> None:
    if not told.is_good:
        raise ExchangeError(
            f"{what} was not taken: HTTP {told.status}, {told.message}. The record stays incomplete; "
            "the next run first cancels what may be open",
            code=told.code,
        )


def _plainly(told: Told) -> str:
    if told.status is None:
        return "no answer"
    if told.is_good:
        keys = sorted(told.body) if isinstance(told.body, dict) else []
        return f"answered{': ' + ', '.join(keys[:12]) if keys else ''}"
    return f"refused with code {told.code}, HTTP {told.status}"


def _duplicate(told: Told) -> str:
    if told.is_good:
        return "ACCEPTED: the venue does not keep client order ids unique; only our log does"
    return f"refused with code {told.code}: the venue keeps client order ids unique"


def _fee(told: Told) -> str:
    trades = told.body if isinstance(told.body, list) else []
    if not trades:
        return "no trade shown yet: ask again"
    fees = {str(t.get("commissionAsset")): Decimal(0) for t in trades}
    for trade in trades:
        fees[str(trade.get("commissionAsset"))] += Decimal(str(trade.get("commission") or 0))
    return "fee of " + ", ".join(f"{amount:f} {asset}" for asset, amount in fees.items())
