"""Every class of refusal has a next step; none of them loops, and none traps a position that can be sold."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.trading.execution.fake_venue import D, FakeAccount
from tests.trading.execution.world import World
from trading.execution.exit_ladder import CODES, LADDER, Step, last_refusal, rung_of
from trading.market import errors
from trading.market.errors import ExchangeError
from trading.market.orders import OrderType
from trading.store.order_log.records import IntentStatus, Leg

AAA = "AAA/USDT"


def subclasses(of: type) -> Iterator[type]:
    yield of
    for each in of.__subclasses__():
        yield from subclasses(each)


REFUSALS: list[tuple[str, ExchangeError]] = [
    (each.__name__, each("said so"))
    for each in sorted(set(subclasses(ExchangeError)), key=lambda c: c.__name__)
] + [
    (f"code {code}", errors.OrderRefused(f"POST order: HTTP 400, code {code}: no", code=code))
    for code in CODES
]
REFUSALS = [
    (name, errors.SymbolHalted(str(error), code=error.code) if error.code in (30019, 30051) else error)
    for name, error in REFUSALS
]
# The outcome is unknown: such an order is looked for, not refused.
UNKNOWN = (errors.OutcomeUnknown, errors.OrderNotFound, errors.Timeout, errors.BadPayload)


class Refusing(FakeAccount):
    """An account whose sales are refused until the refusal is taken away."""

    refusal: ExchangeError | None = None
    refused = 0

    async def submit(self, request, *, before_wire=None):
        if self.refusal is None or request.side.value == "buy":
            return await super().submit(request, before_wire=before_wire)
        if before_wire is not None:
            await before_wire()
        self.refused += 1
        raise self.refusal


async def falling(tmp_path) -> tuple[World, object, Refusing]:
    world = World(tmp_path, symbols=(AAA,))
    engine = await world.boot()
    account = Refusing(world.venue, "u1", engine.desk.public.switch)
    engine.desk.open_account = lambda _: account
    await run(world, engine, 4)
    return world, engine, account


async def run(world: World, engine, count: int, *, wall_ms: int = 400) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(wall_ms)
        world.clock.advance(1000)


def test_every_class_has_a_rung_of_its_own_or_of_its_parent():
    """Whatever the venue may answer, the table says what follows; unknown names fall to the last resort."""
    for each in subclasses(ExchangeError):
        assert rung_of(each.__name__) is next(LADDER[one] for one in each.__mro__ if one in LADDER)
    assert rung_of("NeverHeardOf") is LADDER[ExchangeError]


@pytest.mark.parametrize(("name", "error"), REFUSALS, ids=[name for name, _ in REFUSALS])
async def test_refused_exit_is_told_and_not_repeated_without_end_and_sells_when_it_can(tmp_path, name, error):
    """Half an hour of refusals: bounded attempts, an alert; then the venue is kind and all is sold."""
    world, engine, account = await falling(tmp_path)
    account.refusal = error
    world.set_prices("94")
    for pause_s in [0.4] * 14 + [10] * 12 + [120] * 12:
        await run(world, engine, 1, wall_ms=int(pause_s * 1000))
    assert 1 <= account.refused <= 32  # of 38 steps; a loop would try at each
    assert "exit_held_up" in world.mailbox.kinds() or "order_lost" in world.mailbox.kinds(), name
    account.refusal = None
    await run(world, engine, 25, wall_ms=60_000)
    assert not engine.desk.log.ledger.open_trades()
    assert not [wrong for wrong in world.wrongs(engine) if not isinstance(error, UNKNOWN)]


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (errors.SymbolHalted("halted"), Step.PERSON),
        (errors.Banned("418"), Step.PERSON),
    ],
)
async def test_what_only_a_person_can_change_is_told_at_once_and_tried_rarely(tmp_path, error, step):
    """One refusal, one alert; in the next ten minutes no more than ten attempts."""
    world, engine, account = await falling(tmp_path)
    account.refusal = error
    world.set_prices("94")
    await run(world, engine, 12)
    assert rung_of(type(error).__name__).step is step
    assert "exit_held_up" in world.mailbox.kinds()
    before = account.refused
    assert before == 1
    await run(world, engine, 30, wall_ms=20_000)
    assert account.refused - before <= 10


async def requests_after(tmp_path, error: ExchangeError) -> list:
    world, engine, account = await falling(tmp_path)
    account.refusal = error
    world.set_prices("94")
    while not account.refused:
        await run(world, engine, 1)
    account.refusal = None
    await run(world, engine, 20, wall_ms=2000)
    first, second = sorted(engine.desk.log.orders.find(leg=Leg.CLOSE), key=lambda each: each.attempt)[:2]
    assert first.status is IntentStatus.REJECTED
    return [first, second]


async def test_price_band_halves_the_way_below_the_bid(tmp_path):
    """First 0.5 % below 94, that is 93.53; refused for the band, then 0.25 %, 93.765, cut to the tick."""
    first, second = await requests_after(tmp_path, errors.OrderRefused("code 30010: price", code=30010))
    assert (first.price, second.price) == (D("93.53"), D("93.76"))


async def test_too_large_an_order_is_halved(tmp_path):
    """9.9 is refused as too large: 4.95 is next."""
    first, second = await requests_after(tmp_path, errors.OrderRefused("code 30003: too large", code=30003))
    assert (first.amount, second.amount) == (D("9.9"), D("4.95"))


async def test_closed_order_type_becomes_a_plain_limit_order(tmp_path):
    """IOC is refused; a limit order is sent, and what of it does not fill is cancelled at the next look."""
    first, second = await requests_after(tmp_path, errors.SymbolHalted("code 30041: type", code=30041))
    assert (first.type, second.type) == (OrderType.IOC, OrderType.LIMIT)


async def test_shortage_sells_what_is_free(tmp_path):
    """Somebody took 5 of 9.9 away: the exit sells the other 4.9, and says that the rest is missing."""
    world, engine, _ = await falling(tmp_path)
    world.venue.deposit("u1", "AAA", "-5")
    world.set_prices("94")
    await run(world, engine, 60, wall_ms=2000)
    sold = [each for each in engine.desk.log.orders.find(leg=Leg.CLOSE) if each.filled]
    assert [each.filled for each in sold] == [D("4.9")]
    assert "exit_held_up" in world.mailbox.kinds()


async def test_refusals_do_not_widen_the_band(tmp_path):
    """Being refused says nothing of the price: the limit stays 0.5 % below the bid."""
    first, second = await requests_after(tmp_path, errors.RateLimited("429"))
    assert first.price == second.price == D("93.53")


async def test_thin_book_is_sold_in_slices_and_the_band_widens_only_in_vain(tmp_path):
    """Each look sells at most three times the best level, shared by two users; nobody is left out."""
    world = World(tmp_path, symbols=(AAA,), users=2)
    engine = await world.boot()
    await run(world, engine, 4)
    public = engine.desk.public
    whole = public.quotes

    async def thin(symbols):
        return {name: replace(each, bid_amount=D("1.5")) for name, each in (await whole(symbols)).items()}

    async def book(symbol, *, levels=500):
        import polars as pl

        rows = [("bid", 94.0, 1.5), ("bid", 93.9, 3.0), ("ask", 95.0, 9.0)]
        return pl.DataFrame(rows, schema=["side", "price", "amount"], orient="row")

    public.quotes, public.order_book = thin, book
    world.set_prices("94")
    await run(world, engine, 40)
    closes = engine.desk.log.orders.find(leg=Leg.CLOSE)
    assert max(each.amount for each in closes) <= D("4.5") + D("0.1")
    assert len({each.user_id for each in closes}) == 2
    assert not engine.desk.log.ledger.open_trades()
    assert {each.price for each in closes} == {D("93.53")}


def test_a_void_attempt_says_nothing_of_the_ladder():
    """Refused, then one that never left: the refusal still counts, once."""
    assert last_refusal([]) is None
