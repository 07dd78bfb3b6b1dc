"""What is listed at a market time: lookups, order units and the money worth of a quote asset."""

from dataclasses import dataclass

from trading.simulator.served import ServedMarket
from trading.simulator.source import DELISTED, HALTED, ONLINE, Pair
from trading.simulator.units import ATOM_DECIMALS, atoms, fee_units
from trading.simulator.wire import Refusal, bad_symbol

_DOLLARS = frozenset({"USDT", "USDC", "USD1", "USDE", "FDUSD", "TUSD", "USD"})


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers of one pair in the exchange's integer units.

    `cost_atoms` is the quote atoms of one step at one tick; `step_atoms` the base atoms of one step;
    `min_steps` the least quantity, `min_cost` and `max_cost` quote atoms; fees are multiples of 1e-8.
    """

    pair: Pair
    cost_atoms: int
    step_atoms: int
    min_steps: int
    min_cost: int
    max_cost: int
    max_market_cost: int
    maker_fee: int
    taker_fee: int


def terms_of(pair: Pair) -> Terms:
    """Return `pair` in integer units.

    Raises
    ------
    ValueError
        If a tick times a step is finer than an atom.
    """
    scale = ATOM_DECIMALS - pair.price_decimals - pair.amount_decimals
    if scale < 0:
        raise ValueError(f"{pair.symbol}: price and amount decimals must sum to at most {ATOM_DECIMALS}")
    step_atoms = int(10 ** (ATOM_DECIMALS - pair.amount_decimals))
    return Terms(
        pair=pair,
        cost_atoms=int(10**scale),
        step_atoms=step_atoms,
        min_steps=-(-atoms(pair.min_amount) // step_atoms),
        min_cost=atoms(pair.min_cost),
        max_cost=atoms(pair.max_cost),
        max_market_cost=atoms(pair.market_cap),
        maker_fee=fee_units(pair.maker_fee),
        taker_fee=fee_units(pair.taker_fee),
    )


def status_at(pair: Pair, now_ms: int) -> str:
    """Return MEXC's status digit of a listed pair at `now_ms`."""
    if pair.delisted_ms is None:
        return pair.status
    if now_ms < pair.delisted_ms:
        return ONLINE
    return pair.status if pair.status != ONLINE else DELISTED


class Listing:
    """The pairs of one market, by wire name, as they stand at a time."""

    def __init__(self, source: ServedMarket) -> None:
        self.source = source
        self._terms: dict[str, Terms] = {}

    def pair(self, symbol: str, now_ms: int) -> Pair:
        """Return the pair called `symbol`.

        Raises
        ------
        Refusal
            -1121 if it is not listed (yet).
        """
        pair = self.source.pairs.get(symbol)
        if pair is None or now_ms < pair.listed_ms:
            raise bad_symbol()
        return pair

    def terms(self, symbol: str, era: int | None = None) -> Terms:
        """Return the order terms of a pair that exists: as of now, or of one of its trading stretches."""
        pair = self.source.pairs[symbol] if era is None else self.source.pair_of(symbol, era)
        found = self._terms.get(symbol)
        if found is None or found.pair is not pair:
            found = terms_of(pair)
            if era is None:
                self._terms[symbol] = found
        return found

    def tradable(self, symbol: str, now_ms: int) -> Terms:
        """Return the terms of a pair that takes orders by API right now.

        Raises
        ------
        Refusal
            -1121 not listed, 30014 delisted, 30016 halted, 10007 closed to the API.
        """
        pair = self.pair(symbol, now_ms)
        status = status_at(pair, now_ms)
        if status == DELISTED:
            raise Refusal(30014, "invalid symbol")
        if status == HALTED:
            raise Refusal(30016, "trading disabled")
        if not pair.is_api_tradable:
            raise Refusal(10007, "symbol not support api")
        return self.terms(symbol)

    def visible(self, now_ms: int) -> list[Pair]:
        """Return the pairs listed by `now_ms` (delisted ones included), in listing order."""
        return [pair for pair in self.source.pairs.values() if pair.listed_ms <= now_ms]

    def worth(self, quote: str, now_ms: int) -> float:
        """Return about how many dollars one unit of `quote` is; 1 where nothing better is known."""
        pair = None if quote in _DOLLARS else self.source.pairs.get(f"{quote}USDT")
        if pair is None:
            return 1.0
        return float(self.source.price(pair.symbol, now_ms) / 10**pair.price_decimals)
