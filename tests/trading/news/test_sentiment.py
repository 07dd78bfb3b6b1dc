from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import f1_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from trading.news.sentiment import mood, tone, with_event

LABELLED = Path(__file__).resolve().parents[4] / "shared" / "data" / "news_labelled" / "sentfin_train.csv"


@pytest.mark.parametrize(
    ("headline", "expected"),
    [
        ("Bitcoin soars to all-time high", "positive"),
        ("ETH plunges after exploit", "negative"),
        ("Fed announces rate cut", "positive"),
        ("Token falls to record low", "negative"),
        ("Rug pull drains wallets", "negative"),
        ("Company shares interest in securities", "neutral"),
        ("Five charts to watch", "neutral"),
        ("", "neutral"),
    ],
)
def test_market_words_have_their_market_meaning(headline, expected):
    """What a trader would say, not what a film critic would."""
    assert mood(tone(headline)) == expected


def test_tone_is_bounded():
    """Whatever is shouted."""
    assert -1 <= tone("CRASH " * 200) < -0.9 < 0.9 < tone("SOARS " * 200) <= 1


@pytest.mark.parametrize(
    ("value", "word"), [(0.05, "positive"), (0.049, "neutral"), (0.0, "neutral"), (-0.05, "negative")]
)
def test_neutral_lies_within_five_hundredths(value, word):
    """VADER's own bounds."""
    assert mood(value) == word


def test_an_event_bounds_the_tone():
    """A calm notice of a delisting is bad news; a hack cannot be good; other events change nothing."""
    assert with_event(0.0, "delisting") == -0.7
    assert with_event(-0.9, "hack") == -0.9
    assert with_event(0.4, "hack") == -0.6
    assert with_event(0.0, "listing") == 0.3
    assert with_event(0.2, "macro") == 0.2
    assert with_event(0.2, None) == 0.2


def test_own_vocabulary_beats_plain_vader_on_labelled_headlines():
    """Macro-F1 on 5,900 human labels: at least 0.1 above VADER (measured: 0.708 against 0.524)."""
    if not LABELLED.exists():
        pytest.skip(f"the labelled headlines are not on this machine: {LABELLED.name}")
    frame = pl.read_csv(LABELLED).filter(pl.col("label") != "mixed")
    truth, headlines = frame["label"].to_list(), frame["headline"].to_list()
    vader = SentimentIntensityAnalyzer()
    plain = [mood(vader.polarity_scores(text)["compound"]) for text in headlines]
    ours = [mood(tone(text)) for text in headlines]
    assert f1_score(truth, ours, average="macro") > f1_score(truth, plain, average="macro") + 0.1
