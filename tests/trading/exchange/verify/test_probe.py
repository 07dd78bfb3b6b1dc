"""Asking the real venue, rehearsed: what it costs, what it records, what an interrupted run leaves behind."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trading.exchange.verify.handmade import SEED, exchange_of, write_samples
from trading.exchange.verify.pace import measure_pace
from trading.exchange.verify.probe import Probe
from trading.exchange.verify.prober import Prober
from trading.exchange.verify.record import MEXC, Record, RecordBook, require_live
from trading.exchange.verify.samples import load_samples
from trading.market.errors import BadInput, ExchangeError, StoreError
from trading.simulator.accounts import demo_credentials
from trading.simulator.exchange import Exchange
from trading.simulator.faults import FaultPlan, FaultRule
from trading.simulator.inside import in_thread

KEY, SECRET = demo_credentials(SEED, 1)


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return exchange_of(load_samples(write_samples(tmp_path / "samples")))


@pytest.fixture
def url(exchange: Exchange) -> Iterator[str]:
    with in_thread(exchange) as base:
        yield base


@pytest.fixture
def book(tmp_path: Path) -> RecordBook:
    return RecordBook(tmp_path / "home")


async def probe(url: str, book: RecordBook, record: Record, *, settle: bool = False) -> list[str]:
    """Run a probe; return the client order ids that are open afterwards."""
    prober = Prober(url, api_key=KEY, secret=SECRET)
    try:
        asking = Probe(prober, record, book, say=lambda _: None)
        if settle:
            for earlier in book.unfinished():
                await asking.settle(earlier)
        else:
            await asking.run()
        told = await prober.ask("GET", "openOrders", {"symbol": "AAAUSDT"})
        return [row["clientOrderId"] for row in told.body]
    finally:
        await prober.close()


async def test_probe_answers_every_question_and_leaves_nothing_open(url: str, book: RecordBook) -> None:
    """Duplicate id, fee asset, cancel race and error bodies are answered; only the one order was spent."""
    record = Record(MEXC, "AAAUSDT", "2026-11-22T12:00:00Z")
    assert await probe(url, book, record) == []
    found = {answer.question: answer for answer in record.answers}
    assert found["Below the minimum: which code?"].code == 30002
    assert found["An order that never was: which code on asking?"].code == -2013
    assert found["Cancel races fill: which code for a filled order?"].code == -2011
    assert found["Which asset is the fee taken in, and how much?"].conclusion.endswith(" USDT")
    assert "client order ids unique" in found["The same id again: refused, or a second order?"].conclusion
    assert require_live(book.folder.parent).orders == record.orders
    assert len(record.orders) == 2
    written = next(book.folder.glob("*.json")).read_text()
    assert KEY not in written
    assert SECRET not in written


async def test_order_is_on_disk_before_it_leaves(url: str, book: RecordBook, exchange: Exchange) -> None:
    """The venue takes the resting order and never answers; the next run finds it by its id and cancels it."""
    exchange.faults = FaultPlan((FaultRule("POST order", "drop_after"),), SEED)
    record = Record(MEXC, "AAAUSDT", "2026-11-22T12:00:00Z")
    with pytest.raises(ExchangeError, match="the resting order was not taken"):
        await probe(url, book, record)
    with pytest.raises(BadInput, match="live trading is off"):
        require_live(book.folder.parent)
    (unfinished,) = book.unfinished()
    exchange.faults = FaultPlan((), SEED)
    prober = Prober(url, api_key=KEY, secret=SECRET)
    open_now = await prober.ask("GET", "openOrders", {"symbol": "AAAUSDT"})
    await prober.close()
    assert [row["clientOrderId"] for row in open_now.body] == unfinished.orders
    assert await probe(url, book, record, settle=True) == []
    assert book.unfinished() == []


async def test_pair_that_is_not_listed_costs_nothing(url: str, book: RecordBook) -> None:
    """Refused before any order is planned."""
    record = Record(MEXC, "NOPEUSDT", "2026-11-22T12:00:00Z")
    with pytest.raises(BadInput, match="lists no NOPEUSDT"):
        await probe(url, book, record)
    assert record.orders == []


async def test_disk_that_refuses_stops_before_the_wire(url: str, tmp_path: Path) -> None:
    """No intent on disk, no order: the folder's place is taken by a file."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "verification").write_text("in the way")
    record = Record(MEXC, "AAAUSDT", "2026-11-22T12:00:00Z")
    with pytest.raises(StoreError, match="cannot write"):
        await probe(url, RecordBook(tmp_path / "home"), record)


async def test_pace_ramp_ends_at_the_first_refusal(tmp_path: Path) -> None:
    """A venue of 5 a second with a bucket of 50 refuses inside the second step; there is no third."""
    slow = exchange_of(load_samples(write_samples(tmp_path / "samples")), rate=5)
    with in_thread(slow) as base:
        answers = await measure_pace(base, rates=(20, 100, 200), step_s=1.0)
    assert [answer.status for answer in answers] == [200, 429]
    assert "Retry-After" in answers[-1].message or "retry-after" in answers[-1].message


def test_rehearsal_never_opens_live_trading(book: RecordBook) -> None:
    """Only a complete record of MEXC itself does."""
    book.save(Record("rehearsal", "AAAUSDT", "2026-11-22T12:00:00Z", is_complete=True))
    book.save(Record(MEXC, "AAAUSDT", "2026-11-22T12:00:00Z"))
    with pytest.raises(BadInput, match="live trading is off"):
        require_live(book.folder.parent)
    book.save(Record(MEXC, "AAAUSDT", "2026-11-22T12:00:00Z", is_complete=True))
    assert require_live(book.folder.parent).symbol == "AAAUSDT"


def test_damaged_record_is_named(book: RecordBook) -> None:
    """Half a file is no verification."""
    path = book.save(Record(MEXC, "AAAUSDT", "2026-11-22T12:00:00Z", is_complete=True))
    path.write_text(json.dumps({"venue": MEXC}))
    with pytest.raises(StoreError, match=path.name):
        require_live(book.folder.parent)
