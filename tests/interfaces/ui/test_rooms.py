"""Research, Models, System and the page of one run: over tables that the line publishes, figures by hand."""

import json
import sqlite3
from datetime import timedelta

import polars as pl
import pytest

from interfaces.drill import shelf
from tests.interfaces.ui.test_pages import rows, section
from tests.trading.store.lineage_world import AT

LATER = AT + timedelta(days=1)


def verdicts(approved, returns):
    names = list(returns)
    return pl.DataFrame(
        {
            "symbol": names,
            "is_approved": [name in approved for name in names],
            "failed_rule": [None if name in approved else "min_trades" for name in names],
            "reason": ["x"] * len(names),
            "trades": [10] * len(names),
            "total_return": list(returns.values()),
        }
    )


def results(values):
    return pl.DataFrame(
        {
            "symbol": list(values),
            "trades": [10] * len(values),
            "total_return": [0.1] * len(values),
            "total_return_freqtrade": [0.1 + value for value in values.values()],
            "fragility": list(values.values()),
            "ambiguous_bars": [0] * len(values),
        }
    )


def test_two_passes_are_compared_symbol_by_symbol(seated, traded):
    """A stays in, B leaves, C comes; A's return goes from 5 % to 8 %: 3 points."""
    one = verdicts({"A/USDT", "B/USDT"}, {"A/USDT": 0.05, "B/USDT": 0.02, "C/USDT": -0.1})
    two = verdicts({"A/USDT", "C/USDT"}, {"A/USDT": 0.08, "B/USDT": 0.01, "C/USDT": 0.2})
    first = traded.lake.publish("approved_symbols", one, key=["symbol"], at=LATER, run_id="r1").version_id
    last = LATER + timedelta(days=1)
    second = traded.lake.publish("approved_symbols", two, key=["symbol"], at=last, run_id="r2").version_id
    client, _ = seated("vic")
    body = client.get("/api/research").json()
    assert body["compared"] == [first, second]
    listed = rows(body, "Passes")
    assert [(row["approved"], row["run"]) for row in listed[:2]] == [(2, "r2"), (2, "r1")]
    told = {row["symbol"]: row for row in rows(body, "Symbol by symbol")}
    assert {name: row["what"] for name, row in told.items()} == {
        "A/USDT": "same",
        "B/USDT": "left",
        "C/USDT": "came",
    }
    assert told["A/USDT"]["change"] == pytest.approx(0.03)
    boxes = {one["name"]: one for one in section(body, "Two passes compared")["figures"]}
    assert (boxes["Approved"]["value"], boxes["Approved"]["more"]) == ("2 → 2", "1 came, 1 left")
    turned = client.get("/api/research", params={"one": second, "two": first}).json()
    assert rows(turned, "Symbol by symbol")[0]["what"] in ("came", "left")
    assert client.get("/api/research", params={"one": "v-nothing"}).status_code == 400


def test_fragility_counts_symbols_by_what_gentler_fills_would_add(seated, traded):
    """-1 %, 0.5 %, 3 % and 50 %: one each in four bars; the most fragile first."""
    values = {"A/USDT": -0.01, "B/USDT": 0.005, "C/USDT": 0.03, "D/USDT": 0.5}
    traded.lake.publish("backtest_results", results(values), key=["symbol"], at=LATER)
    traded.lake.publish("approved_symbols", verdicts({"D/USDT"}, values), key=["symbol"], at=LATER)
    body = seated("vic")[0].get("/api/research").json()
    bars = {bar["name"]: bar["part"] for bar in section(body, "Fragility")["bars"]}
    assert bars == {
        "nothing or less": 1,
        "up to 1%": 1,
        "up to 2%": 0,
        "up to 5%": 1,
        "up to 10%": 0,
        "more than 10%": 1,
    }
    first = rows(body, "Most fragile")[0]
    assert (first["symbol"], first["approved"]) == ("D/USDT", "approved")


def test_every_rule_is_listed_with_value_bound_and_verdict(seated, traded):
    """Two symbols, two rules: sums by rule, and the symbol that fell by fewest first."""
    measured = pl.DataFrame(
        {
            "symbol": ["A/USDT", "A/USDT", "B/USDT", "B/USDT"],
            "position": [0, 1, 0, 1],
            "rule": ["min_trades", "p_value"] * 2,
            "value": [3.0, 0.2, 9.0, 0.01],
            "comparison": [">=", "<="] * 2,
            "bound": [8.0, 0.05] * 2,
            "is_passed": [False, False, True, True],
            "reason": ["x"] * 4,
        }
    )
    traded.lake.publish("approval_rules", measured, key=["symbol", "rule"], at=LATER)
    body = seated("vic")[0].get("/api/research").json()
    summed = {
        row["rule"]: (row["passed"], row["failed"], row["middle"]) for row in rows(body, "Rules of the gate")
    }
    assert summed == {"min_trades": (1, 1, 6.0), "p_value": (1, 1, pytest.approx(0.105))}
    listed = rows(body, "Every rule by symbol")
    assert [(row["symbol"], row["verdict"]) for row in listed] == [
        ("B/USDT", "passed"),
        ("B/USDT", "passed"),
        ("A/USDT", "fell"),
        ("A/USDT", "fell"),
    ]
    assert (listed[0]["value"], listed[0]["bound"]) == (9.0, 8.0)


def test_predictions_are_held_against_what_became_of_them(seated, traded):
    """Given 0.9 twice, one won; given 0.1 once, none: Brier is (0.01 + 0.81 + 0.01) / 3 = 0.277."""
    ended = pl.DataFrame(
        {
            "closed_at": [AT, AT + timedelta(hours=1), AT + timedelta(hours=2)],
            "decided_at": [AT] * 3,
            "symbol": ["A/USDT"] * 3,
            "role": ["champion"] * 3,
            "probability": [0.9, 0.9, 0.1],
            "threshold": [0.5] * 3,
            "is_taken": [True, True, False],
            "net_return": [0.02, -0.01, -0.03],
            "regime": ["calm"] * 3,
            "source": ["candles"] * 3,
            "model_id": ["mdl-1"] * 3,
            "signal_id": ["s1", "s2", "s3"],
        }
    )
    traded.lake.publish("prediction_outcomes", ended, key=["signal_id"], at=LATER)
    chart = section(seated("vic")[0].get("/api/models").json(), "Predictions against outcomes")
    assert [point[:3] for point in chart["points"]] == [[0.1, 0.0, 1], [0.9, 0.5, 2]]
    assert "3 predictions ended; 33% won. Brier score 0.277" in chart["said"]


def test_drift_stands_with_its_bound_and_alarms_stand_out(seated, traded):
    """PSI 0.6 is beyond 0.25, 0.1 is not; ADWIN is said in words."""
    drift = pl.DataFrame(
        {
            "model_id": ["mdl-1"] * 3,
            "figure": ["psi", "psi", "live_loss"],
            "feature": ["f_rsi", "f_age", None],
            "value": [0.1, 0.6, 0.2],
            "bound": [0.25, 0.25, 0.7],
            "is_alarm": [False, True, False],
            "rows": [300, 300, 400],
            "said": ["a", "b", "no change found"],
        }
    )
    traded.lake.publish("model_drift", drift, key=["figure", "feature"], at=LATER)
    body = seated("vic")[0].get("/api/models").json()
    bars = section(body, "Drift by feature")
    assert [(bar["name"], bar["is_bad"]) for bar in bars["bars"]] == [("f_age", True), ("f_rsi", False)]
    assert "1 of 2 above 0.25" in bars["said"]
    assert "live loss: no change found" in bars["said"]
    assert [row["alarm"] for row in rows(body, "Drift, every figure")] == ["quiet", "alarm", "quiet"]


def test_overrides_are_listed_with_name_and_reason(seated, traded):
    """What the line did by itself is in the other list alone."""
    from trading.learning.journal import Deed, Entry, Journal, Standing

    path = traded.lake.root.parent / "models" / "history.jsonl"
    path.parent.mkdir()
    line = Entry(AT, Deed.PROMOTED, "mdl-1", "line", "passed", Standing("mdl-1", AT))
    person = Entry(LATER, Deed.RULES_ONLY, None, "ada", "I do not trust it", Standing())
    lines = [
        {
            "at": entry.at.isoformat(),
            "event": entry.event.value,
            "model_id": entry.model_id,
            "by": entry.by,
            "why": entry.why,
            "standing": entry.standing.to_dict(),
            "details": {},
        }
        for entry in (line, person)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert Journal(path).history().height == 2
    body = seated("vic")[0].get("/api/models").json()
    assert [(row["by"], row["why"]) for row in rows(body, "Overrides by people")] == [
        ("ada", "I do not trust it")
    ]
    assert [row["event"] for row in rows(body, "What was done to models")] == ["rules_only", "promoted"]


def test_an_evaluation_is_a_report_with_every_rule(seated, traded):
    """The newest by itself, an older one by its address; a file that cannot be read is said to be."""
    folder = traded.lake.root.parent / "models" / "evaluations"
    folder.mkdir(parents=True)
    rule = {"rule": "auc", "value": 0.4, "bound": 0.5, "comparison": ">", "is_passed": False, "reason": "low"}
    for number, verdict in enumerate(("refused", "promoted")):
        told = {"at": f"2026-01-0{number + 1}T00:00:00+00:00", "evaluation_id": f"evl-{number}",
                "verdict": verdict, "reason": "x", "figures": {"auc": 0.4}, "table": [rule]}  # fmt: skip
        (folder / f"evl-{number}.json").write_text(json.dumps(told))
    (folder / "evl-9.json").write_text("{")
    client, _ = seated("vic")
    body = client.get("/api/models").json()
    assert section(body, "How the gate judged")["figures"][0]["value"] == "promoted"
    assert [row["verdict"] for row in rows(body, "Evaluations")] == ["promoted", "refused", "unreadable"]
    old = client.get("/api/models", params={"evaluation": "evl-0"}).json()
    assert section(old, "How the gate judged")["figures"][0]["value"] == "refused"
    assert rows(old, "Every rule of this evaluation")[0]["verdict"] == "fell"
    assert client.get("/api/models", params={"evaluation": "evl-7"}).status_code == 400


def test_the_drills_latest_figures_are_kept_and_shown(seated, traded):
    """The newest replaces the one before; half a file is no result."""
    world = traded.lake.root.parent
    for runs in (20, 300):
        told = {"drill": "kill", "runs": runs, "seed": 7, "passed": True, "lost": 0, "doubled": 0,
                "ledger_breaks": 0, "figures": {"recovery_s": 1.5}}  # fmt: skip
        shelf.keep(world, told, "2026-01-06T06:00:00Z")
    (world / "drills" / "storm.json").write_text("{")
    found = rows(seated("vic")[0].get("/api/system").json(), "Drills, latest of each")
    assert [(row["drill"], row["runs"], row["verdict"], row["figures"]) for row in found] == [
        ("kill", 300, "passed", "recovery s 1.5")
    ]


def test_the_page_of_a_run_lists_what_it_published(seated, traded):
    """By run, by table, by both; another world's run is a sentence."""
    first = verdicts({"A/USDT"}, {"A/USDT": 0.05})
    second = verdicts(set(), {"A/USDT": 0.01})
    traded.lake.publish("approved_symbols", first, key=["symbol"], at=LATER, run_id="r1")
    traded.lake.publish("approved_symbols", second, key=["symbol"], at=LATER + timedelta(days=1), run_id="r2")
    traded.lake.publish("approval_rules", first, key=["symbol"], at=LATER, run_id="r1")
    client, _ = seated("vic")
    assert client.get("/run", params={"run": "r1", "table": "approved_symbols"}).status_code == 200
    body = client.get("/api/run", params={"run": "r1"}).json()
    assert {row["asset"]: row["page"] for row in rows(body, "Published")} == {
        "approved_symbols": "research",
        "approval_rules": "research",
    }
    both = client.get("/api/run", params={"run": "r1", "table": "approved_symbols"}).json()
    assert both["sections"][1]["rows"][0][both["sections"][1]["columns"].index(
        {"key": "total_return", "title": "total return", "kind": "percent"}
    )] == 0.05  # fmt: skip
    assert len(rows(client.get("/api/run", params={"table": "approved_symbols"}).json(), "Published")) >= 2
    assert client.get("/api/run", params={"run": "r9"}).status_code == 400
    assert client.get("/api/run", params={"table": "nothing"}).status_code == 400
    assert client.get("/api/run").status_code == 400


def test_an_address_of_the_dagster_ui_opens_the_version_it_names(seated, traded):
    """`/research?version=ID` leads to that version's rows, not to the newest; a foreign id is a sentence."""
    first = verdicts({"A/USDT"}, {"A/USDT": 0.05})
    second = verdicts(set(), {"A/USDT": 0.01})
    old = traded.lake.publish("approved_symbols", first, key=["symbol"], at=LATER, run_id="r1").version_id
    traded.lake.publish("approved_symbols", second, key=["symbol"], at=LATER + timedelta(days=1), run_id="r2")
    client, _ = seated("vic")
    answer = client.get("/research", params={"version": old})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/run?version={old}")
    assert client.get(answer.headers["location"]).status_code == 200
    shown = client.get("/api/run", params={"version": old}).json()["sections"][1]
    assert 0.05 in shown["rows"][0]
    assert client.get("/api/run", params={"version": "v-nothing"}).status_code == 400
    aside = client.get("/research", params={"version": "//evil.example"}).headers["location"]
    assert aside == "/run?version=%2F%2Fevil.example"


def instance(folder, events):
    """A record of checks as Dagster keeps it: the columns that the page reads."""
    index = folder / "history" / "runs" / "index.db"
    index.parent.mkdir(parents=True)
    with sqlite3.connect(index) as connection:
        connection.execute(
            "CREATE TABLE asset_check_executions (id INTEGER PRIMARY KEY, asset_key TEXT, check_name TEXT, "
            "run_id TEXT, execution_status TEXT, evaluation_event TEXT, evaluation_event_timestamp TIMESTAMP)"
        )
        connection.executemany(
            "INSERT INTO asset_check_executions (asset_key, check_name, run_id, execution_status, "
            "evaluation_event, evaluation_event_timestamp) VALUES (?, ?, ?, ?, ?, ?)",
            events,
        )


def event(**metadata):
    told = {
        "blocking": True,
        "metadata": {name: {"__class__": "x", "value": value} for name, value in metadata.items()},
    }
    return json.dumps({"dagster_event": {"event_specific_data": told}})


def test_the_newest_result_of_each_check_of_this_world_is_shown(seated, traded, tmp_path, monkeypatch):
    """It failed, then passed: passed. Another world's run and one that was only planned do not count."""
    traded.lake.publish(
        "approval_rules", verdicts(set(), {"A/USDT": 0.0}), key=["symbol"], at=LATER, run_id="r1"
    )
    at = "2026-01-06 06:00:00"
    instance(
        tmp_path / "dagster",
        [
            ('["a"]', "one", "r1", "FAILED", event(wrong=3), at),
            ('["a"]', "one", "r1", "SUCCEEDED", event(wrong=0), at),
            ('["a"]', "one", "r1", "PLANNED", None, None),
            ('["a"]', "one", "r-other", "FAILED", event(wrong=9), at),
            ('["m", "b"]', "two", "r1", "EXECUTION_FAILED", "no JSON", at),
        ],
    )
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    found = rows(seated("vic")[0].get("/api/system").json(), "Asset checks")
    assert [(row["asset"], row["verdict"], row["said"]) for row in found] == [
        ("m/b", "broke", ""),
        ("a", "passed", "wrong 0"),
    ]
    assert found[1]["is_blocking"] == "yes"


def test_the_record_of_checks_is_where_this_dagster_keeps_it(tmp_path, monkeypatch):
    """The page reads its SQLite file by name: a Dagster that moves a column must be noticed here."""
    dg = pytest.importorskip("dagster")
    from interfaces.ui.pages import checks

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    @dg.asset
    def a():
        return None

    @dg.asset_check(asset=a, blocking=True)
    def one():
        return dg.AssetCheckResult(passed=False, metadata={"wrong": 2})

    with dg.DagsterInstance.get() as held:
        run = dg.materialize([a, one], instance=held, raise_on_error=False).run_id
    found = list(checks._rows(tmp_path / checks._INDEX, [run]))
    assert [(row["asset"], row["check"], row["verdict"], row["said"]) for row in found] == [
        ("a", "one", "FAILED", "wrong 2")
    ]
    assert found[0]["is_blocking"] == "yes"
