"""Policies on disk: only what passed its gate, every byte checked, asked with the weight that it earned."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.deep import observation
from trading.learning.deep.environment import ACTIONS
from trading.learning.deep.networks import ActorCritic
from trading.learning.deep.policy import Policy
from trading.learning.deep.policy_gate import PolicyEvaluation
from trading.learning.policies import PolicyRegistry, at_signals
from trading.learning.policy_weight import PolicyFit, SizeFit
from trading.learning.protocol.baselines import BASELINES
from trading.learning.protocol.gate import EVALUATION, Verdict
from trading.market.errors import BadInput, MissingData, NoVersion, StoreError

pytest.importorskip("safetensors", reason="the extra ai is not installed: make ai")

AT = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ("f_rsi", "f_atr")


def policy(seed: int = 0) -> Policy:
    """An untaught network with units of 1: what it says is arbitrary, and the same for one seed."""
    started = ActorCritic(len(NAMES) + observation.STATE, ACTIONS).start(np.random.default_rng(seed))
    unit = {"x.mean": np.zeros(2), "x.median": np.zeros(2), "x.scale": np.ones(2)}
    wide = {name: np.asarray(value, np.float32).astype(np.float64) for name, value in started.items()}
    return Policy(NAMES, 0.02, wide | unit, {"seed": seed})


def judged(
    verdict: Verdict = Verdict.PROMOTED, weight: float = 0.4, seed: int = 0, sizes: SizeFit | None = None
) -> PolicyEvaluation:
    """The gate's answer about it."""
    fit = PolicyFit(weight, 0.001, 0.01, pl.DataFrame())
    table, simple = pl.DataFrame(schema=EVALUATION), pl.DataFrame(schema=BASELINES)
    said = "policy: every rule passed"
    return PolicyEvaluation(verdict, said, table, {}, simple, (), policy(seed), fit, sizes)


@pytest.fixture
def registry(tmp_path) -> PolicyRegistry:
    return PolicyRegistry(tmp_path / "models")


def test_a_promoted_policy_is_asked_and_says_what_it_said_before(registry) -> None:
    """Through files and back; unknown and infinite features are unknown, a missing column is named."""
    name = registry.register(judged(), AT, feature_version="f1")
    kept = registry.present(AT, "f1")
    assert (kept.policy_id, kept.weight, kept.known_at) == (name, 0.4, AT)
    rows = pl.DataFrame({"f_rsi": [0.2, None, np.inf], "f_atr": [0.1, 0.1, 0.1]})
    said = kept.expected(rows, np.array([0.6, 0.6, 0.6]))
    seen = np.array([0.2, 0.1, *observation.waiting(0.6)])[None, :]
    assert said[0] == pytest.approx(policy().expected(seen)[0], rel=1e-12)
    assert said[1] == pytest.approx(said[2], rel=1e-12)
    with pytest.raises(BadInput, match="needs columns f_atr"):
        kept.expected(rows.drop("f_atr"), np.full(3, 0.6))


def test_what_a_policy_sees_at_signals_is_the_state_of_waiting() -> None:
    """One order of numbers, written in `observation`."""
    seen = at_signals(np.array([[1.0, 2.0]]), np.array([0.7]))
    assert seen[0].tolist() == [1.0, 2.0, *observation.waiting(0.7)]


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.NO_DATA])
def test_what_did_not_pass_is_not_registered(registry, verdict: Verdict) -> None:
    """The reason is in the message, nothing is asked."""
    with pytest.raises(BadInput, match=f"only a promoted policy.*{verdict}"):
        registry.register(judged(verdict), AT, feature_version="f1")
    assert registry.present(AT, "f1") is None
    with pytest.raises(NoVersion):
        registry.retire(AT, by="ann", why="none")


def test_a_policy_without_an_earned_weight_is_kept_and_not_asked(registry) -> None:
    """It passed with its exits, which are not traded: its word on entries is worth nothing."""
    name = registry.register(judged(weight=0.0), AT, feature_version="f1")
    assert registry.present(AT, "f1") is None
    assert registry.standing() == (name, AT)


@pytest.mark.parametrize("name", ["policy.safetensors", "policy.json"])
def test_one_altered_byte_is_noticed(registry, tmp_path, name: str) -> None:
    """Before it is read."""
    policy_id = registry.register(judged(), AT, feature_version="f1")
    path = tmp_path / "models" / policy_id / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=f"{name} is not the file that was saved"):
        registry.present(AT, "f1")


def test_a_weight_changed_by_hand_and_other_features_are_refused(registry, tmp_path) -> None:
    """The weight is part of its identity."""
    policy_id = registry.register(judged(), AT, feature_version="f1")
    with pytest.raises(StoreError, match="taught on features f1, these are f2"):
        registry.present(AT, "f2")
    path = tmp_path / "models" / policy_id / "manifest.json"
    path.write_text(path.read_text().replace('"weight": 0.4', '"weight": 0.9'))
    with pytest.raises(StoreError, match="manifest is not the one"):
        registry.present(AT, "f1")


def test_it_expires_and_can_be_retired_by_one_row(registry) -> None:
    """Thirty days and a second; who retired it and why is on record; the newest registered is asked."""
    first = registry.register(judged(), AT, feature_version="f1")
    assert registry.present(AT + timedelta(days=30), "f1") is not None
    assert registry.present(AT + timedelta(days=30, seconds=1), "f1") is None
    second = registry.register(judged(seed=1), AT, feature_version="f1")
    assert second != first
    assert registry.present(AT, "f1").policy_id == second
    assert registry.retire(AT, by="ann", why="drill") == second
    assert registry.present(AT, "f1") is None
    assert [(row["event"], row["by"]) for row in registry.history()][-1] == ("retired", "ann")


def test_without_the_extra_it_is_refused_with_the_command(registry, monkeypatch) -> None:
    """Reading safetensors needs it."""
    registry.register(judged(), AT, feature_version="f1")
    monkeypatch.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
    with pytest.raises(MissingData, match="make ai"):
        registry.present(AT, "f1")


def test_sizes_that_earned_it_are_asked_for_without_any_weight_and_never_above_the_rules(registry) -> None:
    """Weight 0 and sizes earned: asked, for sizes only; sizes not earned: not asked."""
    rows = pl.DataFrame({"f_rsi": [0.2, 3.0, -3.0, None], "f_atr": [0.1, -2.0, 2.0, 0.1]})
    registry.register(judged(weight=0.0, sizes=SizeFit(False, 0.0, 0.4, 0.9)), AT, feature_version="f1")
    assert registry.present(AT, "f1") is None
    registry.register(judged(weight=0.0, sizes=SizeFit(True, 0.001, 0.01, 0.6)), AT, feature_version="f1")
    kept = registry.present(AT, "f1")
    assert (kept.weight, kept.is_sizing) == (0.0, True)
    said = kept.sizes(rows, np.full(4, 0.6))
    assert set(said) <= {0.0, 0.5, 1.0}
    seen = np.array([0.2, 0.1, *observation.waiting(0.6)])[None, :]
    assert said[0] == policy().act(seen)[0][0]
    registry.register(judged(weight=0.4), AT, feature_version="f1")
    assert registry.present(AT, "f1").is_sizing is False
