"""`retraining_sensor` ticks: why it rests, what it starts, that nothing is started twice; one alert."""

from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from pipelines.flight import run_in_flight
from pipelines.jobs import retraining
from pipelines.schedules import weekly_retraining_schedule
from pipelines.sensors import retraining_sensor
from resources.learning import Learning
from resources.lifecycle import CANDIDATE
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.assets.embedded import settings_of
from tests.assets.tables import AT
from trading.learning.dataset import TRAINING
from trading.learning.evaluation import EVALUATION, Evaluation, Verdict
from trading.learning.journal import Deed
from trading.learning.shadow import Shadow
from trading.market.frames import TICKERS


@pytest.fixture
def store(tmp_path):
    with settings_of(tmp_path):
        yield Store()


def looked(store: Store, at=AT) -> None:
    store.publish("tickers", pl.DataFrame(schema=TICKERS), key=["symbol"], at=at)


def evaluated(store: Store, at=AT, verdict: Verdict = Verdict.REFUSED) -> None:
    """A candidate was judged at `at`."""
    found = Evaluation(verdict, "too few days", pl.DataFrame(schema=EVALUATION), None, {}, "ds-1")
    name = Learning().registry.keep_evaluation(found, None, at)
    row = dict.fromkeys(CANDIDATE) | {"evaluation_id": name, "why_now": "x", "decisions": 0}
    store.publish("model_candidate", pl.DataFrame([row], schema=CANDIDATE), key=["evaluation_id"], at=at)


def ended(store: Store, count: int, at) -> None:
    """So many decisions whose outcome became known at `at`."""
    rows = [dict.fromkeys(TRAINING) | {"signal_id": f"sig-{n}", "closed_at": at} for n in range(count)]
    store.publish("training_set", pl.DataFrame(rows, schema=TRAINING), key=["signal_id"], at=at)


def tick(store: Store) -> Any:  # dagster keeps this type private
    resources = {"store": store, "learning": Learning(), "order_log": OrderLogResource()}
    with dg.DagsterInstance.ephemeral() as instance:
        return retraining_sensor.evaluate_tick(
            dg.build_sensor_context(instance=instance, resources=resources)
        )


def test_before_the_first_look_it_says_what_is_missing(store):
    """No market time, no decision."""
    assert "materialise `tickers` first" in tick(store).skip_message


def test_nothing_evaluated_yet_starts_one_run_and_the_same_hour_names_the_same(store):
    """The run key keeps the daemon from starting it twice."""
    looked(store)
    (request,) = tick(store).run_requests
    assert "nothing was evaluated yet" in request.tags["sluice/why"]
    assert tick(store).run_requests[0].run_key == request.run_key


def test_few_new_decisions_start_nothing_and_enough_do(store):
    """199 and 200 since the last evaluation, two days after it."""
    evaluated(store)
    later = AT + timedelta(days=2)
    looked(store, later)
    ended(store, 199, later)
    assert "199 of 200 new decisions" in tick(store).skip_message
    ended(store, 200, later)
    assert "200 new decisions" in tick(store).run_requests[0].tags["sluice/why"]


def test_a_cool_down_holds_back_the_sensor_and_the_weekly_schedule(store):
    """An hour after an evaluation neither asks; the schedule asks where the sensor has no reason."""
    evaluated(store)
    looked(store, AT + timedelta(hours=1))
    ended(store, 500, AT + timedelta(hours=1))
    assert "cooling down" in tick(store).skip_message

    def weekly() -> Any:
        resources = {"store": store, "learning": Learning(), "order_log": OrderLogResource()}
        with dg.DagsterInstance.get() as instance:
            context = dg.build_schedule_context(instance=instance, resources=resources)
            return weekly_retraining_schedule.evaluate_tick(context)

    assert "cooling down" in weekly().skip_message
    ended(store, 1, AT + timedelta(days=2))
    looked(store, AT + timedelta(days=2))
    assert not tick(store).run_requests
    assert len(weekly().run_requests) == 1


def test_drift_starts_a_candidate_and_a_shadow_period_holds_it_back(store):
    """An alarm's words are the reason; while a model is watched nobody is trained."""
    evaluated(store)
    later = AT + timedelta(days=2)
    looked(store, later)
    row = {"figure": "psi", "feature": "f_rsi", "value": 0.4, "bound": 0.25, "is_alarm": True}
    store.publish("model_drift", pl.DataFrame([row]), key=["figure", "feature"], at=later)
    assert "drift: psi f_rsi 0.4 > 0.25" in tick(store).run_requests[0].tags["sluice/why"]
    Learning().registry.start_shadow(Shadow("mdl-a", AT, 100, 0.3, 0.0))
    assert "mdl-a is in its shadow period" in tick(store).skip_message


def test_a_run_under_way_is_named_and_holds_back(store):
    """One at a time, whoever started it."""
    looked(store)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_in_flight(instance) is None
        run = dg.DagsterRun(job_name=retraining.name, run_id="0" * 36, status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        assert "retraining" in run_in_flight(instance)
        resources = {"store": store, "learning": Learning(), "order_log": OrderLogResource()}
        context = dg.build_sensor_context(instance=instance, resources=resources)
        assert "has not ended" in retraining_sensor.evaluate_tick(context).skip_message


def test_a_champion_that_cannot_be_used_is_told_once_however_often_it_ticks(store):
    """Its files are not there: three ticks, one alert."""
    looked(store)
    journal = Learning().registry.journal

    def change(now):
        return type(now)("mdl-gone", AT)

    journal.record(Deed.PROMOTED, change, at=AT, model_id="mdl-gone", by="line", why="passed")
    for _ in range(3):
        tick(store)
    with OrderLogResource().open() as log:
        assert [event.kind for event in log.outbox.waiting()] == ["model"]
