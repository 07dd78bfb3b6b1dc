"""Footprints by hand-worked numbers: how a push comes in and wears off, how a print fades."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.simulator.footprint import HALF_LIFE_MS, LIFE_MS, REFILL_MS, Footprint

MINUTE = 60_000


def pushed(*pushes: tuple[int, float]) -> Footprint:
    foot = Footprint(MINUTE)
    for at_ms, ticks in pushes:
        foot.add(at_ms, low=100, high=110, steps=5, quote=7, residual=12, push=ticks)
    return foot


@pytest.mark.parametrize(
    ("after_ms", "share"),
    [
        (0, 0.0), (REFILL_MS // 2, 0.5), (REFILL_MS, 1.0), (REFILL_MS + HALF_LIFE_MS, 0.5),
        (REFILL_MS + 2 * HALF_LIFE_MS, 0.25), (LIFE_MS, 0.0),
    ],
)  # fmt: skip
def test_a_push_comes_in_while_the_book_refills_and_then_halves(after_ms: int, share: float) -> None:
    """Nothing at once, all after a minute, half of it five minutes later, nothing in the end."""
    assert pushed((0, 40.0)).shift(after_ms) == pytest.approx(40 * share)


def test_a_thousand_takers_in_one_moment_are_one_push() -> None:
    """The list stays short, the sum is the sum."""
    foot = pushed(*[(1, 0.5)] * 1_000)
    assert len(foot.pushes) == 1
    assert foot.shift(5_000 + REFILL_MS) == pytest.approx(500)


def test_a_print_fades_within_the_refill() -> None:
    """12 ticks from the middle at once, 6 after half a minute, 0 after one; across the end of its bar."""
    foot = pushed((50_000, 0.0))
    assert [foot.residual(50_000 + ms) for ms in (0, 30_000, 60_000)] == [12, 6, 0]
    assert foot.residual(49_999) == 0


def test_prints_of_one_bar_are_one_row() -> None:
    """Extremes widen, volumes add."""
    foot = pushed((1, 0.0))
    foot.add(2, low=90, high=105, steps=1, quote=1, residual=-3, push=0.0)
    (cell,) = foot.between(0, MINUTE)
    assert (cell.low, cell.high, cell.steps, cell.quote, cell.residual) == (90, 110, 6, 8, -3)
    assert foot.between(MINUTE, 2 * MINUTE) == []


PUSHES = st.lists(st.tuples(st.integers(0, 20 * MINUTE), st.integers(0, 500)), min_size=1, max_size=8)
WHEN = st.integers(0, 90 * MINUTE)


@given(
    pushes=PUSHES,
    start=WHEN,
    length=st.integers(0, 30 * MINUTE),
    part=st.floats(0, 1),
    sign=st.sampled_from([1, -1]),
)
def test_the_range_of_a_stretch_encloses_every_moment_of_it(
    pushes: list[tuple[int, int]], start: int, length: int, part: float, sign: int
) -> None:
    """Of pushes to one side: what comes in may outdo what wears off between two turns by a few percent of
    the largest, never more."""
    foot = pushed(*sorted((at, float(sign * ticks)) for at, ticks in pushes))
    low, high = foot.range(start, start + length)
    value = foot.shift(start + int(length * part))
    slack = 0.51 + 0.05 * sum(ticks for _, ticks in pushes)
    assert low - slack <= value <= high + slack


def test_a_relisting_ends_pushes_and_rescales_prints() -> None:
    """Two more decimals: prints times 100, no shift from then on."""
    foot = pushed((0, 40.0))
    foot.cut(2 * MINUTE, 100.0, 0.1)
    assert foot.shift(2 * MINUTE) == 0
    assert foot.shift(2 * MINUTE - 1) > 0
    assert (foot.between(0, 1)[0].high, foot.between(0, 1)[0].steps) == (11_000, 0)


def test_it_survives_being_written_down() -> None:
    """to_json and back: the same shifts, prints and residuals."""
    foot = pushed((0, 40.0), (70_000, -3.5))
    again = Footprint.from_json(MINUTE, foot.to_json())  # type: ignore[arg-type]  # what JSON reads back
    assert [again.shift(ms) for ms in range(0, LIFE_MS, MINUTE)] == [
        foot.shift(ms) for ms in range(0, LIFE_MS, MINUTE)
    ]
    assert again.prints == foot.prints
