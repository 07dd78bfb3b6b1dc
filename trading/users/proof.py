"""Is a key fit to trade with? Asked of the venue when it is linked and every day after; in plain sentences.

What is checked, in this order, ending at the first thing that makes the rest pointless: the key is known and
comes from a permitted address, the standby one too; it may read and trade; it may not withdraw; it may trade
pairs; the balance bears the settings; a test order passes; nobody else trades on it. Nothing is changed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from trading.exchange.gateway import Quote
from trading.exchange.key_access import KeyAccess, Rights
from trading.market.errors import (
    NoSuchAddress,
    SluiceError,
)
from trading.market.symbols import Market
from trading.users.refusals import Verdict, address_refused, in_words, is_address_refused

ZERO = Decimal(0)
# Checks whose failure is the key's own.
_OF_THE_KEY = frozenset({"access", "no_withdrawal", "trading"})
# A test order this far below the bid: it is never placed, and could not fill if it were.
_BELOW = Decimal("0.9")
_ABOVE_MINIMUM = Decimal("1.2")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what, how it ended, one sentence for the person who can act."""

    name: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class Proof:
    """All checks of one look at a key."""

    checks: tuple[Check, ...]

    @property
    def is_passed(self) -> bool:
        """Whether nothing failed and everything could be asked."""
        return all(check.verdict in (Verdict.OK, Verdict.WARNING) for check in self.checks)

    @property
    def is_failed(self) -> bool:
        """Whether something is certainly wrong with the key."""
        return any(check.verdict is Verdict.FAILED for check in self.checks)

    @property
    def is_unfit(self) -> bool:
        """Whether the key itself is wrong, so that keeping it would help nobody (a balance can be mended)."""
        return any(c.verdict is Verdict.FAILED and c.name in _OF_THE_KEY for c in self.checks)

    @property
    def reason(self) -> str | None:
        """The first sentence that stands in the way, None if nothing does."""
        bad = (Verdict.FAILED, Verdict.UNKNOWN)
        return next((check.sentence for check in self.checks if check.verdict in bad), None)

    def found(self, name: str) -> Check | None:
        """Return one check by name, None if it was not reached."""
        return next((check for check in self.checks if check.name == name), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the key must bear: the user's capital and the least that makes sense, both in `quote` units."""

    capital: Decimal
    smallest: Decimal | None
    quote: str = "USDT"
    is_ip_bound: bool = True
    symbols: frozenset[str] = frozenset()  # the user's own list; empty = all


class _Stop(Exception):
    """Nothing more can be asked of this key."""


class Prover:
    """Runs the checks of one key.

    Parameters
    ----------
    access : KeyAccess
        The venue, signed with the key.
    markets : mapping
        Unified symbol -> market.
    quotes : callable
        Symbols -> quotes, for the price of the test order.
    ours : callable
        Whether a client order id is one of our own.
    """

    def __init__(
        self,
        access: KeyAccess,
        markets: Mapping[str, Market],
        quotes: Callable[[Sequence[str]], Awaitable[dict[str, Quote]]],
        ours: Callable[[str], bool],
    ) -> None:
        self._access = access
        self._markets = markets
        self._quotes = quotes
        self._ours = ours
        self._checks: list[Check] = []

    async def run(self, wanted: Wanted) -> Proof:
        """Return what every check found; never raises for what a key or a venue does."""
        self._checks = []
        try:
            rights = await self._egress()
            await self._withdrawal(rights)
            pairs = await self._pairs(rights, wanted)
            self._binding(wanted)
            self._balance(rights, wanted)
            await self._test_order(rights, pairs, wanted)
            await self._others(rights)
        except _Stop:
            pass
        return Proof(tuple(self._checks))

    async def _ask[T](self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except SluiceError as error:
            verdict, sentence = in_words(error)
        self._say(name, verdict, sentence)
        raise _Stop

    async def _egress(self) -> Rights:
        """Ask from this address and the standby one; a refusal of the first does not hide the second's."""
        access, rights, is_bound_elsewhere = self._access, None, False
        try:
            rights = await access.rights()
        except SluiceError as error:
            is_bound_elsewhere = is_address_refused(error)
            told = in_words(error)
            if is_bound_elsewhere and access.address is not None:
                told = Verdict.FAILED, address_refused(access.address, "main", access.standby)
            self._say("access", *told)
        else:
            told_from = access.address or "this address"
            self._say("access", Verdict.OK, f"The key and its secret are accepted from {told_from}.")
        if access.standby is not None and (rights is not None or is_bound_elsewhere):
            self._say("standby", *await self._from_standby(access.standby))
        if rights is None:
            raise _Stop
        return rights

    async def _from_standby(self, address: str) -> tuple[Verdict, str]:
        named = f"{address}, your standby address"
        try:
            await self._access.from_standby()
        except NoSuchAddress:
            told = f"Not proven from {named}: it is not this machine's. Run `sluice users check` there."
            return Verdict.WARNING, told
        except SluiceError as error:
            if is_address_refused(error):
                return Verdict.FAILED, address_refused(address, "standby", address)
            verdict, sentence = in_words(error)
            return verdict, f"From {named}: {sentence}"
        return Verdict.OK, f"The key is accepted from {named}, too."

    async def _withdrawal(self, rights: Rights) -> None:
        opens_wallet = await self._ask("no_withdrawal", self._access.may_see_withdrawals)
        if rights.can_withdraw is True or opens_wallet:
            self._say(
                "no_withdrawal",
                Verdict.FAILED,
                "This key may withdraw coins: delete it and make one that may only read and trade spot.",
            )
            return
        self._say("no_withdrawal", Verdict.OK, "The key cannot withdraw.")

    async def _pairs(self, rights: Rights, wanted: Wanted) -> list[Market]:
        if rights.can_trade is False:
            self._say("trading", Verdict.FAILED, "The exchange says that this account may not trade now.")
            raise _Stop
        open_now = await self._ask("trading", self._access.pairs)
        found = [
            market
            for market in self._markets.values()
            if market.exchange_id in open_now and market.is_api_tradable and market.quote == wanted.quote
        ]
        missing = sorted(wanted.symbols - {market.symbol for market in found})
        if not found:
            self._say(
                "trading",
                Verdict.FAILED,
                f"The key may trade no pair in {wanted.quote}: allow some at the exchange.",
            )
            raise _Stop
        if missing:
            shown = ", ".join(missing[:5])
            self._say(
                "trading",
                Verdict.WARNING,
                f"The key may not trade {len(missing)} of the user's pairs: {shown}.",
            )
        else:
            self._say("trading", Verdict.OK, f"The key may trade {len(found)} pairs in {wanted.quote}.")
        return found

    def _binding(self, wanted: Wanted) -> None:
        if wanted.is_ip_bound:
            self._say("ip_binding", Verdict.OK, "Declared as bound to an address; this one is among them.")
        else:
            self._say(
                "ip_binding",
                Verdict.WARNING,
                "The key is not bound to an address: whoever has it can trade from anywhere, and it ends "
                "after 90 days. Live trading needs one that is bound.",
            )

    def _balance(self, rights: Rights, wanted: Wanted) -> None:
        held = rights.balances.get(wanted.quote)
        free = ZERO if held is None else held.free
        told = f"{free:f} {wanted.quote} are free"
        if wanted.smallest is not None and free < wanted.smallest:
            self._say(
                "balance",
                Verdict.FAILED,
                f"{told}, the least that makes sense is {wanted.smallest:f}: deposit some.",
            )
        elif free < wanted.capital:
            self._say(
                "balance",
                Verdict.WARNING,
                f"{told}, the capital is set to {wanted.capital:f}: entries will be smaller.",
            )
        else:
            self._say("balance", Verdict.OK, f"{told}.")

    async def _test_order(self, rights: Rights, pairs: list[Market], wanted: Wanted) -> None:
        held = rights.balances.get(wanted.quote)
        if held is None or held.free <= 0:
            self._say("test_order", Verdict.FAILED, f"No {wanted.quote} to try an order with: deposit some.")
            return
        mine = [market for market in pairs if market.symbol in wanted.symbols] or pairs
        tried = sorted(mine, key=lambda market: (market.min_cost, market.symbol))[:20]
        quotes = await self._ask("test_order", lambda: self._quotes([market.symbol for market in tried]))
        market = next((market for market in tried if market.symbol in quotes), None)
        if market is None:
            self._say("test_order", Verdict.UNKNOWN, "No pair has a bid and an ask now: try again later.")
            return
        price = market.price_down(quotes[market.symbol].bid * _BELOW)
        least = max(market.min_cost * _ABOVE_MINIMUM / price, market.min_amount)
        amount = (least / market.step).to_integral_value(ROUND_UP) * market.step
        chosen = market
        await self._ask("test_order", lambda: self._access.test_order(chosen, price, amount))
        self._say("test_order", Verdict.OK, f"A test order in {market.symbol} was accepted (and not placed).")

    async def _others(self, rights: Rights) -> None:
        """Locked balances are orders; those that are not ours are somebody else's."""
        locked = {asset for asset, balance in rights.balances.items() if balance.locked > 0}
        if not locked:
            self._say("alone", Verdict.OK, "No other orders are open on the account.")
            return
        bases = [market for market in self._markets.values() if market.base in locked]
        quoted = [market for market in self._markets.values() if market.quote in locked]
        # Buys lock the quote asset and could be in any pair: those whose coin is held are looked at first.
        near = [market for market in quoted if market.base in rights.balances]
        asked = list({market.symbol: market for market in (*bases, *near)}.values())
        ids = await self._ask("alone", lambda: self._access.open_client_ids(asked))
        foreign = [found for found in ids if not self._ours(found)]
        if foreign or not ids:
            told = f"{len(foreign)} open orders are not ours" if foreign else "orders not ours lock coins"
            self._say(
                "alone",
                Verdict.WARNING,
                f"Another bot (or a person) trades on this account: {told}. Stop it before live trading.",
            )
            return
        self._say("alone", Verdict.OK, "All open orders on the account are ours.")

    def _say(self, name: str, verdict: Verdict, sentence: str) -> None:
        self._checks.append(Check(name, verdict, sentence))
