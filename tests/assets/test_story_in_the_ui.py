"""The way back in Dagster: from a prediction to its model, the training set, the trades."""

from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from assets import learning as stage
from resources.decisions import ledger
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.assets.embedded import settings_of
from tests.assets.tables import AT, BAR
from tests.assets.test_bad_learning_input import Standing, pool, put, saved_on
from trading.learning.candidacy import CANDIDATE
from trading.learning.evaluation import EVALUATION
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.generate import SIGNALS
from trading.store.order_log import OrderLog
from trading.trade_pool.snapshots import DECISIONS, Snapshots

CLOSED = ["trade_id", "user_id", "signal_id", "exit_reason"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A pool of traded decisions; of one of them the order log has the trades of two users."""
    rows = [("trd-2", "u2", "sig-119", "stop_loss"), ("trd-1", "u1", "sig-119", "take_profit")]
    closed = pl.DataFrame(rows, schema=CLOSED, orient="row")
    monkeypatch.setattr(OrderLog, "closed_trades", lambda self: closed)
    with settings_of(tmp_path):
        found = Store()
        put(found, pool(120, 40))
        found.publish("tickers", pl.DataFrame({"symbol": ["AAA/USDT"]}), key=["symbol"], at=AT)
        found.publish("signals", pl.DataFrame(schema=SIGNALS), key=["symbol", "open_time"], at=AT)
        yield found


def materialised(*assets: dg.AssetsDefinition) -> dict[str, dict]:
    """What each asset's page shows after the run, by its name."""
    resources = {"store": Store(), "exchange": Standing(), "learning": Learning()}
    done = dg.materialize(
        list(assets),
        resources=resources | {"order_log": OrderLogResource()},
        instance=dg.DagsterInstance.ephemeral(),
    )
    events = done.get_asset_materialization_events()
    return {event.asset_key.to_user_string(): event.materialization.metadata for event in events}


def asked(model_id: str, store: Store) -> str:
    """A decision of the newest bar that the champion was asked about; the id it has in the ledger."""
    row = dict.fromkeys(DECISIONS) | dict.fromkeys(FEATURES, 0.1) | {"symbol": "AAA/USDT", "exits": "{}"}
    row |= {"bar_time": AT - 2 * BAR, "decided_at": AT - BAR, "strategy": "rsi", "timeframe": "15m"}
    row |= {"stage": "approval", "is_taken": False, "is_explored": False, "propensity": 1.0}
    row |= {"feature_version": FEATURE_VERSION, "model_id": model_id, "probability": 0.7, "score": 0.5}
    frame = pl.DataFrame([row], schema=DECISIONS | dict.fromkeys(FEATURES, pl.Float64))
    book = Snapshots(ledger(store.world))
    book.write(frame.drop("decision_id"), list(FEATURES))
    return book.read()["decision_id"][0]


def test_a_prediction_leads_back_to_the_trades_that_taught_its_model(store):
    """Page of `predictions`: the decision, the model, the trades of two users; and the same by the tables.

    predictions → champion → the very version of training_set that the model learnt from → trade_pool.
    """
    taught = materialised(stage.training_set)["training_set"]
    dataset = taught["dataset id"].value
    told = {row.data["signal_id"]: row.data for row in taught["trades that teach"].records}
    assert told["sig-119"]["trades"] == "trd-1, trd-2"
    registry = Learning().registry
    model = saved_on(registry, dataset, AT - timedelta(days=1))
    registry.promote(model, AT - timedelta(days=1))
    row = dict.fromkeys(CANDIDATE) | {"evaluation_id": "evl-1", "model_id": model, "kind": "logistic"}
    store.publish("model_candidate", pl.DataFrame([row], schema=CANDIDATE), key=["evaluation_id"], at=AT)
    verdict = {"verdict": "refused", "verdict_reason": "x", "candidate_id": None, "evaluation_id": "evl-1"}
    judged = pl.DataFrame([dict.fromkeys(EVALUATION) | verdict | {"chosen": None}])
    store.publish("model_evaluation", judged, key=["evaluation_id"], at=AT)
    put(store, pool(130, 40))  # a later pass has another pool: the champion's teachers stay its own
    materialised(stage.training_set)
    decision = asked(model, store)
    page = materialised(stage.champion, stage.predictions)["predictions"]
    newest = page["newest"].records[0].data
    assert (newest["decision_id"], newest["model_id"]) == (decision, model)
    teachers = {row.data["signal_id"]: row.data for row in page["trades that taught the champion"].records}
    assert teachers == told
    version = store.lake.latest("predictions")
    (champion,) = [name for name in version.inputs if name.startswith("v-champion-")]
    assert champion == store.lake.latest("champion").version_id
    (learnt,) = [n for n in store.lake.latest("champion").inputs if n.startswith("v-training_set-")]
    frame = store.lake.read("training_set", learnt)
    assert (frame.height, dataset) == (120, Learning().registry.manifest(model)["core"]["dataset_id"])
    made = next(each for each in store.lake.versions("training_set") if each.version_id == learnt)
    assert [name for name in made.inputs if name.startswith("v-trade_pool-")]
    assert "sig-119" in frame["signal_id"].to_list()
