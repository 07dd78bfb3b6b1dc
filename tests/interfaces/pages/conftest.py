"""Users' pages over a world with an embedded exchange: ada and bob, who come in by a link."""

import logging
import re
import socket
import threading

import pytest
import uvicorn
from starlette.testclient import TestClient

from bench import chromium
from interfaces.pages.app import create_app
from interfaces.pages.desk import Desk
from resources.settings import load_settings
from tests.interfaces.users_stand import stand
from trading.store.order_log import OrderLog

BASE = "http://127.0.0.1:8060"


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    """The world, `sluice users` and the exchange."""
    with stand(tmp_path, monkeypatch, capsys) as found:
        assert found.users("master-key") == 0
        assert found.users("add", "ada", "--capital", "1000") == 0
        assert found.users("add", "bob", "--capital", "1000") == 0
        yield found


@pytest.fixture
def desk(at):
    settings = load_settings()
    made = Desk(settings, OrderLog(settings.database_url))
    yield made
    made.close()


@pytest.fixture
def app(desk):
    return create_app(desk)


def client_of(app, **cookies):
    return TestClient(
        app, base_url=BASE, follow_redirects=False, cookies=cookies, raise_server_exceptions=False
    )


@pytest.fixture
def opened(desk, app):
    """Give a client that came in by a link, and the token that changes need."""

    def come(user_id="ada"):
        client = client_of(app)
        answer = client.post("/in", data={"code": desk.log.page_links.make(user_id)})
        assert answer.status_code == 303
        return client, csrf_of(client)

    return come


def csrf_of(client):
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/settings").text)[1]


@pytest.fixture
def served(desk):
    """The pages on a free port, in a thread."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(desk), log_level="error", timeout_graceful_shutdown=1))
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
