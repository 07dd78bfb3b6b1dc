"""From a verdict to a champion, without Dagster: each step once, and a damaged model never."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.evaluation import Candidate
from trading.learning.models import fit_classifier
from trading.learning.psi import reference_of
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import Limits
from trading.learning.succession import shadow_trouble, state, succeed
from trading.learning.terms import Terms
from trading.market.errors import MissingData
from trading.signals.blend import Blend

SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)


def terms(length: int) -> Terms:
    return Terms(
        Blend(0.6, 0.0, SAME, SAME), Limits(0.3, -0.01, length), reference_of(np.zeros((9, 1)), ("f",))
    )


def saved(registry: ModelRegistry, at, seed: int = 1, length: int = 3) -> str:
    """A small logistic model of one feature."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 1))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(80), seed)
    return registry.save(
        Candidate("logistic", fitted, 0.5, ("f",), "f1", f"ds-{seed}", seed), at, None, terms(length)
    )


def told(model_id: str | None, verdict: str = "promoted") -> dict:
    return {"verdict": verdict, "verdict_reason": "r", "candidate_id": model_id, "evaluation_id": "evl-1"}


def ended(model_id: str, at, net: float = 0.01, count: int = 3) -> pl.DataFrame:
    moments = [at + timedelta(hours=n) for n in range(count)]
    plain = {
        "model_id": model_id,
        "symbol": "A/USDT",
        "probability": 0.6,
        "is_taken": True,
        "net_return": net,
    }
    return pl.DataFrame([plain | {"decided_at": moment} for moment in moments])


@pytest.fixture
def registry(tmp_path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models")


def test_what_passed_is_watched_then_champion_each_by_one_row(registry, pools) -> None:
    """Promoted: a shadow period of three; read again: nothing; its outcomes known: champion."""
    at = pools.CUTOFF
    model_id = saved(registry, at)
    for _ in range(2):
        row = succeed(registry, told(model_id), None, at, "f1").row(0, named=True)
        assert (row["state"], row["shadow_id"], row["shadow_seen"]) == ("none", model_id, 0)
    later = at + timedelta(days=1)
    row = succeed(registry, told(model_id), ended(model_id, at), later, "f1").row(0, named=True)
    assert (row["state"], row["model_id"], row["shadow_id"]) == ("in_use", model_id, None)
    events = registry.journal.history()["event"].to_list()
    assert events == ["shadow_started", "shadow_passed", "promoted"]


@pytest.mark.parametrize("verdict", ["refused", "no_data", "failed"])
def test_what_did_not_pass_changes_nothing(registry, pools, verdict: str) -> None:
    """No row of the journal, the rules alone."""
    row = succeed(registry, told(None, verdict), None, pools.CUTOFF, "f1").row(0, named=True)
    assert (row["state"], row["verdict"]) == ("none", verdict)
    assert registry.journal.entries() == []


def test_without_a_shadow_period_it_is_champion_at_once_and_another_waits_for_who_is_watched(
    registry, pools
) -> None:
    """Length 0 promotes; while one is watched a second one that passed is not begun."""
    at = pools.CUTOFF
    first, second, third = (saved(registry, at, seed, length) for seed, length in ((1, 0), (2, 3), (3, 3)))
    assert succeed(registry, told(first), None, at, "f1")["model_id"][0] == first
    succeed(registry, told(second), None, at, "f1")
    assert succeed(registry, told(third), None, at, "f1")["shadow_id"][0] == second


@pytest.mark.parametrize("trouble", ["altered", "gone", "no extra"])
def test_a_damaged_model_fails_its_shadow_period_and_makes_room(
    registry, pools, monkeypatch, trouble: str
) -> None:
    """One byte, no file, no extra: refused with the reason on record, champion and rules as they were."""
    at = pools.CUTOFF
    model_id = saved(registry, at)
    succeed(registry, told(model_id), None, at, "f1")
    assert shadow_trouble(registry) == ""
    path = registry._root / model_id / "medians.json"
    if trouble == "altered":
        path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    elif trouble == "gone":
        path.unlink()
    else:

        def missing(*_: object):
            raise MissingData("kind mlp needs the extra `ai`")

        monkeypatch.setattr("trading.learning.registry.load_classifier", missing)
    said = shadow_trouble(registry)
    assert ("extra" if trouble == "no extra" else "not the file that was saved") in said
    # Outcomes that would have passed it change nothing: nobody knows what said them.
    row = succeed(registry, told(model_id), ended(model_id, at), at + timedelta(days=1), "f1").row(
        0, named=True
    )
    assert (row["state"], row["shadow_id"]) == ("none", None)
    last = registry.journal.entries()[-1]
    assert (str(last.event), last.why) == ("shadow_failed", f"refused: {said}")


def test_a_champion_of_other_features_or_too_old_leaves_the_rules_alone(registry, pools) -> None:
    """The state says which; nothing is asked."""
    at = pools.CUTOFF
    registry.promote(saved(registry, at), at)
    assert state(registry, at, "f1")["state"] == "in_use"
    found = state(registry, at, "f2")
    assert (found["state"], found["weight"]) == ("refused", None)
    assert "trained on features f1, these are f2: rules alone" in found["reason"]
    assert state(registry, at + timedelta(days=31), "f1")["state"] == "expired"
