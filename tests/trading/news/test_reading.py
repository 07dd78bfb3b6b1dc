import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.news.linking import Linker
from trading.news.reading import read_headlines, scored

LINKER = Linker.well_known()


def test_a_file_keeps_its_columns_and_gains_four():
    """Rows in order; a column of an added name stays under another."""
    frame = pl.DataFrame({"id": ["1", "2"], "headline": ["Bitcoin soars", None], "score": ["x", "y"]})
    done = scored(frame, LINKER)
    assert done.columns == ["id", "headline", "score_in", "sentiment", "score", "symbols", "event"]
    assert done["score_in"].to_list() == ["x", "y"]
    assert done["sentiment"].to_list() == ["positive", "neutral"]
    assert done["symbols"].to_list() == ["BTC", None]
    assert done["score"].is_between(-1, 1).all()


def test_a_file_without_headlines_names_its_columns():
    """The reader sees at once which name to change."""
    with pytest.raises(BadInput, match="columns present: 'title', 'x'"):
        scored(pl.DataFrame({"title": ["a"], "x": [1]}), LINKER)


def test_several_coins_are_joined_and_the_event_is_named():
    """In order of mention."""
    (row,) = scored(pl.DataFrame({"headline": ["ETH and BTC bridge hacked"]}), LINKER).to_dicts()
    assert (row["symbols"], row["event"], row["sentiment"]) == ("ETH;BTC", "hack", "negative")


@pytest.mark.parametrize(
    "text",
    ["A" * 1_000_000, "(((((" * 50_000, "halt " * 100_000, "$" * 100_000, "\ud83d\ude80" * 10, "\0\x1b[31m"],
    ids=["one word", "brackets", "repeated", "dollars", "surrogates", "controls"],
)
def test_a_hostile_cell_is_read_to_its_bound(text):
    """Only 500 characters count, so what follows changes nothing."""
    (whole,), (cut,) = read_headlines([text], LINKER), read_headlines([text[:500]], LINKER)
    assert whole == cut
    assert -1 <= whole.score <= 1


def test_a_model_judges_tone_and_the_event_overrules_it():
    """A cheerful model does not make a hack good news."""

    class Cheerful:
        def tones(self, headlines):
            return [(0.9, "positive") for _ in headlines]

    plain, hacked = read_headlines(["A day", "Bridge hacked"], LINKER, Cheerful())
    assert (plain.mood, plain.score) == ("positive", 0.9)
    assert (hacked.mood, hacked.score) == ("negative", -0.6)
