"""A log opened to be looked at: it shows all, changes nothing, makes nothing, upgrades nothing."""

import pytest
import sqlalchemy as sa

from tests.trading.store.lineage_world import build
from trading.market.errors import MissingData, StoreError
from trading.store.order_log import OrderLog
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.store.order_log.read_only import ReadOnly


@pytest.fixture
def url(tmp_path):
    build(tmp_path).log.close()
    return f"sqlite:///{tmp_path}/orders.db"


def test_it_reads_what_is_there(url):
    """The one closed trade of the world."""
    log = OrderLog(ReadOnly(url))
    assert log.closed_trades().height == 1
    log.close()


def test_no_part_of_the_log_can_write_through_it(url):
    """Neither by the front door nor by a statement of its own: the database itself refuses."""
    log = OrderLog(ReadOnly(url))
    with pytest.raises(StoreError, match="looked at only"):
        log.halts.place(HaltKind.FREEZE, (HaltScope.FLEET, None), by="ada", why="x")
    with pytest.raises(StoreError, match="looked at only"):
        log.database.together()
    with pytest.raises(StoreError, match="readonly"), log.database.read() as connection:
        connection.execute(sa.text("delete from trades"))
    log.close()
    assert OrderLog(url).closed_trades().height == 1


def test_a_log_that_is_not_there_is_not_made(tmp_path):
    """Looking leaves no file behind."""
    with pytest.raises(MissingData, match="no order log"):
        ReadOnly(f"sqlite:///{tmp_path}/orders.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("revision", "said"), [("0001", "sluice log upgrade"), ("9999", "newer release")])
def test_a_log_of_another_release_is_named_and_left_alone(url, revision, said):
    """An old one is upgraded by a command, never by a screen; a newer one is not understood."""
    log = OrderLog(url)
    with log.database.write() as connection:
        connection.execute(sa.text(f"update alembic_version set version_num = '{revision}'"))
    log.close()
    with pytest.raises(StoreError, match=said):
        ReadOnly(url)
