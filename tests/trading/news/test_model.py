import pickle
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from trading.market.errors import BadInput, StoreError
from trading.news.model import HeadlineModel, compare, labelled, out_of_fold

LABELLED = Path(__file__).resolve().parents[4] / "shared" / "data" / "news_labelled" / "sentfin_train.csv"
WORDS = {"positive": "soars", "negative": "sinks", "neutral": "waits"}


def _rows(count=20):
    rows = [(f"coin {n} {word} today", name) for name, word in WORDS.items() for n in range(count)]
    return [text for text, _ in rows], [name for _, name in rows]


def test_a_model_learns_separates_and_survives_its_file(tmp_path):
    """Three words, three moods; the loaded model says what the saved one said."""
    model = HeadlineModel.train(*_rows())
    model.save(tmp_path / "model.skops")
    texts = ["token soars", "token sinks", "token waits"]
    assert [named for _, named in model.tones(texts)] == ["positive", "negative", "neutral"]
    assert HeadlineModel.load(tmp_path / "model.skops").tones(texts) == model.tones(texts)
    assert model.tones([]) == []


def test_a_row_is_never_judged_by_a_model_that_saw_it():
    """Headlines of random words: nothing to learn from others, everything to remember of oneself."""
    texts = [f"{draw(n)} {draw(n + 500)}" for n in range(90)]
    labels = [list(WORDS)[n % 3] for n in range(90)]
    seen = [named for _, named in HeadlineModel.train(texts, labels).tones(texts)]
    found = out_of_fold(texts, labels)
    assert sum(ours == truth for ours, truth in zip(seen, labels, strict=True)) > 60
    assert sum(ours == truth for ours, truth in zip(found, labels, strict=True)) < 50  # chance gives 30


def draw(seed):
    return "".join(chr(97 + int(mark, 16)) for mark in sha256(f"{seed}".encode()).hexdigest()[:8])


def test_a_pickle_is_never_run(tmp_path):
    """A file that would do something when unpickled, a text, and nothing at all."""
    fired = tmp_path / "fired"

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (fired,))

    (tmp_path / "bomb").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "text").write_text("model")
    for name in ("bomb", "text", "none"):
        with pytest.raises(StoreError):
            HeadlineModel.load(tmp_path / name)
    assert not fired.exists()


def test_labels_of_another_kind_are_left_out_and_too_few_are_refused():
    """`mixed` is no tone; three rows teach nothing."""
    texts, labels = _rows()
    frame = pl.DataFrame({"headline": [*texts, "a", None], "label": [*labels, "mixed", "neutral"]})
    assert labelled(frame)[2] == 2
    with pytest.raises(BadInput, match="at least 50"):
        labelled(frame.head(3))
    with pytest.raises(BadInput, match="columns present: 'headline'"):
        labelled(frame.select("headline"))


@pytest.mark.slow
def test_trained_by_folds_it_beats_the_lexicon_and_vader_in_its_own_domain():
    """Measured on 6,344 equity headlines: 0.82 by folds, 0.71 lexicon, 0.52 VADER."""
    if not LABELLED.exists():
        pytest.skip(f"the labelled headlines are not on this machine: {LABELLED.name}")
    headlines, labels, left_out = labelled(pl.read_csv(LABELLED))
    found = compare(headlines, labels)
    print(found, left_out)  # noqa: T201 - the figures are what a reader of -s wants
    assert found["model (5-fold)"] > found["lexicon"] > found["plain VADER"] + 0.1
