"""Users from a file or an old cache: every row reported, all or nothing, the second run changes nothing."""

import json
import time

import pytest

from tests.interfaces.foreign import place_foreign
from tests.interfaces.users_stand import KEY, stand
from trading.simulator.accounts import ALL_PERMISSIONS, WITHDRAW

HEADER = "user_id,name,capital,risk_per_trade,max_positions,blocked,mode,positions\n"
MAPPING = """
[users]
key = "user:{id}:settings"
[users.fields]
name = "username"
capital = "balance_usdt"
risk_per_trade = { field = "risk_percent", percent = true }
blocked = "blacklist"
mode = { field = "trading", values = { real = "live", demo = "paper" } }
[positions]
key = "user:{id}:positions"
[positions.fields]
symbol = "@name"
amount = "qty"
entry_price = "avg"
opened_at = "ts"
"""
DUMP = {
    "user:ada:settings": {
        "username": "Ada", "balance_usdt": "800", "risk_percent": "1.5", "blacklist": "CCCUSDT",
        "trading": "demo",
    },
    "user:ada:positions": {"AAAUSDT": json.dumps({"qty": "2", "avg": "95.5", "ts": 1767225600})},
    "user:bob:settings": json.dumps({"username": "Bob", "balance_usdt": "9", "risk_percent": "x"}),
    "pool:trades": [1, 2],
}  # fmt: skip


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    with stand(tmp_path, monkeypatch, capsys) as found:
        yield found


def write(at, name: str, text: str) -> str:
    at.home.mkdir(parents=True, exist_ok=True)
    path = at.home / name
    path.write_text(text)
    return str(path)


def outcomes(report) -> list[str]:
    return [row["outcome"] for row in report["rows"]]


def test_dry_run_writes_nothing_and_the_run_does_what_it_said(at):
    """Would import, imported, unchanged: three runs of one file."""
    path = write(at, "u.csv", HEADER + "ada,Ada,500,0.01,3,DOGEUSDT,paper,\nbob,,250,,,,,\n")
    assert outcomes(at.json("import", path, "--dry-run")) == ["would import", "would import"]
    assert at.json("list") == []
    assert outcomes(at.json("import", path)) == ["imported", "imported"]
    user = at.json("show", "ada")["user"]
    assert (user["capital"], user["blocked"], user["mode"]) == ("500", ["DOGE/USDT"], "paper")
    assert outcomes(at.json("import", path)) == ["unchanged", "unchanged"]


def test_change_is_shown_old_and_new_and_only_what_the_row_says(at):
    """An empty cell leaves what is there."""
    at.users("import", write(at, "u.csv", HEADER + "ada,Ada,500,0.01,3,,,\n"))
    path = write(at, "v.csv", HEADER + "ada,,900,,,,,\n")
    report = at.json("import", path, "--dry-run")
    assert outcomes(report) == ["would change"]
    assert report["rows"][0]["detail"] == "capital: 500 → 900"
    at.users("import", path)
    user = at.json("show", "ada")["user"]
    assert (user["name"], user["capital"], user["max_positions"]) == ("Ada", "900", 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b,,,,,,,", "user id must be"),
        (",,,,,,,", "user id must be"),
        ("ada,,minus,,,,,", "capital must be a number"),
        ("ada,,nan,,,,,", "capital must be a finite number"),
        ("ada,,-5,,,,,", "capital must be above 0"),
        ("ada,,,2,,,,", "risk_per_trade must lie between 0 and 1"),
        ("ada,,,,1.5,,,", "max_positions must be a whole number"),
        ("ada,,,,,DROP TABLE,,", "symbol must look like BTC/USDT"),
        ("ada,,,,,,real,", "mode must be one of paper, live"),
        ("ada,,,,,,,AAA/USDT:1", "must look like BTC/USDT:0.5@64000"),
        ("ada,,,,,,,AAA/USDT:0@5", "amount of the position in AAA/USDT must be above 0"),
        ("ada,,,,,,,AAA/USDT:1@5;AAAUSDT:2@6", "one position per symbol"),
        ("ada,,,,,,live,", "mode live needs api_key and secret"),
        ("ada,,,,,,,,,too,many", "unknown columns too many cells"),
    ],
)
def test_junk_row_is_refused_by_name_and_the_others_go_on(at, line, words):
    """All or nothing per row: nothing of a refused one is written; exit code 1."""
    path = write(at, "u.csv", HEADER + f"{line}\nbob,,250,,,,,\n")
    assert at.users("import", path, "--json") == 1
    report = json.loads(at.out)
    assert outcomes(report) == ["refused", "imported"]
    assert words in report["rows"][0]["detail"]
    assert [row["user_id"] for row in at.json("list")] == ["bob"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("u.csv", "", "user_id is missing"),
        ("u.csv", "id,capital\n1,2\n", "unknown: id"),
        ("u.csv", "user_id\n\x00\n", "NUL"),
        ("u.csv", 'user_id,name\nada,"never closed\n', "no CSV"),
        ("u.json", "{", "no JSON"),
        ("u.json", '{"user_id": "ada"}', "JSON list of objects"),
        ("none.csv", None, "cannot be read"),
    ],
)
def test_file_that_is_none_is_one_sentence(at, name, text, words):
    """Said with what was expected; nothing is written."""
    path = str(at.home / name) if text is None else write(at, name, text)
    assert at.users("import", path) == 2
    assert words in at.err
    assert at.err.count("\n") == 1


def test_same_user_twice_is_refused_the_second_time(at):
    """The first row counts."""
    report = at.json("import", write(at, "u.csv", HEADER + "ada,,500,,,,,\nada,,900,,,,,\n"))
    assert outcomes(report) == ["imported", "refused"]
    assert at.json("show", "ada")["user"]["capital"] == "500"


def test_declared_position_becomes_a_trade_whose_stop_is_armed(at):
    """Entry price, stop and target as declared or by the options; the ledger agrees with itself."""
    path = write(at, "u.csv", HEADER + "ada,,500,,,,,AAA/USDT:2@95.5; BBBUSDT:1@100\n")
    at.json("import", path, "--stop", "0.1", "--target", "0.2")
    held = {row["symbol"]: row for row in at.json("show", "ada")["open_trades"]}
    assert (held["AAA/USDT"]["held"], held["AAA/USDT"]["open_price"]) == (2.0, 95.5)
    assert held["AAA/USDT"]["stop_price"] == pytest.approx(95.5 * 0.9)
    assert held["AAA/USDT"]["target_price"] == pytest.approx(95.5 * 1.2)
    with at.log() as log:
        assert log.breaks() == []
    assert outcomes(at.json("import", path)) == ["unchanged"]
    again = write(at, "v.csv", HEADER + "ada,,500,,,,,AAA/USDT:3@90\n")
    assert "holds AAA/USDT here already" in at.json("import", again)["rows"][0]["detail"]


def rows_with_key(at, key, secret, **more) -> str:
    row = {"user_id": "ada", "capital": "1000", "api_key": key, "secret": secret, "is_ip_bound": True} | more
    return write(at, "k.json", json.dumps([row]))


def test_key_in_a_row_is_proven_and_positions_are_checked_against_it(at):
    """Ten AAA are on the account: two may be declared, eleven may not."""
    at.users("master-key")
    key, secret = at.open_key()
    many = [{"symbol": "AAA/USDT", "amount": "11", "entry_price": "90"}]
    report = at.json("import", rows_with_key(at, key, secret, positions=many))
    assert "11 AAA are declared, the account of ada holds 10" in report["rows"][0]["detail"]
    assert at.json("list") == []
    few = [{"symbol": "AAA/USDT", "amount": "2", "entry_price": "90", "stop_loss": "0.03"}]
    path = rows_with_key(at, key, secret, positions=few)
    report = at.json("import", path)
    assert outcomes(report) == ["imported"]
    assert "held by the account" in report["rows"][0]["detail"]
    assert at.json("show", "ada")["key"][0]["state"] == "proven"
    assert outcomes(at.json("import", path)) == ["unchanged"]
    assert secret not in at.printed
    assert key not in at.printed


def test_unfit_key_refuses_the_whole_row(at):
    """A key that may withdraw: no user, no position, no key."""
    at.users("master-key")
    key, secret = at.open_key(permissions=ALL_PERMISSIONS | {WITHDRAW})
    report = at.json("import", rows_with_key(at, key, secret))
    assert "may withdraw" in report["rows"][0]["detail"]
    assert at.json("list") == []


def test_live_is_refused_while_another_bot_has_orders_on_the_key(at):
    """Stopped, the row comes in: on paper, with the way to live said."""
    at.users("master-key")
    key, secret = at.open_key()
    place_foreign(at.url, key, secret, "AAAUSDT", "SELL", price="200", quantity="1")
    path = rows_with_key(at, key, secret, mode="live")
    report = at.json("import", path)
    assert outcomes(report) == ["refused"]
    assert "mode live is refused: Another bot" in report["rows"][0]["detail"]
    store = at.exchange.matcher
    for order in store.store.open_orders(KEY):
        store.cancel(at.exchange.accounts.known[KEY], order, at.exchange.clock.now_ms())
    report = at.json("import", path)
    assert outcomes(report) == ["imported"]
    assert "sluice users mode ada live" in report["rows"][0]["detail"]
    assert at.json("show", "ada")["user"]["mode"] == "paper"


def test_old_cache_comes_in_by_a_mapping(at):
    """Per cent become fractions, BTCUSDT a symbol, seconds a time; a bad value is its row's."""
    dump, mapping = write(at, "dump.json", json.dumps(DUMP)), write(at, "map.toml", MAPPING)
    report = at.json("import", dump, "--mapping", mapping)
    assert outcomes(report) == ["imported", "refused"]
    assert "risk_per_trade must be a number, was 'x'" in report["rows"][1]["detail"]
    shown = at.json("show", "ada")
    assert (shown["user"]["risk_per_trade"], shown["user"]["blocked"]) == ("0.015", ["CCC/USDT"])
    assert shown["open_trades"][0]["open_at"].startswith("2026-01-01T00:00:00")
    lines = "\n".join(json.dumps({"key": key, "value": value}) for key, value in DUMP.items())
    report = at.json("import", write(at, "dump.jsonl", lines), "--mapping", mapping)
    assert outcomes(report) == ["unchanged", "refused"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("balance_usdt", "balanse", "'balanse', which no value has; fields are"),
        ("user:{id}:settings", "account:{id}", "no key of dump.json matches 'account:{id}'"),
        ("user:{id}:settings", "user:settings", "must hold {id} once"),
        ("capital =", "captial =", "unknown: captial"),
        ("percent = true", "per_cent = true", "table of field, percent, values"),
        ("[users]", "[user]", "must have [users]"),
        ("[users]", "[users", "no TOML"),
    ],
)
def test_mapping_error_is_named(at, old, new, words):
    """Before any row is read: which line of the mapping, and what there is instead."""
    dump, mapping = write(at, "dump.json", json.dumps(DUMP)), write(at, "map.toml", MAPPING.replace(old, new))
    assert at.users("import", dump, "--mapping", mapping) == 2
    assert words in at.err


def test_thousand_rows_are_quick_and_come_back_unchanged(at):
    """All rows in, then all unchanged; linear in CPU: the second half costs what the first did."""
    lines = [f"u{n:04d},User {n},{100 + n},0.01,3,,,AAA/USDT:1@{90 + n / 100}" for n in range(1000)]
    began = time.process_time()
    half = at.json("import", write(at, "a.csv", HEADER + "\n".join(lines[:500]) + "\n"))
    first = time.process_time() - began
    began = time.process_time()
    rest = at.json("import", write(at, "b.csv", HEADER + "\n".join(lines[500:]) + "\n"))
    second = time.process_time() - began
    assert half["counts"] == rest["counts"] == {"imported": 500}
    assert second < 3 * first
    again = at.json("import", write(at, "all.csv", HEADER + "\n".join(lines) + "\n"))
    assert again["counts"] == {"unchanged": 1000}
