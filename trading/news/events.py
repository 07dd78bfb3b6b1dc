"""What kind of news a headline is: one class by rules, the most consequential first."""

import re

# Order matters. "Delist" contains "list"; a hack that halts withdrawals is a hack; a regulator's word
# outranks a partnership. A headline gets the first class that matches.
_RULES: dict[str, tuple[str, ...]] = {
    "delisting": (
        r"de-?list\w*",
        r"removes? \w+ (?:trading )?pairs?",
        r"(?:cease|end|discontinue|terminate)s? (?:spot )?trading",
        r"drops? support for",
        r"removal of spot",
    ),
    "hack": (
        r"hack(?:s|ed|er|ers|ing)?",
        r"exploit(?:s|ed|er|ers)?",
        r"drain(?:s|ed|er)",
        r"stolen",
        r"steals?",
        r"breach(?:ed)?",
        r"rug[- ]?pull\w*",
        r"private keys? (?:leak\w*|compromis\w*)",
        r"compromised",
        r"flash[- ]loan attack",
        r"siphon\w*",
        r"heist",
        r"phishing",
        r"loots?",
        r"looted",
    ),
    "halt": (
        r"halt(?:s|ed|ing)?",
        r"suspend(?:s|ed|ing)?",
        r"suspension",
        r"paus(?:es|ed|ing)",
        r"freez(?:es|ing)",
        r"froze",
        r"frozen",
        r"outage",
        r"stops? (?:deposits|withdrawals|trading|producing)",
        r"offline",
        r"insolven\w*",
        r"bankrupt\w*",
    ),
    "listing": (
        r"(?:to|will|now|officially|plans? to) list\b(?! of)",
        r"lists(?! of)",
        r"listed (?:on|with)",
        r"now listed",
        r"(?:new|spot|token|perpetual|futures) listings?",
        r"listing of",
        r"opens? trading for",
        r"goes live on",
        r"debuts? on",
        r"launchpool",
        r"adds? support for",
    ),
    "regulation": (
        r"(?-i:SEC)",  # capitals only: "sec" is also a second
        r"cftc",
        r"mica",
        r"esma",
        r"finra",
        r"fca",
        r"doj",
        r"regulat\w+",
        r"lawsuits?",
        r"sues?",
        r"sued",
        r"court",
        r"judge",
        r"indict\w*",
        r"fines?",
        r"fined",
        r"penalt\w+",
        r"bans?",
        r"banned",
        r"bill",
        r"senate",
        r"congress",
        r"lawmakers?",
        r"sanction\w*",
        r"licen[cs]\w+",
        r"subpoena\w*",
        r"etf (?:approv\w+|reject\w+|filing)",
        r"(?:approv|reject)\w+ (?:\w+ ){0,3}etfs?",
        r"complian\w+",
    ),
    "unlock": (
        r"(?:token|tokens|million|billion|cliff|vesting) unlocks?",
        r"unlocks?(?: of)? (?:\$?[\d.,]+|tokens?)",
        r"vesting",
        r"(?:token|coin|supply|quarterly) burns?",
        r"burns? (?:\$?[\d.,]+|tokens?|supply)",
        r"buybacks?",
    ),
    "partnership": (
        r"partner(?:s|ed|ship|ships|ing)?",
        r"teams? up",
        r"signs? (?:\w+ ){0,3}deals?",
        r"collaborat\w+",
        r"integrat(?:es|ed|ion)",
        r"joins forces",
        r"alliance",
        r"taps",
    ),
    "macro": (
        r"(?-i:Fed|FED)",  # capitals only: "fed up"
        r"federal reserve",
        r"fomc",
        r"powell",
        r"ecb",
        r"boj",
        r"cpi",
        r"ppi",
        r"inflation",
        r"interest rates?",
        r"rate (?:cut|hike)s?",
        r"gdp",
        r"payrolls?",
        r"jobs report",
        r"unemployment",
        r"tariffs?",
        r"recession",
        r"(?:treasury |bond )?yields (?:rise|fall|climb|drop|jump)",
        r"stimulus",
        r"geopolitic\w*",
    ),
}
# Words that only look like one of the above: "hackathon" is kept apart by the word boundary already.
_HARMLESS_WORDS = (
    r"ethical hack\w*",
    r"white[- ]?hat(?:s| hack\w*)?",
    r"growth hack\w*",
    r"foils? \w* ?(?:hack|exploit)\w*",
    r"life hack\w*",
    r"(?:short|long|wait|watch|check|mailing|bucket|black|white)[- ]?list\w*",
    r"lists? of",
    r"halts? (?:decline|slide|losses)",
)
_HARMLESS = re.compile("|".join(_HARMLESS_WORDS), re.IGNORECASE)
_COMPILED = {
    name: re.compile(rf"\b(?:{'|'.join(any_of)})\b", re.IGNORECASE) for name, any_of in _RULES.items()
}

EVENTS: tuple[str, ...] = tuple(_RULES)


def event_of(headline: str) -> str | None:
    """Return the class of a headline, one of `EVENTS`, or None.

    Examples
    --------
    >>> event_of("Exchange to delist five tokens")
    'delisting'
    >>> event_of("Exchange will list FOO")
    'listing'
    >>> event_of("A list of hackathons to join")
    """
    text = _HARMLESS.sub(" ", headline)
    for name, pattern in _COMPILED.items():
        if pattern.search(text):
            return name
    return None
