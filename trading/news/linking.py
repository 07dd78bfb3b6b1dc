"""Which symbols a headline is about, by ticker and by full name; everyday words need more than letters."""

import re
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from trading.news.ambiguity import ABBREVIATIONS, COMMON, COMPANIONS, NAMES, WORDS

_TOKEN = re.compile(r"[$#]?[A-Za-z0-9]+(?:['’]s)?")
_NOTE = re.compile(r"\s*\([^)]*\)")
_LONGEST_NAME = 4  # words
# A name of fewer letters says too little ("Ai", "Sui" is also a word of other languages).
_SHORTEST_NAME = 3


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
            words = tuple(_TOKEN.findall(_NOTE.sub("", full_name or "").lower()))
            if 0 < len(words) <= _LONGEST_NAME and len("".join(words)) >= _SHORTEST_NAME:
                names.setdefault(words, base.upper())
        return cls({base: tuple(found) for base, found in tickers.items()}, names)

    @cached_property
    def _pairs(self) -> dict[str, str]:
        # BTCUSDT and BTC/USDT in a headline: the second is two tokens, the first is looked up here.
        return {symbol.replace("/", ""): base for base, found in self.by_ticker.items() for symbol in found}

    def bases(self, headline: str) -> list[str]:
        """Return the bases a headline names, each once, in order of mention."""
        tokens = [
            (match.group().removesuffix("'s").removesuffix("’s"), match.start(), match.end())
            for match in _TOKEN.finditer(headline)
        ]
        is_shouting = _is_shouting(headline)
        found: dict[str, None] = {}
        at = 0
        while at < len(tokens):
            words = self._name_at(tokens, at, headline, is_shouting)
            if words:
                found[self.by_name[words]] = None
                at += len(words)
                continue
            base = self._ticker(tokens, at, headline, is_shouting)
            if base is not None:
                found[base] = None
            at += 1
        return list(found)

    def symbols(self, headline: str) -> list[str]:
        """Return the unified symbols a headline names: every listed pair of each base."""
        return [symbol for base in self.bases(headline) for symbol in self.by_ticker.get(base, ())]

    def _name_at(
        self, tokens: list[tuple[str, int, int]], at: int, headline: str, is_shouting: bool
    ) -> tuple[str, ...]:
        for length in range(min(_LONGEST_NAME, len(tokens) - at), 0, -1):
            words = tuple(token.lower() for token, _, _ in tokens[at : at + length])
            if words not in self.by_name or self.by_name[words] not in self.by_ticker:
                continue
            if length > 1 or self._is_name(tokens, at, headline, is_shouting):
                return words
        return ()

    def _is_name(self, tokens: list[tuple[str, int, int]], at: int, headline: str, is_shouting: bool) -> bool:
        token = tokens[at][0]
        word = token.lower()
        if word not in NAMES and word.upper() not in WORDS and word.upper() not in ABBREVIATIONS:
            # A made-up word is safe as it stands; small letters are how a common noun looks.
            return token[:1].isupper() or len(word) >= 6
        if at + 1 < len(tokens) and tokens[at + 1][0].lower() in COMPANIONS:
            return True
        # In a Headline Written Like This a capital says nothing.
        is_plain = not is_shouting and not _is_title_case(headline)
        return token[:1].isupper() and at > 0 and is_plain and token.upper() not in ABBREVIATIONS

    def _ticker(
        self, tokens: list[tuple[str, int, int]], at: int, headline: str, is_shouting: bool
    ) -> str | None:
        token, start, end = tokens[at]
        word = token.lstrip("$#")
        base = self._pairs.get(word) or word.upper()
        if base not in self.by_ticker:
            return None
        quote = headline[end : end + 5]
        if (
            token.startswith("$")
            or base != word.upper()
            or quote.startswith(("/USD", "/BTC", "/EUR", "-USD"))
        ):
            return base
        if base in ABBREVIATIONS or len(base) < 2 or base.isdigit():
            return None
        if base in COMMON:
            return base
        if not word.isupper():
            return None
        in_parentheses = headline[max(start - 1, 0) : start] == "(" and quote.startswith(")")
        return base if in_parentheses or not is_shouting else None


def _is_shouting(headline: str) -> bool:
    letters = [mark for mark in headline if mark.isalpha()]
    return len(letters) >= 12 and sum(mark.isupper() for mark in letters) > 0.7 * len(letters)


def _is_title_case(headline: str) -> bool:
    words = [word for word in headline.split() if len(word) > 3 and word[0].isalpha()]
    return len(words) >= 3 and sum(word[0].isupper() for word in words) > 0.8 * len(words)
