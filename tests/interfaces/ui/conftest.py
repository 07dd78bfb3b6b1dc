"""A dashboard over the small traded world, with one operator and one viewer."""

import logging
import re
import socket
import threading

import pytest
import uvicorn
from starlette.testclient import TestClient

from bench import chromium
from interfaces.ui.access.accounts import Accounts, Role
from interfaces.ui.app import create_app
from interfaces.ui.desk import Desk
from interfaces.ui.world import World
from resources.settings import load_settings

PASSWORD = "correct-horse-battery"
SEEN = {"symbol": "AAA/USDT", "user": "u1", "group": "", "run": "", "table": "approved_symbols"}
SEEN |= {"version": "", "one": "", "two": "", "evaluation": ""}


@pytest.fixture(scope="session")
def accounts(tmp_path_factory):
    """Made once: each hash costs some 50 ms on purpose."""
    made = Accounts(tmp_path_factory.mktemp("accounts") / "ui_accounts.json")
    made.put("ada", PASSWORD, Role.OPERATOR)
    made.put("vic", PASSWORD, Role.VIEWER)
    return made


@pytest.fixture
def desk(traded, accounts):
    """The desk over the traded world."""
    made = Desk(World(load_settings()), accounts)
    yield made
    made.close()


@pytest.fixture
def app(desk):
    return create_app(desk)


@pytest.fixture
def client(app):
    """Nobody in particular."""
    return TestClient(app, base_url="http://127.0.0.1:8050", follow_redirects=False)


def log_in(client, name="ada", password=PASSWORD):
    """Log in through the form, as a browser does; the token that changes need."""
    stamp = re.search(r'name="stamp" value="([^"]+)"', client.get("/login").text)
    answer = client.post("/login", data={"stamp": stamp[1], "name": name, "password": password})
    if answer.status_code != 303:
        return None
    return re.search(r'data-csrf="([^"]+)"', client.get("/").text)[1]


@pytest.fixture
def seated(desk, app):
    """Give a logged-in client and its token without the price of a password; `seated("vic")` is a viewer."""

    def seat(name="ada"):
        from interfaces.ui.access.sessions import COOKIE

        token = desk.sessions.begin(name, desk.accounts.names()[name], desk.accounts.mark(name))
        client = TestClient(
            app, base_url="http://127.0.0.1:8050", follow_redirects=False, cookies={COOKIE: token}
        )
        return client, desk.sessions.get(token).csrf

    return seat


@pytest.fixture
def served(desk):
    """The dashboard on a free port, in a thread."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(desk), log_level="error", timeout_graceful_shutdown=1))
    # Open streams are cut at the end of a test, which the server would tell at length.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def tab(tmp_path):
    with chromium.browser(chromium.found(), tmp_path / "profile") as made:
        yield made


def visit(tab, base, page):
    asked = "&".join(f"{name}={SEEN[name].replace('/', '%2F')}" for name in page.asks)
    tab.go(f"{base}{page.path}?{asked}")
    tab.wait("document.documentElement.dataset.ready === 'yes'")
