"""What a person asks for, in words: symbols, bar lengths and days, with errors that say what is known."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from trading.market.errors import BadInput, UnknownSymbol
from trading.market.symbols import Market
from trading.market.timeframes import Timeframe
from trading.market.timeframes import timeframe as find_timeframe

ALL = "all"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NEAR = 5
# No coin is older than Bitcoin's first block.
FIRST_DAY = datetime(2009, 1, 3, tzinfo=UTC)


def listed(text: str) -> list[str]:
    """Return the words of a comma-separated list, each once, in order."""
    return list(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))


def chosen_timeframes(text: str, default: Sequence[str]) -> list[Timeframe]:
    """Return the bar lengths that `text` names (``15m,1h``), or `default`.

    Raises
    ------
    UnknownTimeframe
        The message lists those that exist.
    BadInput
        If `text` is not empty and names nothing (``,,``).
    """
    if text.strip() and not listed(text):
        raise BadInput(f"--timeframe names nothing, was {text!r}; give bar lengths (15m,1h)")
    return [find_timeframe(name) for name in listed(text) or default]


def chosen_symbols(text: str, markets: Sequence[Market], default: Sequence[str]) -> list[str]:
    """Return the unified names that `text` means: ``BTC/USDT``, ``btc/usdt`` or the venue's ``BTCUSDT``.

    Parameters
    ----------
    text : str
        Comma-separated names; "all" = every listed market that can be scanned; empty = `default`.

    Raises
    ------
    UnknownSymbol
        The message names near ones and how many are listed.
    BadInput
        If `text` is not empty and names nothing (``,,``).
    """
    if text.strip() and not listed(text):
        raise BadInput(f"--symbols names nothing, was {text!r}; give symbols (BTC/USDT,ETH/USDT) or all")
    if text.strip().lower() == ALL:
        return sorted(market.symbol for market in markets if market.is_scannable)
    if not listed(text):
        return list(default)
    known = {market.symbol: market.symbol for market in markets}
    known |= {market.exchange_id: market.symbol for market in markets}
    found = []
    for name in listed(text):
        symbol = known.get(name) or known.get(name.upper())
        if symbol is None:
            near = get_close_matches(name.upper(), known, n=_NEAR, cutoff=0.5)
            alike = ", ".join(dict.fromkeys(known[one] for one in near)) or "nothing"
            raise UnknownSymbol(f"no symbol {name!r} among the {len(markets):,} listed; near: {alike}")
        found.append(symbol)
    return list(dict.fromkeys(found))


def chosen_moment(text: str, option: str, *, is_end: bool = False, known: str = "") -> datetime:
    """Return the UTC moment that `text` means: a day (as an end: its last moment) or an ISO 8601 time.

    Raises
    ------
    BadInput
        The message names the option, what it takes, and `known`: what is stored; or the first possible day.
    """
    moment = _moment(text, option, known, days=1 if is_end and _DAY.fullmatch(text) else 0)
    if moment < FIRST_DAY:
        raise BadInput(f"{option} must be {FIRST_DAY:%Y-%m-%d} or later, no coin is older; was {text!r}")
    return moment


def _moment(text: str, option: str, known: str, *, days: int) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment + timedelta(days=days)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{option} must be a UTC day (2025-03-01) or an ISO 8601 time (2025-03-01T12:00Z), was {text!r}"
            + (f"; stored are {known}" if known else "")
        ) from None
