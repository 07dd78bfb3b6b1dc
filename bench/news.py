"""Headlines linked, classed and scored per CPU-second, and how right the tones are.

Speed stands beside plain VADER's on the same headlines, which only scores. Rightness is macro-F1 on the
labelled equity set where it is on this machine (`mixed` left out; the model by 5 fixed folds), and on the
crypto headlines of the tests, whose `held` half no word was tuned on.
"""

from pathlib import Path
from typing import Any

import polars as pl
from sklearn.metrics import f1_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from bench.calibration import slowness
from bench.harness import Line, against_bound, measure
from trading.news.linking import Linker
from trading.news.model import compare, labelled, vader_mood
from trading.news.reading import read_headlines

ROOT = Path(__file__).resolve().parents[1]
CRYPTO = ROOT / "tests" / "fixtures" / "news" / "crypto_headlines.csv"
LABELLED = ROOT.parent / "shared" / "data" / "news_labelled" / "sentfin_train.csv"
HEADLINES, LEAST_PER_S = 6_000, 3_000


def run() -> list[dict[str, Any]]:
    """Measure speed and rightness; one line each."""
    return [_speed(), *_crypto(), _equity()]


def _speed() -> Line:
    texts = pl.read_csv(CRYPTO)["headline"].to_list()
    texts = (texts * (HEADLINES // len(texts) + 1))[:HEADLINES]
    linker, vader = Linker.well_known(), SentimentIntensityAnalyzer()
    ours = measure(lambda: list(read_headlines(texts, linker)))
    theirs = measure(lambda: [vader.polarity_scores(text)["compound"] for text in texts])
    return against_bound(
        "news",
        f"{HEADLINES:,} crypto headlines linked to {len(linker.by_ticker)} coins, classed and scored",
        ours,
        bound_cpu_s=HEADLINES / LEAST_PER_S,
        slowness=slowness(1),
        headlines_per_cpu_s=round(HEADLINES / ours.cpu_s),
        plain_vader_per_cpu_s=round(HEADLINES / theirs.cpu_s),
    )


def _crypto() -> list[Line]:
    linker, vader = Linker.well_known(), SentimentIntensityAnalyzer()
    lines = []
    for part in ("tune", "held"):
        frame = pl.read_csv(CRYPTO).filter(pl.col("part") == part)
        texts, truth = frame["headline"].to_list(), frame["label"].to_list()
        ours = f1_score(truth, [found.mood for found in read_headlines(texts, linker)], average="macro")
        plain = [vader_mood(vader.polarity_scores(text)["compound"]) for text in texts]
        lines.append(
            _f1(f"crypto headlines, {part}", len(texts), ours, f1_score(truth, plain, average="macro"))
        )
    return lines


def _equity() -> Line:
    if not LABELLED.exists():
        work = "macro-F1 on labelled equity headlines"
        return {"name": "news", "work": work, "ok": None, "reason": f"{LABELLED.name} is not on this machine"}
    headlines, labels, _ = labelled(pl.read_csv(LABELLED))
    found = compare(headlines, labels)
    line = _f1("equity headlines", len(labels), found["lexicon"], found["plain VADER"])
    line["macro_f1"]["model (5-fold)"] = round(found["model (5-fold)"], 3)
    return line


def _f1(what: str, rows: int, ours: float, vader: float) -> Line:
    figures = {"lexicon": round(float(ours), 3), "plain VADER": round(float(vader), 3)}
    return {"name": "news", "work": f"macro-F1 on {rows:,} {what}", "macro_f1": figures, "ok": ours > vader}
