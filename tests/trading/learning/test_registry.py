"""Models on disk: named by content, checked on every load, one champion at a time."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.evaluation import Evaluation, EvaluationRules, Verdict, evaluate
from trading.learning.registry import ModelRegistry, register
from trading.market.errors import BadInput, NoVersion, StoreError


@pytest.fixture(scope="module")
def promoted(pools) -> Evaluation:
    return evaluate(pools.made(1, strength=1.0), EvaluationRules(kinds=("logistic",), draws=200))


@pytest.fixture(scope="module")
def other(pools) -> Evaluation:
    return evaluate(pools.made(2, strength=1.0), EvaluationRules(kinds=("lightgbm",), draws=200))


@pytest.fixture
def registry(tmp_path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models", max_age=timedelta(days=30))


def test_a_promoted_model_is_champion_and_predicts_as_it_did(registry, promoted, pools) -> None:
    """Through files and back, one predict path for backtest and live."""
    model_id = register(registry, promoted, pools.CUTOFF)
    champion = registry.champion(pools.CUTOFF, "f1")
    assert champion is not None
    assert champion.model_id == model_id
    features = pools.pool(5).select(pools.FEATURES)
    expected = promoted.candidate.classifier.predict(np.ascontiguousarray(features.to_numpy()))
    assert champion.predict(features).tolist() == expected.tolist()
    with pytest.raises(BadInput, match="needs columns f_3"):
        champion.predict(features.drop("f_3"))


def test_a_refused_model_is_kept_and_never_used(registry, pools) -> None:
    """Its table is worth keeping, its answers are not."""
    found = evaluate(pools.made(1, shuffle=True), EvaluationRules(kinds=("logistic",), draws=100))
    assert found.verdict is Verdict.REFUSED
    assert register(registry, found, pools.CUTOFF) is not None
    assert registry.champion(pools.CUTOFF, "f1") is None
    assert registry.models()["verdict"].to_list() == ["refused"]


def test_no_data_registers_nothing(registry, pools) -> None:
    """There is no model to keep."""
    found = evaluate(pools.made(1, days=3))
    assert register(registry, found, pools.CUTOFF) is None
    assert registry.models().is_empty()


def test_saving_twice_gives_one_model_under_one_name(registry, promoted, pools) -> None:
    """The id is the content."""
    first = registry.save(promoted.candidate, pools.CUTOFF, promoted)
    assert registry.save(promoted.candidate, pools.CUTOFF + timedelta(days=9)) == first
    assert registry.models().height == 1


def test_rollback_returns_to_the_champion_before_and_then_to_none(registry, promoted, other, pools) -> None:
    """One step, one file."""
    first, second = (register(registry, found, pools.CUTOFF) for found in (promoted, other))
    assert registry.pointer().before == (first,)
    assert registry.pointer().model_id == second
    assert registry.rollback(pools.CUTOFF).model_id == first
    assert registry.rollback(pools.CUTOFF) is None
    assert registry.champion(pools.CUTOFF, "f1") is None
    with pytest.raises(NoVersion, match="no champion"):
        registry.rollback(pools.CUTOFF)


def test_promoting_the_champion_again_renews_it_and_keeps_its_past(registry, promoted, other, pools) -> None:
    """A retrain that gives the same model is fresh evidence."""
    first = register(registry, promoted, pools.CUTOFF)
    second = register(registry, other, pools.CUTOFF)
    later = pools.CUTOFF + timedelta(days=20)
    registry.promote(second, later)
    assert (registry.pointer().before, registry.pointer().since) == ((first,), later)


def test_an_old_champion_expires_instead_of_trading_on(registry, promoted, pools) -> None:
    """Thirty days and a second."""
    register(registry, promoted, pools.CUTOFF)
    assert registry.champion(pools.CUTOFF + timedelta(days=30), "f1") is not None
    late = pools.CUTOFF + timedelta(days=30, seconds=1)
    assert registry.is_expired(late)
    assert registry.champion(late, "f1") is None


def test_a_model_of_other_features_is_refused(registry, promoted, pools) -> None:
    """Same names with another meaning are the worst kind of wrong."""
    register(registry, promoted, pools.CUTOFF)
    with pytest.raises(StoreError, match="trained on features f1, these are f2"):
        registry.champion(pools.CUTOFF, "f2")


def test_a_model_remembers_since_when_it_can_be_asked(registry, promoted, pools) -> None:
    """The market time of its training travels with it, whatever the time at which it is asked for."""
    register(registry, promoted, pools.CUTOFF)
    champion = registry.champion(pools.CUTOFF + timedelta(days=3), "f1")
    assert champion.known_at == pools.CUTOFF


def test_what_the_model_was_never_taught_is_named_after_a_round_through_files(
    registry, promoted, pools
) -> None:
    """Rows of the same law: about one in a hundred is novel. f_2 at 40 deviations: novel, and named."""
    champion = registry.load(register(registry, promoted, pools.CUTOFF))
    features = pools.pool(5).select(pools.FEATURES)
    usual = champion.novelty(features)
    assert 0.0 < usual["is_novel"].mean() < 0.05
    far = champion.novelty(features.head(1).with_columns(f_2=pl.lit(40.0)))
    assert far["is_novel"].to_list() == [True]
    assert "f_2 +" in far["novel_why"][0]
    with pytest.raises(BadInput, match="needs columns f_3"):
        champion.novelty(features.drop("f_3"))


def test_a_model_saved_before_there_was_a_veto_loads_and_cannot_say(registry, promoted, pools) -> None:
    """Another model by its id, since the veto's files are part of it; asked about every row."""
    old = registry.save(replace(promoted.candidate, veto=None), pools.CUTOFF, promoted)
    assert old != registry.save(promoted.candidate, pools.CUTOFF, promoted)
    features = pools.pool(5).select(pools.FEATURES)
    found = registry.load(old)
    assert found.novelty(features) is None
    assert len(found.predict(features)) == len(features)


@pytest.mark.parametrize("name", ["model.skops", "medians.json", "novelty.npy", "novelty.json"])
def test_one_altered_byte_is_noticed(registry, promoted, pools, name: str, tmp_path) -> None:
    """Every byte is checked before it is read."""
    model_id = register(registry, promoted, pools.CUTOFF)
    path = tmp_path / "models" / model_id / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=f"{name} is not the file that was saved"):
        registry.champion(pools.CUTOFF, "f1")


def test_an_altered_manifest_or_a_missing_file_is_noticed(registry, promoted, pools, tmp_path) -> None:
    """A threshold changed by hand is another model."""
    model_id = register(registry, promoted, pools.CUTOFF)
    path = tmp_path / "models" / model_id / "manifest.json"
    before = path.read_text()
    manifest = json.loads(before)
    manifest["core"]["threshold"] = 0.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="manifest is not the one"):
        registry.load(model_id)
    path.write_text(before)
    (path.parent / "medians.json").unlink()
    with pytest.raises(StoreError, match=r"medians\.json"):
        registry.load(model_id)
    with pytest.raises(NoVersion, match="mdl-nobody"):
        registry.promote("mdl-nobody", pools.CUTOFF)


def test_the_list_shows_who_is_champion(registry, promoted, other, pools) -> None:
    """Newest first."""
    register(registry, promoted, pools.CUTOFF)
    newest = register(registry, other, pools.CUTOFF + timedelta(days=1))
    rows = registry.models()
    assert rows["model_id"][0] == newest
    assert rows.filter("is_champion")["model_id"].to_list() == [newest]
    assert rows.schema["is_champion"] == pl.Boolean
