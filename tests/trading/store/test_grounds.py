"""From an order back to what its approval rests on: data, code, parameters and universe, by id."""

from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.trading.backtest.test_approval import NO_TRADES, metrics_of
from tests.trading.store import lineage_world
from tests.trading.store.lineage_world import AT, BAR
from trading.backtest.approval import approve, grounded
from trading.execution.coid import client_order_id, intent_id, trade_id
from trading.execution.handover import build_signal_set
from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.market.lineage import GROUNDS
from trading.market.orders import OrderType, Side
from trading.market.symbols import Market
from trading.market.timeframes import timeframe, to_ms
from trading.risk.exits import ExitRules
from trading.store.lineage.resolve import Lineage
from trading.store.order_log.records import Intent, Leg
from trading.store.order_log.signal_sets import from_json, to_json

SYMBOL = "AAA/USDT"
EXITS = ExitRules(stop_loss=0.05, take_profit=0.1, max_hold_bars=4)


@pytest.fixture
def chain(tmp_path):
    built = lineage_world.build(tmp_path)
    yield built
    built.log.close()


def market() -> Market:
    return Market(
        symbol=SYMBOL, exchange_id="AAAUSDT", base="AAA", quote="USDT", status="1", is_scannable=True,
        is_api_tradable=True, tick=Decimal("0.01"), step=Decimal("0.001"), min_amount=Decimal(0),
        min_cost=Decimal(1), max_cost=Decimal(100_000), maker_fee=Decimal(0), taker_fee=Decimal("0.0005"),
    )  # fmt: skip


def handed_over(chain):
    """Approve, publish, build and write a set as the pipeline does; return it."""
    lake = chain.lake
    ids = {
        "data_id": lake.latest("ohlcv_days").version_id,
        "code_id": lake.latest("signals").code_version,
        "parameters_id": "par-0123456789abcdef",
        "universe_id": "v-backtest_universe-0123456789abcdef",
    }
    metrics = metrics_of({"symbol": SYMBOL}).with_columns(
        capacity_quote=pl.lit(750.5), fleet_stake_quote=pl.lit(100.0)
    )
    verdicts = grounded(approve(metrics, NO_TRADES), ids)
    newest = timeframe("15m").floor_ms(to_ms(AT)) - BAR // timedelta(milliseconds=1)
    said = lake.read("signals").with_columns(
        open_time=pl.lit(newest).cast(UTC_MS), score=pl.lit(0.5), is_entry=pl.Series([False, True])
    )
    approvals = lake.publish("approved_symbols", verdicts.symbols, key=["symbol"], at=AT)
    batch = build_signal_set(
        (lake.latest("signals"), said.filter("is_entry")),
        (approvals, lake.read("approved_symbols", approvals.version_id)),
        {SYMBOL: market()},
        EXITS,
        timeframe=timeframe("15m"),
        at=AT,
    )
    assert batch is not None
    return batch, ids


def order_of(batch, user: str) -> Intent:
    key, signal = (user, batch.signal_set_id, SYMBOL, Leg.OPEN, 1), batch.signals[0]
    return Intent(
        coid=client_order_id(*key), intent_id=intent_id(*key),
        trade_id=trade_id(user, batch.signal_set_id, SYMBOL), user_id=user,
        signal_set_id=batch.signal_set_id, signal_id=signal.signal_id, approval_id=signal.approval_id,
        symbol=SYMBOL, leg=Leg.OPEN, attempt=1, side=Side.BUY, type=OrderType.IOC, amount=Decimal(5),
        price=signal.limit_price, reserved=Decimal(52), stop_loss=signal.stop_loss,
        take_profit=signal.take_profit, max_hold_s=signal.max_hold_s, expires_ms=to_ms(batch.expires_at),
        created_ms=to_ms(AT),
    )  # fmt: skip


def test_an_order_leads_back_to_all_four_ids(chain):
    """Asked by client order id or by ours: the facts name the four, and so does the approval's row."""
    batch, ids = handed_over(chain)
    chain.log.write_signal_set(batch)
    order = order_of(batch, "u2")
    chain.log.orders.plan_entries("u2", batch.signal_set_id, [order], [], place=0, at_ms=to_ms(AT))
    lineage = Lineage(chain.lake, chain.candles, chain.log)
    for asked in (order.intent_id, order.coid):
        node = lineage.trace(asked)
        assert {name: node.facts[name] for name in GROUNDS} == ids
    approval = next(part for part in node.made_from if part.kind == "approval")
    assert {name: approval.facts[name] for name in GROUNDS} == ids
    assert approval.facts["capacity_quote"] == 750.5
    # The data's id is itself one that can be asked for, down to the days of candles.
    assert [part.kind for part in lineage.trace(ids["data_id"]).made_from] == ["candles", "candles"]


def test_a_set_carries_grounds_and_capacity_through_sql(chain):
    """What was written is what is read; a set of before has neither and is read all the same."""
    batch, ids = handed_over(chain)
    assert batch.rests_on == {name.removesuffix("_id"): value for name, value in ids.items()}
    assert batch.signals[0].capacity_quote == Decimal("750.5")
    assert from_json(to_json(batch)) == batch
    chain.log.write_signal_set(batch)
    assert chain.log.get_signal_set(batch.signal_set_id) == batch
    old = chain.log.get_signal_set(chain.signal_set)
    assert (dict(old.rests_on), old.signals[0].capacity_quote) == ({}, None)
    assert isinstance(old.created_at, datetime)


def test_an_approval_without_one_of_the_ids_is_refused():
    """Each of the four must be there."""
    found = approve(metrics_of({}), NO_TRADES)
    whole = dict.fromkeys(GROUNDS, "x")
    assert grounded(found, whole).symbols.select(GROUNDS).row(0) == ("x",) * 4
    for name in GROUNDS:
        with pytest.raises(BadInput, match=name):
            grounded(found, whole | {name: None})
