"""Tone by a model trained on labelled headlines: an option, for the kind of headline that has labels.

Equity labels do not carry over to crypto, so the lexicon judges by default (decision 24). No labels and no
trained file come with the project.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from trading.market.errors import BadInput, StoreError
from trading.news.sentiment import NEGATIVE, NEUTRAL, POSITIVE, mood, tone

MOODS = (NEGATIVE, NEUTRAL, POSITIVE)
FOLDS, SEED = 5, 7
FEWEST = 50


def labelled(frame: pl.DataFrame) -> tuple[list[str], list[str], int]:
    """Return headlines, their labels, and how many rows were left out for another label or no headline.

    Raises
    ------
    BadInput
        If a column is missing, or fewer than 50 rows or 5 of any label are left.
    """
    missing = [name for name in ("headline", "label") if name not in frame.columns]
    if missing:
        present = ", ".join(map(repr, frame.columns[:20]))
        raise BadInput(f"columns 'headline' and 'label' are needed; columns present: {present}")
    kept = frame.filter(pl.col("label").is_in(MOODS) & pl.col("headline").is_not_null())
    fewest = min(kept.filter(pl.col("label") == name).height for name in MOODS)
    if kept.height < FEWEST or fewest < FOLDS:
        raise BadInput(
            f"at least {FEWEST} labelled headlines and {FOLDS} of each of {', '.join(MOODS)} are needed, "
            f"were {kept.height} and {fewest}"
        )
    return kept["headline"].to_list(), kept["label"].to_list(), frame.height - kept.height


class HeadlineModel:
    """TF-IDF of words and of letters, then logistic regression."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    @classmethod
    def train(cls, headlines: Sequence[str], labels: Sequence[str]) -> "HeadlineModel":
        """Return a model of these rows; the same rows give the same model. BadInput if they share nothing."""
        try:
            return cls(_untrained().fit(list(headlines), list(labels)))
        except ValueError as error:
            raise BadInput(f"nothing can be learned from these headlines: {error}") from None

    def tones(self, headlines: Sequence[str]) -> list[tuple[float, str]]:
        """Return (probability of positive minus that of negative, likeliest mood) of each headline."""
        chances = self._pipeline.predict_proba(list(headlines)) if headlines else []
        names = list(self._pipeline.classes_)
        up, down = names.index(POSITIVE), names.index(NEGATIVE)
        return [(float(row[up] - row[down]), str(names[row.argmax()])) for row in chances]

    def save(self, path: Path) -> None:
        """Write the model as a skops archive."""
        import skops.io  # noqa: PLC0415 - costs seconds, and only training and loading need it

        try:
            path.write_bytes(skops.io.dumps(self._pipeline))
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from None

    @classmethod
    def load(cls, path: Path) -> "HeadlineModel":
        """Return the model in `path`.

        Raises
        ------
        StoreError
            If there is no such file, it is no model of this kind, or it holds a type that skops does not
            trust by itself: nothing of the file is run.
        """
        import skops.io  # noqa: PLC0415 - see `save`

        try:
            data = path.read_bytes()
            unknown = skops.io.get_untrusted_types(data=data)
            model = None if unknown else cls(skops.io.loads(data, trusted=[]))
            if model is not None:
                model.tones(["a headline"])
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}") from None
        except Exception as error:  # a damaged archive fails anywhere inside three libraries
            raise StoreError(f"{path} is no model of headlines: {type(error).__name__}") from None
        if model is None:
            raise StoreError(f"{path} holds types that are not trusted: {', '.join(unknown)[:200]}")
        return model


def compare(
    headlines: Sequence[str], labels: Sequence[str], on_progress: Callable[[int, int], None] | None = None
) -> dict[str, float]:
    """Return macro-F1 of the model by 5 fixed folds, of the lexicon, and of plain VADER, on the same rows."""
    from sklearn.metrics import f1_score  # noqa: PLC0415 - costs a second, and scoring by lexicon needs none
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - same

    vader = SentimentIntensityAnalyzer()
    judged = {
        "model (5-fold)": out_of_fold(headlines, labels, on_progress),
        "lexicon": [mood(tone(text)) for text in headlines],
        "plain VADER": [vader_mood(vader.polarity_scores(text)["compound"]) for text in headlines],
    }
    return {name: float(f1_score(labels, found, average="macro")) for name, found in judged.items()}


def vader_mood(compound: float) -> str:
    """Return the mood of plain VADER's compound score."""
    # Its authors' own bounds, not ours.
    return POSITIVE if compound >= 0.05 else NEGATIVE if compound <= -0.05 else NEUTRAL


def out_of_fold(
    headlines: Sequence[str], labels: Sequence[str], on_progress: Callable[[int, int], None] | None = None
) -> list[str]:
    """Return the mood of every row by a model that was trained on the other four folds only."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - see `compare`

    found = [""] * len(labels)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(headlines, labels)
    for done, (seen, unseen) in enumerate(folds, start=1):
        model = HeadlineModel.train([headlines[row] for row in seen], [labels[row] for row in seen])
        for row, (_, named) in zip(unseen, model.tones([headlines[row] for row in unseen]), strict=True):
            found[row] = named
        if on_progress is not None:
            on_progress(done, FOLDS)
    return found


def _untrained() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - see `compare`
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - same
    from sklearn.pipeline import FeatureUnion, Pipeline  # noqa: PLC0415 - same

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True)
    return Pipeline(
        [
            ("terms", FeatureUnion([("words", words), ("letters", letters)])),
            ("mood", LogisticRegression(C=4.0, max_iter=400, class_weight="balanced")),
        ]
    )
