"""Whatever is wrong with what a model learns from, or with its files: refused in words, told, rules go on.

Each case is a night of the line: pool, candidate, verdict, champion and then the signals, as jobs run them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import numpy as np
import polars as pl
import pytest

from assets import learning as stage
from assets import signals as signal_stage
from resources.exchange import Exchange
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from tests.assets.tables import AT, BAR, NEWEST
from trading.learning.candidacy import CANDIDATE
from trading.learning.evaluation import EVALUATION, Candidate, Evaluation, Verdict
from trading.learning.journal import Deed
from trading.learning.journal import Standing as StandingOf
from trading.learning.models import fit_classifier
from trading.learning.psi import reference_of
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import Limits, Shadow
from trading.learning.terms import Terms
from trading.news.items import NEWS
from trading.signals.blend import Blend
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.trade_pool.pool import POOL

NIGHT = [stage.training_set, stage.model_candidate, stage.model_evaluation, stage.champion]
CHECKS = [stage.outcomes_were_known, stage.there_is_one_candidate, stage.candidate_files_are_whole]
CHECKS += [stage.promotion_was_earned, stage.champion_is_accounted_for]
QUICK = {"ops": {"model_candidate": {"config": {"kinds": ["logistic"], "seeds": 1, "draws": 100}}}}
SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)


class Standing(Exchange):
    """A venue whose time stands still."""

    def market_time(self):
        return AT


def pool(count: int, days: int, **columns: object) -> pl.DataFrame:
    """So many decisions over so many days, gains and losses by turns; `columns` replace what they name."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(count):
        decided = AT.replace(hour=0, minute=0) - timedelta(days=days) + timedelta(days=days * n / count)
        row = dict.fromkeys(POOL) | {"signal_id": f"sig-{n}", "symbol": f"S{n}/USDT", "source": "paper"}
        row |= {"bar_time": decided - BAR, "decided_at": decided, "opened_at": decided, "score": 0.5}
        row |= {"closed_at": decided + BAR, "fee_ratio": 0.001, "net_return": 0.01 * (-1) ** n}
        rows.append(row | dict.fromkeys(FEATURES, float(rng.normal())))
    schema = POOL | dict.fromkeys(FEATURES, pl.Float64)
    return pl.DataFrame(rows, schema=schema).with_columns(pl.lit(v).alias(n) for n, v in columns.items())


def indicators() -> pl.DataFrame:
    """A pair that the rules enter at the newest bar."""
    quiet = {"close": 100.0, "volume": 10.0, "rsi_14": 50.0, "macd_hist": 0.5, "bb_upper": 104.0}
    quiet |= {"bb_middle": 101.0, "bb_lower": 98.0, "atr_14": 2.0, "ema_20": 100.0, "ema_50": 80.0}
    quiet |= {"ema_200": 50.0, "symbol": "AAA/USDT"}
    rows = [quiet | {"open_time": NEWEST - BAR}, quiet | {"open_time": NEWEST, "close": 97.0, "rsi_14": 24.0}]
    return pl.DataFrame(rows).with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))


@pytest.fixture
def store(tmp_path):
    """A sound pass of the line, and forty days of decisions that teach nothing in particular."""
    with settings_of(tmp_path):
        found = Store()
        for name in ("tickers", "market_regime", "clusters", "instruments"):
            tables.publish(found, name, tables.SOUND[name]())
        tables.publish(found, "news_events", pl.DataFrame(schema=NEWS))
        found.publish("screened_symbols", tables.funnel("screening"), key=["symbol"], at=AT)
        tables.publish(found, "indicators", indicators())
        put(found, pool(120, 40))
        yield found


def put(store: Store, frame: pl.DataFrame) -> None:
    store.publish("trade_pool", frame, key=["signal_id", "source"], at=AT)


class Unreadable:
    """What a neural model's files begin with: enough to need the extra."""

    def to_files(self) -> dict[str, bytes]:
        return {"network.json": b'{"kind": "mlp"}', "network.safetensors": b""}


def saved(registry: ModelRegistry, *, version: str = FEATURE_VERSION, kind: str = "logistic") -> str:
    """A small model on the line's features, or one whose files only the extra reads."""
    x = np.random.default_rng(1).normal(size=(200, len(FEATURES)))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(200))
    made = fitted if kind == "logistic" else Unreadable()
    one = Candidate(kind, made, 0.5, tuple(FEATURES), version, "ds-1", 0)
    terms = Terms(Blend(0.5, 0.0, SAME, SAME), Limits(0.3, -0.01, 3), reference_of(x, tuple(FEATURES)))
    return registry.save(one, AT - timedelta(days=1), None, terms)


def saved_on(registry: ModelRegistry, dataset: str, at: datetime) -> str:
    """The same small model, said to be taught on a training set."""
    x = np.random.default_rng(1).normal(size=(200, len(FEATURES)))
    fitted = fit_classifier("logistic", x, (x[:, 0] > 0).astype(np.int64), np.ones(200))
    one = Candidate("logistic", fitted, 0.5, tuple(FEATURES), FEATURE_VERSION, dataset, 0)
    return registry.save(one, at)


def altered(registry: ModelRegistry, model_id: str) -> None:
    path = registry._root / model_id / "medians.json"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def crowned(store: Store, *, is_altered: bool = False, **about: str) -> None:
    put(store, pool(1, 1).clear())
    registry = Learning().registry
    name = saved(registry, **about)
    if "kind" in about:  # promoted where its extra was installed
        after, about = StandingOf(name, AT), {"at": AT, "model_id": name, "by": "line", "why": "it passed"}
        registry.journal.record(Deed.PROMOTED, lambda _: after, **about)
        return
    registry.promote(name, AT)
    if is_altered:
        altered(registry, name)


def watched(store: Store) -> None:
    put(store, pool(1, 1).clear())
    registry = Learning().registry
    name = saved(registry)
    registry.start_shadow(Shadow(name, AT - timedelta(days=1), 3, 0.3, -0.01))
    altered(registry, name)


def judged(store: Store) -> None:
    """A verdict of an earlier pass that a research pass lets stand: promoted; then somebody wrote there."""
    registry = Learning().registry
    name = saved(registry)
    rule = ("logistic", "taken", 300.0, ">=", 200.0, True, "taken 300, must be >= 200")
    table = pl.DataFrame([rule], schema=EVALUATION, orient="row")
    found = Evaluation(Verdict.PROMOTED, "logistic: every rule passed", table, None, {}, "ds-1")
    evaluation = registry.keep_evaluation(found, name, AT)
    row = dict.fromkeys(CANDIDATE) | {"evaluation_id": evaluation, "model_id": name, "decisions": 300}
    row |= {"kind": "logistic"}
    store.publish("model_candidate", pl.DataFrame([row], schema=CANDIDATE), key=["evaluation_id"], at=AT)
    altered(registry, name)


CASES: dict[str, tuple[Callable[[Store], None], str, str]] = {
    "an empty pool": (lambda s: put(s, pool(1, 1).clear()), "no_data", "decisions 0, must be >= 200"),
    "one class": (lambda s: put(s, pool(300, 40, net_return=-0.01)), "no_data", "label_classes 1"),
    "too few decisions": (lambda s: None, "refused", "decisions 120, must be >= 200"),
    "too few days": (lambda s: put(s, pool(300, 20)), "refused", "distinct_days 20, must be >= 30"),
    "NaN in features": (
        lambda s: put(s, pool(300, 40, f_rsi=float("nan"))),
        "failed",
        "f_rsi must be a finite number, was nan in decision sig-0",
    ),
    "a champion altered by one byte": (
        lambda s: crowned(s, is_altered=True),
        "in champion",
        "medians.json is not the file that was saved",
    ),
    "a champion of other features": (
        lambda s: crowned(s, version="f0"),
        "in champion",
        f"was trained on features f0, these are {FEATURE_VERSION}",
    ),
    "a champion whose extra is missing": (
        lambda s: crowned(s, kind="mlp"),
        "in champion",
        "`make ai`",
    ),
    "a candidate altered by one byte before it was watched": (
        judged,
        "kept out",
        "medians.json is not the file that was saved: this candidate stays out",
    ),
    "a watched model altered by one byte": (
        watched,
        "in shadow",
        "medians.json is not the file that was saved",
    ),
}


def night(job: str) -> dg.ExecuteInProcessResult:
    """Run from the training set to the signals, checks and all, as the job of that name does."""
    resources = {"store": Store(), "exchange": Standing(), "learning": Learning()}
    made = dg.Definitions(
        [*NIGHT, signal_stage.signals],
        jobs=[dg.define_asset_job(job, selection=dg.AssetSelection.all(), config=QUICK)],
        asset_checks=CHECKS,
        resources=resources | {"order_log": OrderLogResource()},
        executor=dg.in_process_executor,
    )
    instance = dg.DagsterInstance.ephemeral()
    return made.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def told() -> list[str]:
    with OrderLogResource().open() as log:
        return [event.payload["text"] for event in log.outbox.waiting() if event.kind == "model"]


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_words_told_once_and_the_rules_go_on(store, case, monkeypatch):
    """Two nights: the verdict or the state says why, one message with the reason, and the rules' entry."""
    monkeypatch.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
    make, where, said = CASES[case]
    make(store)
    for _ in range(2):
        done = night("research" if where == "kept out" else "retraining")
        assert done.success, [event.message for event in done.all_events if event.is_failure]
    verdict = store.lake.read("model_evaluation").row(0, named=True)
    now = store.lake.read("champion").row(0, named=True)
    if where == "in champion":
        assert now["state"] == "refused"
        assert said in now["reason"]
    elif where == "in shadow":
        last = Learning().registry.journal.entries()[-1]
        assert (str(last.event), said in last.why) == ("shadow_failed", True)
    elif where == "kept out":
        assert (verdict["verdict"], now["shadow_id"], now["state"]) == ("promoted", None, "none")
    else:
        assert verdict["verdict"] == where
        assert said in verdict["verdict_reason"] + " ".join(store.lake.read("model_evaluation")["reason"])
    assert len([text for text in told() if said in text]) == 1
    assert Learning().champion(store) is None
    row = store.lake.read("signals").filter(pl.col("open_time") == NEWEST).row(0, named=True)
    assert (row["is_entry"], row["model_id"], row["probability"]) == (True, None, None)
