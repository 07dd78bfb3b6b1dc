"""Exits in plain words: why a trade was left, and by what rules it will be. For people; codes stay codes."""

from decimal import Decimal

from trading.market.exit_terms import ExitTerms

_REASONS = {
    "stop_loss": "its stop was reached",
    "take_profit": "its target was reached",
    "trailing_stop": "its trailing stop was reached",
    "exit_signal": "its strategy said leave",
    "max_hold": "it was held for as long as it may be",
    "exit_silence": "research said nothing of it for too long",
    "delisting": "trading in it ends",
    "flatten": "a person ordered everything sold",
    "close_all": "you asked to close all",
    "close_trade": "you asked to sell it",
}


def reason_in_words(reason: object) -> str:
    """Return why a trade was left, with its code; an unknown reason is told as it is."""
    words = _REASONS.get(str(reason))
    return str(reason) if words is None else f"{reason}: {words}"


def rules_in_words(stop_loss: Decimal, take_profit: Decimal | None, terms: ExitTerms) -> str:
    """Return in one line how a trade is left, its longest hold left out.

    For instance ``stop 5%; trailing stop 2% below the highest price of closed 15m bars, from 3% above the
    entry on; targets 6% at once, 1% after 1800 s; the exit signals of donchian_turtle``.
    """
    told = [f"stop {_share(stop_loss)}"]
    if terms.trailing_stop is not None:
        trail = (
            f"trailing stop {_share(terms.trailing_stop)} below the highest price of closed "
            f"{terms.timeframe} bars"
        )
        if terms.trailing_offset > 0:
            trail += f", from {_share(terms.trailing_offset)} above the entry on"
        told.append(trail)
    if take_profit is not None:
        told.append(f"target {_share(take_profit)}")
    if terms.ladder:
        rungs = (
            f"{_share(goal)} {'at once' if age == 0 else f'after {age} s'}" for age, goal in terms.ladder
        )
        told.append(f"targets {', '.join(rungs)}")
    if terms.exit_source:
        told.append(f"the exit signals of {terms.exit_source.partition('@')[0]}")
    return "; ".join(told)


def _share(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f}%"
