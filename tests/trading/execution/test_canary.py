"""A strategy that was not traded before: few users, half the stake, then all of them, or none."""

from dataclasses import replace

import pytest

from tests.trading.execution.world import D, World, signal
from trading.execution.settings import EngineSettings
from trading.market.errors import BadInput, MissingData
from trading.risk.canary import CanaryRules
from trading.store.order_log.records import Leg

NAMES = ("AAA/USDT", "BBB/USDT", "CCC/USDT")


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(1200)
        world.clock.advance(400)


def made(world: World, number: int, strategy: str):
    batch = replace(world.batch(signal(NAMES[number])), strategy_id=strategy)
    return replace(batch, signal_set_id=f"set-00000000000000aa-{number:012x}")


@pytest.fixture
async def known(tmp_path):
    """Four users; str-old was traded by all: the first strategy of the log."""
    rules = CanaryRules(users=1, trades=1, days=0)
    world = World(tmp_path, users=4, symbols=NAMES, settings=EngineSettings(canary=rules, lost_looks=4))
    engine = await world.boot()
    live = dict.fromkeys(engine.desk.log.sets.live(0), False)
    for set_id in live:  # the set that every world begins with names no strategy
        engine.desk.log.sets.live = lambda now, skip=set_id, real=engine.desk.log.sets.live: [
            each for each in real(now) if each != skip
        ]
    engine.desk.log.write_signal_set(made(world, 0, "str-old"))
    await steps(world, engine, 2)
    assert len(engine.desk.log.orders.find(leg=Leg.OPEN)) == 4
    return world, engine


def entries(engine, number: int):
    return [each for each in engine.desk.log.orders.find(leg=Leg.OPEN) if each.symbol == NAMES[number]]


async def test_the_first_strategy_is_everybody_s_and_a_new_one_begins_with_few_and_half(known):
    """str-new: one of four buys, for half; the three others are skipped with rule canary."""
    world, engine = known
    engine.desk.log.write_signal_set(made(world, 1, "str-new"))
    await steps(world, engine, 2)
    (entry,) = entries(engine, 1)
    assert entry.amount == pytest.approx(entries(engine, 0)[0].amount / 2, rel=D("0.01"))
    assert engine.desk.log.skips()["rule"].to_list() == ["canary"] * 3
    states = {found.strategy_id: found.state for found in engine.desk.log.canaries.all()}
    assert states == {"str-old": "promoted", "str-new": "canary"}


@pytest.mark.parametrize(("price", "state", "buyers"), [("112", "promoted", 4), ("90", "stopped", 0)])
async def test_its_trades_promote_or_stop_it_and_the_operator_hears(known, price, state, buyers):
    """One trade is enough here: +10 % promotes, -10 % stops; the next set goes to all or to nobody."""
    world, engine = known
    engine.desk.log.write_signal_set(made(world, 1, "str-new"))
    await steps(world, engine, 2)
    world.venue.prices[NAMES[1]] = D(price)
    await steps(world, engine, 6)
    engine.desk.log.write_signal_set(made(world, 2, "str-new"))
    await steps(world, engine, 3)
    assert len(entries(engine, 2)) == buyers
    (found,) = [each for each in engine.desk.log.canaries.all() if each.strategy_id == "str-new"]
    assert (found.state, found.changed_by) == (state, "engine")
    assert "canary" in world.mailbox.kinds()


async def test_a_person_promotes_or_stops_with_name_and_reason(known):
    """What a person said counts from the next set on; without a name or for a stranger it is refused."""
    world, engine = known
    canaries = engine.desk.log.canaries
    canaries.decide("str-old", "stopped", by="anna", why="the news")
    engine.desk.log.write_signal_set(made(world, 1, "str-old"))
    await steps(world, engine, 2)
    assert entries(engine, 1) == []
    assert "stopped by anna: the news" in engine.desk.log.skips()["reason"][0]
    with pytest.raises(BadInput, match="who and why"):
        canaries.decide("str-old", "promoted", by="", why="x")
    with pytest.raises(MissingData, match="str-old"):
        canaries.decide("str-x", "promoted", by="anna", why="x")


async def test_an_entry_takes_the_part_of_the_stake_that_a_policy_takes(known):
    """Half of what the whole takes, for every user alike, by the same sizing; not above the rule's."""
    world, engine = known
    for number, size in ((1, 0.5), (2, 3.0)):
        batch = made(world, number, "str-old")
        sized = tuple(replace(each, features={"policy_size": size}) for each in batch.signals)
        engine.desk.log.write_signal_set(replace(batch, signals=sized))
        await steps(world, engine, 2)
    whole, half, above = (entries(engine, number) for number in range(3))
    assert (len(half), len(above)) == (4, 4)
    assert half[0].amount == pytest.approx(whole[0].amount / 2, rel=D("0.01"))
    assert above[0].amount == pytest.approx(whole[0].amount, rel=D("0.01"))
