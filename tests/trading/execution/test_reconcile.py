"""Every difference between venue and log has a name; what has none freezes entries, and nothing else."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trading.execution.fake_venue import D, Faults
from tests.trading.execution.world import World
from trading.execution.differences import Kind
from trading.market.errors import Unreachable
from trading.market.orders import Fill, OrderState, OrderStatus, OrderType, Side, Transfer
from trading.store.order_log.entries import OWNED, External
from trading.store.order_log.records import IntentStatus, Leg
from trading.store.order_log.schema_ledger import ledger_entries

A = "AAA/USDT"


async def holding(tmp_path: Path, **faults: object):
    """A user who holds a position in AAA, the account checked once."""
    world = World(tmp_path, symbols=(A,), faults=Faults(**faults))
    engine = await world.boot()
    await steps(world, engine, 8)
    assert len(engine.desk.log.ledger.open_trades()) == 1
    await checked(world, engine)
    return world, engine


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(600)
        world.clock.advance(1_000)


async def checked(world: World, engine) -> list[str]:
    """Ask for a check and let it happen, second look included; return the kinds that the last one found."""
    for _ in range(2):
        engine.desk.log.reconciliations.ask(["u1"])
        await steps(world, engine, 3)
    return kinds(engine)


def kinds(engine) -> list[str]:
    return [found["kind"] for found in engine.desk.log.reconciliations.checks()["u1"].differences]


def all_kinds(engine) -> Counter:
    return +engine.reconcile.findings


def outside(engine, asset: str) -> dict[str, object]:
    with engine.desk.log.database.read() as connection:
        rows = connection.execute(ledger_entries.select()).mappings().all()
    found: dict[str, object] = {}
    for row in rows:
        if row["account"] == "other" and row["asset"] == asset and row["kind"] != "fill":
            found[row["kind"]] = found.get(row["kind"], D(0)) + row["amount"]
    return found


def agrees(world: World, engine) -> bool:
    """Whether the user's own accounts in the ledger are the venue's balances, asset by asset."""
    booked = engine.desk.log.ledger.entries.balances("u1")
    real = {asset: held for (owner, asset), held in world.venue.balances.items() if owner == "u1"}
    return all(
        sum((booked.get((name, asset), D(0)) for name in OWNED), D(0)) == real.get(asset, D(0))
        for asset in {*real, *(asset for _, asset in booked)}
    )


async def test_what_was_held_before_is_external_and_never_profit(tmp_path):
    """10,000 USDT and 1,000 MX were there first: opening, not P&L; the high-water mark stays at 0."""
    world, engine = await holding(tmp_path)
    assert outside(engine, "MX") == {External.OPENING: D(1000)}
    assert outside(engine, "USDT") == {External.OPENING: D(10_000)}
    assert agrees(world, engine)
    assert engine.desk.log.ledger.entries.high_water("u1") == 0


@pytest.mark.parametrize("on_record", [True, False])
@pytest.mark.parametrize("amount", ["250", "-300"])
async def test_money_that_comes_or_goes_is_external_whether_the_venue_lists_it_or_not(
    tmp_path, on_record, amount
):
    """No order of ours moves USDT alone: deposit or withdrawal, by the history or by elimination."""
    world, engine = await holding(tmp_path)
    world.venue.deposit("u1", "USDT", amount)
    if on_record:
        one = Transfer("t-1", "USDT", D(amount), world.clock.now() + timedelta(seconds=1))
        world.venue.transfers.append(("u1", one))
    engine.desk.log.reconciliations.ask(["u1"])
    await steps(world, engine, 3)
    kind = Kind.DEPOSIT if D(amount) > 0 else Kind.WITHDRAWAL
    assert kinds(engine) == [kind.value]
    assert outside(engine, "USDT")[kind.value] == D(amount)
    assert agrees(world, engine)
    assert await checked(world, engine) == []
    assert not engine.desk.log.reconciliations.frozen()
    assert engine.desk.log.breaks() == []


def by_hand(world: World, side: Side, amount: str, coid: str = "by hand") -> None:
    """Somebody trades on the account at the venue's own page."""
    price = world.venue.prices[A]
    order_id, sign = f"H{len(world.venue.orders)}", 1 if side is Side.BUY else -1
    cost = D(amount) * price
    state = OrderState(
        symbol=A, order_id=order_id, client_order_id=coid, side=side, type=OrderType.LIMIT,
        status=OrderStatus.FILLED, amount=D(amount), filled=D(amount), filled_cost=cost, price=price,
        at=world.clock.now(),
    )  # fmt: skip
    fill = Fill(
        symbol=A, order_id=order_id, trade_id=f"T{order_id}", side=side, price=price, amount=D(amount),
        cost=cost, fee=D("0.1"), fee_asset="USDT", is_maker=False, at=world.clock.now(),
    )  # fmt: skip
    world.venue.orders.append(("u1", state))
    world.venue.looks[order_id] = 0
    world.venue.fills.append(("u1", fill))
    world.venue.deposit("u1", "AAA", str(sign * D(amount)))
    world.venue.deposit("u1", "USDT", str(-sign * cost - D("0.1")))


async def test_a_manual_trade_is_external_on_both_sides(tmp_path):
    """Bought 5 AAA by hand beside our position: theirs, with the fee; ours is what it was."""
    world, engine = await holding(tmp_path)
    ours = engine.desk.log.ledger.open_trades()[0].held
    by_hand(world, Side.BUY, "5")
    engine.desk.log.reconciliations.ask(["u1"])
    await steps(world, engine, 3)
    assert kinds(engine) == [Kind.MANUAL_TRADE.value]
    assert outside(engine, "AAA") == {External.MANUAL_TRADE: D(5)}
    assert outside(engine, "USDT")[External.MANUAL_TRADE] == D("-500.1")
    assert agrees(world, engine)
    assert await checked(world, engine) == []
    world.set_prices("112")
    await steps(world, engine, 6)
    assert engine.desk.log.ledger.open_trades() == []
    assert world.venue.balances["u1", "AAA"] == 5
    assert ours > 0
    assert engine.desk.log.breaks() == []


async def test_coins_that_are_gone_freeze_the_symbol_alarm_both_and_melt_by_themselves(tmp_path):
    """Half of our coins left the venue: no entry in the symbol; back again, the freeze ends."""
    world, engine = await holding(tmp_path)
    half = engine.desk.log.ledger.open_trades()[0].held / 2
    world.venue.deposit("u1", "AAA", str(-half))
    assert await checked(world, engine) == [Kind.SHORTAGE.value]
    (freeze,) = engine.desk.log.reconciliations.frozen()
    assert (freeze.user_id, freeze.symbol, freeze.subject) == ("u1", A, "AAA")
    assert engine.desk.fleet.refusal("u1", A, world.batch().signal_set_id).rule == "account_frozen"
    assert engine.desk.fleet.refusal("u1", "BBB/USDT", world.batch().signal_set_id) is None
    told = [m for m in world.mailbox.messages.values() if m.kind == "account_frozen"]
    assert {message.user_id for message in told} == {"u1", "operator"}
    assert all(message.is_alert for message in told)
    engine.desk.log.close()
    again = await world.boot()
    assert again.desk.fleet.freezes.holds("u1", A)
    await steps(world, again, 6)
    assert again.desk.log.reconciliations.frozen() != []
    world.venue.deposit("u1", "AAA", str(half))
    await checked(world, again)
    assert again.desk.log.reconciliations.frozen() == []
    assert "account_unfrozen" in world.mailbox.kinds()


async def test_a_frozen_account_still_sells_and_reads_its_balance_first(tmp_path):
    """The stop fires at once, with what is there and not more."""
    world, engine = await holding(tmp_path)
    held = engine.desk.log.ledger.open_trades()[0].held
    world.venue.deposit("u1", "AAA", str(-held / 2))
    await checked(world, engine)
    world.set_prices("94")
    await steps(world, engine, 6)
    sold = [request for _, request in world.venue.requests if request.side is Side.SELL]
    assert sold[0].amount <= held / 2
    assert world.venue.balances["u1", "AAA"] < D("0.001")


async def test_an_order_that_looks_like_ours_and_is_not_in_the_log_is_unknown(tmp_path):
    """26 letters of base32: frozen, its money is not explained away; lifted by a person, it is theirs."""
    world, engine = await holding(tmp_path)
    by_hand(world, Side.BUY, "5", coid="a" * 26)
    await checked(world, engine)
    (freeze,) = engine.desk.log.reconciliations.frozen()
    assert freeze.kind == Kind.UNKNOWN
    assert outside(engine, "AAA") == {}
    engine.desk.log.reconciliations.lift(freeze.freeze_id, by="Ada", why="my old bot")
    found = await checked(world, engine)
    assert Kind.UNKNOWN.value not in found
    assert engine.desk.log.reconciliations.frozen() == []
    assert outside(engine, "AAA") == {External.MANUAL_TRADE: D(5)}
    assert agrees(world, engine)


async def test_coins_beside_our_position_that_nobody_sent_are_unknown_until_a_person_has_looked(tmp_path):
    """They could be a second execution of ours: frozen; let go by a person, they are the user's own."""
    world, engine = await holding(tmp_path)
    world.venue.deposit("u1", "AAA", "3")
    assert await checked(world, engine) == [Kind.UNKNOWN.value]
    (freeze,) = engine.desk.log.reconciliations.frozen()
    engine.desk.log.reconciliations.lift(freeze.freeze_id, by="Ada", why="a gift")
    await checked(world, engine)
    assert engine.desk.log.reconciliations.frozen() == []
    assert outside(engine, "AAA") == {External.OBSERVED: D(3)}
    assert agrees(world, engine)


async def test_less_than_a_step_is_dust(tmp_path):
    """The venue rounds a fee the other way: no alarm."""
    world, engine = await holding(tmp_path)
    world.venue.deposit("u1", "AAA", "-0.0004")
    engine.desk.log.reconciliations.ask(["u1"])
    await steps(world, engine, 3)
    assert kinds(engine) == [Kind.DUST.value]
    assert engine.desk.log.reconciliations.frozen() == []
    assert agrees(world, engine)


async def test_an_execution_that_the_log_missed_is_booked_as_a_late_fill(tmp_path):
    """DONE in the log, and the venue lists one more execution of the same order."""
    world, engine = await holding(tmp_path)
    (entry,) = engine.desk.log.orders.find(leg=Leg.OPEN)
    with engine.desk.log.database.write() as connection:
        from trading.store.order_log.schema import intents

        connection.execute(intents.update().values(amount=entry.amount + 1))
    order_id = entry.order_id
    state = next(state for _, state in world.venue.orders if state.order_id == order_id)
    more = replace(world.venue.fills[0][1], trade_id="T-late", amount=D(1), cost=D(100), fee=D(0))
    world.venue.fills.append(("u1", more))
    world.venue.replace_order(order_id, filled=state.filled + 1, filled_cost=state.filled_cost + 100)
    world.venue.deposit("u1", "AAA", "1")
    world.venue.deposit("u1", "USDT", "-100")
    engine.desk.log.reconciliations.ask(["u1"])
    await steps(world, engine, 3)
    assert all_kinds(engine)[Kind.LATE_FILL] == 1
    assert engine.desk.log.orders.get(entry.coid).filled == entry.filled + 1
    await checked(world, engine)
    assert agrees(world, engine)


async def test_an_order_given_up_is_taken_over_when_the_venue_lists_it(tmp_path):
    """Accepted, never answered, hidden for long: LOST; then the check after a start finds it."""
    world = World(tmp_path, symbols=(A,), faults=Faults(timeout_after=frozenset({0}), hidden_looks=10_000))
    engine = await world.boot()
    await steps(world, engine, 12)
    assert engine.desk.log.orders.find(statuses=[IntentStatus.LOST])
    world.venue.looks = dict.fromkeys(world.venue.looks, 0)
    engine.desk.log.close()
    again = await world.boot()
    await again.reconcile.step()
    assert all_kinds(again)[Kind.TAKEN_OVER] == 1
    assert world.wrongs(again) == []


async def test_somebody_elses_resting_order_is_named_and_stops_nobody(tmp_path):
    """A bot of the user's own works on the key: told, not frozen."""
    world, engine = await holding(tmp_path)
    by_hand(world, Side.BUY, "5")
    world.venue.replace_order(world.venue.orders[-1][1].order_id, status=OrderStatus.OPEN, filled=D(0))
    world.venue.fills.pop()
    world.venue.deposit("u1", "AAA", "-5")
    world.venue.deposit("u1", "USDT", "500.1")
    assert await checked(world, engine) == [Kind.FOREIGN_ORDER.value]
    assert engine.desk.log.reconciliations.frozen() == []


async def test_after_an_outage_accounts_at_risk_are_read_again_before_they_enter(tmp_path):
    """The venue's time could not be read for 20 s: what happened meanwhile is not known."""
    world, engine = await holding(tmp_path)
    assert engine.reconcile.ready == {"u1"}

    class Clock:
        age_s = 20.0

        def __getattr__(self, name):
            return getattr(world.clock, name)

    clock = Clock()
    engine.desk.public = type("Public", (), {"clock": clock, "quotes": engine.desk.public.quotes})()
    account = engine.desk.account("u1")

    async def down(*_args, **_kwargs):
        raise Unreachable("away")

    works = account.balances
    account.balances = down
    await engine.reconcile.step()
    clock.age_s = 0.1
    await engine.reconcile.step()
    assert engine.reconcile.ready == set()
    assert engine.desk.log.reconciliations.checks()["u1"].outcome == "failed"
    account.balances = works
    world.wall.advance(60_000)
    await engine.reconcile.step()
    assert engine.reconcile.ready == {"u1"}
    check = engine.desk.log.reconciliations.checks()["u1"]
    assert (check.cause, check.outcome, check.error) == ("reconnect", "agreed", None)


async def test_the_full_pass_is_spread_within_its_budget_and_comes_again(tmp_path):
    """3 flat accounts at 10 weight each, 2 weight a second: one each 5 s; all again after 900 s."""
    world = World(tmp_path, symbols=(A,), users=3)
    engine = await world.boot()
    engine.desk.log.sets.live = lambda _now: []
    done_at = {}
    for _ in range(60):
        await engine.reconcile.step()
        for user_id, check in engine.desk.log.reconciliations.checks().items():
            done_at.setdefault(user_id, check.at_wall_ms - 1_000_000)
        world.wall.advance(500)
    assert sorted(done_at.values()) == [5_000, 10_000, 15_000]
    before = engine.desk.log.reconciliations.checks()["u1"].at_wall_ms
    world.wall.advance(900_000)
    await engine.reconcile.step()
    check = engine.desk.log.reconciliations.checks()["u1"]
    assert check.at_wall_ms > before
    assert check.cause == "timer"


async def test_a_stream_that_came_back_has_its_account_read_again_and_no_other(tmp_path):
    """What it kept to itself may have been an execution: cause reconnect, for this account alone."""
    world = World(tmp_path, symbols=(A,), users=2)
    engine = await world.boot()
    await steps(world, engine, 8)
    engine.desk.log.reconciliations.ask(["u1", "u2"])
    await steps(world, engine, 4)
    before = engine.desk.log.reconciliations.checks()
    back = [["u1"]]
    engine.reconcile.returned = lambda: back.pop() if back else []
    await steps(world, engine, 2)
    after = engine.desk.log.reconciliations.checks()
    assert (after["u1"].cause, after["u1"].outcome) == ("reconnect", "agreed")
    assert after["u2"] == before["u2"]
    assert before["u1"].cause != "reconnect"
