"""The judge says no to each kind of wrong, names the promise it broke, and judges nothing unseen."""

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from tests.trading.execution.fake_venue import D
from tests.trading.execution.world import World
from trading.execution.invariants import Invariant, Tally
from trading.execution.judge import AtVenue, Cached, Evidence, Tenure, judge
from trading.execution.projection import closed_view
from trading.market.orders import OrderStatus
from trading.store.order_log import schema
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.store.order_log.records import IntentStatus, Leg
from trading.store.order_log.schema_ledger import ledger_entries

OPENING = {("u1", "USDT"): D(10_000), ("u1", "MX"): D(1_000)}


async def finished(tmp_path: Path):
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    await world.live(engine)
    return world, engine.desk.log


def account(world: World, user: str = "u1") -> AtVenue:
    totals = {asset: held for (owner, asset), held in world.venue.balances.items() if owner == user}
    return AtVenue(user, world.venue.of(user), totals)


def verdicts(world, log, **evidence):
    return judge(log, [account(world)], Evidence(opening=OPENING, **evidence))


async def test_a_clean_round_trip_holds_all_that_can_be_judged(tmp_path):
    """What needs no further evidence is held; what does is not judged, rather than called good."""
    world, log = await finished(tmp_path)
    found = verdicts(world, log)
    assert found.is_clean
    assert found.orders == 2
    judged = {name for name, wrongs in found.invariants.items() if wrongs is not None}
    assert judged == {
        Invariant.NEVER_DOUBLED, Invariant.EVERY_INTENT_ENDS, Invariant.POSITION_IS_BALANCE,
        Invariant.TRANSACTIONS_SUM_TO_ZERO, Invariant.RESERVATIONS_RELEASED, Invariant.FILLS_BOOKED_ONCE,
        Invariant.INTENT_BEFORE_REQUEST, Invariant.OWN_KEY_ONLY,
    }  # fmt: skip
    said = Tally().add(found).as_dict()
    assert (said["runs"], said["lost"], said["doubled"], said["ledger_breaks"]) == (1, 0, 0, 0)
    assert said["invariants"]["never_doubled"] == "held"
    assert said["invariants"]["limits_kept"] == "not judged"
    assert len(said["invariants"]) == 13


async def test_a_coin_too_many_at_the_venue_breaks_the_balance(tmp_path):
    """With the opening known every asset must agree exactly; without it only a shortage is certain."""
    world, log = await finished(tmp_path)
    world.venue.deposit("u1", "USDT", "0.01")
    assert verdicts(world, log).invariants[Invariant.POSITION_IS_BALANCE]
    log.ledger.entries.observe("u1", account(world).totals, 1)
    world.venue.deposit("u1", "USDT", "0.01")
    assert judge(log, [account(world)]).invariants[Invariant.POSITION_IS_BALANCE]


async def test_an_order_of_another_user_is_a_break_of_keys(tmp_path):
    """The same order listed on u2's account: A's key signed B's request."""
    world, log = await finished(tmp_path)
    found = judge(log, [account(world), AtVenue("u2", [world.venue.orders[0][1]])])
    assert found.invariants[Invariant.OWN_KEY_ONLY]


async def test_an_order_that_was_live_twice_is_doubled_even_if_cancelled_since(tmp_path):
    """Twice accepted under one id: at some instant both were live."""
    world, log = await finished(tmp_path)
    again = replace(world.venue.orders[0][1], order_id="C9", status=OrderStatus.CANCELED, filled=D(0))
    here = account(world)
    found = judge(log, [replace(here, orders=[*here.orders, again])])
    assert len(found.doubled) == 1
    assert found.invariants[Invariant.NEVER_DOUBLED] == found.doubled


async def test_two_attempts_of_one_entry_count_together(tmp_path):
    """A second attempt under its own id that executed, too, buys twice what one signal meant."""
    world, log = await finished(tmp_path)
    (entry,) = log.orders.find(leg=Leg.OPEN)
    other = replace(entry, coid="b" * 26, intent_id="int-b", attempt=2, status=IntentStatus.NEW)
    log.orders.adopt(other)
    here = account(world)
    again = replace(here.orders[0], order_id="C9", client_order_id="b" * 26)
    found = judge(log, [replace(here, orders=[*here.orders, again])])
    assert any("all attempts" in said for said in found.doubled)


async def test_an_order_at_the_venue_that_was_never_sent_went_ahead_of_its_intent(tmp_path):
    """The log calls it NEW: it left before it was written down as SENT."""
    world, log = await finished(tmp_path)
    with log.database.write() as connection:
        connection.execute(schema.intents.update().values(status="NEW", sent_wall_ms=None))
    found = verdicts(world, log)
    assert found.invariants[Invariant.INTENT_BEFORE_REQUEST]
    assert found.lost
    assert found.invariants[Invariant.EVERY_INTENT_ENDS]


async def test_a_line_taken_out_of_the_books_breaks_them(tmp_path):
    """One line less: the transaction does not sum to zero and the execution is not booked as it was."""
    world, log = await finished(tmp_path)
    with log.database.write() as connection:
        connection.execute(sa.delete(ledger_entries).where(ledger_entries.c.line == 1))
    found = verdicts(world, log)
    assert found.ledger_breaks
    assert found.invariants[Invariant.TRANSACTIONS_SUM_TO_ZERO]
    assert found.invariants[Invariant.FILLS_BOOKED_ONCE]


async def test_what_only_the_run_itself_knows_is_judged_by_its_evidence(tmp_path):
    """429s, overlapping owners, differing replays, unwatched positions, a stale cache."""
    world, log = await finished(tmp_path)
    (trade,) = log.ledger.all_trades()
    log.outbox.mark(log.outbox.waiting("cached"), "cached")
    shown = Cached({}, [closed_view(trade)])
    good = verdicts(
        world, log, refusals_429=0, armed_s={trade.trade_id: 2.0}, cached={"u1": shown},
        tenures=[Tenure("0", 1, 0, 10), Tenure("0", 2, 10)], digests=["a", "a"],
    )  # fmt: skip
    assert good.is_clean
    assert None not in good.invariants.values()
    bad = verdicts(
        world, log, refusals_429=1, armed_s={trade.trade_id: 31.0}, cached={"u1": Cached({}, [])},
        tenures=[Tenure("0", 1, 0, 11), Tenure("0", 2, 10)], digests=["a", "b"],
    )  # fmt: skip
    broken = {name for name, wrongs in bad.invariants.items() if wrongs}
    assert broken == {
        Invariant.LIMITS_KEPT, Invariant.OPEN_POSITIONS_WATCHED, Invariant.CACHE_IS_PROJECTION,
        Invariant.ONE_OWNER_PER_SHARD, Invariant.SAME_SEED_SAME_RUN,
    }  # fmt: skip
    total = Tally().add(good).add(bad, run="run 7")
    assert total.runs == 2
    assert total.verdicts()["limits_kept"] == "broken 1 times"
    assert all(said.startswith("run 7: ") for said in total.wrongs)


async def test_a_halt_excuses_an_entry_that_waits_and_nothing_that_has_left(tmp_path):
    """Everything is halted: an order still NEW may wait, one that is SENT must end all the same."""
    world, log = await finished(tmp_path)
    log.halts.place(HaltKind.STOP_ENTRIES, (HaltScope.FLEET, None), why="test", by="anna")
    coid = log.orders.find(leg=Leg.OPEN)[0].coid
    found = {}
    for status in (IntentStatus.NEW, IntentStatus.SENT):
        with log.database.write() as connection:
            of_coid = schema.intents.c.coid == coid
            connection.execute(schema.intents.update().where(of_coid).values(status=status.value))
        found[status] = verdicts(world, log).invariants[Invariant.EVERY_INTENT_ENDS]
    assert found[IntentStatus.NEW] == []
    assert found[IntentStatus.SENT] == [f"{coid} of u1 is still SENT"]
