"""What an order pays the venue: maker or taker, per symbol, as of its time, in which asset.

Markets may give their fees, dated; a strategy says which of its orders rest in the book (maker). Arrays for
the compiled loop are made here, and looked up here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trading.backtest.compiled import lean
from trading.backtest.walk import Bools, Floats, Ints

QUOTE, BASE = "quote", "base"
_ALWAYS = -(2**62)


@dataclass(frozen=True, slots=True)
class DatedFees:
    """Maker and taker fee, fractions of the value, from `from_ms` on (milliseconds UTC)."""

    maker: float
    taker: float
    from_ms: int = _ALWAYS


@dataclass(frozen=True, slots=True)
class MarketFees:
    """Fees of one market.

    Parameters
    ----------
    dated : tuple of DatedFees
        Ascending; the first holds before its date too. Empty: the venue does not say.
    asset : str
        ``quote``: taken from the quote currency; ``base``: a buy's fee is taken from what is bought, so less
        arrives; any other name: paid in that asset, at its value in quote currency.
    discount : float
        Fraction that is left off because `asset` pays it, in [0, 1).
    """

    dated: tuple[DatedFees, ...] = ()
    asset: str = QUOTE
    discount: float = 0.0

    def at(self, ms: int, default: float) -> tuple[float, float]:
        """Return (maker, taker) at a time, discount taken off; `default` for both where not given."""
        held = [each for each in self.dated if each.from_ms <= ms] or list(self.dated[:1])
        maker, taker = (held[-1].maker, held[-1].taker) if held else (default, default)
        return maker * (1 - self.discount), taker * (1 - self.discount)


NO_FEES = MarketFees()


class Fees(NamedTuple):
    """Fees for the loop: arrays of (span of time, symbol); span s begins at `since_ms[s]`.

    `entry` of what is bought, `target` of a sale at a target, `leave` of any other sale; `in_base` per
    symbol: what is bought arrives less the fee.
    """

    since_ms: Ints
    entry: Floats
    target: Floats
    leave: Floats
    in_base: Bools


@lean
def span_at(fees: Fees, ms: int) -> int:
    """Return the span of a time."""
    span = 0
    while span + 1 < len(fees.since_ms) and fees.since_ms[span + 1] <= ms:
        span += 1
    return span


@lean
def exit_fee(fees: Fees, k: int, ms: int, code: int) -> float:
    """Return the fee of a sale of symbol k; code 2 = at a target."""
    span = span_at(fees, ms)
    return float(fees.target[span, k]) if code == 2 else float(fees.leave[span, k])


def fees_of(
    markets: Sequence[MarketFees], default: float, *, entry_rests: bool = False, target_rests: bool = False
) -> Fees:
    """Return the arrays of all symbols; orders that rest pay as makers.

    Parameters
    ----------
    default : float
        Maker's and taker's fee where a market does not say, in [0, 1).
    """
    since = sorted({each.from_ms for market in markets for each in market.dated[1:]})
    starts = [_ALWAYS, *since]
    both = np.array([[market.at(ms, default) for market in markets] for ms in starts]).reshape(
        len(starts), len(markets), 2
    )
    maker, taker = np.ascontiguousarray(both[:, :, 0]), np.ascontiguousarray(both[:, :, 1])
    return Fees(
        since_ms=np.array(starts, np.int64),
        entry=maker if entry_rests else taker,
        target=maker if target_rests else taker,
        leave=taker,
        in_base=np.array([market.asset == BASE for market in markets], np.bool_),
    )


def one_fee(symbols: int, fee: float) -> Fees:
    """Return the same fee for every order of every symbol."""
    return fees_of([NO_FEES] * symbols, fee)
