"""How a figure of a backtest is written for people: by its unit."""

from collections.abc import Callable
from datetime import date, datetime

from interfaces.run import wording as say


def shown(value: object, unit: str) -> str:
    """Return a figure as text; a dash where it is undefined."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if not isinstance(value, int | float):
        return say.plain(value, 80)
    write = _WRITERS.get(unit)
    return say.number(value) if write is None else write(float(value))


def duration(seconds: float) -> str:
    """Return a span of market time: ``45 min``, ``6 h 30 min``, ``2 d 4 h``."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days:,} d {hours} h" if hours else f"{days:,} d"


def quote(value: float) -> str:
    """Return money with two decimals, and small money with four digits that count."""
    if value == 0 or abs(value) >= 1:
        return say.money(value, signed=False)
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


_WRITERS: dict[str, Callable[[float], str]] = {
    "ratio": lambda value: say.percent(value, 2),
    "duration": duration,
    "quote": quote,
}


def name(figure: str) -> str:
    """Return a figure's name with spaces and without its unit."""
    return figure.removesuffix("_s").replace("_", " ")
