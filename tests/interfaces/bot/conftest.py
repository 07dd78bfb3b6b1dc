"""One stand for each test."""

import pytest

from resources.settings import load_settings
from tests.interfaces.bot.stand import START, Stand
from tests.interfaces.bot.talking import Talking
from tests.trading.store.lineage_world import build
from trading.market.clock import ManualClock
from trading.store.order_log import OrderLog
from trading.store.order_log.chats import Role


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path / "orders.db")
    yield made
    made.log.close()


@pytest.fixture
def talking(tmp_path, monkeypatch):
    """A traded world; person 1 is its user, person 900 an operator."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "traded")
    (tmp_path / "traded").mkdir()
    chain = build(tmp_path / "traded")
    settings = load_settings()
    wall = ManualClock.at(START)
    log = OrderLog(settings.database_url, wall)
    made = Talking(settings, log, wall)
    made.user = log.accounts.rows()[0]["user_id"]
    made.link(1, made.user)
    made.link(900, None, Role.OPERATOR)
    yield made
    log.close()
    chain.log.close()
