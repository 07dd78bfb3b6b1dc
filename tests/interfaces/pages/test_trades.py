"""Equity and trades of a world in which one trade was closed."""

from interfaces.pages.app import create_app
from interfaces.pages.desk import Desk
from resources.settings import load_settings
from tests.interfaces.pages.conftest import client_of
from trading.store.order_log import OrderLog


def test_a_closed_trade_is_in_the_chart_its_words_and_the_tables(traded):
    """One line, one sentence for who cannot see it, one row."""
    settings = load_settings()
    desk = Desk(settings, OrderLog(settings.database_url))
    client = client_of(create_app(desk))
    client.post("/in", data={"code": desk.log.page_links.make(traded.log.accounts.rows()[0]["user_id"])})
    for name in ("", "trades"):
        assert "AAA/USDT" in client.get(f"/{name}").text
    text = client.get("/").text
    assert "<polyline" in text
    assert "1 closed trades" in text
    desk.close()
