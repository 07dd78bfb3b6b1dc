"""Numbers of an x-ray as people read them. No layout, no escaping."""

import math
from datetime import datetime


def price(value: float | None) -> str:
    """Return a price with about six digits that matter, whatever its size; never in powers of ten."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1_000:
        return _minus(f"{value:,.2f}")
    digits = 4 if size >= 1 else 6 if size == 0 else min(18, 5 - math.floor(math.log10(size)))
    return _minus(f"{value:,.{digits}f}")


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """Return a fraction as percent, a dash for None."""
    if value is None:
        return "–"
    return _minus(f"{value * 100:{'+' if signed else ''}.{digits}f} %")


def money(value: float | None) -> str:
    """Return an amount in quote units briefly: 950, 12.3 k, 4.56 M, 1.2 bn; a dash for None."""
    if value is None:
        return "–"
    for size, unit in ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            count = value / (1e3 if unit == "k" else size)
            return f"{count:,.0f} {unit}" if count >= 1_000 else f"{count:.3g} {unit}"
    return f"{value:,.0f}"


def number(value: float | None) -> str:
    """Return any figure with four digits or so that matter, never in powers of ten; a dash for None."""
    if value is None:
        return "–"
    if 0 < abs(value) < 1e-4:
        return price(value)
    return _minus(f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}")


def moment(value: datetime) -> str:
    """Return a time as ``2025-03-03 14:45``."""
    return f"{value:%Y-%m-%d %H:%M}"


def length(bars: int, bar_ms: int) -> str:
    """Return how long so many bars last: 24 hours, 3 days, 20 weeks."""
    hours = bars * bar_ms / 3_600_000
    for size, unit in ((24 * 14, "week"), (48, "day"), (2, "hour")):
        if hours >= size:
            per = {"week": 168, "day": 24, "hour": 1}[unit]
            count = round(hours / per)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    minutes = max(1, round(hours * 60))
    return f"{minutes} minutes"


def _minus(text: str) -> str:
    return text.replace("-", "−")
