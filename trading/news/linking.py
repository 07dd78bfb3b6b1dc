"""Which symbols a headline is about, by ticker and by full name; everyday words need more than letters."""

import re
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from trading.news.ambiguity import (
    ABBREVIATIONS,
    COMMON,
    COMPANIONS,
    CONTEXT,
    DEEDS,
    DEPARTMENT,
    NAMES,
    STRESSED,
    THINGS,
    TOKENS,
    WORDS,
)
from trading.news.coins import well_known

_TOKEN = re.compile(r"[$#]?[A-Za-z0-9]+(?:['’]s)?")
_NOTE = re.compile(r"\s*\([^)]*\)")
_LONGEST_NAME = 4  # words
# A name of fewer letters says too little ("Ai", "Sui" is also a word of other languages).
_SHORTEST_NAME = 3
# Short names that headlines write in small letters.
_SMALL = frozenset({"ether"})
_QUOTES = ("USDT", "USDC", "USD", "BTC", "ETH", "EUR")
_QUOTED = ("/USD", "/BTC", "/ETH", "/EUR", "-USD")
_CONTEXT = re.compile(CONTEXT, re.IGNORECASE)
_DEPARTMENT = re.compile(DEPARTMENT, re.IGNORECASE)


@dataclass(frozen=True)
class Linker:
    """Finds the symbols of `by_ticker` (base -> unified symbols) and `by_name` (words -> base)."""

    by_ticker: dict[str, tuple[str, ...]]
    by_name: dict[tuple[str, ...], str]

    @classmethod
    def of(cls, markets: pl.DataFrame) -> "Linker":
        """Return a linker for `markets`, a frame with symbol, base, quote and full_name.

        A name in parentheses after the full name is a remark and no part of it.
        """
        tickers: dict[str, list[str]] = {}
        names: dict[tuple[str, ...], str] = {}
        for symbol, base, full_name in (
            markets.select("symbol", "base", "full_name").sort("symbol").iter_rows()
        ):
            tickers.setdefault(base.upper(), []).append(symbol)
            _remember(names, _NOTE.sub("", full_name or ""), base.upper())
        for base, aliases in well_known().items():
            if base in tickers:
                for alias in aliases:
                    _remember(names, alias, base)
        return cls({base: tuple(found) for base, found in tickers.items()}, names)

    @classmethod
    def well_known(cls) -> "Linker":
        """Return a linker that needs no market: the coins of `coins.well_known`, each its own symbol."""
        rows = [(base, base, names[0]) for base, names in well_known().items()]
        return cls.of(pl.DataFrame(rows, schema=["symbol", "base", "full_name"], orient="row"))

    @cached_property
    def _longest(self) -> dict[str, int]:
        # First word -> words of the longest name that begins with it; most tokens begin none.
        longest: dict[str, int] = {}
        for words in self.by_name:
            longest[words[0]] = max(longest.get(words[0], 0), len(words))
        return longest

    @cached_property
    def _pairs(self) -> dict[str, str]:
        # BTCUSDT and BTC/USDT in a headline: the second is two tokens, the first is looked up here.
        return {symbol.replace("/", ""): base for base, found in self.by_ticker.items() for symbol in found}

    def bases(self, headline: str) -> list[str]:
        """Return the bases a headline names, each once, in order of mention; the longest name wins."""
        said = _Said(headline)
        found: dict[str, None] = {}
        at = 0
        while at < len(said.tokens):
            words = () if said.is_quote_of_pair(at) else self._name_at(said, at)
            if words:
                found[self.by_name[words]] = None
                at += len(words)
                continue
            base = None if said.is_quote_of_pair(at) else self._ticker(said, at)
            if base is not None:
                found[base] = None
            at += 1
        return list(found)

    def symbols(self, headline: str) -> list[str]:
        """Return the unified symbols a headline names: every listed pair of each base."""
        return [symbol for base in self.bases(headline) for symbol in self.by_ticker.get(base, ())]

    def _name_at(self, said: "_Said", at: int) -> tuple[str, ...]:
        first = said.tokens[at].lower()
        for length in range(min(self._longest.get(first, 0), len(said.tokens) - at), 0, -1):
            words = (first, *(token.lower() for token in said.tokens[at + 1 : at + length]))
            if words in self.by_name and (length > 1 or self._is_name(said, at)):
                return words
        return ()

    def _is_name(self, said: "_Said", at: int) -> bool:
        token = said.tokens[at]
        word = token.lower()
        if word not in NAMES and word.upper() not in WORDS and word.upper() not in ABBREVIATIONS:
            # A made-up word is safe as it stands; small letters are how a common noun looks.
            return token[:1].isupper() or len(word) >= 6 or word in _SMALL
        following = said.tokens[at + 1].lower() if at + 1 < len(said.tokens) else ""
        if following in COMPANIONS:
            return True
        if word == "gas" and following in {"fee", "fees"}:
            return False
        if not token[:1].isupper() or token.upper() in ABBREVIATIONS:
            return False
        # In a Headline Written Like This a capital says nothing, nor does one at the start.
        if at > 0 and not said.is_shouting and not said.is_title_case:
            return True
        return at == 0 and following in DEEDS and word not in THINGS

    def _ticker(self, said: "_Said", at: int) -> str | None:
        token, start, end = said.tokens[at], said.starts[at], said.ends[at]
        word = token.lstrip("$#")
        base = self._base(word)
        if base not in self.by_ticker:
            return None
        quote = said.text[end : end + 5]
        is_marked = token.startswith("$") or base != word.upper() or quote.startswith(_QUOTED)
        if is_marked or (base in COMMON and not (base == "DOGE" and said.is_department)):
            return base
        if not word.isupper() or len(base) < 2 or base.isdigit() or base in COMMON:
            return None
        following = said.tokens[at + 1].lower() if at + 1 < len(said.tokens) else ""
        in_parentheses = said.text[max(start - 1, 0) : start] == "(" and quote.startswith(")")
        if base in ABBREVIATIONS:
            is_own = at > 0 and in_parentheses and self.by_name.get((said.tokens[at - 1].lower(),)) == base
            return base if is_own or (base in TOKENS and following in {"token", "coin"}) else None
        is_fee = base == "GAS" and following in {"fee", "fees"}
        return base if in_parentheses or (not is_fee and said.is_coin(base, following)) else None

    def _base(self, word: str) -> str:
        if word in self._pairs:
            return self._pairs[word]
        if word.isupper() and len(word) > 5:
            for quote in _QUOTES:  # BTCUSDT where no market says that it is a pair
                if word.endswith(quote) and word.removesuffix(quote) in self.by_ticker:
                    return word.removesuffix(quote)
        return word.upper()


def _remember(names: dict[tuple[str, ...], str], name: str, base: str) -> None:
    words = tuple(_TOKEN.findall(name.lower()))
    if 0 < len(words) <= _LONGEST_NAME and len("".join(words)) >= _SHORTEST_NAME:
        names.setdefault(words, base)


class _Said:
    """A headline taken apart once: its tokens, where they stand, and how it is written."""

    def __init__(self, headline: str) -> None:
        found = list(_TOKEN.finditer(headline))
        self.text = headline
        self.tokens = [match.group().removesuffix("'s").removesuffix("’s") for match in found]
        self.starts = [match.start() for match in found]
        self.ends = [match.end() for match in found]

    @cached_property
    def is_shouting(self) -> bool:
        """Whether most of it is in capitals."""
        letters = [mark for mark in self.text if mark.isalpha()]
        return len(letters) >= 12 and sum(mark.isupper() for mark in letters) > 0.7 * len(letters)

    @cached_property
    def is_title_case(self) -> bool:
        """Whether its words begin with capitals."""
        words = [word for word in self.text.split() if len(word) > 3 and word[0].isalpha()]
        return len(words) >= 3 and sum(word[0].isupper() for word in words) > 0.8 * len(words)

    @cached_property
    def is_about_coins(self) -> bool:
        """Whether something that happens to coins is said anywhere."""
        return _CONTEXT.search(self.text) is not None

    @cached_property
    def is_department(self) -> bool:
        """Whether it speaks of offices of state."""
        return _DEPARTMENT.search(self.text) is not None

    def is_coin(self, base: str, following: str) -> bool:
        """Whether a bare word in capitals is a ticker here, `following` being the next word."""
        if self.is_shouting:
            return False
        if base in STRESSED:
            return following in COMPANIONS or following in DEEDS
        return base not in WORDS or following in COMPANIONS or self.is_about_coins

    def is_quote_of_pair(self, at: int) -> bool:
        """Whether the token is the USDT of GAS/USDT."""
        is_joined = at > 0 and self.text[self.ends[at - 1] : self.starts[at]] in {"/", "-"}
        return is_joined and self.tokens[at].upper() in _QUOTES
