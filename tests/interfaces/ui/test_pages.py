"""Each page's data, without a browser: from a traded world, an empty one, and one full of hostile names."""

import json
import re
import shutil
from decimal import Decimal

import polars as pl
import pytest
import sqlalchemy as sa

from interfaces.ui.catalogue import PAGES
from tests.interfaces.ui.conftest import SEEN
from tests.trading.store.lineage_world import AT
from trading.store.order_log import schema

HOSTILE = ['<img src=x onerror="alert(1)">/USDT', "\u202eTDSU/CBA", "<script>alert(1)</script>", "Ж" * 10_000]


def query(page, **names):
    given = SEEN | names
    return {name: given[name] for name in page.asks}


def section(body, title):
    return next(one for one in body["sections"] if one["title"] == title)


def rows(body, title):
    found = section(body, title)
    keys = [column["key"] for column in found["columns"]]
    return [dict(zip(keys, row, strict=True)) for row in found["rows"]]


def test_a_fault_of_ours_is_a_500_in_the_log_and_no_fault_of_who_asked(seated, monkeypatch):
    """A page that fails with ValueError is not "could not be read"; a form that cannot be read is."""
    from interfaces.ui.pages import news

    client, csrf = seated()

    def fail(_world, _asked):
        raise ValueError("min() of nothing")

    monkeypatch.setattr(news, "data", fail)
    with pytest.raises(ValueError, match="min"):  # what the server logs
        client.get("/api/news")
    client._transport.raise_server_exceptions = False
    answer = client.get("/api/news")
    assert (answer.status_code, "went wrong here" in answer.json()["error"]) == (500, True)
    many = {f"f{number}": "" for number in range(30)} | {"csrf": csrf}
    assert client.post("/orders/stop-entries", data=many).status_code == 400


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_and_its_data_answer(seated, page):
    """Of a world in which one trade was made."""
    client, _ = seated("vic")
    assert client.get(page.path, params=query(page)).status_code == 200
    answer = client.get(f"/api/{page.name}", params=query(page))
    assert answer.status_code == 200, answer.text
    assert answer.json()["sections"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_of_a_world_without_anything_answers(seated, traded, page):
    """Before the first run: no lake, no order log; a sentence, no error, and no log is made by looking."""
    client, _ = seated("vic")
    root = traded.lake.root.parent
    traded.log.close()
    shutil.rmtree(root / "lake")
    for path in root.glob("orders.db*"):
        path.unlink()
    answer = client.get(f"/api/{page.name}", params=query(page))
    assert answer.status_code in (200, 400), answer.text
    assert not (root / "orders.db").exists()


def test_the_first_screen_says_what_status_says(seated, traded):
    """One verdict in two places."""
    from interfaces.cli import status
    from resources.settings import load_settings

    body = seated()[0].get("/api/standing").json()
    found = status.report(load_settings(), traded.lake)["verdict"]
    assert body["verdict"].lower() == found.lower()
    assert body["tone"] == "wait"
    assert [one["part"] for one in section(body, "Where the symbols went")["bars"]] == [1, 1, 1]


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [
        ("trading: approved symbols: 3", "good"),
        ("trading, 2 open positions, 1 closed trades", "good"),
        ("3 open positions and NO engine watches their exits. Next: sluice dev", "bad"),
        ("no entries: freeze of the fleet by ada: x (sluice halts), 0 open positions", "bad"),
        ("not trading: nothing passed screening", "wait"),
    ],
)
def test_the_tone_of_a_verdict(verdict, tone):
    """Positions without an engine and a halt are what a person must see first."""
    from interfaces.ui.pages import standing

    assert standing.tone(verdict) == tone


def test_paper_and_live_money_stay_apart(seated, traded):
    """Two sections, two sums: 5 bought at 10.25 and sold at 11.3 less two fees of 0.05 is 5.15."""
    with traded.log.database.write() as connection:
        row = dict(connection.execute(sa.select(schema.trades)).mappings().one())
        live = row | {"trade_id": "t-live", "mode": "live", "pnl_quote": row["pnl_quote"] * -3}
        connection.execute(schema.trades.insert(), live)
    for page in ("standing", "live"):
        body = seated()[0].get(f"/api/{page}").json()
        sums = {
            one["title"]: one["figures"][0]["value"]
            for one in body["sections"]
            if one["title"].startswith("Money")
        }
        assert sums == {"Money, paper": "+5.15", "Money, live": "-15.45"}


def test_positions_show_their_armed_exits(seated, traded):
    """Opened again: 5 held, with stop and deadline; nobody watches, and the page says so."""
    with traded.log.database.write() as connection:
        connection.execute(
            schema.trades.update().values(is_closed=False, sold=Decimal(0), sold_cost=Decimal(0))
        )
    body = seated()[0].get("/api/live").json()
    [held] = rows(body, "Open positions")
    assert (held["user_id"], held["symbol"], held["mode"], held["held"]) == ("u1", "AAA/USDT", "paper", 5.0)
    assert held["armed"].startswith("stop, target, deadline")
    assert "nobody watches" in section(body, "Open positions")["said"]
    [stake] = rows(body, "Fleet exposure")
    assert stake["cost_quote"] == pytest.approx(51.25)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_hostile_names_are_cut_and_lose_their_direction_marks(seated, traded, page):
    """In data: plain text of bounded length. In pages: only what the address says, escaped."""
    spoil(traded)
    client, _ = seated("vic")
    for name in HOSTILE[:3]:
        asked = dict.fromkeys(page.asks, name)
        answer = client.get(f"/api/{page.name}", params=asked)
        assert answer.status_code in (200, 400, 404), answer.text
        texts = list(walk(answer.json()))
        assert max(map(len, texts), default=0) <= 900
        assert not any("\u202e" in text or "\x00" in text for text in texts)
        html = client.get(page.path, params=asked).text
        assert "<img src=x" not in html
        assert "<script>alert" not in html
    if page.asks:
        assert client.get(page.path, params=dict.fromkeys(page.asks, "9" * 200)).status_code == 400


def spoil(traded):
    """Put hostile names where symbols, users, reasons and headlines are."""
    funnel = traded.lake.read("screened_symbols")
    bad = pl.concat(
        [funnel.head(1).with_columns(symbol=pl.lit(name), reason=pl.lit(name)) for name in HOSTILE]
    ).with_columns(is_kept=pl.lit(False), rule=pl.lit(HOSTILE[0]))
    traded.lake.publish("screened_symbols", pl.concat([funnel, bad]), key=("symbol",), at=AT)
    with traded.log.database.write() as connection:
        row = dict(connection.execute(sa.select(schema.trades)).mappings().one())
        for number, name in enumerate(HOSTILE):
            trade = row | {
                "trade_id": f"t{number}",
                "symbol": name,
                "held_up": name,
                "is_closed": number % 2 == 0,
            }
            connection.execute(schema.trades.insert(), trade)
        connection.execute(schema.users.update().values(name=HOSTILE[0]))
        connection.execute(schema.intents.update().values(reason=HOSTILE[3]))


def walk(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, content in value.items():
            yield name
            yield from walk(content)
    elif isinstance(value, list):
        for content in value:
            yield from walk(content)


def test_unknown_pages_and_hostile_paths_are_one_sentence(seated):
    """Escaped, short, no trace of a stack."""
    client, _ = seated()
    answer = client.get("/api/" + "<b>" * 20)
    assert answer.status_code == 404
    assert len(answer.json()["error"]) < 100
    page = client.get("/<script>alert(1)</script>")
    assert page.status_code == 404
    assert "<script>alert" not in page.text
    assert "Traceback" not in page.text


def test_what_is_asked_by_many_is_made_once(seated, monkeypatch):
    """Twenty viewers within the time that an answer holds: one computation, the same bytes."""
    from interfaces.ui.pages import standing

    made = []
    whole = standing.data
    monkeypatch.setattr(standing, "data", lambda *given: made.append(1) or whole(*given))
    client, _ = seated()
    bodies = {client.get("/api/standing").content for _ in range(20)}
    assert len(bodies) == 1
    assert len(made) == 1


def test_the_dashboard_never_opens_the_warehouse(seated, traded):
    """Its DuckDB file may be held by the pipeline: no module of the dashboard names duckdb or its file."""
    from pathlib import Path

    import interfaces.ui

    folder = Path(interfaces.ui.__file__).parent
    offenders = [
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(import|from) (duckdb|dagster)|warehouse_path", path.read_text(), re.MULTILINE)
    ]
    assert offenders == []


def test_data_is_json_that_says_what_it_is(seated):
    """Every column of every table has a heading and a known kind; rows are as wide as their columns."""
    kinds = {"text", "number", "percent", "price", "money", "time", "age", "symbol", "user"}
    kinds |= {"group", "mode", "tag", "run", "table", "page", "evaluation"}
    client, _ = seated()
    for page in PAGES:
        body = client.get(f"/api/{page.name}", params=query(page)).json()
        for one in body["sections"]:
            if one["kind"] == "table":
                assert {column["kind"] for column in one["columns"]} <= kinds
                assert {len(row) for row in one["rows"]} <= {len(one["columns"])}
            assert one["title"]
        json.dumps(body, allow_nan=False)
