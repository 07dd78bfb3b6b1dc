import pytest

from interfaces.xray import figures, shapes
from interfaces.xray.terminal import plain, spark


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (101_056.99, "101,056.99"),
        (1.5, "1.5000"),
        (0.00012345, "0.000123450"),
        (1e-12, "0.00000000000100000"),
        (1e12, "1,000,000,000,000.00"),
        (0.0, "0.000000"),
    ],
)
def test_a_price_shows_the_digits_that_matter(value, shown):
    """About six of them, whatever the size; never a power of ten."""
    assert figures.price(value) == shown


def test_money_lengths_and_percent_are_brief():
    """By hand."""
    assert [figures.money(v) for v in (None, 950.0, 12_345.0, 4.5678e6, 1.2e9)] == [
        "–",
        "950",
        "12.3 k",
        "4.57 M",
        "1.2 bn",
    ]
    assert [figures.length(n, 900_000) for n in (1, 96, 288, 672, 4_000)] == [
        "15 minutes",
        "24 hours",
        "3 days",
        "7 days",
        "6 weeks",
    ]
    assert figures.percent(-0.0123, 1, signed=True) == "−1.2 %"


def test_a_range_holds_its_values_and_marks_are_round():
    """90..101 with about 6 marks: steps of 2; a flat series gets room."""
    span = shapes.Range(90.0, 101.0)
    assert span.marks() == [90.0, 92.0, 94.0, 96.0, 98.0, 100.0]
    assert (span.down(101.0), span.down(90.0)) == (0.0, 100.0)
    flat = shapes.range_of([5.0, 5.0])
    assert flat.low < 5.0 < flat.high
    assert shapes.range_of([None]).high > 0


def test_a_line_breaks_where_a_value_is_missing():
    """Two strokes around the hole, through the middles of the bars."""
    span = shapes.Range(0.0, 10.0)
    assert shapes.line([10.0, 0.0, None, 5.0], span) == "M0.5 0.00L1.5 100.00M3.5 50.00"


def test_candles_stand_on_their_sides():
    """Rising, falling, and a doji that is still seen (half a hundredth of the height)."""
    up, down, up_wick, down_wick = shapes.candles(
        [1.0, 3.0, 2.0], [4.0, 4.0, 2.0], [0.0, 1.0, 2.0], [3.0, 1.0, 2.0], shapes.Range(0.0, 4.0)
    )
    assert up == "M0.16 25.00h.68v50.00h-.68zM2.16 49.75h.68v0.50h-.68z"
    assert down == "M1.16 25.00h.68v50.00h-.68z"
    assert up_wick.startswith("M0.5 0.00V100.00")
    assert down_wick == "M1.5 0.00V75.00"


def test_terminal_text_moves_no_cursor():
    """Escape codes and marks that turn the reading direction become question marks."""
    assert plain("a\x1b[2Jb\u202ec") == "a?[2Jb?c"
    assert spark([1.0, 2.0, 3.0]) == "▁▅█"
    assert spark([1.0]) == ""
    assert len(spark([float(n) for n in range(200)])) <= 48
