"""What one headline says: which coins, what kind of event, and its tone. For feeds and files alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from trading.market.errors import BadInput, InTheWay
from trading.news.events import event_of
from trading.news.linking import Linker
from trading.news.sentiment import mood, tone, with_event

# What a headline is read to; a megabyte in one cell is no headline.
LONGEST = 500
ADDED = ("sentiment", "score", "symbols", "event")
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One headline read.

    `tone` is that of the words, `score` the tone with the event's own meaning, both in [-1, 1]; `mood` is the
    score in a word. `symbols` are in order of mention.
    """

    symbols: list[str]
    event: str | None
    tone: float
    score: float
    mood: str


class Tones(Protocol):
    """Another judge of tone than the lexicon; see `trading.news.model.HeadlineModel`."""

    def tones(self, headlines: Sequence[str]) -> list[tuple[float, str]]:
        """Return (tone in [-1, 1], mood) of each headline."""
        ...


def read_headlines(
    headlines: Iterable[str | None], linker: Linker, judge: Tones | None = None
) -> Iterator[Reading]:
    """Read headlines one after the other; an empty one or None is neutral and about nothing.

    Only the first 500 characters of each are read. `judge` replaces the lexicon's tone; events are by rule
    in either case.
    """
    texts = [(text or "")[:LONGEST] for text in headlines]
    judged = None if judge is None else judge.tones(texts)
    for place, text in enumerate(texts):
        event = event_of(text)
        if judged is None:
            words = tone(text)
            score = with_event(words, event)
            yield Reading(linker.symbols(text), event, words, score, mood(score))
        else:
            words, named = judged[place]
            score = with_event(words, event)
            # The model's own word stands unless the event overrules it.
            yield Reading(linker.symbols(text), event, words, score, named if score == words else mood(score))


def scored(
    frame: pl.DataFrame,
    linker: Linker,
    judge: Tones | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Return `frame` with `sentiment`, `score`, `symbols` and `event` read from its column `headline`.

    Parameters
    ----------
    frame : DataFrame
        Any columns; those of the added names are kept as ``<name>_in``.

    Returns
    -------
    DataFrame
        Same rows and order. `sentiment` is positive, neutral or negative; `score` in [-1, 1], rounded to four
        places; `symbols` is joined with ";", null where none is named; `event` is null where there is none.

    Raises
    ------
    BadInput
        If there is no column `headline`; the message names those present.
    """
    if "headline" not in frame.columns:
        present = ", ".join(repr(name[:40]) for name in frame.columns[:20]) or "none"
        raise InTheWay(f"a column 'headline' is needed; columns present: {present}")
    taken = [name for name in ADDED if name in frame.columns and f"{name}_in" in frame.columns]
    if taken:
        raise BadInput(
            f"column {taken[0]!r} would be kept as '{taken[0]}_in', which is there too: drop one of them"
        )
    kept = frame.rename({name: f"{name}_in" for name in ADDED if name in frame.columns})
    readings: list[Reading] = []
    texts = frame["headline"].cast(pl.String).to_list()
    for start in range(0, len(texts), _AT_ONCE):
        readings += read_headlines(texts[start : start + _AT_ONCE], linker, judge)
        if on_progress is not None:
            on_progress(len(readings), len(texts))
    return kept.with_columns(
        pl.Series("sentiment", [reading.mood for reading in readings], dtype=pl.String),
        pl.Series("score", [round(reading.score, 4) for reading in readings], dtype=pl.Float64),
        pl.Series("symbols", [";".join(reading.symbols) or None for reading in readings], dtype=pl.String),
        pl.Series("event", [reading.event for reading in readings], dtype=pl.String),
    )
