"""Connections are kept between two uses, few enough that nobody waits for one, and closed when they fail."""

from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from trading.market.errors import StoreError
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import Prepared

MOST = 15  # of SQLAlchemy's pool: five kept open, ten more at need
ONE = Prepared(sa.select(sa.literal_column("1").label("one")))
NOWHERE = Prepared(sa.select(sa.table("nowhere", sa.column("n")).c.n))


@pytest.fixture
def database(tmp_path):
    found = Database(f"sqlite:///{tmp_path}/orders.db")
    yield found
    found.close()


def test_as_many_readers_at_once_as_the_pool_bears_leave_it_to_those_who_come_after(database):
    """A burst of readers must not keep every connection for ever: the writer after it would wait in vain."""
    with ExitStack() as burst:
        for _ in range(MOST):
            connection = burst.enter_context(database.read())
            connection.execute(sa.text("select 1"))
    assert database.engine.pool.checkedout() < MOST / 2
    with database.write() as connection:
        connection.execute(sa.text("delete from halts"))
    with ExitStack() as burst:
        for _ in range(MOST - 1):
            burst.enter_context(database.read())


def test_a_driver_whose_statement_failed_is_closed_and_another_takes_its_place(database):
    """Left open it would hold its file until somebody collects it, on Postgres a whole backend."""
    assert database.rows(ONE) == [{"one": 1}]
    (driver,) = database._drivers
    with pytest.raises(StoreError, match="nowhere"):
        database.rows(NOWHERE)
    with pytest.raises(database.engine.dialect.loaded_dbapi.ProgrammingError, match="closed"):
        driver.execute("select 1")
    assert database.rows(ONE) == [{"one": 1}]
