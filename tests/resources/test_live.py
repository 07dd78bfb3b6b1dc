"""What joins research and the engine: the pending set, the stream that wakes, the operator's alerts."""

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from resources.cache import SignalBus
from resources.handover import pending_exit_set, pending_sets, pending_signal_set
from resources.held import held_symbols
from resources.order_log import OPERATOR, OrderLogResource
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from tests.trading.store.order_log.rows import fill, intent, order
from trading.market.errors import MissingData
from trading.market.orders import OrderStatus, SignalSet
from trading.risk.exits import ExitRules
from trading.store.cache import ShardStreams, connect
from trading.store.order_log import OrderLog
from trading.store.valkey import EmbeddedValkey
from trading.users.directory import Directory
from trading.users.user import User

AT = tables.AT


@pytest.fixture
def home(tmp_path):
    with settings_of(tmp_path):
        yield tmp_path


def test_without_redis_nothing_is_announced_and_nothing_fails(home):
    """The order log is the truth; the engine finds the set there."""
    assert SignalBus().announce("set-1") is False


def test_with_redis_the_id_is_on_the_stream(home, monkeypatch):
    """Once per announcement, read by a consumer group that begins at the start."""
    with_valkey = EmbeddedValkey(home / "valkey")
    try:
        monkeypatch.setenv("SLUICE_REDIS_URL", with_valkey.url)
        assert SignalBus().announce("set-1") is True
        assert SignalBus().announce("set-2") is True
        assert asyncio.run(_announced(with_valkey.url)) == ["set-1", "set-2"]
    finally:
        with_valkey.stop()


async def _announced(url: str) -> list[str]:
    client = connect(url)
    try:
        stream = ShardStreams(client).of[3]
        await stream.ensure_group()
        return [delivery.signal_set_id for delivery in await stream.receive("one", block_ms=500)]
    finally:
        await client.aclose()


def test_the_same_alert_again_changes_nothing(home):
    """One failed run is one message, however often the sensor looks; another run is another."""
    log = OrderLogResource()
    for text in ("research failed: once", "research failed: again"):
        log.alert("run-failed-1", text)
    log.alert("run-failed-2", "research failed: twice")
    with log.open() as opened:
        events = opened.outbox.of_user(OPERATOR)
    assert [event.event_id for event in events] == ["run-failed-1", "run-failed-2"]
    assert events[0].payload == {"text": "research failed: once"}
    assert {event.kind for event in events} == {"run_failed"}


def test_the_log_is_closed_even_when_the_block_fails(home):
    """No connection stays open behind an error."""
    with pytest.raises(ValueError, match="mine"), OrderLogResource().open() as log:
        raise ValueError("mine")
    assert log.database.engine.pool.checkedout() == 0


def research(store: Store, **verdicts: bool) -> None:
    """Tables of a pass over tables.SYMBOLS; `verdicts` say which bases are approved."""
    store.publish("tickers", tables.tickers(), key=["symbol"], at=AT)
    store.publish("markets", tables.listing(), key=["exchange_id"])
    told = {"strategy": pl.lit("rsi_regime"), "reason": pl.lit("entry: RSI 21.0")}
    rows = tables.signals().with_columns(close=pl.lit(100.0), f_rsi=pl.lit(0.25), **told)
    store.publish("signals", rows, key=["symbol"], inputs=["tickers"])
    params = {"ExitRules": asdict(ExitRules(stop_loss=0.05))}
    results = pl.DataFrame({"symbol": tables.SYMBOLS[:2]})
    store.publish("backtest_results", results, key=["symbol"], inputs=["signals"], params=params)
    approved = pl.DataFrame(
        {"symbol": [f"{base}/USDT" for base in verdicts], "is_approved": list(verdicts.values())}
    )
    store.publish("approved_symbols", approved, key=["symbol"], inputs=["backtest_results"])


def test_nothing_is_pending_before_the_first_research(home):
    """No tables, no set, no error: the sensor of a new machine looks every five seconds."""
    assert pending_signal_set(Store()) is None
    store = Store()
    store.publish("tickers", tables.tickers(), key=["symbol"], at=AT)
    store.publish("signals", tables.signals(), key=["symbol"])
    assert pending_signal_set(store) is None


def test_an_approved_entry_at_the_newest_bar_is_pending(home):
    """With the exits that the approval was tested with and ids that lead back."""
    store = Store()
    research(store, AAA=True, BBB=True)
    batch = pending_signal_set(store)
    assert [signal.symbol for signal in batch.signals] == ["AAA/USDT"]  # BBB's row is no entry
    assert float(batch.signals[0].stop_loss) == 0.05
    assert batch.versions == tuple(
        store.lake.latest(asset).version_id for asset in ("signals", "approved_symbols")
    )
    assert batch.signals[0].signal_id in set(store.lake.read("signals")["lineage_id"])
    assert pending_signal_set(store) == batch


def test_a_set_is_written_once(home):
    """Handing over the same tables twice writes one set and one decision."""
    store = Store()
    research(store, AAA=True)
    with OrderLogResource().open() as log:
        assert log.write_signal_set(pending_signal_set(store)) is True
        assert log.write_signal_set(pending_signal_set(store)) is False
        assert log.decisions().height == 1


def test_signals_of_another_strategy_than_the_approvals_are_not_pending(home):
    """Another name, or another text under the same name: never tested. Both alike: traded."""
    store = Store()
    research(store, AAA=True)
    assert pending_signal_set(store) is not None

    def told(asset: str, name: str, text: str) -> None:
        frame = store.lake.read(asset).drop("lineage_id")
        params = {"strategy": {"name": name, "digest": text}}
        store.publish(asset, frame, key=["symbol"], inputs=["tickers"], params=params)

    told("signals", "ema_trend", "d-1")
    assert pending_signal_set(store) is None
    told("approved_symbols", "ema_trend", "d-1")
    assert [signal.symbol for signal in pending_signal_set(store).signals] == ["AAA/USDT"]
    told("signals", "ema_trend", "d-2")
    assert pending_signal_set(store) is None


def with_exit_signals(store: Store) -> None:
    """Approvals that rest on exit signals, a trailing stop and a ladder."""
    research(store, AAA=True, BBB=True)
    rules = ExitRules(0.05, None, trailing_stop=0.02, use_exit_signal=True, ladder=((0, 0.06), (8, 0.01)))
    frame = store.lake.read("backtest_results").drop("lineage_id", strict=False)
    about = {"key": ["symbol"], "inputs": ["signals"], "params": {"ExitRules": asdict(rules)}}
    store.publish("backtest_results", frame, **about)


def test_approvals_that_rest_on_exit_signals_and_trailing_stops_are_handed_over(home):
    """The set says whose exit signals end the trade, and carries the rest to the digit."""
    store = Store()
    with_exit_signals(store)
    terms = pending_signal_set(store).signals[0].exits
    assert terms.exit_source == "rsi_regime@"
    assert (terms.trailing_stop, terms.timeframe) == (Decimal("0.02"), "15m")
    assert terms.ladder == ((0, Decimal("0.06")), (7200, Decimal("0.01")))


def test_a_set_of_exits_is_pending_while_a_trade_waits_for_exit_signals(home):
    """BBB was bought under them a bar ago and the newest bar says exit; AAA is held by nobody."""
    store = Store()
    with_exit_signals(store)
    said = store.lake.read("signals").drop("lineage_id").with_columns(is_exit=pl.col("symbol") == "BBB/USDT")
    store.publish("signals", said, key=["symbol"], inputs=["tickers"])
    newest = said["open_time"].max()
    bars = pl.DataFrame({"symbol": tables.SYMBOLS[:2], "open_time": [newest] * 2, "close": [1.0] * 2})
    store.publish("indicators", bars, key=["symbol"])
    assert pending_exit_set(store) is None
    assert held_symbols(store.world) == []
    with OrderLogResource().open() as log:
        hold(log, pending_signal_set(store), "BBB/USDT", opened=newest - timedelta(minutes=15))
    assert held_symbols(store.world) == ["BBB/USDT"]
    batch = pending_exit_set(store)
    assert [word.symbol for word in batch.words] == ["BBB/USDT"]
    said = store.lake.read("signals").filter(pl.col("is_exit"))["lineage_id"].to_list()
    assert [batch.words[0].signal_id] == said
    assert pending_sets(store)[0] == batch


def hold(log: OrderLog, batch: SignalSet, symbol: str, opened: datetime) -> None:
    """One user's open trade, entered under the rules of the set's first signal."""
    signal = replace(batch.signals[0], symbol=symbol)
    log.write_signal_set(batch)
    Directory(log).add(User(user_id="u1", name="One", account="demo:1"))
    at_ms = int(opened.timestamp() * 1000)
    plan = intent(
        signal_set_id=batch.signal_set_id, symbol=symbol, exits=signal.exits, take_profit=None,
        amount=Decimal(1), created_ms=at_ms,
    )  # fmt: skip
    log.orders.plan_entries("u1", batch.signal_set_id, [plan], [], place=0, at_ms=at_ms)
    log.orders.mark_sent("c1")
    state = order("O1", "c1", OrderStatus.FILLED, "1", "1")
    log.ledger.book("c1", state, [fill("f1", at=opened)], at_ms=at_ms)


def test_an_old_signal_is_not_pending_after_a_newer_look(home):
    """A bar later the same tables ask for nothing any more."""
    store = Store()
    research(store, AAA=True)
    store.publish("tickers", tables.tickers().head(2), key=["symbol"], at=AT + timedelta(minutes=15))
    assert pending_signal_set(store) is None


def test_refused_symbols_are_not_pending(home):
    """Nothing approved is a normal outcome."""
    store = Store()
    research(store, AAA=False)
    assert pending_signal_set(store) is None


def test_a_missing_listing_is_said(home):
    """Approvals without a listing cannot be priced: a sentence, not a set without ticks."""
    store = Store()
    research(store, AAA=True)
    (store.lake.root / "tables" / "markets" / "LATEST").unlink()
    with pytest.raises(MissingData, match="markets"):
        pending_signal_set(store)


def test_fixture_time_is_inside_a_bar():
    """12:03 lies in the bar of 12:00; the newest closed one opened at 11:45."""
    assert datetime(2026, 8, 17, 12, 3, tzinfo=UTC) == AT


def test_hand_over_goes_on_when_redis_is_down(tmp_path, monkeypatch):
    """The set stands in SQL: a doorbell that nobody hears is no failure."""
    for key, value in {
        "HOME": str(tmp_path),
        "WORLD": "silent",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }.items():
        monkeypatch.setenv(f"SLUICE_{key}", value)
    assert SignalBus().announce("set-0-0") is False
