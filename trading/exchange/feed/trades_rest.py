"""Public prints over REST, for the time a stream does not serve: GET aggTrades, weight 1."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from trading.exchange.feed.events import Trade
from trading.exchange.listing import decimal
from trading.market.errors import BadPayload
from trading.market.orders import Side
from trading.market.symbols import Market
from trading.market.timeframes import from_ms

_LOG = logging.getLogger(__name__)

# MEXC's page size; more prints than that in one gap are fetched in further pages.
_PAGE = 1000
_PAGES = 100
# MEXC answers at most an hour per request.
_WINDOW_MS = 3_600_000


class RestTrades:
    """A `ports.TradeReader`.

    Parameters
    ----------
    get : callable
        GETs a public path (after ``/api/v3/``) under the limiter.
    now_ms : callable
        Market time.
    """

    def __init__(
        self,
        get: Callable[[str, dict[str, Any]], Awaitable[Any]],
        market_called: Callable[[str], Market],
        now_ms: Callable[[], int],
    ) -> None:
        self._get = get
        self._market_called = market_called
        self._now_ms = now_ms

    async def trades(self, symbol: str, since_ms: int) -> list[Trade]:
        """Return the prints of `symbol` from `since_ms` to now, oldest first.

        A full page is asked again in halves: the venue does not say which end it cuts. At most
        100 requests; a gap that needs more keeps its newest prints, and a warning is logged.

        Raises
        ------
        BadPayload
            If an answer is no list of prints.
        """
        market = self._market_called(symbol)
        end_ms = max(since_ms, self._now_ms()) + 1000
        windows = [(start, min(start + _WINDOW_MS, end_ms)) for start in range(since_ms, end_ms, _WINDOW_MS)]
        found: list[Trade] = []
        asked = 0
        while windows and asked < _PAGES:
            start_ms, stop_ms = windows.pop()
            asked += 1
            # Both ends are inclusive on the wire.
            query = {
                "symbol": market.exchange_id,
                "startTime": start_ms,
                "endTime": stop_ms - 1,
                "limit": _PAGE,
            }
            rows = await self._get("aggTrades", query)
            if not isinstance(rows, list):
                raise BadPayload(f"aggTrades of {symbol}: expected a list, got {type(rows).__name__}")
            if len(rows) >= _PAGE and stop_ms - start_ms > 1:
                middle = (start_ms + stop_ms) // 2
                windows += [(start_ms, middle), (middle, stop_ms)]
                continue
            found += [_trade(row, symbol) for row in rows]
        if windows:
            _LOG.warning(
                "prints of %s: the gap since %s is too long to be read whole", symbol, from_ms(since_ms)
            )
        return sorted(found, key=lambda trade: trade.at)


def _trade(row: Any, symbol: str) -> Trade:
    if not isinstance(row, dict) or not isinstance(row.get("T"), int):
        raise BadPayload(f"aggTrades of {symbol}: a row without a time")
    price, amount = decimal(row.get("p")), decimal(row.get("q"))
    if price <= 0 or amount <= 0:
        raise BadPayload(f"aggTrades of {symbol}: price {price} and amount {amount} must be above 0")
    # m: the buyer was the maker, so the seller took.
    return Trade(symbol, Side.SELL if row.get("m") is True else Side.BUY, price, amount, from_ms(row["T"]))
