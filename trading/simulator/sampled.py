"""A market of recorded pairs: their exact trading rules, at standing prices. For `sluice exchange verify`.

A `MarketSource` whose pairs come from recorded exchangeInfo rows. Prices stand still, so every answer can be
foretold; volume flows evenly. Not here: reading the records (trading.exchange.verify).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from trading.market.errors import BadInput, UnknownSymbol
from trading.market.timeframes import DAY_MS, TIMEFRAMES, Timeframe
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Bars, Pair, PathStep, Snapshot

# Base steps per minute of every pair: enough that no sample order is cut by volume.
_STEPS_PER_MINUTE = 10**9
_FIRST_MS = 1_483_228_800_000  # 2017-01-01: before every time that a recorded request names
_UNKNOWN_PRICE = Decimal(1)


class SampledMarket:
    """See `MarketSource`.

    Parameters
    ----------
    rows : sequence of mappings
        exchangeInfo rows as recorded (numbers may be strings).
    prices : mapping of str to Decimal
        Standing price by wire name; pairs without one stand at 1.
    open_to_api : bool
        Let every pair be traded by API, whatever the record says (to replay orders).

    Raises
    ------
    BadInput
        If a row lacks a field, or a price is not above 0 after rounding to the pair's tick.
    """

    kind = "recorded"
    seed: int | None = None
    timeframes = tuple(TIMEFRAMES)
    finest_timeframe = "1m"
    first_ms = _FIRST_MS
    last_ms: int | None = None

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        prices: Mapping[str, Decimal],
        *,
        start_ms: int,
        open_to_api: bool = False,
    ) -> None:
        self.default_start_ms = start_ms
        pairs = [_pair(row, open_to_api=open_to_api) for row in rows]
        self.pairs: Mapping[str, Pair] = {pair.symbol: pair for pair in pairs}
        self._ticks = {p.symbol: _ticks(p, prices.get(p.symbol, _UNKNOWN_PRICE)) for p in pairs}

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """See `MarketSource.bars`: open = high = low = close."""
        ticks, frame = self.price(symbol, now_ms), TIMEFRAMES[timeframe]
        at = frame.floor_ms(max(start_ms, self.first_ms))
        opens = []
        while at < end_ms and at <= now_ms:
            if at >= start_ms:
                opens.append(at)
            at = frame.next_ms(at)
        return _bars(opens, ticks, frame, now_ms, self._quote_units(symbol))

    def price(self, symbol: str, now_ms: int) -> int:  # noqa: ARG002 - it stands still
        """See `MarketSource.price`."""
        found = self._ticks.get(symbol)
        if found is None:
            raise UnknownSymbol(f"no pair {symbol!r} among the {len(self._ticks)} sampled ones")
        return found

    def half_spread(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.half_spread`: one tick, or 5 bps where that is more."""
        return max(1, self.price(symbol, now_ms) // 2000)

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        """See `MarketSource.step_path`."""
        ticks = self.price(symbol, to_ms)
        return PathStep(ticks, ticks, ticks, _flow(from_ms, to_ms))

    def snapshot(self, now_ms: int) -> Snapshot:
        """See `MarketSource.snapshot`."""
        volume = _flow(now_ms - DAY_MS, now_ms)
        rows = []
        for symbol in self.pairs:
            last, half = self.price(symbol, now_ms), self.half_spread(symbol, now_ms)
            quote = int(volume * last * self._quote_units(symbol))
            rows.append((last, last - half, last + half, last, last, last, volume, quote))
        return Snapshot(*np.array(rows, dtype=np.int64).reshape(-1, 8).T)

    def _quote_units(self, symbol: str) -> float:
        pair = self.pairs[symbol]
        return float(10.0 ** (QUOTE_VOLUME_DECIMALS - pair.price_decimals - pair.amount_decimals))


def _bars(opens: list[int], ticks: int, frame: Timeframe, now_ms: int, quote_units: float) -> Bars:
    open_ms = np.array(opens, dtype=np.int64)
    volume = np.array([_flow(at, min(frame.next_ms(at), now_ms)) for at in opens], dtype=np.int64)
    price = np.full(open_ms.size, ticks, dtype=np.int64)
    quote = (volume * float(ticks) * quote_units).astype(np.int64)
    return Bars(open_ms, price, price, price, price, volume, quote)


def _flow(from_ms: int, to_ms: int) -> int:
    return to_ms * _STEPS_PER_MINUTE // 60_000 - from_ms * _STEPS_PER_MINUTE // 60_000


def _ticks(pair: Pair, price: Decimal) -> int:
    ticks = int(price.scaleb(pair.price_decimals).to_integral_value())
    if ticks < 1:
        raise BadInput(
            f"price of {pair.symbol} must be at least one tick (1e-{pair.price_decimals}), was {price}"
        )
    return ticks


def _pair(row: Mapping[str, Any], *, open_to_api: bool) -> Pair:
    try:
        return Pair(
            symbol=str(row["symbol"]),
            base=str(row["baseAsset"]),
            quote=str(row["quoteAsset"]),
            full_name=str(row["fullName"]),
            price_decimals=int(row["quoteAssetPrecision"]),
            amount_decimals=int(row["baseAssetPrecision"]),
            min_amount=Decimal(str(row["baseSizePrecision"])),
            min_cost=Decimal(str(row["quoteAmountPrecision"])),
            max_cost=Decimal(str(row["maxQuoteAmount"])),
            maker_fee=Decimal(str(row["makerCommission"])),
            taker_fee=Decimal(str(row["takerCommission"])),
            status=str(row["status"]),
            is_api_tradable=open_to_api or row["isSpotTradingAllowed"] is True,
            listed_ms=_FIRST_MS,
            delisted_ms=None,
            sector=-1,
            has_edge=False,
            max_cost_market=Decimal(str(row["maxQuoteAmountMarket"])),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
        raise BadInput(f"a recorded exchangeInfo row is unusable: {type(wrong).__name__} {wrong}") from wrong
