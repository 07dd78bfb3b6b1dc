"""A registered policy as the line and the command line see it: asked, retired, refused with one alert."""

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from interfaces.cli.main import run
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.standing import alert_of_policy
from resources.store import Store
from tests.assets.embedded import settings_of
from trading.learning.deep import observation
from trading.learning.deep.environment import ACTIONS
from trading.learning.deep.networks import ActorCritic
from trading.learning.deep.policy import Policy
from trading.learning.deep.policy_gate import PolicyEvaluation
from trading.learning.evaluation import Candidate
from trading.learning.models import fit_classifier
from trading.learning.policy_weight import PolicyFit, SizeFit
from trading.learning.protocol.baselines import BASELINES
from trading.learning.protocol.gate import EVALUATION, Verdict
from trading.learning.psi import reference_of
from trading.learning.shadow import Limits
from trading.learning.terms import Terms
from trading.market.frames import TICKERS
from trading.signals.blend import Blend
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.opinion import with_opinion

pytest.importorskip("safetensors", reason="the extra ai is not installed: make ai")

AT = datetime(2026, 6, 1, tzinfo=UTC)
SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)


def promoted(weight: float, *, is_sizing: bool = False) -> PolicyEvaluation:
    """An untaught network on two of the line's features, as if every rule had passed."""
    names = ("f_rsi", "f_atr")
    started = ActorCritic(len(names) + observation.STATE, ACTIONS).start(np.random.default_rng(0))
    unit = {"x.mean": np.zeros(2), "x.median": np.zeros(2), "x.scale": np.ones(2)}
    made = Policy(names, 0.02, {name: np.asarray(one) for name, one in started.items()} | unit, {})
    fit = PolicyFit(weight, 0.001, 0.01, pl.DataFrame())
    sizes = SizeFit(is_sizing, 0.001, 0.01, 0.6)
    table, simple = pl.DataFrame(schema=EVALUATION), pl.DataFrame(schema=BASELINES)
    said = "policy: every rule passed"
    return PolicyEvaluation(Verdict.PROMOTED, said, table, {}, simple, (), made, fit, sizes)


@pytest.fixture
def learning(tmp_path):
    """A world with a champion and a policy of weight 0.3."""
    x = np.random.default_rng(0).normal(size=(200, len(FEATURES)))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(200))
    names = tuple(FEATURES)
    terms = Terms(Blend(0.5, -0.001, SAME, SAME), Limits(0.3, -0.01, 100), reference_of(x, names))
    with settings_of(tmp_path):
        Store().publish("tickers", pl.DataFrame(schema=TICKERS), key=["symbol"], at=AT)
        found = Learning()
        one = Candidate("logistic", fitted, 0.5, names, FEATURE_VERSION, "ds-1", 0)
        found.registry.promote(found.registry.save(one, AT, None, terms), AT, by="ann", why="drill")
        found.policies.register(promoted(0.3), AT, feature_version=FEATURE_VERSION)
        yield found


def told(capsys, *arguments: str):
    """Return what the command prints, without what was logged before it set its logging up."""
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def opinion(learning: Learning) -> dict:
    rows = {"is_candidate": True, "decided_ms": int(AT.timestamp() * 1000), "score": 0.5, "regime": "normal"}
    frame = pl.DataFrame([rows | dict.fromkeys(FEATURES, 0.1)])
    return with_opinion(frame, learning.champion(Store())).row(0, named=True)


def test_it_is_asked_beside_the_champion_listed_and_retired(learning, capsys) -> None:
    """Its word, weight and id are in the row; retired by name and reason, the row is without."""
    policy_id, _ = learning.policies.standing()
    assert learning.champion_id(Store()).endswith(f"+{policy_id}")
    row = opinion(learning)
    assert (row["policy_id"], row["policy_weight"]) == (policy_id, 0.3)
    assert f"policy {policy_id} expects" in row["model_threshold_why"]
    found = told(capsys, "models", "policies")
    assert (found["policy_id"], found["weight"]) == (policy_id, 0.3)
    assert run(["models", "retire-policy"]) == 2
    capsys.readouterr()
    after = told(capsys, "models", "retire-policy", "--why", "drill", "--by", "ann")
    assert after["said"] == "no policy: rules and model decide"
    assert [(one["event"], one["by"]) for one in after["history"]] == [
        ("retired", "ann"),
        ("registered", "line"),
    ]
    assert opinion(learning)["policy_id"] is None


def test_with_weight_0_it_is_listed_and_not_asked(learning, capsys) -> None:
    """The row is that of rules and model."""
    learning.policies.register(promoted(0.0), AT, feature_version=FEATURE_VERSION)
    assert "earned no weight" in told(capsys, "models", "policies")["said"]
    assert opinion(learning)["policy_id"] is None


def test_without_the_extra_rules_and_model_go_on_and_the_operator_is_told_once(
    learning, capsys, monkeypatch
) -> None:
    """The champion still answers; three passes, one alert that names the command."""
    monkeypatch.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
    row = opinion(learning)
    assert row["probability"] is not None
    assert row["policy_id"] is None
    log = OrderLogResource()
    for _ in range(3):
        alert_of_policy(log, learning, AT)
    with log.open() as opened:
        (event,) = opened.outbox.waiting()
    assert (event.kind, event.user_id) == ("model", "operator")
    assert "make ai" in event.payload["text"]
    assert "rules and model go on without it" in event.payload["text"]
    assert "make ai" in told(capsys, "models", "policies")["said"]


def test_a_policy_beside_a_model_of_weight_0_is_said_to_move_no_entry(learning, capsys) -> None:
    """Words in `sluice models show`; with sizes that are followed they are said, and told in the row."""
    manifest = learning.registry.pointer()
    said = told(capsys, "models", "show", manifest.model_id)["about"]["policy"]
    assert said.endswith("weight 0.3 beside a champion; sizes are the rules'")
    x = np.random.default_rng(1).normal(size=(200, len(FEATURES)))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(200))
    shape = reference_of(x, tuple(FEATURES))
    none = Terms(Blend(0.0, -0.001, SAME, SAME), Limits(0.3, -0.01, 100), shape)
    one = Candidate("logistic", fitted, 0.5, tuple(FEATURES), FEATURE_VERSION, "ds-2", 0)
    name = learning.registry.save(one, AT, None, none)
    learning.registry.promote(name, AT, by="ann", why="drill")
    said = told(capsys, "models", "show", name)["about"]["policy"]
    assert said.endswith("has weight 0 and vetoes nothing, so the policy's expectation moves no entry")
    learning.policies.register(promoted(0.3, is_sizing=True), AT, feature_version=FEATURE_VERSION)
    said = told(capsys, "models", "show", name)["about"]["policy"]
    assert "its sizes are followed" in said
    assert opinion(learning)["policy_size"] in (0.0, 0.5, 1.0)
