"""The front door: sets once, frames with their promised columns, durability, one schema for two databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.trading.store.order_log.conftest import START, make_set, make_signal
from trading.market.errors import BadInput, NoVersion, StoreError
from trading.store.order_log import OrderLog, columns, schema
from trading.store.order_log.records import Event


def test_a_signal_set_is_written_once_and_never_changed(log):
    """The second write of an id returns False and the first body stays."""
    first = make_set()
    assert log.write_signal_set(first) is True
    assert log.write_signal_set(replace(first, timeframe="1h")) is False
    assert log.get_signal_set(first.signal_set_id) == first


def test_unknown_set_is_named(log):
    """NoVersion names the id."""
    with pytest.raises(NoVersion, match="set-none"):
        log.get_signal_set("set-none")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit_price": Decimal(0)}, "limit_price"),
        ({"stop_loss": Decimal(1)}, "stop_loss"),
        ({"take_profit": Decimal("-0.1")}, "take_profit"),
        ({"max_hold_s": 0}, "max_hold_s"),
    ],
)
def test_unusable_set_is_refused_whole(log, changes, words):
    """The message names the value; nothing is written."""
    batch = make_set(make_signal(), make_signal("BBB/USDT", **changes))
    with pytest.raises(BadInput, match=words):
        log.write_signal_set(batch)
    assert log.decisions().is_empty()


def test_features_that_are_no_numbers_are_left_out(log):
    """JSON has no NaN: the key is missing, the others stay."""
    log.write_signal_set(make_set(make_signal(features={"f_a": float("nan"), "f_b": 1.5})))
    assert log.decisions()["features"].to_list() == ['{"f_b": 1.5}']


def test_only_unexpired_sets_are_live(log):
    """Live means: market time is before the expiry."""
    log.write_signal_set(make_set())
    ms = int((START + timedelta(minutes=30)).timestamp() * 1000)
    assert log.sets.live(ms - 1) == [make_set().signal_set_id]
    assert log.sets.live(ms) == []


def test_frames_have_their_columns_with_and_without_rows(log, log_with_open_trade):
    """Analysis can rely on names and types before the first trade, too."""
    for frame, expected in (
        (log.closed_trades(), columns.CLOSED_TRADES),
        (log.open_trades(), columns.OPEN_TRADES),
        (log.decisions(), columns.DECISIONS),
        (log.intents(), columns.INTENTS),
        (log.fills(), columns.FILLS),
        (log.skips(), columns.SKIPS),
        (log.signal_sets(), columns.SIGNAL_SETS),
        (log.user_summary(), columns.USERS),
    ):
        assert dict(frame.schema) == expected


def test_summary_counts_what_happened(log_with_open_trade):
    """One order sent and filled, one fill, one open trade."""
    row = log_with_open_trade.user_summary().row(0, named=True)
    assert (row["orders"], row["filled_orders"], row["fills"], row["open_trades"]) == (1, 1, 1, 1)


def test_commits_survive_a_power_cut(sqlite_url):
    """SQLite promises that only in WAL with full sync; both are asked back from the connection."""
    log = OrderLog(sqlite_url)
    with log.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    log.close()


def test_a_read_is_one_snapshot(log):
    """What another connection commits in the middle of a read is not seen by it, only after it."""
    with log.database.read() as reading:
        before = reading.execute(sa.select(schema.users.c.name)).all()
        log.accounts.change("u1", name="Another")
        assert reading.execute(sa.select(schema.users.c.name)).all() == before
    assert log.accounts.rows()[0]["name"] == "Another"


def test_writers_wait_for_each_other(log, url):
    """Four writers that read, think and write back one number each lose no addition on either database."""
    log.set_cursor("n", "0")

    def add(_number: int) -> None:
        with log.database.write() as connection:
            table = schema.cursors
            found = connection.scalar(sa.select(table.c.value).where(table.c.name == "n"))
            connection.execute(table.update().values(value=str(int(found) + 1)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert log.cursor("n") == "40"


def test_decimals_come_back_exactly(log):
    """No float in between: 28 digits and exponents survive."""
    for text in ("0.1234567890123456789012345678", "1E+3", "-0.00000001"):
        log.accounts.change("u1", capital=Decimal(text))
        assert log.accounts.rows()[0]["capital"] == Decimal(text)


def test_newer_schema_is_refused(log, url):
    """A log written by a newer release is not opened by an older one."""
    with log.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="revision 9999, written by a newer release"):
        OrderLog(url)


def test_outbox_keeps_an_event_once_and_knows_two_readers(log):
    """Messages and cache each get every event; marking one reader leaves the other."""
    event = Event("e1", "u1", "trade_opened", {"a": 1}, 5)
    log.outbox.post(event)
    log.outbox.post(replace(event, payload={"a": 2}))
    (waiting,) = log.outbox.waiting()
    assert waiting.payload == {"a": 1}
    log.outbox.mark([waiting])
    assert log.outbox.waiting() == []
    assert len(log.outbox.waiting("cached")) == 1


def test_cursor_is_remembered(log):
    """Set, overwritten, read; unknown is None."""
    assert log.cursor("x") is None
    log.set_cursor("x", "1")
    log.set_cursor("x", "2")
    assert log.cursor("x") == "2"


def test_schema_compiles_for_postgres():
    """Every table has a Postgres form; autoincrement becomes BIGSERIAL."""
    ddl = {
        table.name: str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))
        for table in schema.metadata.sorted_tables
    }
    assert "BIGSERIAL" in ddl["outbox"]
    assert "suspensions" in ddl
    assert len(ddl) >= 23
