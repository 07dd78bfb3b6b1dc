"""Writes that have time: they share the commit of one that has none, or are committed when it is over."""

import asyncio
import time
from functools import partial

from tests.trading.store.order_log.test_group_commit import plan_many
from trading.store.order_log.group_commit import GroupCommit


async def test_a_write_that_has_time_goes_with_the_next_that_has_none(log_with_set):
    """Four may wait a minute, one may not: five writes, one commit, and nobody waits a minute."""
    coids = plan_many(log_with_set, 5)
    mark, writer = log_with_set.orders.mark_sent, log_with_set.writer
    assert isinstance(writer, GroupCommit)
    waiting = [asyncio.create_task(log_with_set.durably(partial(mark, c), within_s=60)) for c in coids[:4]]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    assert await log_with_set.durably(partial(mark, coids[4])) is True
    assert await asyncio.gather(*waiting) == [True] * 4
    assert (writer.commits, writer.writes) == (1, 5)


async def test_a_write_alone_is_committed_when_its_time_is_over(log_with_set):
    """Nobody else comes: it waits its 50 ms, no less, and is done."""
    plan_many(log_with_set, 1)
    began = time.monotonic()
    assert await log_with_set.durably(partial(log_with_set.orders.mark_sent, "c0"), within_s=0.05) is True
    assert time.monotonic() - began >= 0.049


async def test_the_one_with_the_least_time_takes_all_along(log_with_set):
    """A minute was asked first, 20 ms second: one commit, after 20 ms."""
    coids = plan_many(log_with_set, 2)
    mark = log_with_set.orders.mark_sent
    writes = [
        log_with_set.durably(partial(mark, c), within_s=s) for c, s in zip(coids, (60, 0.02), strict=True)
    ]
    async with asyncio.timeout(30):
        assert await asyncio.gather(*writes) == [True, True]
    assert log_with_set.writer.commits == 1


async def test_what_has_time_is_written_before_the_log_closes(log_with_set):
    """close() waits for no timer."""
    coids = plan_many(log_with_set, 3)
    mark = log_with_set.orders.mark_sent
    tasks = [asyncio.create_task(log_with_set.durably(partial(mark, c), within_s=60)) for c in coids]
    await asyncio.sleep(0)
    log_with_set.writer.close()
    assert await asyncio.gather(*tasks) == [True] * 3


async def test_a_write_that_has_time_breaks_its_rule_alone(log_with_set):
    """One of three raises: it hears so, the other two are on disk."""
    coids = plan_many(log_with_set, 2)
    mark = log_with_set.orders.mark_sent

    def fail() -> None:
        raise ValueError("mine")

    works = [partial(mark, coids[0]), fail, partial(mark, coids[1])]
    writes = [log_with_set.durably(work, within_s=0.02) for work in works]
    first, error, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, last) == (True, True)
    assert isinstance(error, ValueError)
