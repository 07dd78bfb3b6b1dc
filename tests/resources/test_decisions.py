"""Decisions as assets write them, and what came of them, on one small world."""

import json
from dataclasses import asdict
from datetime import timedelta

import polars as pl
import pytest

from resources.decisions import attach_outcomes, ledger, write_decisions
from resources.handover import pending_exploration_set, pending_sets
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from tests.resources.test_learning import AT, BAR, DOWN, FIRST, QUIET, UP, candles, markets, tickers
from trading.market.frames import CANDLES
from trading.risk.exits import ExitRules
from trading.signals.features import FEATURE_VERSION, FEATURES
from trading.signals.generate import SIGNALS
from trading.trade_pool.outcomes import Outcomes
from trading.trade_pool.pool import POOL
from trading.trade_pool.snapshots import Snapshots

NEWEST = AT - BAR
GATED = "model: 0.400 < 0.500"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A market that was looked at just now; every rejection of a gate is drawn one time in four."""
    monkeypatch.setenv("SLUICE_EXPLORATION", json.dumps({"share": 0.25, "seed": 3}))
    with settings_of(tmp_path):
        found = Store()
        found.publish("tickers", tickers(), key=["symbol"], at=AT)
        listed = tables.listing().head(3).with_columns(symbol=pl.Series([UP, DOWN, QUIET]))
        found.publish("markets", listed, key=["symbol"])
        found.publish("validated_markets", markets(), key=["symbol"])
        found.publish("trade_pool", pl.DataFrame(schema=POOL), key=["signal_id", "source"])
        found.candles.append("15m", candles(), tag="t")
        yield found


def signals(store: Store, feature: float = 0.5, bar=NEWEST, gated: tuple[str, ...] = (DOWN,), **told):
    """Signals of all three pairs at one bar; some are stopped by the model."""
    plain = dict.fromkeys(SIGNALS) | dict.fromkeys(FEATURES, feature) | {"strategy": "rsi_regime"}
    rows = [
        plain
        | {"symbol": name, "open_time": bar, "is_entry": name not in gated, "is_exit": False, "close": 100.0}
        | {"is_candidate": True, "score": 0.5, "reason": GATED if name in gated else "entry: RSI 20"}
        | told
        for name in (UP, DOWN, QUIET)
    ]
    exits = {"ExitRules": asdict(ExitRules())}
    frame = pl.DataFrame(rows, schema=SIGNALS)
    return store.publish("signals", frame, key=["symbol", "open_time"], params=exits)


def approved(store: Store, *names: str) -> None:
    exits = {"ExitRules": asdict(ExitRules())}
    about = {"key": ["symbol"], "inputs": ["signals"], "params": exits}
    store.publish("backtest_results", pl.DataFrame({"symbol": [UP]}), **about)
    rows = [(name, name in names, "too few trades") for name in (UP, DOWN, QUIET)]
    frame = pl.DataFrame(rows, schema=["symbol", "is_approved", "reason"], orient="row")
    store.publish("approved_symbols", frame, key=["symbol"])


def test_a_pass_writes_what_it_hands_over_and_what_it_does_not(store):
    """UP goes out, the model stopped DOWN, QUIET was not approved; each has its features, exits and ids."""
    version = signals(store)
    approved(store, UP, DOWN)
    frame, written = write_decisions(store)
    assert (written.new, written.different) == (3, 0)
    stages = dict(frame.select("symbol", "stage").iter_rows())
    assert stages == {UP: "handed_over", DOWN: "model", QUIET: "approval"}
    (batch,) = [each for each in pending_sets(store) if not each.is_exploration]
    row = frame.filter(pl.col("symbol") == UP).row(0, named=True)
    assert row["signal_set_id"] == batch.signal_set_id
    assert (row["signals_version"], row["feature_version"]) == (version.version_id, FEATURE_VERSION)
    assert json.loads(row["exits"])["stop_loss"] == ExitRules().stop_loss
    assert {row[name] for name in FEATURES} == {0.5}


def test_a_model_damaged_since_the_signals_costs_no_decision(store):
    """What was asked for stands in the signals: the model's files are not needed, nor loaded, again."""
    (Learning().registry._root / "mdl-1").mkdir(parents=True)
    (Learning().registry._root / "mdl-1" / "manifest.json").write_text('{"core": {}}')
    signals(store, model_id="mdl-1", model_threshold=0.5)
    frame, written = write_decisions(store)
    assert written.new == 3
    assert set(frame["model_threshold"]) == {0.5}


def test_what_is_drawn_is_what_the_ledger_says_and_what_is_handed_over(store, monkeypatch):
    """Over twenty seeds the set of exploration is exactly the rows marked as explored; share 0 draws none."""
    signals(store, gated=(UP, DOWN, QUIET))
    approved(store, UP, DOWN)
    found = set()
    for seed in range(20):
        monkeypatch.setenv("SLUICE_EXPLORATION", json.dumps({"share": 0.25, "seed": seed}))
        (ledger("")._path).unlink(missing_ok=True)
        frame, _ = write_decisions(store)
        batch = pending_exploration_set(store)
        drawn = set() if batch is None else {each.symbol for each in batch.signals}
        assert drawn == set(frame.filter("is_explored")["symbol"])
        assert batch is None or batch.is_exploration
        found |= drawn
    assert found == {UP, DOWN}, "approved ones are drawn sooner or later, QUIET never"
    monkeypatch.setenv("SLUICE_EXPLORATION", json.dumps({"share": 0}))
    assert pending_exploration_set(store) is None


def test_a_bar_that_was_not_decided_in_time_is_no_decision(store):
    """Signals of the bar before the newest: nothing is written, whatever they say."""
    signals(store, bar=NEWEST - BAR)
    approved(store, UP)
    frame, written = write_decisions(store)
    assert (len(frame), written.new) == (0, 0)


def test_outcomes_come_when_candles_show_them_and_teach_what_was_decided(store):
    """Sixteen flat bars later both are out by time; a later pass's other features teach nothing."""
    signals(store, feature=0.5)
    approved(store, UP, DOWN)
    write_decisions(store)
    frame, counts = attach_outcomes(store, OrderLogResource(), AT)
    assert (len(frame), counts["first"]) == (0, 0), "nothing has ended yet"
    rows = [
        (name, FIRST + n * BAR, 100.0, 100.0, 100.0, 100.0, 1e4, 1e6)
        for name in (UP, DOWN, QUIET)
        for n in range(60, 80)
    ]
    store.candles.append("15m", pl.DataFrame(rows, schema=CANDLES, orient="row"), tag="later")
    later = AT + 20 * BAR
    store.publish("tickers", tickers().with_columns(at=pl.lit(later)), key=["symbol"], at=later)
    signals(store, feature=0.9)  # computed again: another version of the same bar, and a backtest of it
    approved(store, UP, DOWN)
    frame, counts = attach_outcomes(store, OrderLogResource(), later)
    assert counts == {"first": 3, "corrected": 0, "same": 0}
    assert set(frame["closed_at"]) == {AT + 17 * BAR}, "entered at the next open, held for sixteen bars"
    assert frame["net_return"].max() < 0, "flat prices cost what trading costs"
    assert set(frame["f_rsi"]) == {0.5}
    assert attach_outcomes(store, OrderLogResource(), later)[1] == {"first": 0, "corrected": 0, "same": 3}
    store.publish("decision_outcomes", frame, key=["decision_id", "source"], at=later)
    chosen = Learning().training_set(store, later)
    assert chosen.frame.select("source", "is_decided", "f_rsi").unique().rows() == [("candles", True, 0.5)]
    assert len(chosen.frame) == len(set(chosen.group.tolist())) == 3
    before = Outcomes(ledger("")).read(AT + 16 * BAR)
    assert before.is_empty(), "asked as of before its end, nobody knew"


def test_trades_of_all_users_are_one_outcome_and_skips_are_counted(store):
    """Two users on UP are one row from paper beside the candles' one; who did not follow is told by rule."""
    signals(store)
    approved(store, UP)
    write_decisions(store)
    row = Snapshots(ledger("")).read().filter(pl.col("symbol") == UP).row(0, named=True)
    told = dict.fromkeys(POOL) | {"signal_id": row["signal_id"], "symbol": UP, "bar_time": NEWEST}
    told |= {
        "decided_at": AT,
        "closed_at": AT + timedelta(hours=1),
        "source": "paper",
        "users": 2,
        "trades": 2,
    }
    told |= {"cost_quote": 200.0, "pnl_quote": 3.0, "net_return": 0.015, "fee_ratio": 0.001}
    pool = pl.DataFrame([told], schema=POOL)
    store.publish("trade_pool", pool, key=["signal_id", "source"], at=AT + timedelta(hours=1))
    with OrderLogResource().open() as log, log.database.write() as connection:
        from trading.store.order_log import schema

        plain = {
            "signal_set_id": "set-1",
            "signal_id": row["signal_id"],
            "symbol": UP,
            "reason": "x",
            "at_ms": 0,
        }
        rules = ("held", "held", "size")
        rows = [plain | {"user_id": f"u{k}", "rule": rule} for k, rule in enumerate(rules)]
        log.database.insert_new(connection, schema.skips, rows)
    frame, counts = attach_outcomes(store, OrderLogResource(), AT + timedelta(hours=2))
    assert counts["first"] == 1
    (found,) = frame.filter(pl.col("source") == "paper").to_dicts()
    assert (found["users"], found["net_return"], found["skipped_by"]) == (2, 0.015, 3)
    assert json.loads(found["skip_rules"]) == {"held": 2, "size": 1}
    early = attach_outcomes(store, OrderLogResource(), AT + timedelta(minutes=30))[0]
    assert early.is_empty(), "half an hour after the decision it was still open"
