"""Neural kinds before the one gate: planted is promoted, shuffled is refused, files are checked."""

from datetime import timedelta

import numpy as np
import pytest

from trading.learning.evaluation import EvaluationRules, Verdict, evaluate
from trading.learning.registry import ModelRegistry, register
from trading.market.errors import StoreError

pytest.importorskip("jax", reason="the extra ai is not installed: make ai")

MLP = EvaluationRules(kinds=("mlp",), draws=200, seeds=1, is_thorough=False)


@pytest.fixture(scope="module")
def promoted(pools):
    return evaluate(pools.made(1, strength=1.0, per_day=30), MLP)


def test_a_planted_edge_is_found_by_the_network_and_promoted(promoted) -> None:
    """Walk-forward, purged, after costs: every rule of the gate."""
    assert promoted.verdict is Verdict.PROMOTED
    assert promoted.candidate.kind == "mlp"
    assert promoted.report.of("mlp").figures["mean_return"] > 0


def test_shuffled_outcomes_earn_nothing_or_less_and_are_refused(pools) -> None:
    """Eight pools: none is promoted, and the median of what would have been taken loses its costs."""
    totals = []
    for seed in range(8):
        found = evaluate(pools.made(seed, strength=1.0, shuffle=True, per_day=30), MLP)
        assert found.verdict is Verdict.REFUSED
        totals.append(found.report.of("mlp").figures["total_return"] or 0.0)
    assert np.median(totals) <= 0.0


def test_a_champion_network_answers_through_the_registry_and_an_altered_byte_is_refused(
    promoted, pools, tmp_path, monkeypatch
) -> None:
    """One predict path; one byte changed, or the extra gone: a StoreError, on which signals go by rule."""
    registry = ModelRegistry(tmp_path / "models", max_age=timedelta(days=30))
    model_id = register(registry, promoted, pools.CUTOFF)
    if registry.champion(pools.CUTOFF, "f1") is None:
        registry.promote(model_id, pools.CUTOFF)
    champion = registry.champion(pools.CUTOFF, "f1")
    features = pools.pool(5).select(pools.FEATURES)
    expected = promoted.candidate.classifier.predict(np.ascontiguousarray(features.to_numpy()))
    assert champion.predict(features).tolist() == expected.tolist()
    with monkeypatch.context() as gone:
        gone.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
        with pytest.raises(StoreError, match="make ai"):
            registry.champion(pools.CUTOFF, "f1")
    path = tmp_path / "models" / model_id / "network.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match=r"network\.safetensors is not the file that was saved"):
        registry.champion(pools.CUTOFF, "f1")
