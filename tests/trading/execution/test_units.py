"""A jump of a price and balances beside it: one account's oddity stops nobody else."""

from decimal import Decimal

import pytest

from tests.trading.execution.world import World
from trading.execution.units import Units, Verdict
from trading.store.order_log.entries import External
from trading.store.order_log.reconciliations import Unexplained
from trading.store.order_log.suspensions import Suspension

D = Decimal
A, B = "AAA/USDT", "BBB/USDT"


async def two_hold(tmp_path):
    """Two users hold AAA and BBB; AAA is suspended for a jump, u1 is expected to have no AAA at all."""
    world = World(tmp_path, symbols=(A, B), users=2)
    engine = await world.boot()
    for _ in range(6):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(1_000)
    log = engine.desk.log
    assert len(log.ledger.open_trades()) == 4
    held = next(trade.held for trade in log.ledger.open_trades("u1") if trade.symbol == A)
    gone = {"kind": External.WITHDRAWAL, "ref": "w1", "at_ms": world.clock.now_ms()}
    log.ledger.entries.external("u1", "AAA", -held, **gone)
    about = {"source": "engine", "state": "confirmed", "reason": "a jump", "at_ms": world.clock.now_ms() + 1}
    log.suspensions.suspend(Suspension(A, price_before=D(100), price_after=D(50), **about))
    return world, engine


@pytest.mark.parametrize("expected", ["0", "-3"])
def test_coins_where_none_are_expected_are_unclear(expected):
    """Nothing can be divided by what is not there; a person looks."""
    assert Units(D(expected), D(2)).judge(0.5) == (Verdict.UNCLEAR, D(1))
    assert Units(D(2), D(0)).judge(0.5) == (Verdict.UNCLEAR, D(1))


async def test_an_account_that_expects_no_coins_keeps_nobody_elses_stop_from_firing(tmp_path):
    """Its own position waits for a person; BBB falls to 90 and both users are out of it."""
    world, engine = await two_hold(tmp_path)
    world.venue.prices[B] = D(90)
    for _ in range(10):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(1_000)
    assert {trade.symbol for trade in engine.desk.log.ledger.open_trades()} == {A}


async def test_a_check_that_could_not_judge_an_asset_lifts_no_freeze(tmp_path):
    """While a jump leaves units in doubt a shortage is neither named nor gone: no agreement."""
    world, engine = await two_hold(tmp_path)
    log = engine.desk.log
    short = Unexplained(A, "shortage", "AAA", D(-2), "2 AAA are missing")
    log.reconciliations.settle("u1", [short], at_ms=world.clock.now_ms(), is_whole=True)
    engine.desk.prices.refresh()
    log.reconciliations.ask(["u1"])
    for _ in range(4):
        await engine.reconcile.step()
        world.wall.advance(2_000)
    check = log.reconciliations.checks()["u1"]
    assert check.cause == "asked"
    assert "AAA" not in {found["subject"] for found in check.differences}
    assert [freeze.kind for freeze in log.reconciliations.frozen()] == ["shortage"]
