"""What a halt means: whom it covers, which one is named, and which sets a lifted freeze makes void."""

from decimal import Decimal

import pytest

from trading.market.symbols import Market
from trading.risk.halts import blocking, outdated_by, selling
from trading.risk.slices import slice_amount
from trading.store.order_log.halts import Halt, HaltKind, HaltScope

D = Decimal


def halt(kind=HaltKind.STOP_ENTRIES, scope=HaltScope.FLEET, subject=None, at=1, lifted=None) -> Halt:
    return Halt(f"halt-{kind}-{scope}-{at}", kind, scope, subject, "anna", "why", at, lifted_wall_ms=lifted)


def test_a_halt_covers_the_fleet_one_user_or_one_symbol():
    """Of the user: all their symbols. Of the symbol: all its users."""
    assert blocking([], "u1", "A/USDT") is None
    assert blocking([halt()], "u1", "A/USDT") is not None
    mine = [halt(scope=HaltScope.USER, subject="u1")]
    assert blocking(mine, "u1", "B/USDT") is mine[0]
    assert blocking(mine, "u2", "B/USDT") is None
    symbol = [halt(scope=HaltScope.SYMBOL, subject="A/USDT")]
    assert blocking(symbol, "u2", "A/USDT") is symbol[0]
    assert blocking(symbol, "u2", "B/USDT") is None


def test_the_widest_halt_is_the_one_that_is_named():
    """Fleet before user before symbol, whatever came first."""
    held = [
        halt(scope=HaltScope.SYMBOL, subject="A/USDT", at=1),
        halt(scope=HaltScope.USER, subject="u1", at=2),
        halt(at=3),
    ]
    assert blocking(held, "u1", "A/USDT") is held[2]
    assert blocking(held[:2], "u1", "A/USDT") is held[1]


def test_only_a_flatten_sells():
    """Stop and freeze leave positions to their own exits."""
    kept = [halt(), halt(HaltKind.FREEZE)]
    assert selling(kept, "u1", "A/USDT") is None
    assert selling([*kept, halt(HaltKind.FLATTEN)], "u1", "A/USDT") is not None


def test_a_set_written_before_the_end_of_a_freeze_is_void_and_one_written_after_is_not():
    """Frozen from 10 to 20: sets of 5, 15 and 20 are void, that of 21 is not; other users' are not either."""
    freeze = [halt(HaltKind.FREEZE, HaltScope.USER, "u1", at=10, lifted=20)]
    void = [outdated_by(freeze, "u1", "A/USDT", at) is not None for at in (5, 15, 20, 21)]
    assert void == [True, True, True, False]
    assert outdated_by(freeze, "u2", "A/USDT", 15) is None


def market(step="0.1", least="0.1", min_cost="5") -> Market:
    return Market(
        symbol="A/USDT", exchange_id="AUSDT", base="A", quote="USDT", status="1", is_scannable=True,
        is_api_tradable=True, tick=D("0.01"), step=D(step), min_amount=D(least), min_cost=D(min_cost),
        max_cost=D(0), maker_fee=D("0.001"), taker_fee=D("0.001"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "room", "sold"),
    [
        ("100", "30", "30"),  # what the bid takes
        ("100", "100", "100"),
        ("100", "1000", "100"),
        ("100", "0", "0"),  # others have sold there in this look
        # At 10 the least sale is 5 / 10 × 1.2 = 0.6.
        ("100", "0.2", "0.6"),
        ("100", "99.7", "100"),  # 0.3 could never be sold: all goes
        ("100", "99.4", "99.4"),
        ("0.9", "0.6", "0.9"),
        ("100", "30.19", "30.1"),  # whole steps
    ],
)
def test_a_slice_is_sellable_and_leaves_nothing_unsellable(amount, room, sold):
    """Price 10, step 0.1, minimum order 5 in quote units."""
    assert slice_amount(D(amount), D(room), D(10), market()) == D(sold)
