"""The fleet's caps through the engine: shared by all users, counted once, remembered by a restart."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trading.execution.fake_venue import FakeAccount, FakePublic
from tests.trading.execution.world import D, World, signal
from trading.execution.fleet_book import FleetBook
from trading.execution.settings import EngineSettings
from trading.market.errors import Unreachable
from trading.risk.fleet import FleetRules
from trading.store.order_log.records import IntentStatus, Leg

SYMBOL = "AAA/USDT"
OFF = FleetRules(None, None, None, None, None, None, None, None)


def made(tmp_path, users: int, rules: FleetRules, symbols=(SYMBOL,)) -> World:
    """Each user has 10,000 and stakes a tenth: 9.9 units at 101 = 999.9, with the fee 1,000.8999."""
    return World(tmp_path, users=users, symbols=symbols, settings=EngineSettings(fleet=rules, lost_looks=4))


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(400)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(users=st.integers(2, 6), room=st.integers(0, 6), order=st.randoms(use_true_random=False))
def test_users_planned_at_once_never_pass_the_last_unit_of_a_cap_together(
    tmp_path_factory, users, room, order
):
    """Balances answer in any order; `room` whole entries fit, so exactly min(users, room) are planned."""
    world = made(
        tmp_path_factory.mktemp("cap"),
        users,
        replace(OFF, symbol_share=max(D(room) * D("1000.8999"), D("0.01")) / (users * 10_000)),
    )
    balances = FakeAccount.balances

    async def late(self):
        for _ in range(order.randrange(6)):
            await asyncio.sleep(0)
        return await balances(self)

    async def play():
        engine = await world.boot()
        await steps(world, engine, 3)
        return engine

    FakeAccount.balances = late
    try:
        engine = asyncio.run(play())
    finally:
        FakeAccount.balances = balances
    log = engine.desk.log
    planned = log.orders.find(leg=Leg.OPEN)
    assert len(planned) == min(users, room)
    skips = log.skips()
    assert skips.height == users - len(planned)
    if skips.height:
        row = skips.row(0, named=True)
        assert row["rule"] == "fleet_symbol"
        assert row["value"] > row["bound"]
    log.close()


@pytest.mark.parametrize(
    ("rules", "rule"),
    [
        (replace(OFF, depth_share=D("0.015")), "fleet_depth"),  # of 100 × 1000 at the best ask: 1,500
        (replace(OFF, holding_depths=D("0.015")), "fleet_holding_depth"),
        (replace(OFF, symbol_share=D("0.06")), "fleet_symbol"),  # of 30,000: 1,800
        (replace(OFF, beta_share=D("0.06")), "fleet_beta"),
    ],
)
async def test_three_users_and_room_for_one(tmp_path, rules, rule):
    """The first in the rotation buys; the other two are skipped with rule, value and bound."""
    world = made(tmp_path, 3, rules)
    engine = await world.boot()
    await steps(world, engine, 2)
    assert len(engine.desk.log.ledger.open_trades()) == 1
    skips = engine.desk.log.skips()
    assert skips["rule"].to_list() == [rule, rule]
    assert skips["value"].to_list() == pytest.approx([2001.7998] * 2)


async def test_the_budget_for_leaving_counts_positions_of_all_users(tmp_path):
    """One order a second and two seconds: two positions, whoever has them."""
    world = made(tmp_path, 3, replace(OFF, exit_budget_s=D(2)))
    engine = await world.boot()
    engine.desk.fleet._exit_rate = D(1)
    await steps(world, engine, 2)
    assert len(engine.desk.log.ledger.open_trades()) == 2
    assert engine.desk.log.skips().select("rule", "value", "bound").rows() == [
        ("fleet_exit_budget", 3.0, 2.0)
    ]


async def test_a_cluster_is_full_whatever_symbol_fills_it(tmp_path):
    """Three symbols of one cluster, room for two stakes in it; a fourth of no cluster is bought."""
    names = ("AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT")
    world = made(tmp_path, 1, replace(OFF, cluster_share=D("0.21")), names)
    engine = await world.boot()
    signals = [signal(name, cluster=7 if name != "DDD/USDT" else -1) for name in names]
    again = replace(world.batch(*signals), signal_set_id="set-00000000000000aa-0000000000cc")
    engine.desk.log.sets.live = lambda _now: [again.signal_set_id]
    engine.desk.log.write_signal_set(again)
    await steps(world, engine, 2)
    assert {trade.symbol for trade in engine.desk.log.ledger.open_trades()} == {names[0], names[1], names[3]}
    assert engine.desk.log.skips()["rule"].to_list() == ["fleet_cluster"]


async def test_a_fall_within_the_hour_stops_entries_through_a_restart_until_the_hour_is_over(tmp_path):
    """10 units fall from 100 to 96: 40 of 10,000 are more than 0.3 %. An hour later entries go on."""
    names = ("AAA/USDT", "BBB/USDT")
    world = made(tmp_path, 1, replace(OFF, drawdown_per_hour=D("0.003")), names)
    only = replace(world.batch(signal("AAA/USDT")), signal_set_id="set-00000000000000aa-0000000000d1")
    engine = await world.boot()
    engine.desk.log.write_signal_set(only)
    engine.desk.log.sets.live = lambda _now: [only.signal_set_id]
    await steps(world, engine, 3)
    world.clock.advance(60_000)
    await steps(world, engine, 1)
    world.venue.prices["AAA/USDT"] = D(96)
    world.clock.advance(60_000)
    again = await world.boot()
    await steps(world, again, 3)
    skip = again.desk.log.skips().filter(symbol="BBB/USDT").row(0, named=True)
    assert skip["rule"] == "fleet_drawdown"
    assert (skip["value"], skip["bound"]) == (pytest.approx(39.6, abs=1), 30.0)
    world.clock.advance(62 * 60_000)
    late = replace(world.batch(signal("BBB/USDT")), signal_set_id="set-00000000000000aa-0000000000d2")
    again.desk.log.write_signal_set(late)
    await steps(world, again, 3)
    assert "BBB/USDT" in {intent.symbol for intent in again.desk.log.orders.find(leg=Leg.OPEN)}


async def test_at_the_wire_the_caps_are_asked_again_and_a_refused_entry_makes_room(tmp_path):
    """Two entries are planned, then the book halves: the first asked is void, the other goes."""
    world = made(tmp_path, 2, replace(OFF, depth_share=D("0.5")))
    engine = await world.boot()
    gateway, submit = FakeAccount, FakeAccount.submit
    liquidity = engine.desk.fleet.liquidity

    async def thinner(self, request, *, before_wire=None):
        await asyncio.sleep(0)
        liquidity._depth[SYMBOL] = D(2100), D(2100)  # half of it bears one entry
        return await submit(self, request, before_wire=before_wire)

    gateway.submit = thinner
    try:
        await engine.reconcile.step()
        await engine.intake.step()
    finally:
        gateway.submit = submit
    states = sorted(intent.status.value for intent in engine.desk.log.orders.find(leg=Leg.OPEN))
    assert states == [IntentStatus.ACKED.value, IntentStatus.VOID.value]
    skip = engine.desk.log.skips().row(0, named=True)
    assert (skip["rule"], skip["value"], skip["bound"]) == ("fleet_depth", pytest.approx(2001.7998), 1050.0)


async def test_what_is_read_after_a_restart_is_what_was_counted_before(tmp_path):
    """Sums kept in memory equal those of a new process, held and pending together."""
    world = made(tmp_path, 3, OFF, ("AAA/USDT", "BBB/USDT"))
    engine = await world.boot()
    await steps(world, engine, 2)
    fresh = FleetBook(engine.desk.log, world.wall)
    fresh.refresh(world.clock.now_ms())
    engine.desk.fleet.book.refresh(world.clock.now_ms(), force=True)
    before, after = engine.desk.fleet.book._sums, fresh._sums
    assert dict(before.held) == dict(after.held)
    assert before.places == after.places
    assert len(after.places) == 6
    assert sum(after.held.values()) == pytest.approx(Decimal(6000), rel=Decimal("0.02"))


class Booked(FakePublic):
    """With a book behind the best level, or without an answer."""

    is_away = False

    async def order_book(self, symbol, *, levels=500):
        if self.is_away:
            raise Unreachable("no answer")
        rows = [
            ("ask", 100.0, 1.0),
            ("ask", 101.0, 2.0),
            ("ask", 102.0, 50.0),
            ("bid", 99.0, 3.0),
            ("bid", 90.0, 9.0),
        ]
        return pl.DataFrame(rows, schema=["side", "price", "amount"], orient="row")


async def test_depth_counts_up_to_the_limit_and_within_the_exit_band(tmp_path):
    """Asks to 101: 100 + 202; bids down to 5 % below 100: 297. Without a book the best level is the bound."""
    world = made(tmp_path, 1, OFF)
    engine = await world.boot()
    liquidity, public = engine.desk.fleet.liquidity, engine.desk.public
    liquidity._public = Booked(world.venue, public.switch)
    quotes = {
        name: replace(q, bid_amount=D(1), ask_amount=D(1))
        for name, q in (await public.quotes([SYMBOL])).items()
    }
    await liquidity.look(quotes, {SYMBOL: D(101)}, enough=D(10**6))
    assert (liquidity.room(SYMBOL).ask_depth, liquidity.room(SYMBOL).bid_depth) == (302, 297)
    await liquidity.look(quotes, {SYMBOL: D(101)}, enough=D(99))
    assert (liquidity.room(SYMBOL).ask_depth, liquidity.room(SYMBOL).bid_depth) == (100, 100)
    Booked.is_away = True
    await liquidity.look(quotes, {SYMBOL: D(101)}, enough=D(10**6))
    Booked.is_away = False
    assert liquidity.room(SYMBOL).ask_depth == 100
