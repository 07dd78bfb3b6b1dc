"""What a delisting takes from us: which pairs, and whether it is our venue that says so.

Positions are sold by it, so nothing that only stands near: no coin of another statement, no derivative, no
pair of another exchange.
"""

import re
from urllib.parse import urlsplit

from trading.news.events import event_of
from trading.news.linking import Linker

# The venue that orders go to. The embedded exchange stands for it, and its own feed names no venue.
OURS = "mexc"
_PAIR = re.compile(r"\b[A-Z0-9]{2,10}/[A-Z]{3,5}\b")
# Two statements of one headline; a comma also stands between the coins of a list.
_STATEMENTS = re.compile(r"\s+(?:as|while|amid|despite|but|after|before)\s+|;\s+", re.IGNORECASE)

_OTHERS = (
    r"binance(?:\.us)?|coinbase|kraken|okx|okex|bybit|kucoin|upbit|bithumb|bitget|huobi|htx|bitfinex|bitstamp"
    r"|crypto\.com|bitmart|bingx|lbank|poloniex|bittrex|coinone|korbit|gopax|bitflyer|bitbank|coincheck"
    r"|robinhood|revolut|etoro|whitebit|xt\.com|probit|ascendex|deribit|bitmex|phemex|coinex|bitvavo|bitso"
    r"|bitpanda|indodax|wazirx|coindcx|coinswitch|paribu|btcturk|hyperliquid|dydx|digifinex|toobit|pionex"
    r"|coinw|blofin|hitbtc|exmo|bitrue|hashkey|deepcoin|weex|gate\.io|(?-i:Gate|GATE|Gemini|GEMINI|Luno)"
)
# A venue's own coin, chain or investment is not the venue.
_NOT_ITSELF = (
    r"(?![\w])(?!(?:['’]s)?[- ](?:tokens?|coin|usd|smart chain|chain|peg\w*|backed|incubated|labs|wrapped)\b)"
)
_VENUE = re.compile(rf"(?<![\w.])(?:{OURS}|{_OTHERS}){_NOT_ITSELF}", re.IGNORECASE)
_HOST = re.compile(
    rf"(?:^|\.)(?:{OURS}|{_OTHERS}|gate(?=\.com)|gemini|luno)(?:\.[a-z.]+)?$",
    re.IGNORECASE,
)

_CONTRACTS = (
    r"(?:perpetuals?|perps?|futures|margin(?:ed)?|leveraged (?:etfs?|tokens?)|options (?:contracts?|trading)"
    r"|(?:(?:USD[TC]?|coin)[- ]M?|quarterly|delivery|inverse|linear|[A-Z0-9]{2,10}USD[TC]?) contracts?"
    r"|(?:USD[TC]?|USDⓈ|coin)-M)"
)
_DERIVATIVE = re.compile(rf"\b{_CONTRACTS}(?!\w)", re.IGNORECASE)
# The coin's own pairs go too, or the contracts do not.
_WITH_SPOT = re.compile(
    r"\bspot\b"
    rf"|\b(?:and|plus|with|including|as well as) (?:its|their|all|the|related) (?:\w+ ){{0,2}}?{_CONTRACTS}"
    rf"|\b{_CONTRACTS} (?:\w+ ){{0,3}}?(?:stays?|remains?|continues?|unaffected|not affected)",
    re.IGNORECASE,
)

_AND_MORE = re.compile(r"\b(?:and|plus|&) (?:\d+ |several |many )?(?:others?|more)\b", re.IGNORECASE)

# Of a notice's body: sentences that tell what goes on, and lines that introduce a list.
# Line ends are lost with the tags; a remark begins with its own word.
_SENTENCE = re.compile(r"(?<=[.!;])\s+|\s+(?=(?:Please note|Notes?:))")
_GOES_ON = re.compile(
    r"\b(?:still trade|not (?:be )?affected|unaffected|other (?:spot |trading )*pairs?"
    r"|(?:pairs?|trading) (?:\w+ ){0,2}?(?:remains?|continues?)|will list)\b",
    re.IGNORECASE,
)
_LIST = re.compile(
    r"(?:delist\w*|remov\w+|cease\w*|tokens?|coins?|assets?|pairs?|projects?|following)\b[^:：]{0,60}[:：]\s*(.+)",
    re.IGNORECASE,
)
_LIST_ENDS = re.compile(r"\s(?:at|on|from|by|will|effective|with)\s|\.(?:\s|$)", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[,;、•]|\band\b|&)\s*")
_ENTRY = re.compile(r"\$?[A-Z0-9][\w.$]*(?: [A-Z0-9(][\w.()$]*){0,3}")
_LONGEST_BODY, _LONGEST_LIST = 1_000, 50


def delisted(title: str, summary: str, linker: Linker) -> list[str]:
    """Return what a notice says is delisted, unified symbols in order of mention.

    The coins of the statement that tells the delisting (all of the title where it names none); of a pair
    named in full that pair alone. Contracts, margin pairs and leveraged tokens are none of ours: nothing.
    A title that names no coin, or "and others", is completed by its body: pairs in full, and names on a line
    that lists them.
    """
    telling = _telling(title)
    spot = [part for part in telling if not is_derivative(part)]
    if not spot:
        return []
    text = "; ".join(spot) if any(linker.bases(part) for part in spot) else title
    if not linker.bases(text) and not _PAIR.search(title):
        return _listed(summary[:_LONGEST_BODY], linker)
    pairs = set(_PAIR.findall(text))
    whole = linker.symbols(_PAIR.sub(" ", text))
    more = _listed(summary[:_LONGEST_BODY], linker) if _AND_MORE.search(title) else []
    in_full = [symbol for symbol in linker.symbols(text) if symbol in pairs]
    return list(dict.fromkeys([*whole, *in_full, *more]))


def is_derivative(statement: str) -> bool:
    """Return whether only contracts, margin pairs or leveraged tokens are spoken of.

    Examples
    --------
    >>> is_derivative("Binance to delist perpetual contract SOLUSDT")
    True
    >>> is_derivative("Binance to delist FOO and its perpetual contract")
    False
    """
    return _DERIVATIVE.search(statement) is not None and _WITH_SPOT.search(statement) is None


def is_elsewhere(title: str, source: str, link: str | None) -> bool:
    """Return whether a delisting is another venue's, and not ours.

    The statement that tells it is asked first, then the whole title, then the address it was read at; where
    none names a venue it may be ours.

    Examples
    --------
    >>> is_elsewhere("Kraken to delist Monero in EEA", "wire", None)
    True
    >>> is_elsewhere("MEXC follows Kraken, will delist Monero", "wire", None)
    False
    >>> is_elsewhere("Notice: FOO/USDT will be delisted", "wire", None)
    False
    """
    for text in ("; ".join(_telling(title)), title):
        named = {found.lower() for found in _VENUE.findall(text)}
        if named:
            return OURS not in named
    hosts = [source, (urlsplit(link).hostname or "") if link is not None else ""]
    at = [host.lower() for host in hosts if _HOST.search(host)]
    return bool(at) and not any(OURS in host.split(".") for host in at)


def _telling(title: str) -> list[str]:
    parts = [part for part in _STATEMENTS.split(title) if event_of(part) == "delisting"]
    return parts or [title]


def _listed(summary: str, linker: Linker) -> list[str]:
    found: dict[str, None] = {}
    for sentence in _SENTENCE.split(summary):
        if _GOES_ON.search(sentence) or is_derivative(sentence):
            continue
        pairs = [pair for pair in _PAIR.findall(sentence) if pair in _pairs_of(pair, linker)]
        found |= dict.fromkeys([*pairs, *_names_on(sentence, linker)])
    return list(found)


def _pairs_of(pair: str, linker: Linker) -> tuple[str, ...]:
    return linker.by_ticker.get(pair.partition("/")[0], ())


def _names_on(sentence: str, linker: Linker) -> list[str]:
    line = _LIST.search(_PAIR.sub("", sentence))
    if line is None:
        return []
    symbols: list[str] = []
    for entry in _BETWEEN.split(_LIST_ENDS.split(line[1])[0])[:_LONGEST_LIST]:
        if _ENTRY.fullmatch(entry.strip().rstrip(".")):
            # On a list of coins a word is a coin: as if "token" stood behind it.
            symbols += linker.symbols(f"{entry.strip().rstrip('.')} token")
    return symbols
