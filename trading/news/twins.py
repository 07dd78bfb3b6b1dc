"""The same story told by another feed in nearly the same words: alike in words, equal in what counts.

Near-identical words are not enough: "FOO will be delisted" and "FOO will not be delisted" share most of
theirs, and so do "SOL jumps 5 %" and "SOL jumps 9 %".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ALIKE = 0.75
WITHIN = timedelta(hours=48)
_FEWEST_WORDS = 4
_WORD = re.compile(r"[a-z0-9$%.]+")
_SOURCE = re.compile(r"\s+[-|–—]\s+[^-|–—]{2,30}$")
_NUMBER = re.compile(r"\d[\d.,]*")
_AGAINST = frozenset({"not", "no", "never", "denies", "denied", "false", "without", "fake", "un"})
_SMALL = frozenset(("a", "an", "the", "of", "to", "in", "on", "for", "and", "as", "at", "by", "with"))
_SMALL |= frozenset(("from", "is", "are", "its", "it", "after"))


@dataclass(frozen=True, slots=True)
class Told:
    """A story as twins are told by: who said it, when it was first seen, in which words, about what."""

    item_id: str
    source: str
    title: str
    first_seen: datetime
    symbols: tuple[str, ...]
    event: str | None


@dataclass(slots=True)
class _Known:
    story: Told
    words: frozenset[str]
    marks: tuple[frozenset[str], frozenset[str]] = field(default=(frozenset(), frozenset()))


def twins(known: Sequence[Told], fresh: Sequence[Told]) -> list[str | None]:
    """Return for each fresh story the id of the one it repeats, or None.

    A twin comes from another feed within 48 hours, names the same symbols and event, has the same numbers and
    denials, and shares at least three quarters of the words of both (Jaccard). Cost grows with the number of
    stories that share a symbol set and event, not with all.
    """
    shelves: dict[tuple[tuple[str, ...], str | None], list[_Known]] = {}
    found: list[str | None] = []
    for story in known:
        _shelf(shelves, story).append(_taken_apart(story))
    for story in fresh:
        shelf, mine = _shelf(shelves, story), _taken_apart(story)
        first = next((other for other in shelf if _is_twin(other, mine)), None)
        found.append(None if first is None else first.story.item_id)
        if first is None:
            shelf.append(mine)
    return found


def _shelf(shelves: dict[tuple[tuple[str, ...], str | None], list[_Known]], story: Told) -> list[_Known]:
    return shelves.setdefault((tuple(sorted(story.symbols)), story.event), [])


def _taken_apart(story: Told) -> _Known:
    title = _SOURCE.sub("", story.title).lower().replace("’", "'")
    words = frozenset(word.strip(".") for word in _WORD.findall(title)) - _SMALL
    against = (words & _AGAINST) | ({"n't"} if "n't" in title else frozenset())
    return _Known(story, words, (frozenset(_NUMBER.findall(title)), against))


def _is_twin(other: _Known, mine: _Known) -> bool:
    if other.story.source == mine.story.source or mine.story.first_seen - other.story.first_seen > WITHIN:
        return False
    if other.marks != mine.marks or min(len(other.words), len(mine.words)) < _FEWEST_WORDS:
        return False
    return len(other.words & mine.words) >= ALIKE * len(other.words | mine.words)
