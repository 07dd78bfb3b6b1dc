"""Work in a thread beside the network: in order, one at a time, never too far behind."""

import asyncio
import threading

import pytest

from trading.exchange.batches import Batches


async def test_every_item_is_worked_on_once_and_in_order() -> None:
    """However many at a time are put, batches hold them in the order in which they came."""
    seen: list[int] = []
    batches: Batches[int] = Batches(seen.extend)
    for start in range(0, 1_000, 7):
        await batches.put(range(start, min(start + 7, 1_000)))
    await batches.close()
    assert seen == list(range(1_000))
    assert batches.handed < 1_000 / 8


async def test_work_runs_in_one_thread_beside_the_loop() -> None:
    """While a batch is worked on, the loop goes on; never two batches at once."""
    gate, busy, threads, most = threading.Event(), [0], set(), [0]

    def work(items: list[int]) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        threads.add(threading.get_ident())
        gate.wait(5)
        busy[0] -= 1

    batches = Batches(work)
    await batches.put(range(batches.size))
    turned = 0
    for _ in range(100):
        await asyncio.sleep(0)
        turned += 1
    await batches.put([1])
    gate.set()
    await batches.close()
    assert turned == 100
    assert most == [1]
    assert threads.isdisjoint({threading.get_ident()})
    assert len(threads) == 1


async def test_who_brings_more_waits_while_the_thread_lags() -> None:
    """Three batches' worth may lie ready; then `put` does not return before work has gone on."""
    gate = threading.Event()
    batches: Batches[int] = Batches(lambda items: gate.wait(5) and None)
    size = batches.size

    async def bring() -> None:
        for number in range(20 * size):
            await batches.put([number])

    bringing = asyncio.create_task(bring())
    await asyncio.sleep(0.05)
    assert not bringing.done()
    assert batches.waiting <= 3 * size
    gate.set()
    await asyncio.wait_for(bringing, 5)
    await batches.close()


async def test_failure_of_the_work_reaches_who_brings_more() -> None:
    """What the work raises comes out of the next `put`, and nothing is worked on after it."""
    seen: list[int] = []

    def work(items: list[int]) -> None:
        seen.extend(items)
        raise OSError("disk full")

    batches = Batches(work)
    await batches.put(range(batches.size))

    async def go_on() -> None:
        for number in range(10_000):
            await batches.put([number])
            await asyncio.sleep(0.001)

    with pytest.raises(OSError, match="disk full"):
        await go_on()
    with pytest.raises(OSError, match="disk full"):
        await batches.close()
    assert len(seen) <= 3 * batches.size


class _Later:
    """An executor whose work takes as long as the test says; `end` ends it."""

    def __init__(self, wall: list[float]) -> None:
        self.wall = wall

    def submit(self, work, *arguments):
        from concurrent.futures import Future

        self.future, self.work, self.arguments = Future(), work, arguments
        return self.future

    def shutdown(self, **_) -> None:
        pass

    async def end(self, took_s: float) -> None:
        self.wall[0] += took_s
        self.future.set_result(self.work(*self.arguments))
        for _ in range(5):
            await asyncio.sleep(0)


async def _sizes(took_s: float, per_s: float) -> list[int]:
    wall, got = [0.0], []
    executor = _Later(wall)
    batches = Batches(lambda items: got.append(len(items)), executor=executor, wall=lambda: wall[0])
    for number in range(4_000):
        wall[0] += 1 / per_s
        await batches.put([number])
        await asyncio.sleep(0)
        if batches._running is not None:
            await executor.end(took_s)
    return got


async def test_batch_grows_with_the_pace_of_the_network_and_the_cost_of_the_work() -> None:
    """Two seconds of network where work is quick; work of 2 s a batch is given batches of 8 s."""
    quick, quicker_network, slow = await _sizes(0.01, 50), await _sizes(0.01, 200), await _sizes(2.0, 50)
    assert 90 <= quick[-1] <= 110
    assert 350 <= quicker_network[-1] <= 450
    assert slow[-1] >= 300
