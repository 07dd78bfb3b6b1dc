"""Stop, freeze, flatten, lift: only operators, only confirmed, on record; rows as of the command line."""

import json

from trading.store.order_log.halts import HaltKind, HaltScope


def send(seat, what, **fields):
    client, csrf = seat
    return client.post(f"/orders/{what}", data={"csrf": csrf} | fields)


def test_an_operator_stops_entries_and_lifts_them(seated, traded, desk):
    """The halt is the one of `sluice stop-entries`; both steps are in the audit with name and address."""
    seat = seated()
    answer = send(seat, "stop-entries", why="drill", typed="stop")
    assert answer.status_code == 200
    [halt] = traded.log.halts.active()
    assert (halt.kind, halt.scope, halt.subject, halt.placed_by, halt.why) == (
        HaltKind.STOP_ENTRIES,
        HaltScope.FLEET,
        None,
        "ada",
        "drill",
    )
    shown = seat[0].get("/api/live").json()["halts"]
    assert [row["halt_id"] for row in shown] == [halt.halt_id]
    assert send(seat, "lift", why="over", typed="lift", halt_id=halt.halt_id).status_code == 200
    assert traded.log.halts.active() == []
    lifted, placed = desk.audit.newest()
    assert (placed["what"], placed["who"], placed["role"]) == ("stop-entries", "ada", "operator")
    assert lifted["what"] == "lift"
    assert lifted["halt_id"] == halt.halt_id


def test_a_halt_of_one_symbol_or_user(seated, traded):
    """A symbol by name; a user must exist."""
    seat = seated()
    assert send(seat, "freeze", why="odd", typed="freeze", symbol="AAA/USDT").status_code == 200
    assert traded.log.halts.active()[0].subject == "AAA/USDT"
    answer = send(seat, "freeze", why="odd", typed="freeze", user="nobody")
    assert answer.status_code == 400
    assert "no user 'nobody'" in answer.json()["error"]
    assert "not both" in send(seat, "freeze", why="o", typed="freeze", user="u1", symbol="A").json()["error"]


def test_nothing_happens_without_the_word_or_a_reason(seated, traded, desk):
    """And the try is on record."""
    seat = seated()
    for fields in (
        {"why": "drill", "typed": "yes"},
        {"why": "drill"},
        {"why": "  ", "typed": "stop"},
        {"why": "x" * 500, "typed": "stop"},
    ):
        assert send(seat, "stop-entries", **fields).status_code == 400
    assert send(seat, "sell-all", why="x", typed="x").status_code == 400
    assert traded.log.halts.all() == []
    assert all(row["outcome"].startswith("refused") for row in desk.audit.newest())
    assert len(desk.audit.newest()) == 5


def test_a_viewer_looks_and_orders_nothing(seated, traded, desk):
    """403, on record, and the page offers no button."""
    seat = seated("vic")
    answer = send(seat, "flatten", why="x", typed="flatten")
    assert answer.status_code == 403
    assert traded.log.halts.all() == []
    assert "viewer" in desk.audit.newest()[0]["outcome"]
    assert "data-order=" not in seat[0].get("/live").text
    assert "data-order=" in seated()[0].get("/live").text


def test_a_token_of_another_session_is_refused(seated, traded):
    """Cross-site forms do not know it; another session's does not fit."""
    client, _ = seated()
    _, other = seated("vic")
    for csrf in ("", "guess", other):
        answer = client.post("/orders/stop-entries", data={"csrf": csrf, "why": "x", "typed": "stop"})
        assert answer.status_code == 403
    assert traded.log.halts.all() == []


def test_orders_are_few_a_minute(seated, traded):
    """Twenty at once; a flood is refused before it reaches the log."""
    seat = seated()
    codes = [send(seat, "stop-entries", why="x", typed="no").status_code for _ in range(25)]
    assert codes == [400] * 20 + [429] * 5


def test_flatten_without_an_engine_starts_the_command(seated, traded, monkeypatch):
    """The halt is placed first; `sluice flatten` sells from a process of its own."""
    from interfaces.ui import halting

    started = []

    class Child:
        pid = 4711

        def __init__(self, command, **options):
            started.append((command, options["env"]["SLUICE_WORLD"]))

    monkeypatch.setattr(halting.subprocess, "Popen", Child)
    answer = send(seated(), "flatten", why="it's on fire; --yes $(x)", typed="flatten", user="u1")
    assert "process 4711 sells" in answer.json()["said"]
    [(command, world)] = started
    assert world == "traded"
    assert command[2:] == [
        "interfaces.cli",
        "flatten",
        "--yes",
        "--by",
        "ada",
        "--why",
        "it's on fire; --yes $(x)",
        "--user",
        "u1",
    ]
    assert traded.log.halts.active()[0].kind is HaltKind.FLATTEN


def test_flatten_with_an_engine_leaves_the_selling_to_it(seated, traded, monkeypatch):
    """No second seller."""
    from interfaces.ui import halting

    monkeypatch.setattr(halting.vitals, "engine", lambda _settings: {"is_running": True})
    monkeypatch.setattr(halting.subprocess, "Popen", None)
    assert send(seated(), "flatten", why="x", typed="flatten").status_code == 200


def test_the_audit_stays_small(tmp_path):
    """Two files of bounded size."""
    from interfaces.ui.audit import Audit

    audit = Audit(tmp_path, most_bytes=2_000)
    for number in range(100):
        audit.note(
            "x", who="a\x00\u202eb", role="viewer", address="127.0.0.1", outcome=f"{number} " + "y" * 900
        )
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 3_000
    assert json.loads(audit.path.read_text().splitlines()[-1])["who"] == "a\ufffd\ufffdb"
