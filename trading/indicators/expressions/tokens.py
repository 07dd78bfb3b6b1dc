"""Text to words with their places. What the words mean together: `parse`."""

import re
from dataclasses import dataclass
from typing import Literal

from trading.market.errors import InvalidExpression

MAX_LENGTH = 1_000  # characters; a condition that a person can still check is far shorter
Kind = Literal["number", "name", "mark", "end"]

_WORD = re.compile(
    r"(?P<number>(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark><=|>=|==|!=|[<>()+\-*/,\[\]])"
)
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `at` is its first character, counted from 1."""

    kind: Kind
    text: str
    at: int

    @property
    def shown(self) -> str:
        """The word as an error names it."""
        return "the end" if self.kind == "end" else repr(self.text)


def tokens(text: str) -> list[Token]:
    """Return the words of `text`, an "end" last.

    Raises
    ------
    InvalidExpression
        If the text is empty, longer than 1,000 characters, or holds a character that no word begins with.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidExpression(f"an expression may have {MAX_LENGTH:,} characters, had {len(text):,}")
    if not text.strip():
        raise InvalidExpression("an expression must say something, was empty")
    found: list[Token] = []
    place = 0
    while place < len(text):
        if text[place] in _SPACE:
            place += 1
            continue
        match = _WORD.match(text, place)
        if match is None:
            raise _unreadable(text, place)
        found.append(Token(_kind(match.lastgroup), match.group(), place + 1))
        place = match.end()
    return [*found, Token("end", "", len(text) + 1)]


def _kind(group: str | None) -> Kind:
    return "number" if group == "number" else "name" if group == "name" else "mark"


def _unreadable(text: str, place: int) -> InvalidExpression:
    hints = {"=": "equality is ==", "&": "say AND", "|": "say OR", "!": "say NOT, or != for unequal"}
    hint = hints.get(text[place], "words are names, numbers and < <= > >= == != + - * / ( ) [ ] ,")
    return wrong(text, place + 1, f"{text[place]!r} cannot be read here; {hint}")


def wrong(text: str, at: int, what: str) -> InvalidExpression:
    """Return the error that says where in `text` what is wrong."""
    shown = text if len(text) <= 120 else f"{text[:117]}..."
    return InvalidExpression(f"at character {at} of `{shown}`: {what}", at=at)
