"""A policy's life on the line: taught by its job, watched for a declared length, then asked or not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from resources.decisions import ledger
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.policies import (
    POLICY,
    TEACHES,
    alert_of_teaching,
    begin_watch,
    policy_now,
    teaching_held,
    unaccounted,
)
from resources.store import Store
from tests.assets.embedded import settings_of
from trading.learning.policy_shadow import Say, Watch, worst_gain
from trading.learning.shadow import ShadowRules
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.trade_pool.snapshots import DECISIONS, Snapshots

AT = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = ShadowRules(decisions=4, draws=200)
HOW = {"seeds": 1, "steps": 10_000}


def test_a_say_is_what_is_traded_of_a_policy() -> None:
    """By hand: sizes count where earned; its word where it has weight; unknown leaves all as it was."""
    net = np.array([0.02, -0.03, 0.01, -0.01])
    sizes, word = np.array([1.0, 0.0, 0.5, np.nan]), np.array([0.0, -0.1, 0.01, np.nan])
    nothing = Say(0.0, False, 0.001).gained(word, sizes, net)
    assert nothing.tolist() == [0, 0, 0, 0]
    assert Say(0.0, True, 0.001).gained(word, sizes, net) == pytest.approx([0, 0.03, -0.005, 0])
    # 0.7 × 0.001 + 0.3 × word ≥ 0 but for the second: it is left out, and earned its loss.
    assert Say(0.3, False, 0.001).gained(word, sizes, net) == pytest.approx([0, 0.03, 0, 0])


def test_the_limit_is_the_worst_twentieth_of_resampled_days() -> None:
    """Nineteen days of +1 and one of -1, one decision each, one drawn: 5 % of draws are the bad day."""
    gained, day = np.array([1.0] * 16 + [-1.0] * 4), np.arange(20)
    assert worst_gain(gained, day, ShadowRules(decisions=1)) == -1.0
    many = worst_gain(gained, day, ShadowRules(decisions=400))
    assert 0.45 < many < 0.6  # mean 0.6, error of the mean 0.04


@pytest.fixture
def store(tmp_path):
    with settings_of(tmp_path):
        yield Store()


def decide(store: Store, count: int, net: float, *, is_ended: bool = True) -> None:
    """So many decisions after AT with a probability, and one before, and one without a probability."""
    rows = []
    moments = [(AT - HOUR, 0.6), *((AT + n * HOUR, 0.6) for n in range(count)), (AT + HOUR, None)]
    for n, (moment, probability) in enumerate(moments):
        row = dict.fromkeys(DECISIONS) | dict.fromkeys(FEATURES, 0.1)
        row |= {"symbol": f"S{n}/USDT", "bar_time": moment - HOUR, "decided_at": moment, "strategy": "rsi"}
        row |= {"timeframe": "1h", "stage": "approval", "is_taken": False, "exits": "{}", "propensity": 1.0}
        row |= {"is_explored": False, "feature_version": FEATURE_VERSION, "probability": probability}
        rows.append(row)
    frame = pl.DataFrame(rows, schema=DECISIONS | dict.fromkeys(FEATURES, pl.Float64))
    book = Snapshots(ledger(store.world))
    book.write(frame.drop("decision_id"), list(FEATURES))
    ended = book.read().select("decision_id", source=pl.lit("candles"), net_return=pl.lit(net))
    ended = ended.with_columns(closed_at=pl.lit(AT + 9 * HOUR if is_ended else AT + 900 * HOUR))
    store.publish("decision_outcomes", ended, key=["decision_id", "source"], at=AT)


def watching(policy: Callable, *, worst: float) -> str:
    """A kept policy whose sizes were earned, in its shadow period of four decisions."""
    kept = Learning().policies
    name = kept.keep(policy, AT, feature_version=FEATURE_VERSION)
    kept.start_watch(Watch(name, AT, 4, worst, 0.0).to_dict(), AT, "passed its gate")
    return name


@pytest.fixture
def policy():
    pytest.importorskip("safetensors", reason="the extra ai is not installed: make ai")
    from tests.interfaces.test_policies_cli import promoted

    return promoted(0.0, is_sizing=True)


def passed(store: Store, at: datetime, job: str = "research") -> dict:
    frame, _ = policy_now(job, store, Learning(), at, RULES, HOW)
    store.publish("trading_policy", frame, key=["verdict"], at=at)
    alert_of_teaching(OrderLogResource(), Learning(), frame)
    assert frame.schema == POLICY
    row = frame.row(0, named=True)
    assert unaccounted(Learning(), row) == ""
    return row


def alerts() -> list[str]:
    with OrderLogResource().open() as log:
        return [event.payload["text"] for event in log.outbox.waiting()]


@pytest.mark.parametrize(("worst", "event"), [(-1.0, "shadow_passed"), (1.0, "shadow_failed")])
def test_the_verdict_on_a_shadow_period_is_computed_once_at_its_end(store, policy, worst, event) -> None:
    """Three of four ended: only the count is told. Then one verdict; who passed is asked, who failed not."""
    name = watching(policy, worst=worst)
    decide(store, 3, -0.01)
    row = passed(store, AT + 10 * HOUR)
    assert (row["shadow_id"], row["shadow_seen"], row["shadow_decisions"]) == (name, 3, 4)
    assert row["asked_id"] is None
    decide(store, 4, -0.01)
    for _ in range(2):
        row = passed(store, AT + 11 * HOUR)
    asked = name if event == "shadow_passed" else None
    assert (row["shadow_id"], row["asked_id"]) == (None, asked)
    events = [each["event"] for each in Learning().policies.history()]
    assert events == ["shadow_started", event, *(["registered"] if asked else [])]
    assert (Learning().policies.present(AT, FEATURE_VERSION) is None) == (asked is None)


def test_while_one_is_watched_the_one_asked_before_stays(store, policy) -> None:
    """A shadow period that fails changes nothing for who is asked, nor since when."""
    from tests.interfaces.test_policies_cli import promoted

    kept = Learning().policies
    before = kept.register(promoted(0.3), AT - 9 * HOUR, feature_version=FEATURE_VERSION)
    watching(policy, worst=1.0)
    assert kept.standing() == (before, AT - 9 * HOUR)
    said = teaching_held(Learning())
    assert said.endswith("is in its shadow period") or "make ai" in said
    decide(store, 4, -0.01)
    assert passed(store, AT + 11 * HOUR)["asked_id"] == before
    assert kept.standing() == (before, AT - 9 * HOUR)


def test_a_watched_policy_with_another_byte_fails_and_is_told_once(store, policy) -> None:
    """Whatever its outcomes say: nobody knows who would have said them."""
    name = watching(policy, worst=-1.0)
    decide(store, 4, 0.01)
    path = Learning().policies._root / name / "policy.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for _ in range(3):
        assert passed(store, AT + 11 * HOUR)["asked_id"] is None
    (text,) = alerts()
    assert "policy.safetensors is not the file that was saved" in text


@pytest.mark.parametrize("trouble", ["no extra", "nothing decided"])
def test_what_cannot_be_taught_is_a_verdict_and_told_once(store, monkeypatch, trouble) -> None:
    """No extra: the command is named, the schedule waits by itself. Nothing decided: said so."""
    if trouble == "no extra":
        monkeypatch.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
        assert "make ai" in teaching_held(Learning())
    else:
        pytest.importorskip("jax", reason="the extra ai is not installed: make ai")
        from trading.trade_pool.pool import POOL

        store.publish("trade_pool", pl.DataFrame(schema=POOL), key=["signal_id", "source"], at=AT)
    for _ in range(2):
        row = passed(store, AT, TEACHES)
    said = "make ai" if trouble == "no extra" else "no decision has a known outcome yet"
    assert (row["verdict"], said in row["reason"]) == ("failed", True)
    (text,) = alerts()
    assert said in text


def test_what_passed_its_gate_is_watched_with_a_limit_of_unseen_folds(store, policy) -> None:
    """Sizes 0 and 1 by days of -2 % and +1 %: the limit is what such days come to at worst; one at a time.

    Neither weight nor sizes earned: kept, and nobody watches it.
    """
    from dataclasses import replace

    from tests.interfaces.test_policies_cli import promoted
    from trading.learning.deep.policy_gate import Unseen

    net, day = np.tile([-0.02, 0.01], 20), np.repeat(np.arange(20), 2)
    unseen = Unseen(np.full(40, np.nan), np.tile([0.0, 1.0], 20), net, day)
    kept = Learning().policies
    silent = begin_watch(Learning(), replace(promoted(0.0), unseen=unseen), AT, RULES)
    assert (silent is not None, kept.watch(), kept.standing()) == (True, None, None)
    name = begin_watch(Learning(), replace(policy, unseen=unseen), AT, RULES)
    watch = Watch.from_dict(kept.watch())
    assert (watch.policy_id, watch.started_at, watch.decisions) == (name, AT, 4)
    assert watch.worst_gain == pytest.approx(0.01)  # each day saves 2 % of one of its two decisions
    assert watch.rules_return == pytest.approx(-0.005)
    begin_watch(Learning(), replace(promoted(0.3), unseen=unseen), AT, RULES)
    assert Watch.from_dict(kept.watch()) == watch
