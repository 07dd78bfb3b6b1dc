"""The tone of a headline by lexicon: VADER with this project's market vocabulary. No learning here.

Written for headlines about coins: words are those of `lexicon`, phrases those of `phrases`. Constants were
chosen on the fixture's `tune` half and on the equity set, never on the held half.
"""

import re
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from trading.news.lexicon import MARKET_WORDS
from trading.news.phrases import EXPLAINS, PHRASES

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
# VADER's own bound is 0.05; one weak word in a headline is no news yet.
NEUTRAL_BELOW = 0.15
# Everyday feelings weigh less in a headline than the market's own words.
_EVERYDAY = 0.6
# What a headline gives as circumstance ("amid", "despite", "after") against what it says happened.
_CIRCUMSTANCE, _ONLY_CIRCUMSTANCE = 0.4, 0.9
_EXPLAINED = 0.2
_CIRCUMSTANCES = re.compile(
    r"\b(?:despite|in spite of|amid|even as|as|after|following|ahead of|on|before|since)\b"
)
_EXPLAINS = re.compile(EXPLAINS)
_PHRASES = tuple((re.compile(rf"\b(?:{phrase})"), word) for phrase, word in PHRASES)


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    analyzer = SentimentIntensityAnalyzer()
    everyday = {word: _EVERYDAY * value for word, value in analyzer.lexicon.items()}
    analyzer.lexicon = everyday | MARKET_WORDS
    return analyzer


def tone(headline: str) -> float:
    """Return the tone of `headline` in [-1, 1]: below 0 bad for the price, above 0 good, 0 none."""
    # Small letters: tickers are in capitals everywhere, so capitals stress nothing.
    text = plain = headline.lower()
    for phrase, word in _PHRASES:
        text = phrase.sub(word, text)
    cut = _CIRCUMSTANCES.search(text)
    if cut is None:
        value = _valence(text)
    else:
        said, circumstance = _valence(text[: cut.start()]), _valence(text[cut.end() :])
        if abs(said) >= NEUTRAL_BELOW / 3:
            value = said + _CIRCUMSTANCE * circumstance
        else:
            value = _ONLY_CIRCUMSTANCE * circumstance
    if _EXPLAINS.search(plain):
        value *= _EXPLAINED
    return max(-1.0, min(1.0, value))


def _valence(text: str) -> float:
    return float(_analyzer().polarity_scores(text)["compound"])


def mood(value: float) -> str:
    """Return positive, neutral (within 0.15 of 0) or negative."""
    if value >= NEUTRAL_BELOW:
        return POSITIVE
    return NEGATIVE if value <= -NEUTRAL_BELOW else NEUTRAL


# What an event means whatever the words: a calm notice of a delisting is no calm news.
_AT_MOST = {"hack": -0.6, "delisting": -0.7, "halt": -0.4}
_AT_LEAST = {"listing": 0.3}


def with_event(value: float, event: str | None) -> float:
    """Return a tone with its event taken in: hack, delisting and halt bound it above, a listing below."""
    if event is None:
        return value
    return max(min(value, _AT_MOST.get(event, 1.0)), _AT_LEAST.get(event, -1.0))
