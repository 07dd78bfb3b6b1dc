"""What kind of news a headline is: one class by rules, the most consequential first. Words: `event_words`."""

import re

from trading.news.event_words import AFTERMATH, HARMLESS, RULES

_HARMLESS = re.compile("|".join(HARMLESS), re.IGNORECASE)
_AFTERMATH = re.compile("|".join(AFTERMATH), re.IGNORECASE)
_COMPILED = {
    name: re.compile(rf"\b(?:{'|'.join(any_of)})(?!\w)", re.IGNORECASE) for name, any_of in RULES.items()
}
# What is announced is ahead of us, whatever else the headline dates.
_COMING = re.compile(r"\b(?:to|will) (?:be )?(?:de-?list|halt|suspend|cease trading)", re.IGNORECASE)
_GATES = ("delisting", "hack", "halt")

EVENTS: tuple[str, ...] = tuple(RULES)


def event_of(headline: str) -> str | None:
    """Return the class of a headline, one of `EVENTS`, or None.

    What is denied, foiled, long past or only asked about is no delisting, hack or halt: those three close
    a symbol to entries. A headline about the courts' work on an old hack is regulation.

    Examples
    --------
    >>> event_of("Exchange to delist five tokens")
    'delisting'
    >>> event_of("Exchange will list FOO")
    'listing'
    >>> event_of("Exchange denies hack, says FOO will not be delisted")
    >>> event_of("A list of hackathons to join")
    """
    # Most headlines report nothing; what is harmless is looked for in the others only.
    if not any(pattern.search(headline) for pattern in _COMPILED.values()):
        return None
    text = _HARMLESS.sub(" ", headline)
    is_past = _AFTERMATH.search(text) is not None and not _COMING.search(text)
    is_quiet = text.rstrip().endswith("?") or is_past
    for name, pattern in _COMPILED.items():
        if not (is_quiet and name in _GATES) and pattern.search(text):
            return name
    return None
