"""Every route against everybody who should not be there: generated from the routes themselves."""

import re

import pytest
from fastapi.routing import APIRoute

from interfaces.pages.app import SHOWN
from interfaces.pages.desk import IDLE_S, LONGEST_S, Desk
from interfaces.pages.verbs import VERBS
from interfaces.ui.access.sessions import COOKIE as OPERATORS
from interfaces.ui.catalogue import PAGES
from resources.settings import load_settings
from tests.interfaces.pages.conftest import client_of, csrf_of
from trading.market.clock import ManualClock
from trading.store.order_log import OrderLog
from trading.store.order_log.page_links import LINK_MS
from trading.users.directory import Directory

OPEN = {("GET", "/in/{code}"), ("POST", "/in"), ("GET", "/static/{name}"), ("GET", "/health")}
CLOSED = {("GET", f"/{name}") for name in SHOWN} | {("POST", f"/{name}") for name in VERBS}
CLOSED |= {("POST", "/key"), ("POST", "/out"), ("GET", "/export")}
FORM = {"typed": "sell everything", "capital": "5", "what": "pause", "mode": "paper", "pair": "AAA/USDT"}
FORM |= {"max_positions": "9", "risk": "1", "daily_loss_limit": "5", "api_key": "k" * 20, "secret": "s" * 20}


def routes_of(app):
    """Return (method, path) of every route, those of included routers, too."""
    found = set()
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            found |= {(method, route.path) for method in route.methods}
        else:
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            assert inner is not None, f"a route that no test knows: {route!r}"
            waiting += inner.routes
    return found


def ask(client, method, path, **form):
    return client.get(path) if method == "GET" else client.post(path, data=FORM | form)


def state(log):
    """Return all that the routes could change of users."""
    return [
        log.accounts.rows(),
        [
            (log.wishes.preferred(u), log.wishes.consents_of(u), log.wishes.requests_of(u))
            for u in ("ada", "bob")
        ],
        [key.user_id for key in log.keys.all()],
    ]


def test_there_are_these_routes_and_none_of_the_operators(app):
    """What a proxy shows to the world is this list; a new route has to be put on it, and into the attacks."""
    assert routes_of(app) == OPEN | CLOSED
    shared = {path for _, path in OPEN | CLOSED} & {page.path for page in PAGES}
    assert shared <= {"/"}
    client = client_of(app)
    for path in ("/login", "/api/standing", "/events", "/live", "/users", "/vendor/lightweight-charts.js"):
        assert client.get(path).status_code == 404, path
    assert client.post("/orders/flatten", data={"typed": "flatten"}).status_code == 404
    assert client.get("/static/orders.js").status_code == 404
    assert client.get("/static/..%2f..%2fui%2fapp.py").status_code == 404


@pytest.mark.parametrize(("method", "path"), sorted(CLOSED))
def test_closed_routes_refuse_everybody_but_their_own_session(app, desk, opened, method, path):
    """No session, a guessed one, the operator's cookie, one that has ended, and other people's tokens."""
    ada, _ = opened("ada")
    _, bobs_token = opened("bob")
    before = state(desk.log)
    guests = {
        "none": client_of(app),
        "guessed": client_of(app, **{desk.cookie: "x" * 43}),
        "operator's": client_of(app, **{OPERATORS: ada.cookies[desk.cookie]}),
    }
    for name, guest in guests.items():
        answer = ask(guest, method, path, csrf=bobs_token)
        assert answer.status_code == 401, name
        assert not re.search(r"\bada\b", answer.text)  # letters of a random token are no name
    if method == "POST":
        for wrong in ("", "guessed", bobs_token):
            assert ask(ada, method, path, csrf=wrong).status_code == 403
        own = csrf_of(ada)
        foreign = ada.post(path, data=FORM | {"csrf": own}, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
    assert state(desk.log) == before
    for session in desk.sessions._held.values():
        session.seen_s -= IDLE_S + 1
    assert ask(ada, method, path, csrf=own if method == "POST" else "").status_code == 401
    assert state(desk.log) == before


def test_looking_at_a_link_spends_nothing_and_it_opens_once(app, desk):
    """A messenger's preview fetches it; the button opens it; a second press does not."""
    code = desk.log.page_links.make("ada")
    preview = client_of(app)
    for _ in range(5):
        answer = preview.get(f"/in/{code}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert not re.search(r"\bada\b", answer.text)  # letters of a random token are no name
    assert preview.get("/").status_code == 401
    first = client_of(app)
    answer = first.post("/in", data={"code": code})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "ada (ada)" in first.get("/").text
    assert client_of(app).post("/in", data={"code": code}).status_code == 403
    assert code not in str(
        [row.__dict__ if hasattr(row, "__dict__") else row for row in desk.log.chats.audit()]
    )


def test_expired_replaced_and_foreign_codes_open_nothing(at, tmp_path):
    """After fifteen minutes, after a newer one, of who has left; a chat's code is no link either way."""
    wall = ManualClock(1_000_000)
    log = OrderLog(f"sqlite:///{tmp_path}/links.db", wall)
    from trading.users.user import User

    Directory(log).add(User("ada", "Ada", "demo:1"))
    old = log.page_links.make("ada")
    new = log.page_links.make("ada")
    assert log.page_links.spend(old) is None
    wall.at_ms += LINK_MS
    assert log.page_links.spend(new) is None
    assert log.page_links.spend(log.chats.code("ada")) is None
    page = log.page_links.make("ada")
    assert log.chats.link(page, 7) is None
    log.leaving.forget("ada", "left-1")
    assert log.page_links.spend(page) is None
    log.close()


def test_who_guesses_links_is_locked_out_and_a_good_link_is_not_spent_by_it(app, desk):
    """Five wrong ones, then 429 before any look; memory and audit stay small."""
    client = client_of(app)
    codes = [client.post("/in", data={"code": f"guess{n}"}).status_code for n in range(50)]
    assert codes == [403] * 5 + [429] * 45
    assert sum(row.command == "page in" for row in desk.log.chats.audit(1_000)) == 5
    good = desk.log.page_links.make("ada")
    assert client.post("/in", data={"code": good}).status_code == 429
    assert desk.log.page_links.spend(good) == "ada"


def test_sessions_end_with_time_and_with_the_user(desk, opened, monkeypatch):
    """Eight hours in all; at once for who has left."""
    ada, _ = opened("ada")
    bob, _ = opened("bob")
    for session in desk.sessions._held.values():
        if session.name == "ada":
            session.began_s -= LONGEST_S + 1
    assert ada.get("/").status_code == 401
    desk.log.leaving.forget("bob", "left-2")
    assert bob.get("/").status_code == 401
    assert bob.get("/export").status_code == 401


def test_behind_https_the_cookie_is_secure_and_bound_to_the_host(at):
    """`__Host-`: browsers keep it only with Secure, for this host; strange hosts get 421."""
    from interfaces.pages.app import create_app

    settings = load_settings()
    desk = Desk(settings, OrderLog(settings.database_url), origin="https://my.example.net")
    app = create_app(desk)
    client = client_of(app)
    client.base_url = "https://my.example.net"
    cookie = client.post("/in", data={"code": desk.log.page_links.make("ada")}).headers["set-cookie"]
    assert cookie.startswith("__Host-sluice_own=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    answer = client.get("/in/x")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    client.base_url = "https://evil.example"
    assert client.get("/in/x").status_code == 421
    desk.close()
