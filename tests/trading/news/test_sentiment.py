from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import f1_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from trading.news.events import event_of
from trading.news.sentiment import mood, tone, with_event

CRYPTO = Path(__file__).resolve().parents[2] / "fixtures" / "news" / "crypto_headlines.csv"
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
    ("value", "word"), [(0.15, "positive"), (0.149, "neutral"), (0.0, "neutral"), (-0.15, "negative")]
)
def test_neutral_lies_within_fifteen_hundredths(value, word):
    """One weak word is no news."""
    assert mood(value) == word


@pytest.mark.parametrize(
    ("headline", "expected"),
    [
        # crypto's own words
        ("Stablecoin depegs overnight", "negative"),
        ("Bitcoin funds record third week of outflows", "negative"),
        ("Spot ETFs see steady inflows", "positive"),
        ("Whales pull bitcoin off exchanges", "positive"),
        ("Miners capitulate", "negative"),
        # what falls may be good, what rises bad
        ("Bitcoin pares losses", "positive"),
        ("Bitcoin pares gains", "negative"),
        ("Shorts liquidated as bitcoin moves", "positive"),
        ("Long positions liquidated as bitcoin moves", "negative"),
        ("SEC drops case against wallet maker", "positive"),
        ("SEC files case, sues wallet maker", "negative"),
        # denied is not said
        ("Exchange denies insolvency rumors", "neutral"),
        ("Protocol was not hacked, team says", "neutral"),
        # the main clause against its circumstance
        ("Bitcoin climbs despite crackdown", "positive"),
        ("Bitcoin slides despite approval", "negative"),
        # asked or explained
        ("Price analysis: BTC, ETH, surging SOL", "neutral"),
        ("How to survive a bear market", "neutral"),
    ],
)
def test_crypto_wording_is_understood(headline, expected):
    """Direction, denial and circumstance, not a count of words."""
    assert mood(with_event(tone(headline), event_of(headline))) == expected


def test_an_event_bounds_the_tone():
    """A calm notice of a delisting is bad news; a hack cannot be good; other events change nothing."""
    assert with_event(0.0, "delisting") == -0.7
    assert with_event(-0.9, "hack") == -0.9
    assert with_event(0.4, "hack") == -0.6
    assert with_event(0.0, "listing") == 0.3
    assert with_event(0.2, "macro") == 0.2
    assert with_event(0.2, None) == 0.2


def _f1(frame, of):
    return f1_score(frame["label"].to_list(), [of(text) for text in frame["headline"]], average="macro")


def _ours(text):
    return mood(with_event(tone(text), event_of(text)))


def _vader(text, analyzer=SentimentIntensityAnalyzer()):  # noqa: B008 - one dictionary for all calls
    compound = analyzer.polarity_scores(text)["compound"]
    return "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"


@pytest.mark.parametrize(("part", "rows"), [("tune", 86), ("held", 84)])
def test_lexicon_beats_plain_vader_on_crypto_headlines(part, rows):
    """Macro-F1 at least 0.25 above VADER on either half; words were tuned on `tune` only.

    Same author for words and headlines: measured 0.966 and 0.796 against 0.537 and 0.412.
    """
    frame = pl.read_csv(CRYPTO).filter(pl.col("part") == part)
    assert frame.height == rows
    assert _f1(frame, _ours) > _f1(frame, _vader) + 0.25


def test_own_vocabulary_beats_plain_vader_on_labelled_headlines():
    """Macro-F1 on 6,344 human labels: at least 0.1 above VADER (measured: 0.705 against 0.524)."""
    if not LABELLED.exists():
        pytest.skip(f"the labelled headlines are not on this machine: {LABELLED.name}")
    frame = pl.read_csv(LABELLED).filter(pl.col("label") != "mixed")
    assert _f1(frame, _ours) > _f1(frame, _vader) + 0.1
