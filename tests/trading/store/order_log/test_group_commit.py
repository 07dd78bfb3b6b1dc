"""Many tasks, one commit: what came back is on disk, what fails fails alone, the loop is never held up."""

import asyncio
import threading
from decimal import Decimal
from functools import partial

import pytest
import sqlalchemy as sa

from tests.trading.store.order_log.rows import intent
from trading.market.errors import MissingData, StoreError
from trading.store.order_log import OrderLog
from trading.store.order_log.group_commit import GroupCommit, run_together
from trading.store.order_log.records import Event, IntentStatus


@pytest.fixture
def commits(log):
    """Counts the commits of write transactions from here on."""
    found = []
    sa.event.listen(log.database.engine, "commit", found.append)
    return found


def plan_many(log, count: int) -> list[str]:
    intents = [
        intent(coid=f"c{n}", intent_id=f"int-{n}", trade_id=f"trd-{n}", symbol=f"S{n}/USDT")
        for n in range(count)
    ]
    log.orders.plan_entries("u1", "set-1", intents, [], place=0, at_ms=5)
    return [item.coid for item in intents]


def test_writes_of_one_batch_share_a_commit_and_are_there_after_it(log_with_set, url, commits):
    """Twenty moves NEW -> SENT: one commit, all seen by another connection."""
    coids = plan_many(log_with_set, 20)
    commits.clear()
    outcomes = run_together(
        log_with_set.database, [partial(log_with_set.orders.mark_sent, coid) for coid in coids]
    )
    assert [outcome.value for outcome in outcomes] == [True] * 20
    assert len(commits) == 1
    other = OrderLog(url)
    assert len(other.orders.find(statuses=[IntentStatus.SENT])) == 20
    other.close()


def test_one_that_breaks_a_rule_fails_alone(log_with_set):
    """The others of its batch are written; of its own work nothing stays."""
    log = log_with_set
    plan_many(log, 2)

    def half_way() -> None:
        with log.database.write() as connection:
            log.outbox.add(connection, Event("half", "u1", "x", {}, 5))
            log.ledger._intent(connection, "nobody")

    works = [partial(log.orders.mark_sent, "c0"), half_way, partial(log.orders.mark_sent, "c1")]
    first, broken, last = run_together(log.database, works)
    assert (first.value, last.value) == (True, True)
    assert isinstance(broken.error, MissingData)
    assert log.outbox.waiting() == []
    assert {item.status for item in log.orders.find()} == {IntentStatus.SENT}


def test_only_one_of_a_batch_may_send(log_with_set):
    """Two tasks that claim one order in one batch: the second sees what the first wrote."""
    plan_many(log_with_set, 1)
    works = [partial(log_with_set.orders.mark_sent, "c0")] * 2
    assert [outcome.value for outcome in run_together(log_with_set.database, works)] == [True, False]


def test_a_batch_that_the_database_refuses_is_tried_one_by_one(log_with_set, monkeypatch):
    """A commit that fails as a whole costs nobody but those whose own write is refused."""
    log = log_with_set
    plan_many(log, 3)
    tries = []

    def refused() -> None:
        tries.append(1)
        raise StoreError("the disk is full")

    works = [partial(log.orders.mark_sent, "c0"), refused, partial(log.orders.mark_sent, "c1")]
    outcomes = run_together(log.database, works)
    assert [outcome.value for outcome in outcomes] == [True, None, True]
    assert isinstance(outcomes[1].error, StoreError)
    assert len(tries) == 2


async def test_tasks_get_their_own_answers_from_the_writing_thread(log_with_set):
    """Forty tasks: each is told what its own write returned, in fewer commits than writes."""
    coids = plan_many(log_with_set, 40)
    moved = await asyncio.gather(
        *(log_with_set.durably(partial(log_with_set.orders.mark_sent, coid)) for coid in [*coids, "none"])
    )
    assert moved == [True] * 40 + [False]
    writer = log_with_set.writer
    assert isinstance(writer, GroupCommit)
    assert writer.writes == 41
    assert writer.commits < 41
    with pytest.raises(MissingData, match="nobody"):
        await log_with_set.durably(lambda: log_with_set.orders.get("nobody"))


async def test_the_loop_goes_on_while_a_write_waits_for_another_writer(log_with_set):
    """Somebody else holds the write lock: the loop turns, and the write is done when the lock is free."""
    plan_many(log_with_set, 1)
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with log_with_set.database.write() as connection:
            connection.execute(sa.text("UPDATE users SET name = 'held'"))
            is_held.set()
            may_go.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(10)
    write = asyncio.create_task(log_with_set.durably(partial(log_with_set.orders.mark_sent, "c0")))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not write.done()
    may_go.set()
    assert await write is True
    holder.join()


async def test_what_waits_is_written_before_the_log_closes(log_with_set, url):
    """close() ends the thread after its last batch."""
    coids = plan_many(log_with_set, 5)
    tasks = [
        asyncio.create_task(log_with_set.durably(partial(log_with_set.orders.mark_sent, coid)))
        for coid in coids
    ]
    await asyncio.sleep(0)
    log_with_set.writer.close()
    assert await asyncio.gather(*tasks) == [True] * 5


async def test_a_cancelled_task_stops_nobody(log_with_set):
    """Its write may be done or not; the writer answers the next one."""
    coids = plan_many(log_with_set, 2)
    task = asyncio.create_task(log_with_set.durably(partial(log_with_set.orders.mark_sent, coids[0])))
    await asyncio.sleep(0)
    task.cancel()
    assert await log_with_set.durably(partial(log_with_set.orders.mark_sent, coids[1])) is True


async def test_a_booking_in_a_batch_reads_its_own_fills(log_with_open_trade):
    """`book` reads back what it wrote: inside a shared transaction, too."""
    from tests.trading.store.order_log.rows import fill, order
    from trading.market.orders import OrderStatus

    log = log_with_open_trade
    state = order("O1", "c1", OrderStatus.FILLED, "2", "2")
    late = partial(log.ledger.book, "c1", state, [fill("f2", amount="1")], at_ms=9)
    booking, _ = await asyncio.gather(log.durably(late), log.durably(partial(log.set_cursor, "a", "b")))
    assert booking.trade.bought == Decimal(3)
