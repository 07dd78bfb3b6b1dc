"""`sluice models` and `sluice explain`: what stands, what people did and why, what made a signal."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interfaces.cli.main import run
from resources.learning import Learning
from resources.store import Store
from tests.assets.embedded import settings_of
from trading.learning.evaluation import Candidate
from trading.learning.models import fit_classifier
from trading.learning.novelty import Novelty
from trading.learning.psi import reference_of
from trading.learning.shadow import Limits, Shadow
from trading.learning.terms import Terms
from trading.market.frames import TICKERS
from trading.signals.blend import Blend
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.generate import SIGNALS

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 6, 1, tzinfo=UTC)
SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)
HEAVY = {"sklearn", "lightgbm", "jax", "optax", "safetensors", "skops", "optuna"}


def candidate(seed: int, version: str = FEATURE_VERSION) -> Candidate:
    """A small logistic model on all of the line's features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, len(FEATURES)))
    y = (x[:, 0] + rng.normal(size=200) > 0).astype(np.int64)
    fitted = fit_classifier("logistic", x, y, np.ones(200), seed)
    veto = Novelty.fit(x)
    return Candidate("logistic", fitted, 0.5, tuple(FEATURES), version, f"ds-{seed}", seed, veto)


def terms() -> Terms:
    shape = reference_of(np.zeros((9, len(FEATURES))), tuple(FEATURES))
    return Terms(Blend(0.6, -0.001, SAME, SAME), Limits(0.3, -0.01, 100), shape)


@pytest.fixture
def world(tmp_path):
    """A world in which the market was looked at, with two saved models and no champion."""
    with settings_of(tmp_path):
        store = Store()
        store.publish("tickers", pl.DataFrame(schema=TICKERS), key=["symbol"], at=AT)
        registry = Learning().registry
        names = [registry.save(candidate(n), AT + timedelta(hours=n), None, terms()) for n in (1, 2)]
        yield store, registry, names


def told(capsys, *arguments: str):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_without_a_champion_the_rules_trade_alone_and_models_are_listed(world, capsys):
    """Newest first; nobody stands."""
    _, _, (first, second) = world
    found = told(capsys, "models", "list")
    assert found["standing"]["said"] == "no champion: the rules trade alone"
    assert [row["model_id"] for row in found["models"]] == [second, first]
    assert {row["weight"] for row in found["models"]} == {0.6}


def test_a_forced_promotion_needs_a_reason_and_a_typed_word_and_is_on_record(world, capsys):
    """Without --why: wrong use; no terminal and no --yes: refused; with both: champion, on record."""
    _, registry, (first, second) = world
    assert run(["models", "promote", first, "--yes"]) == 2
    assert run(["models", "promote", first, "--why", "x"]) == 1
    assert registry.pointer() is None
    capsys.readouterr()
    arguments = ["--why", "drill of 3 May", "--by", "ann", "--yes"]
    assert told(capsys, "models", "promote", first, *arguments)["model_id"] == first
    told(capsys, "models", "promote", second, *arguments)
    rows = told(capsys, "models", "overrides")
    assert [(row["event"], row["model_id"], row["by"]) for row in rows] == [
        ("forced_promotion", second, "ann"),
        ("forced_promotion", first, "ann"),
    ]
    assert rows[0]["why"] == "drill of 3 May"


def test_rollback_and_rules_only_are_one_row_each_and_go_back(world, capsys):
    """b over a; rolled back to a; rules alone; rolled back to a again: four rows were added, none changed."""
    _, registry, (first, second) = world
    for name in (first, second):
        registry.promote(name, AT, by="ann", why="drill")
    assert told(capsys, "models", "rollback", "--why", "loses", "--by", "bob")["model_id"] == first
    assert told(capsys, "models", "rules-only", "--why", "doubt", "--by", "bob")["model_id"] is None
    assert Learning().champion(world[0]) is None
    assert told(capsys, "models", "rollback", "--why", "fine again", "--by", "bob")["model_id"] == first
    events = registry.journal.history()["event"].to_list()
    assert events == ["promoted", "promoted", "rolled_back", "rules_only", "rolled_back"]
    assert run(["models", "rollback"]) == 2


def test_show_and_compare_tell_origin_files_bounds_and_history(world, capsys):
    """By the beginning of an id, too; an altered byte is said."""
    _, registry, (first, second) = world
    registry.promote(first, AT, by="ann", why="drill")
    found = told(capsys, "models", "show", first[:10])
    assert found["about"]["dataset_id"] == "ds-1"
    assert found["about"]["files"].startswith("whole")
    assert [row["regime"] for row in found["thresholds"]] == ["calm", "normal", "turbulent"]
    assert [row["by"] for row in found["history"]] == ["ann"]
    rows = {row["figure"]: row for row in told(capsys, "models", "compare", first, second)}
    assert (rows["dataset_id"][first], rows["dataset_id"][second]) == ("ds-1", "ds-2")
    path = registry._root / first / "medians.json"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    assert "not the file that was saved" in told(capsys, "models", "show", first)["about"]["files"]
    assert run(["models", "show", "mdl-nobody"]) == 1
    assert run(["models", "show", "mdl-"]) == 1


@pytest.mark.parametrize("trouble", ["altered", "other features", "expired"])
def test_a_champion_that_is_no_use_leaves_the_rules_alone_and_alerts_once(world, trouble):
    """One byte, another feature version, too old: signals go on, the state says why, one message only."""
    from resources.lifecycle import Lifecycle
    from resources.order_log import OrderLogResource
    from resources.standing import alert_of_champion

    store, registry, (first, _) = world
    at = AT
    if trouble == "other features":
        first = registry.save(candidate(3, "f0"), AT, None, terms())
    registry.promote(first, AT, by="ann", why="drill")
    if trouble == "altered":
        path = registry._root / first / "medians.json"
        path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    if trouble == "expired":
        at = AT + timedelta(days=31)
        store.publish("tickers", pl.DataFrame(schema=TICKERS), key=["symbol"], at=at)
    assert Learning().champion(store) is None
    state = Lifecycle(store, Learning(), at).state_row()
    assert state["state"][0] == ("expired" if trouble == "expired" else "refused")
    assert "rules alone" in state["reason"][0]
    log = OrderLogResource()
    for _ in range(3):
        alert_of_champion(log, state, at)
    with log.open() as opened:
        (event,) = opened.outbox.waiting()
    assert (event.kind, event.user_id) == ("model", "operator")
    assert "rules alone" in event.payload["text"]


def test_a_model_whose_extra_is_missing_is_refused_in_words(world, monkeypatch):
    """A kind that this installation cannot load: the rules go on, and it is said what is missing."""
    from resources.lifecycle import Lifecycle

    store, registry, (first, _) = world
    registry.promote(first, AT, by="ann", why="drill")

    def missing(*_: object):
        raise ImportError("kind mlp needs the extra: pip install sluice-trading[ai]")

    monkeypatch.setattr("trading.learning.registry.load_classifier", missing)
    assert Learning().champion(store) is None
    assert "needs the extra" in Lifecycle(store, Learning(), AT).state_row()["reason"][0]


def test_a_forced_entry_is_listed_and_reaches_the_signals(world, capsys):
    """With name, reason and end."""
    told(capsys, "models", "force-entry", "AAA/USDT", "--hours", "8", "--why", "listing", "--by", "ann")
    (row,) = told(capsys, "models", "overrides")
    assert (row["symbol"], row["by"], row["until"]) == ("AAA/USDT", "ann", "2026-06-01T08:00:00+00:00")
    assert Learning().registry.journal.forced()["symbol"].to_list() == ["AAA/USDT"]
    assert run(["models", "force-entry", "AAA/USDT", "--hours", "0", "--why", "x"]) == 2


def test_drift_says_whether_a_retraining_is_due(world, capsys):
    """Nothing was evaluated yet, so it is; while one is watched it is not."""
    _, registry, (first, _) = world
    assert told(capsys, "models", "drift")["retraining"] == "due: nothing was evaluated yet"
    registry.start_shadow(Shadow(first, AT, 100, 0.3, 0.0))
    assert "in its shadow period" in told(capsys, "models", "drift")["retraining"]
    assert "shadow period of 100" in told(capsys, "models", "list")["standing"]["said"]


def test_a_signal_is_explained_as_it_was_decided(world, capsys):
    """Features, bound, regime, the champion asked, what was decided and which size a policy took of it."""
    from resources.decisions import ledger
    from trading.trade_pool.snapshots import DECISIONS, Snapshots

    store, registry, (first, _) = world
    registry.promote(first, AT, by="ann", why="drill")
    top = [{"feature": "f_rsi", "value": 0.2, "contribution": -0.4}]
    row = dict.fromkeys(SIGNALS) | dict.fromkeys(FEATURES, 0.5) | {"symbol": "AAA/USDT", "open_time": AT}
    row |= {"is_entry": False, "is_candidate": True, "is_exit": False, "reason": "model: 0.4 < 0.55"}
    row |= {"probability": 0.4, "model_threshold": 0.55, "model_id": first, "top_features": json.dumps(top)}
    store.publish("signals", pl.DataFrame([row], schema=SIGNALS), key=["symbol", "open_time"], at=AT)
    signal_id = store.lake.read("signals")["lineage_id"][0]
    given = {"decision_id": None, "bar_time": AT, "decided_at": AT + timedelta(minutes=15), "stage": "model"}
    given |= {"strategy": "rsi_regime", "timeframe": "15m", "is_taken": False, "is_explored": False}
    given |= {"exits": "{}", "feature_version": FEATURE_VERSION, "propensity": 1.0, "signal_id": signal_id}
    given |= {"policy_id": "pol-1", "policy_size": 0.5, "signals_version": "v-signals-1"}
    decision = dict.fromkeys(DECISIONS) | {name: row[name] for name in row if name in DECISIONS} | given
    frame = pl.DataFrame([decision | dict.fromkeys(FEATURES, 0.5)], schema_overrides=DECISIONS)
    Snapshots(ledger("")).write(frame.drop("decision_id"), list(FEATURES))
    found = told(capsys, "explain", signal_id)
    assert found["top_features"] == top
    assert (found["signal"]["model_threshold"], found["model"]["dataset_id"]) == (0.55, "ds-1")
    assert (found["model"]["model_id"], found["model"]["kind"]) == (first, "logistic")
    assert (found["decision"]["policy_size"], found["decision"]["stage"]) == (0.5, "model")
    assert found["taught_by"] == []
    assert run(["explain", signal_id]) == 0
    assert "model: 0.4 < 0.55" in capsys.readouterr().out
    assert run(["explain", "trd-1"]) == 2


def test_a_planted_outlier_is_counted_and_shown_from_signals_to_the_command_line(world, capsys):
    """Three usual rows and one with f_rsi at 99: not asked, one of four novel; explained in words."""
    from resources.decisions import ledger
    from resources.predictions import predictions
    from trading.learning.predictions import novel_rows
    from trading.signals.opinion import with_opinion
    from trading.trade_pool.snapshots import DECISIONS, Snapshots

    store, registry, (first, second) = world
    registry.promote(first, AT, by="ann", why="drill")
    told_rows = {"is_candidate": True, "decided_ms": int(AT.timestamp() * 1000) + 9 * 10**6, "score": 0.5}
    plain = told_rows | {"regime": "normal"} | dict.fromkeys(FEATURES, 0.1)
    frame = pl.DataFrame([plain, plain, plain, plain | {"f_rsi": 99.0}])
    made = with_opinion(frame, Learning().champion(store))
    assert made["is_novel"].to_list() == [False, False, False, True]
    assert made["probability"].is_null().to_list() == [False, False, False, True]
    named = made.with_columns(
        symbol=pl.Series(["A/USDT", "B/USDT", "C/USDT", "D/USDT"]), open_time=pl.lit(AT)
    )
    missing = [pl.lit(None, kind).alias(n) for n, kind in SIGNALS.items() if n not in named.columns]
    signals = named.with_columns(missing).select(pl.col(n).cast(kind) for n, kind in SIGNALS.items())
    store.publish("signals", signals, key=["symbol", "open_time"], at=AT)
    (counted,) = novel_rows(store.lake.read("signals")).to_dicts()
    assert (counted["model_id"], counted["candidates"], counted["novel"]) == (first, 4, 1)
    registry.start_shadow(Shadow(second, AT, 100, 0.3, 0.0))
    about = {"bar_time": AT, "decided_at": AT + timedelta(minutes=15), "strategy": "rsi", "timeframe": "15m"}
    about |= {"is_taken": False, "is_explored": False, "feature_version": FEATURE_VERSION, "propensity": 1.0}
    about |= dict.fromkeys(("stage", "reason", "exits", "signals_version"), "x")
    given = [pl.lit(value).alias(name) for name, value in about.items()]
    lacks = [pl.lit(None, k).alias(n) for n, k in DECISIONS.items() if n not in {*signals.columns, *about}]
    Snapshots(ledger("")).write(signals.with_columns(given).with_columns(lacks), list(FEATURES))
    said = predictions(store, Learning(), AT + timedelta(hours=1))
    assert said.group_by("role").len().sort("role").rows() == [("champion", 3), ("shadow", 3)]
    assert told(capsys, "models", "show", first)["about"]["veto"].endswith(
        "1 of 4 candidates novel, not asked"
    )
    strange = store.lake.read("signals").filter("is_novel")["lineage_id"][0]
    found = told(capsys, "explain", strange)["signal"]
    assert found["is_novel"] is True
    assert "f_rsi +" in found["novel_why"]


@pytest.mark.parametrize(
    "code",
    [
        "from interfaces.cli.main import run; run(['--help'])",
        "from interfaces.cli.main import run; run(['models', 'overrides'])",
        "import trading.execution.run, interfaces.cli.trade",
        "from resources.learning import Learning; found = Learning().registry.champion(None, 'f1')",
    ],
    ids=["help", "overrides", "engine", "nobody promoted"],
)
def test_help_and_the_engine_load_no_learning_library(code: str, tmp_path) -> None:
    """scikit-learn, LightGBM, JAX cost seconds and hundreds of MB: who asks no model does not pay for one."""
    names = "{name.split('.')[0] for name in sys.modules}"
    asked = f"{code}\nimport sys; print('HEAVY', sorted({HEAVY!r} & {names}))"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SLUICE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
