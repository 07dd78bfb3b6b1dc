"""A stop needs an executable bid and a second, newer look: one bad print sells nothing, a real move does."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl
import pytest

from tests.trading.execution.fake_venue import D, FakePublic
from tests.trading.execution.world import World
from trading.exchange.gateway import Quote
from trading.execution.exits import Exits
from trading.market.clock import SystemClock

AAA = "AAA/USDT"


class Bids(FakePublic):
    """A public gateway whose quotes of AAA follow a script; the last line repeats."""

    script: list[tuple[str, str]]

    async def quotes(self, symbols):
        found = await super().quotes(symbols)
        if AAA in found and self.script:
            bid, amount = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            found[AAA] = replace(found[AAA], bid=D(bid), bid_amount=D(amount))
        return found


async def holding(tmp_path):
    """An engine that holds AAA, bought at 100 with the stop at 95, whose next bids can be written down."""
    world = World(tmp_path, symbols=(AAA,))
    engine = await world.boot()
    for _ in range(4):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(1000)
    public = engine.desk.public
    scripted = Bids(public.venue, public.switch)
    scripted.script = []
    engine.desk.public = scripted
    for bid in ("98.5", "97", "95.6"):  # small steps: none is doubted
        scripted.script = [(bid, "1000")]
        await engine.exits.step()
        world.wall.advance(400)
        world.clock.advance(60_000)
    return world, engine, scripted


@pytest.mark.parametrize(
    ("bids", "sells"),
    [
        ([("94.9", "1000"), ("95.4", "1000")], False),  # the second look is above the stop: a bad print
        ([("94.9", "1000"), ("94.8", "1000")], True),  # it says the same
        ([("94.9", "0"), ("94.8", "0")], False),  # nobody stands behind the bid
        ([("94.9", "1000"), ("94.8", "0")], False),  # ... at the second look
    ],
)
async def test_stop_within_the_jump_bound_needs_two_looks(tmp_path, bids, sells):
    """94.9 after 95.6 is a fall of 0.7 %, far within the bound of 2 %: only the second look protects."""
    world, engine, public = await holding(tmp_path)
    public.script = [*bids, ("95.4", "1000")]
    await engine.exits.step()
    assert (len(world.venue.requests) == 2) == sells
    if not sells:
        world.wall.advance(400)
        await engine.exits.step()
        assert len(world.venue.requests) == 1


async def test_bad_print_is_counted(tmp_path):
    """First look below the stop, second above: one bad print, and the next one starts from the beginning."""
    world, engine, public = await holding(tmp_path)
    public.script = [("94.9", "1000"), ("95.4", "1000")]
    await engine.exits.step()
    public.script = [("94.95", "1000"), ("95.4", "1000")]
    await engine.exits.step()
    assert engine.exits.looks.bad_prints == 2
    assert len(world.venue.requests) == 1


async def test_bad_print_beyond_the_jump_bound_sells_nothing_either(tmp_path):
    """A print of 10 is doubted; a second later the price is where it was."""
    world, engine, public = await holding(tmp_path)
    public.script = [("10", "1000"), ("95.5", "1000")]
    await engine.exits.step()
    for _ in range(4):
        world.wall.advance(500)
        await engine.exits.step()
    assert len(world.venue.requests) == 1


async def test_target_needs_no_second_look(tmp_path):
    """A bid at the target sells with its first look: by the second it may be gone."""
    world, engine, public = await holding(tmp_path)
    for bid in ("97", "98.5", "100", "102", "104", "106", "108", "109.5"):
        public.script = [(bid, "1000")]
        await engine.exits.step()
        world.wall.advance(400)
        world.clock.advance(120_000)
    asked = []
    before = public.quotes

    async def count(symbols):
        asked.append(symbols)
        return await before(symbols)

    public.quotes = count
    public.script = [("110.5", "1000")]
    await engine.exits.step()
    assert [request.side.value for _, request in world.venue.requests] == ["buy", "sell"]
    assert len(asked) == 1


@dataclass
class Stream:
    """Quotes of a stream that serves AAA while it is up."""

    quote: Quote | None = None
    is_up: bool = True
    followed: set[str] = field(default_factory=set)

    async def follow(self, symbols) -> None:
        self.followed |= set(symbols)

    def served(self) -> Mapping[str, Quote]:
        return {AAA: self.quote} if self.is_up and self.quote is not None else {}


async def streaming(tmp_path):
    """As `holding`, with exits that hear quotes from a stream, and a real clock for waiting."""
    world, engine, _ = await holding(tmp_path)
    stream = Stream()
    engine.desk.settings = replace(engine.desk.settings, second_look_s=0.02, watch_s=0.02)
    engine.desk.wall = SystemClock()
    exits = Exits(engine.desk, engine.wire, stream)  # type: ignore[arg-type]
    engine.follow.booked = exits.booked

    def push(bid: str, amount: str = "1000") -> None:
        stream.quote = Quote(AAA, D(bid), D(bid), D(amount), D(1000), world.clock.now())
        world.venue.prices[AAA] = D(bid)
        exits.heard(stream.quote)

    push("95.2")  # near the stop at 95: what follows is no step
    await exits.step()
    return world, engine, exits, stream, push


async def test_pushed_quote_sells_at_once_and_its_second_push_confirms(tmp_path):
    """No step, no poll: two pushes below the stop and the sale is out."""
    world, _, exits, _, push = await streaming(tmp_path)
    push("94.9")
    push("94.8")
    await exits.settled()
    await exits.close()
    assert [request.side.value for _, request in world.venue.requests] == ["buy", "sell"]


@pytest.mark.parametrize("between", [(), ("94.1",), ("94.0", "94.6", "94.2", "93.9")])
async def test_wrong_price_within_the_jump_bound_that_stands_for_many_looks_sells_nothing(tmp_path, between):
    """94.2 after 95.2 is 1.1 % in one look: a step. However many looks see it, none sells within a second."""
    world, _, exits, _, push = await streaming(tmp_path)
    push("94.2")
    for bid in between:
        push(bid)
    await asyncio.sleep(0.1)  # the book is not asked either: it could only say the same
    push("95.2")
    await exits.settled()
    await exits.close()
    assert [request.side.value for _, request in world.venue.requests] == ["buy"]
    assert exits.looks.bad_prints == 1


async def test_step_below_the_stop_that_stays_sells_after_it_has_stood(tmp_path):
    """The same step, and no word more from the stream: the book is asked a second later, and it sells."""
    world, engine, exits, _, push = await streaming(tmp_path)
    began = time.monotonic()
    push("94.2")
    await asyncio.sleep(engine.desk.settings.jumps.confirm_after_s / 2)
    assert len(world.venue.requests) == 1
    await asyncio.sleep(engine.desk.settings.jumps.confirm_after_s)
    await exits.settled()
    await exits.close()
    assert time.monotonic() - began >= engine.desk.settings.jumps.confirm_after_s
    assert [request.side.value for _, request in world.venue.requests] == ["buy", "sell"]


async def test_fall_by_small_moves_waits_for_nothing_but_the_second_look(tmp_path):
    """95.2, 94.9, 94.6, 94.2: 0.3 or 0.4 % a look is how prices fall; the second look below 95 sells."""
    world, _, exits, _, push = await streaming(tmp_path)
    push("94.9")
    push("94.6")
    await exits.settled()
    await exits.close()
    assert len(world.venue.requests) == 2


async def test_stream_that_brings_no_second_push_is_looked_behind(tmp_path):
    """The book is asked for after `second_look_s`; it says the same, so the stop fires."""
    world, _, exits, _, push = await streaming(tmp_path)
    push("94.9")
    assert len(world.venue.requests) == 1
    await asyncio.sleep(0.1)
    await exits.settled()
    await exits.close()
    assert len(world.venue.requests) == 2


async def test_the_same_quote_read_twice_is_one_look(tmp_path):
    """Sweeps read what the stream said last: that is no second observation."""
    world, engine, exits, _, push = await streaming(tmp_path)
    engine.desk.settings = replace(engine.desk.settings, second_look_s=60.0)
    push("94.9")
    for _ in range(3):
        await exits.step()
    await exits.settled()
    await exits.close()
    assert len(world.venue.requests) == 1


async def test_book_that_contradicts_the_push_sells_nothing(tmp_path):
    """The pushed bid was a bad print: the book stands above the stop."""
    world, _, exits, _, push = await streaming(tmp_path)
    push("94.9")
    world.venue.prices[AAA] = D("95.5")
    await asyncio.sleep(0.1)
    await exits.settled()
    await exits.close()
    assert len(world.venue.requests) == 1
    assert exits.looks.bad_prints == 1


async def test_dead_stream_is_polled_within_its_reserve(tmp_path):
    """The stream is down: held symbols are asked for, once per weight 10 over a quarter of the rate."""
    world, engine, exits, stream, _ = await streaming(tmp_path)
    stream.is_up = False
    engine.desk.exit_rate_per_s = D(1000)  # a quarter of it pays for 25 looks a second: one in 40 ms
    asked = []
    before = engine.desk.public.quotes

    async def count(symbols):
        asked.append(symbols)
        return await before(symbols)

    engine.desk.public.quotes = count
    engine.desk.public.script = [("94.9", "1000"), ("94.8", "1000")]
    world.venue.prices[AAA] = D("94.8")  # what the book says, should it be asked first
    began = time.monotonic()
    for _ in range(20):
        await exits.tick()
        await asyncio.sleep(0.01)
    passed_s = time.monotonic() - began
    await exits.settled()
    await exits.close()
    assert [request.side.value for _, request in world.venue.requests] == ["buy", "sell"]
    assert 2 <= len(asked) <= passed_s / 0.04 + 2


async def test_partly_sold_position_goes_on_without_waiting_for_a_sweep(tmp_path):
    """The first order sells half; its booking starts the next one."""
    world, engine, exits, _, push = await streaming(tmp_path)
    world.faults.share = D("0.5")
    push("94.9")
    push("94.8")
    await asyncio.sleep(0.05)
    world.faults.share = D(1)
    for _ in range(10):
        await engine.follow.step()
        await asyncio.sleep(0.02)
    await exits.settled()
    await exits.close()
    await engine.follow.step()
    assert not engine.desk.log.ledger.open_trades()
    assert isinstance(await engine.desk.public.order_book(AAA), pl.DataFrame)


@pytest.mark.parametrize("where", ["of", "leave"])
async def test_mistake_over_one_position_leaves_the_others_their_exits(tmp_path, where):
    """Two users at the stop; deciding or selling for u1 raises what is no error of ours: u2 is sold."""
    world = World(tmp_path, symbols=(AAA,), users=2)
    engine = await world.boot()
    for _ in range(4):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(1000)
    exits = engine.exits
    room = exits.reasons if where == "of" else exits._seller
    name = "of" if where == "of" else "leave"
    works = getattr(room, name)

    def broken(trade, *rest):
        if trade.user_id == "u1":
            raise ZeroDivisionError
        return works(trade, *rest)

    setattr(room, name, broken)
    for bid in ("98.5", "97", "95.6", "94.9"):  # small steps: none is doubted
        world.set_prices(bid)
        await exits.step()
        world.wall.advance(400)
        world.clock.advance(60_000)
    sold = {user for user, request in world.venue.requests if request.side.value == "sell"}
    assert sold == {"u2"}


async def test_position_named_twice_in_one_look_is_sold_by_one_task(tmp_path):
    """A look holds it as it was before and after a booking: two tasks would run beside each other."""
    _, engine, _ = await holding(tmp_path)
    (trade,) = engine.exits.book.trades()
    changed = replace(trade, version=trade.version + 1)
    assert len(engine.exits._start([(trade, "max_hold"), (changed, "max_hold")])) == 1
    await engine.exits.settled()
