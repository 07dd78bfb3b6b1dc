"""The tone of a headline by lexicon: VADER with this project's market vocabulary. No learning here."""

import re
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from trading.news.lexicon import MARKET_WORDS, PHRASES

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
# VADER's own bound for a neutral text.
_NEUTRAL_BELOW = 0.05
_PHRASES = tuple((re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE), word) for phrase, word in PHRASES.items())


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(MARKET_WORDS)
    return analyzer


def tone(headline: str) -> float:
    """Return the tone of `headline` in [-1, 1]: below 0 bad for the price, above 0 good, 0 none."""
    text = headline
    for phrase, word in _PHRASES:
        text = phrase.sub(word, text)
    return float(_analyzer().polarity_scores(text)["compound"])


def mood(value: float) -> str:
    """Return positive, neutral (within 0.05 of 0) or negative."""
    if value >= _NEUTRAL_BELOW:
        return POSITIVE
    return NEGATIVE if value <= -_NEUTRAL_BELOW else NEUTRAL


# What an event means whatever the words: a calm notice of a delisting is no calm news.
_AT_MOST = {"hack": -0.6, "delisting": -0.7, "halt": -0.4}
_AT_LEAST = {"listing": 0.3}


def with_event(value: float, event: str | None) -> float:
    """Return a tone with its event taken in: hack, delisting and halt bound it above, a listing below."""
    if event is None:
        return value
    return max(min(value, _AT_MOST.get(event, 1.0)), _AT_LEAST.get(event, -1.0))
