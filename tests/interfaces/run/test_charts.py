"""Drawings: scales hold their values, shapes are where the numbers say, words are escaped."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.run import charts


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_a_scale_holds_all_its_values_and_zero(values):
    """With few enough marks to read."""
    scale = charts.scale(values)
    assert scale.low <= min(0, *values, 0)
    assert scale.high >= max(0, *values, 0)
    assert 2 <= len(scale.marks) <= 8


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([441.0], (0, 200, 400, 600)),
        ([-3.0, 7.0], (-5, -2.5, 0, 2.5, 5, 7.5)),
        ([0.0], (0, 0.25, 0.5, 0.75, 1.0)),
    ],
)
def test_marks_are_round_numbers(values, marks):
    """Worked by hand: a quarter of the range, rounded up to 1, 2, 2.5 or 5."""
    assert charts.scale(values).marks == marks


def test_a_stream_narrows_with_the_square_root():
    """A quarter of the symbols is half of the width."""
    svg = charts.stream("s", "t", "d", before=1.0, after=0.25, css="")
    assert 'd="M0.00 0' in svg
    assert "25.00 100H75.00" in svg


def test_nothing_left_is_no_width_and_one_of_thousands_a_hairline():
    """Zero must look like zero, one must not."""
    assert "50.00 100H50.00" in charts.stream("s", "t", "d", before=1.0, after=0.0, css="")
    (left,) = re.findall(r"([\d.]+) 100H", charts.stream("s", "t", "d", before=1.0, after=1e-6, css=""))
    assert float(left) < 50


def test_a_step_line_holds_each_value_until_the_next():
    """From zero at the left, one step half way, to the right edge."""
    vertical = charts.Scale(0.0, 10.0, (0.0, 10.0))
    svg = charts.steps("s", "t", "d", [(5.0, 10.0)], vertical, span=(0.0, 10.0))
    assert 'class="line" d="M0 100.00H50.00V0.00H100"' in svg


def test_a_single_moment_is_drawn_too():
    """One closed trade has no span of time."""
    svg = charts.steps("s", "t", "d", [(5.0, 1.0)], charts.scale([1.0]), span=(5.0, 5.0))
    assert "nan" not in svg


@pytest.mark.parametrize(("share", "width"), [(0.5, "50.00"), (2.0, "100.00"), (-1.0, "0.00")])
def test_a_bar_stays_in_its_track(share, width):
    """Whatever the share."""
    assert f'class="fill" width="{width}"' in charts.bar("b", "t", "d", share=share, css="")


def test_words_are_escaped_and_every_drawing_has_them():
    """A title with markup is text; the drawing is well-formed."""
    svg = charts.bar("b", "<b>&", '"quoted"', share=0.1, css="")
    root = ET.fromstring(svg)
    assert root.find("title").text == "<b>&"
    assert root.find("desc").text == '"quoted"'
