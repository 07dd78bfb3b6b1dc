"""What the engine tells Prometheus: scraped over loopback, bounded, and never in the way of trading."""

import asyncio
import re
import socket
import urllib.request
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.trading.execution.world import World
from trading.exchange.feed.events import Origin
from trading.exchange.feed.health import HealthRow
from trading.exchange.throttle import Limiter
from trading.execution import metrics
from trading.execution.live_prices import LivePrices
from trading.execution.metrics import METRICS, MOST_RULES, bounded
from trading.execution.metrics_server import HOST, _feed_facts, serving_metrics
from trading.store.order_log.group_commit import GroupCommit
from trading.store.order_log.records import IntentStatus

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"


def page(port: int) -> str:
    """Return the text that Prometheus reads."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def scraped(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what one scrape says: sample name -> values of its labels -> number."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(page(port)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@asynccontextmanager
async def running(world, monkeypatch, port=0):
    """An engine that has entered, and its metrics; copied without waiting."""
    monkeypatch.setattr(metrics, "COPY_S", 0.0)
    engine = await world.boot()
    limiter = Limiter(50.0)
    async with serving_metrics(engine, limiter, port) as served:
        yield engine, limiter, served


async def test_a_scrape_of_an_engine_that_holds_tells_its_orders_and_exits(tmp_path, monkeypatch):
    """Two users, two symbols: four entries done, four positions, four exits armed; nobody skipped."""
    world = World(tmp_path, users=2)
    async with running(world, monkeypatch) as (engine, limiter, port):
        for _ in range(4):
            await engine.step()
            world.wall.advance(400)
        await limiter.acquire(3)
        metrics_told = await _scraped_later(port)
    assert metrics_told["sluice_orders"] == {("DONE",): 4.0}
    assert metrics_told["sluice_positions_open"] == {(): 4.0}
    assert metrics_told["sluice_exits_armed"] == {(): 4.0}
    assert metrics_told["sluice_exits_held_up"] == {(): 0.0}
    assert metrics_told["sluice_accounts_reconciled"] == {(): 2.0}
    assert metrics_told["sluice_limiter_weight_total"] == {(): 3.0}
    assert metrics_told["sluice_limiter_waiting"][("exit",)] == 0.0
    assert metrics_told["sluice_outbox_waiting"][("delivered",)] == 0.0
    assert metrics_told["sluice_log_write_seconds_count"][()] > 0
    assert metrics_told["sluice_loop_lag_seconds_count"][()] > 0
    assert metrics_told["process_resident_memory_bytes"][()] > 1e6


async def _scraped_later(port):
    """Scrape from another thread, as Prometheus does, once the loop has had time to copy its state."""
    await asyncio.sleep(3 * metrics.LOOK_S)
    return await asyncio.to_thread(scraped, port)


async def test_signals_not_followed_are_counted_by_rule_and_never_by_user_or_symbol(tmp_path, monkeypatch):
    """A paused user skips both signals of the set."""
    world = World(tmp_path, users=2)
    async with running(world, monkeypatch) as (engine, _, port):
        engine.desk.log.accounts.change("u2", is_paused=True)
        for _ in range(4):
            await engine.step()
        told = await _scraped_later(port)
        world.clock.advance(3_600_000)  # the set has expired: its skips are counted once and kept
        again = await _scraped_later(port)
    assert told["sluice_skips_total"] == again["sluice_skips_total"] == {("paused",): 2.0}
    labels = {word for sample in told.values() for values in sample for word in values}
    assert not any(re.search(r"u[12]$|/USDT", word) for word in labels)


async def test_a_port_that_is_taken_is_a_warning_and_trading_goes_on(tmp_path, monkeypatch):
    """Nothing is served, the writer is the plain one, and the engine enters."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        async with running(World(tmp_path), monkeypatch, taken.getsockname()[1]) as (engine, _, port):
            assert port is None
            for _ in range(4):
                await engine.step()
                engine.desk.wall.advance(400)
            assert Counter(each.status for each in engine.desk.log.orders.find())[IntentStatus.DONE] == 2


async def test_without_a_port_nothing_is_made(tmp_path, monkeypatch):
    """The default of every test."""
    async with running(World(tmp_path), monkeypatch, None) as (engine, _, port):
        assert port is None
        assert type(engine.desk.log.writer).__name__ != "TimedWriter"


async def test_afterwards_the_log_closes_as_before(tmp_path, monkeypatch):
    """The writer with its thread is back in place, so closing the log ends it."""
    world = World(tmp_path)
    engine = await world.boot()
    engine.desk.log.writer = GroupCommit(engine.desk.log.database)
    async with serving_metrics(engine, Limiter(50.0), 0):
        await engine.step()
    assert isinstance(engine.desk.log.writer, GroupCommit)
    engine.desk.log.close()


def test_streams_are_counted_by_the_way_their_values_come():
    """Two streamed, one polled that never spoke; the oldest word is four seconds old; three came back."""
    rows = [
        HealthRow("quotes", "A/USDT", Origin.STREAM, 4.0, 9, 0, 1, 0, 0, None),
        HealthRow("quotes", "B/USDT", Origin.STREAM, 0.5, 9, 0, 2, 0, 0, None),
        HealthRow("quotes", "C/USDT", Origin.POLL, None, 0, 3, 0, 0, 0, "silent"),
    ]
    found = _feed_facts(rows)
    assert _feed_facts(LivePrices().health()) == {"streams": {}, "oldest_s": 0.0, "reconnects": 0}
    assert found == {"streams": {"stream": 2, "poll": 1}, "oldest_s": 4.0, "reconnects": 3}


def test_rules_beyond_the_bound_are_one():
    """Sixty are named, the three rarest are `other`."""
    counted = {f"rule{n:02}": 100 - n for n in range(MOST_RULES + 3)}
    found = bounded(counted)
    assert len(found) == MOST_RULES + 1
    assert found["other"] == 40 + 39 + 38
    assert sum(found.values()) == sum(counted.values())


def test_the_page_lists_every_metric_as_the_code_says_it():
    """docs/reference/metrics.md: name, type, labels, meaning."""
    rows = re.findall(
        r"^\| `(sluice_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE
    )
    told = {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows}
    assert told == METRICS


async def test_every_metric_of_the_page_is_scraped(tmp_path, monkeypatch):
    """None is promised that the engine does not serve."""
    async with running(World(tmp_path), monkeypatch) as (_, _, port):
        await _scraped_later(port)
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", await asyncio.to_thread(page, port), re.MULTILINE))
    assert {name: kind for name, (kind, _, _) in METRICS.items()} == {
        name: kind
        for name, kind in types.items()
        if name.startswith("sluice_") and not name.endswith("_created")
    }
