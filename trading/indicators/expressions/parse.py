"""Words to a tree, by recursive descent with a bounded depth; types are checked on the way.

Grammar, weakest first: OR, AND, NOT, comparisons (`20 < rsi_14 < 30` is two), + -, * /, minus, `x[1]`, names.
Words of logic may be written in any case; names are as they stand.
"""

import math
from collections.abc import Callable
from difflib import get_close_matches
from typing import Literal, cast, get_args

from trading.indicators.expressions.tokens import Token, tokens, wrong
from trading.indicators.expressions.tree import (
    FUNCTIONS,
    WINDOWED,
    Arithmetic,
    Back,
    Call,
    Column,
    Comparison,
    Logic,
    Negative,
    Node,
    Not,
    Number,
    Relation,
    Sign,
    columns_of,
    depth,
    is_condition,
)
from trading.market.errors import InvalidExpression

MAX_DEPTH = 32
MAX_BARS = 1_000
_RELATIONS = get_args(Relation)


def parse(text: str) -> Node:
    """Return the tree of `text`. Which columns exist is not asked here.

    Raises
    ------
    InvalidExpression
        If the text cannot be read; the message names the place (counted from 1).
    """
    return _Reader(text).whole()


class _Reader:
    """One pass over the words of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = tokens(text)
        self._place = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._or()
        if self._next.kind != "end":
            raise self._wrong(self._next, f"{self._next.shown} was not expected; AND or OR is missing?")
        if not columns_of(node):
            raise self._wrong(self._words[0], "it names no column, so it says nothing of a market")
        return node

    @property
    def _next(self) -> Token:
        return self._words[self._place]

    def _take(self) -> Token:
        word = self._next
        self._place += word.kind != "end"
        return word

    def _wrong(self, word: Token, what: str) -> InvalidExpression:
        return wrong(self._text, word.at, what)

    def _is_word(self, word: str) -> bool:
        return self._next.kind == "name" and self._next.text.upper() == word

    def _expect(self, mark: str, after: str) -> None:
        if self._next.text != mark:
            raise self._wrong(self._next, f"{mark!r} is missing {after}, found {self._next.shown}")
        self._take()

    def _deeper(self, read: Callable[[], Node]) -> Node:
        """Read one level down; the level of the tree is bounded with that of the text."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(self._next, f"nested more than {MAX_DEPTH} deep")
        node = read()
        self._depth -= 1
        return node

    def _made(self, node: Node, word: Token) -> Node:
        if depth(node) > 2 * MAX_DEPTH:
            raise self._wrong(word, f"more than {2 * MAX_DEPTH} operations build on each other")
        return node

    def _or(self) -> Node:
        return self._joined("OR", self._and)

    def _and(self) -> Node:
        return self._joined("AND", self._not)

    def _joined(self, word: Literal["AND", "OR"], read: Callable[[], Node]) -> Node:
        first = self._next
        parts = [read()]
        while self._is_word(word):
            joint = self._take()
            self._need(parts[-1], condition=True, word=first, by=joint.text)
            first = self._next
            parts.append(read())
            self._need(parts[-1], condition=True, word=first, by=joint.text)
        return parts[0] if len(parts) == 1 else self._made(Logic(word, tuple(parts), parts[0].at), first)

    def _not(self) -> Node:
        if not self._is_word("NOT"):
            return self._comparison()
        word = self._take()
        first = self._next
        of = self._deeper(self._not)
        self._need(of, condition=True, word=first, by=word.text)
        return Not(of, word.at)

    def _comparison(self) -> Node:
        first = self._next
        left = self._sum()
        found: list[Node] = []
        while self._next.text in _RELATIONS:
            sign = self._take()
            self._need(left, condition=False, word=first, by=sign.text)
            first = self._next
            right = self._sum()
            self._need(right, condition=False, word=first, by=sign.text)
            found.append(Comparison(cast("Relation", sign.text), left, right, sign.at))
            left = right
        if not found:
            return left
        return found[0] if len(found) == 1 else Logic("AND", tuple(found), found[0].at)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/"), self._signed)

    def _chain(self, signs: tuple[str, str], read: Callable[[], Node]) -> Node:
        first = self._next
        left = read()
        while self._next.text in signs:
            sign = self._take()
            self._need(left, condition=False, word=first, by=sign.text)
            first = self._next
            right = read()
            self._need(right, condition=False, word=first, by=sign.text)
            left = self._made(Arithmetic(cast("Sign", sign.text), left, right, sign.at), sign)
        return left

    def _signed(self) -> Node:
        if self._next.text != "-":
            return self._postfix()
        word = self._take()
        first = self._next
        of = self._deeper(self._signed)
        self._need(of, condition=False, word=first, by="-")
        return Negative(of, word.at)

    def _postfix(self) -> Node:
        node = self._primary()
        while self._next.text == "[":
            word = self._take()
            bars = self._whole_number("a look-back", least=0)
            self._expect("]", "after a look-back")
            if not columns_of(node):
                raise self._wrong(word, "only what names a column has earlier bars")
            node = self._made(Back(node, bars, word.at), word)
        return node

    def _primary(self) -> Node:
        word = self._take()
        if word.kind == "number":
            return Number(self._number(word), word.at)
        if word.text == "(":
            node = self._deeper(self._or)
            self._expect(")", f"for the bracket at {word.at}")
            return node
        if word.kind != "name" or word.text.upper() in {"AND", "OR", "NOT"}:
            raise self._wrong(word, f"a value is missing, found {word.shown}")
        if self._next.text == "(":
            return self._call(word)
        return Column(word.text, word.at)

    def _call(self, word: Token) -> Node:
        if word.text not in FUNCTIONS:
            near = nearest(word.text, tuple(FUNCTIONS))
            raise self._wrong(word, f"unknown function {word.text!r}; near ones: {near}")
        self._take()
        takes = FUNCTIONS[word.text][0]
        arguments: list[Node] = []
        bars = 0
        for position, kind in enumerate(takes):
            if position:
                self._expect(",", f"between the {len(takes)} arguments of {word.text}")
            first = self._next
            if kind == "n":
                bars = self._whole_number(f"the bars of {word.text}", least=1)
                continue
            arguments.append(self._deeper(self._or))
            self._need(arguments[-1], condition=kind == "c", word=first, by=word.text)
        self._expect(")", f"after the {len(takes)} arguments of {word.text}")
        if (word.text in WINDOWED or FUNCTIONS[word.text][1] == "c") and not any(map(columns_of, arguments)):
            raise self._wrong(word, f"{word.text} needs a column to look at")
        return self._made(Call(word.text, tuple(arguments), bars, word.at), word)

    def _number(self, word: Token) -> float:
        value = float(word.text.replace("_", ""))
        if math.isinf(value):
            raise self._wrong(word, f"{word.text} is too large for a number")
        return value

    def _whole_number(self, what: str, *, least: int) -> int:
        word = self._take()
        if word.kind != "number" or not word.text.isdecimal() or not least <= int(word.text) <= MAX_BARS:
            raise self._wrong(
                word, f"{what} must be a whole number from {least} to {MAX_BARS:,}, was {word.shown}"
            )
        return int(word.text)

    def _need(self, node: Node, *, condition: bool, word: Token, by: str) -> None:
        if is_condition(node) != condition:
            kinds = ("a condition", "a value") if condition else ("a value", "a condition")
            raise self._wrong(word, f"{by} needs {kinds[0]}, this is {kinds[1]}")


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Return up to three of `known` that look like `name`, or "none"."""
    return ", ".join(get_close_matches(name, known, n=3, cutoff=0.5)) or "none"
