"""Predictions stand on decisions: one row per model and decision, the very row used."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.evaluation import Candidate
from trading.learning.models import fit_classifier
from trading.learning.predictions import OUTCOMES, predictions, unread_since, with_outcomes
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import Shadow
from trading.signals.features import FEATURES
from trading.trade_pool.snapshots import DECISIONS

HOUR = timedelta(hours=1)


def decisions(pools, *rows: dict) -> pl.DataFrame:
    """Decisions an hour apart; the champion said 0.7 of each, and a feature of each is its number."""
    found = []
    for n, changed in enumerate(rows):
        at = pools.CUTOFF + n * HOUR
        row = dict.fromkeys(DECISIONS) | dict.fromkeys(FEATURES, 0.1 * n)
        row |= {"decision_id": f"dec-{n}", "symbol": "A/USDT", "bar_time": at - HOUR, "decided_at": at}
        row |= {"is_taken": False, "model_id": "mdl-c", "probability": 0.7, "feature_version": "f1"}
        row |= {"model_threshold": 0.6, "regime": "normal", "signal_id": f"sig-{n}"}
        found.append(row | changed)
    return pl.DataFrame(found, schema=DECISIONS | dict.fromkeys(FEATURES, pl.Float64))


@pytest.fixture
def registry(tmp_path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models")


@pytest.fixture
def watched(registry, pools) -> str:
    """A logistic model of the line's features in its shadow period since the second decision."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, len(FEATURES)))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(200), 0)
    name = registry.save(Candidate("logistic", fitted, 0.5, tuple(FEATURES), "f1", "ds", 0), pools.CUTOFF)
    registry.start_shadow(Shadow(name, pools.CUTOFF + HOUR, 10, 0.3, 0.0))
    return name


def test_each_model_says_one_word_of_each_decision_on_the_row_it_was_decided_on(
    registry, pools, watched
) -> None:
    """Champion of both, as decided; the watched one since its start, by predicting that very row."""
    rows = decisions(pools, {}, {"model_threshold": 0.8})
    found = predictions(rows, None, registry, pools.CUTOFF + 9 * HOUR)
    assert found.select("decision_id", "role", "is_taken").rows()[0] == ("dec-0", "champion", True)
    assert dict(found.filter(decision_id="dec-1").select("role", "model_id").iter_rows()) == {
        "champion": "mdl-c",
        "shadow": watched,
    }
    assert found.filter(decision_id="dec-1", role="champion")["is_taken"][0] is False
    said = found.filter(role="shadow")
    features = rows.select(FEATURES.keys())[1:]
    assert said["probability"].to_list() == registry.load(watched).predict(features).tolist()
    assert said.select(FEATURES.keys()).equals(features)
    # A later pass that is given other values for the same decisions changes nothing.
    later = rows.with_columns(probability=pl.lit(0.1), f_rsi=pl.lit(9.0))
    assert predictions(later, found, registry, pools.CUTOFF + 9 * HOUR).equals(found)


def test_decisions_of_other_features_and_novel_ones_get_no_word(registry, pools, watched) -> None:
    """The watched model knows features f1; where the champion said nothing there is no row of it."""
    rows = decisions(pools, {}, {"feature_version": "f0"}, {"probability": None}, {"model_id": None})
    found = predictions(rows, None, registry, pools.CUTOFF + 9 * HOUR)
    said = found.select("decision_id", "role").rows()
    assert said == [("dec-0", "champion"), ("dec-1", "champion"), ("dec-2", "shadow"), ("dec-3", "shadow")]


def test_an_altered_watched_model_says_nothing_and_the_champion_speaks_on(registry, pools, watched) -> None:
    """Why is `succession.shadow_trouble`'s to say."""
    path = registry._root / watched / "medians.json"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    found = predictions(decisions(pools, {}, {}), None, registry, pools.CUTOFF + 9 * HOUR)
    assert found["role"].to_list() == ["champion", "champion"]


def test_rows_older_than_90_days_go_and_rows_without_an_id_are_told_anew(registry, pools) -> None:
    """A table of before decisions had ids is read from the ledger again, from 90 days back."""
    at = pools.CUTOFF + timedelta(days=90)
    found = predictions(decisions(pools, {}, {}), None, registry, at + HOUR / 2)
    assert found["decision_id"].to_list() == ["dec-1"]
    assert unread_since(found, pools.CUTOFF + 9 * HOUR) == pools.CUTOFF + HOUR - timedelta(days=1)
    old = found.drop("decision_id")
    assert unread_since(old, at) == unread_since(None, at) == pools.CUTOFF
    assert predictions(decisions(pools, {}, {}), old, registry, at + HOUR / 2).equals(found)


def test_outcomes_are_joined_by_decision_money_first_and_known_ones_stand(registry, pools) -> None:
    """Two decisions of one pair and bar by two strategies keep their own; a correction changes nothing."""
    bar = {"bar_time": pools.CUTOFF}
    asked = predictions(decisions(pools, bar, bar, {}), None, registry, pools.CUTOFF + 9 * HOUR)
    schema = {"decision_id": pl.String, "source": pl.String, "net_return": pl.Float64}
    rows = [("dec-0", "candles", 0.01), ("dec-0", "live", 0.02), ("dec-1", "candles", -0.03)]
    ended = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        closed_at=pl.lit(pools.CUTOFF + 5 * HOUR).cast(pools.UTC_MS)
    )
    found = with_outcomes(asked, ended, None)
    assert list(found.columns) == list(OUTCOMES)
    assert found["net_return"].to_list() == [0.02, -0.03, None]
    assert found["source"].to_list() == ["live", "candles", None]
    again = with_outcomes(asked, ended.with_columns(net_return=pl.lit(0.5)), found)
    assert again["net_return"].to_list() == [0.02, -0.03, None]
