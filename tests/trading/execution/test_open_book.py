"""The index of open positions says what a bid crosses, as a look at every single one would."""

import random
from dataclasses import replace
from decimal import Decimal

from tests.trading.execution.fake_venue import D
from tests.trading.execution.world import World
from trading.execution.open_book import SLACK, OpenBook
from trading.store.order_log.records import ZERO, Trade


def trade(number: int, stop: Decimal, target: Decimal | None) -> Trade:
    return Trade(
        trade_id=f"t{number}", user_id=f"u{number}", signal_id="s", approval_id="a", signal_set_id="set",
        symbol=f"S{number % 3}/USDT", mode="paper", is_closed=False, version=1, bought=D(1),
        bought_cost=D(100), sold=ZERO, sold_cost=ZERO, base_fees=ZERO, fees_quote=ZERO, fees_unpriced=0,
        dust=ZERO, pnl_quote=ZERO, stop_loss=D("0.05"), take_profit=None, stop_price=stop,
        target_price=target, deadline_ms=0, opened_ms=number, closed_ms=None, exit_reason=None, held_up=None,
    )  # fmt: skip


class Log:
    """As much of an order log as the book reads."""

    def __init__(self, trades: list[Trade]) -> None:
        self.trades = {each.trade_id: each for each in trades}
        self.ledger = self.orders = self

    def open_versions(self):
        return {each.trade_id: each.version for each in self.trades.values() if not each.is_closed}

    def some(self, trade_ids):
        return [self.trades[trade_id] for trade_id in trade_ids if trade_id in self.trades]

    def exits_of_open_trades(self):
        return {}

    def find(self, **_):
        return []


def test_crossed_is_what_a_look_at_every_position_finds():
    """Two hundred seeded positions, a hundred bids: the same set, whichever way it is found."""
    rng = random.Random(5)
    held = [
        trade(
            number,
            D(rng.randint(80, 99)),
            None if rng.random() < 0.2 else D(rng.randint(101, 120)),
        )
        for number in range(200)
    ]
    book = OpenBook(Log(held))  # type: ignore[arg-type]
    book.refresh()
    for _ in range(100):
        bid = D(rng.randint(7900, 12100)) / 100
        for symbol in ("S0/USDT", "S1/USDT", "S2/USDT"):
            expected = {
                each.trade_id
                for each in held
                if each.symbol == symbol
                and (
                    bid <= each.stop_price * (1 + SLACK)
                    or (each.target_price is not None and bid >= each.target_price * (1 - SLACK))
                )
            }
            assert {each.trade_id for each in book.crossed(symbol, bid)} == expected


def test_position_closed_elsewhere_leaves_the_index():
    """A closed trade is in nobody's way, also when another process closed it."""
    log = Log([trade(0, D(95), D(110)), trade(3, D(90), None)])
    book = OpenBook(log)  # type: ignore[arg-type]
    book.refresh()
    del log.trades["t0"]
    book.refresh()
    assert [each.trade_id for each in book.crossed("S0/USDT", D(50))] == ["t3"]
    assert book.renew("t0") is None
    assert len(book) == 1


async def test_the_book_is_what_the_log_holds(tmp_path):
    """A real log: opened trades are found by refresh, booked ones by renew."""
    world = World(tmp_path, users=3)
    engine = await world.boot()
    for _ in range(4):
        await engine.step()
        world.wall.advance(400)
    book = OpenBook(engine.desk.log)
    book.refresh()
    assert {each.trade_id for each in book.trades()} == {
        each.trade_id for each in engine.desk.log.ledger.open_trades()
    }
    assert book.symbols == set(world.symbols)


def test_the_levels_follow_every_trade_that_comes_changes_or_goes():
    """Five hundred random bookings: after each, a bid crosses what a look at every open trade finds."""
    rng = random.Random(6)
    held: dict[str, Trade] = {}
    book = OpenBook(Log([]))  # type: ignore[arg-type]
    for step in range(500):
        number = rng.randint(0, 20)
        before = held.get(f"t{number}")
        target = None if rng.random() < 0.3 else D(rng.randint(101, 105))
        made = replace(trade(number, D(rng.randint(95, 99)), target), version=step + 1)
        if before is not None and rng.random() < 0.4:
            made = replace(before, version=step + 1, is_closed=True)
            held.pop(before.trade_id)
        else:
            held[made.trade_id] = made
        book.opened(made)
        bid = D(rng.randint(94, 106))
        for symbol in ("S0/USDT", "S1/USDT", "S2/USDT"):
            expected = {
                each.trade_id
                for each in held.values()
                if each.symbol == symbol
                and (
                    each.stop_price * (1 + SLACK) >= bid
                    or (each.target_price is not None and each.target_price * (1 - SLACK) <= bid)
                )
            }
            assert {each.trade_id for each in book.crossed(symbol, bid)} == expected
    assert len(book) == len(held)
