"""When an announced change takes effect, as a notice says it: dates, clock times, and spans from now.

Times are read as UTC, which exchanges announce in; another zone that is named (EST, KST) is converted. Of
several moments the earliest that is still to come counts: trading ends before withdrawals do.
"""

import re
from datetime import UTC, datetime, timedelta

_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ZONES = {
    "est": -5,
    "edt": -4,
    "pst": -8,
    "pdt": -7,
    "cet": 1,
    "cest": 2,
    "kst": 9,
    "jst": 9,
    "sgt": 8,
    "hkt": 8,
}
_CLOCK = re.compile(
    r"(?:\b|(?<=T))([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?\s*(am|pm)?\s*[(（]?"
    r"(?:(?:utc|gmt)\s?([+-]\d{1,2})\b|(z|utc|gmt|[a-z]{3,4})?\b)",
    re.IGNORECASE | re.ASCII,  # a Chinese character beside a digit is no letter of its word
)
_YEAR = r"(?:,?\s+(?P<year>20\d\d))?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_DATES = (
    re.compile(r"\b(?P<year>20\d\d)[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)", re.ASCII),
    # 05/12/2026 is 5 December or 12 May: both are looked at.
    re.compile(r"(?<![\d/.-])(?P<day>\d{1,2})([/.-])(?P<month>\d{1,2})\2(?P<year>20\d\d)(?!\d)"),
    re.compile(r"(?<![\d/.-])(?P<month>\d{1,2})([/.-])(?P<day>\d{1,2})\2(?P<year>20\d\d)(?!\d)"),
    re.compile(r"(?:(?P<year>20\d\d)\s?年\s?)?(?<!\d)(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?日"),
    re.compile(rf"\b(?P<name>{_MONTH})\.?\s+{_DAY}{_YEAR}", re.IGNORECASE),
    re.compile(rf"\b{_DAY}\s+(?:of\s+)?(?P<name>{_MONTH})\b\.?{_YEAR}", re.IGNORECASE),
)
_SPAN = re.compile(r"\b(?:in|within|after) (\d{1,3}|one|two|three|seven) (hour|day|week)s?\b", re.IGNORECASE)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "seven": 7}
_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
_SOON = {"today": 0, "tonight": 0, "tomorrow": 1}
# A clock time belongs to the date beside it, on either side.
_BESIDE = 40
_FURTHEST = timedelta(days=366)
# A date without a year that lies this far behind is next year's ("January 3", said in December).
_BEHIND = timedelta(days=180)
# Told as done: "FOO was delisted on May 3" is never next year's; "FOO delisted January 3" is if that is near.
_DONE = re.compile(r"\b(?:was|were|been|got|already)\s+(?:\w+\s+)?delisted\b", re.IGNORECASE)
_MAYBE_DONE = re.compile(r"(?<!\bbe )(?<!\bbeing )\bdelisted\b", re.IGNORECASE)
_TO_COME = re.compile(
    r"\b(?:will|to|is|are|plans?|planned|upcoming|scheduled)\s+(?:\w+\s+){0,2}?delist", re.IGNORECASE
)
_NEAR = timedelta(days=60)


def effective_time(text: str, said_at: datetime) -> datetime | None:
    """Return when what `text` announces takes effect, UTC; None where it does not say, or only of the past.

    Parameters
    ----------
    text : str
        Headline and summary of a notice.
    said_at : datetime
        When it was published or first seen, aware; spans ("in 3 days") and dates without a year count
        from it.

    Notes
    -----
    A date without a clock time is the beginning of that day, and of 05/12/2026 the reading counts that comes
    first and is still ahead: too early is safe, too late is not. A week or a weekday without a date says
    nothing. A date without a year is next year's if it is half a year past, but not in a story of the past.
    """
    found = [*_dated(text, said_at), *_spanned(text, said_at)]
    ahead = [moment for moment in found if said_at < moment <= said_at + _FURTHEST]
    return min(ahead, default=None)


def _dated(text: str, said_at: datetime) -> list[datetime]:
    moments = []
    furthest = said_at + _furthest_without_year(text)
    for pattern in _DATES:
        for match in pattern.finditer(text):
            day = _day(match, said_at, furthest)
            if day is not None:
                moments.append(_with_clock(text, match, day))
    return moments


def _furthest_without_year(text: str) -> timedelta:
    """How far ahead next year's dates may lie that do not name their year."""
    if _TO_COME.search(text):
        return _FURTHEST
    if _DONE.search(text):
        return timedelta(0)
    return _NEAR if _MAYBE_DONE.search(text) else _FURTHEST


def _day(match: re.Match[str], said_at: datetime, furthest: datetime) -> datetime | None:
    parts = match.groupdict()
    month = _MONTHS[parts["name"].lower()] if parts.get("name") else int(parts["month"])
    year = int(parts["year"]) if parts["year"] else said_at.year
    try:
        day = datetime(year, month, int(parts["day"]), tzinfo=UTC)
    except ValueError:
        return None
    if parts["year"] or day >= said_at - _BEHIND:
        return day
    next_one = _a_year_on(day)
    return next_one if next_one is not None and next_one <= furthest else None


def _a_year_on(day: datetime) -> datetime | None:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return None


def _with_clock(text: str, date: re.Match[str], day: datetime) -> datetime:
    after = _CLOCK.search(text[date.end() : date.end() + _BESIDE])
    before = list(_CLOCK.finditer(text[max(date.start() - _BESIDE, 0) : date.start()]))
    clock = after or (before[-1] if before else None)
    if clock is None:
        return day
    hour, minute, half = int(clock[1]), int(clock[2]), (clock[3] or "").lower()
    offset = int(clock[4]) if clock[4] else _ZONES.get((clock[5] or "").lower(), 0)
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return day + timedelta(hours=hour - offset, minutes=minute)


def _spanned(text: str, said_at: datetime) -> list[datetime]:
    moments = []
    for match in _SPAN.finditer(text):
        count = _NUMBERS.get(match[1].lower()) or int(match[1])
        moments.append(said_at + count * _UNITS[match[2].lower()])
    for word, days in _SOON.items():
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            midnight = said_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
            # "Today" without a time may be any moment now.
            moments.append(max(midnight, said_at + timedelta(seconds=1)))
    return moments
