"""The test of drift: rarely wrong however often it is asked, and it finds what is really worse."""

import math

import numpy as np
import polars as pl
import pytest

from trading.monitoring.drift import ALPHA, LEAST_DAYS, drift, width


def test_asked_after_every_day_it_is_rarely_wrong_where_live_is_as_expected():
    """400 histories of 250 days without drift, asked on each of 241 days: at most 3 % ever say drift.

    A t test at the same level, asked as often, is wrong in more than 5 %.
    """
    days = np.random.default_rng(1).standard_t(5, size=(400, 250)) * 0.01
    counts = np.arange(1, 251)
    means = days.cumsum(1) / counts
    deviations = np.sqrt(np.maximum(((days**2).cumsum(1) - counts * means**2) / np.maximum(counts - 1, 1), 0))
    bounds = np.array([width(n, 1.0) for n in counts]) * deviations
    late = slice(LEAST_DAYS - 1, None)
    assert (means < -bounds)[:, late].any(1).mean() <= 0.03
    t = means * np.sqrt(counts) / np.where(deviations > 0, deviations, np.inf)
    assert (t < -2.5)[:, late].any(1).mean() > 0.05


def test_a_live_that_loses_half_a_deviation_a_day_is_found_within_months():
    """Mean -0.005 at a deviation of 0.01: 95 of 100 histories are found in 120 days."""
    days = np.random.default_rng(2).normal(-0.005, 0.01, size=(100, 120))
    found = [drift(pl.Series(range(120)), pl.Series(row)).state == "drift" for row in days]
    assert sum(found) >= 95


def test_the_bound_is_the_formula_worked_out_apart():
    """n = 30, s = 1, alpha = 0.01: r^2 = (-2 ln 0.02 + ln(-2 ln 0.02) + 1) / 30 = 0.36271."""
    rho2 = (7.824046 + math.log(7.824046) + 1) / 30
    scaled = 30 * rho2 + 1
    expected = math.sqrt(2 * scaled / (900 * rho2) * math.log(1 + math.sqrt(scaled) / 0.02))
    assert width(30, 1.0, 0.01) == pytest.approx(expected, rel=1e-6)
    assert ALPHA == 0.01


def test_many_decisions_of_one_day_are_one_observation():
    """A thousand losers on one day are one bad day: too few."""
    found = drift(pl.Series(["2026-01-06"] * 1000), pl.Series([-0.05] * 1000))
    assert (found.state, found.days, found.decisions, found.bound) == ("too few", 1, 1000, None)
    assert "needs 10 days" in found.in_words


def test_days_weigh_alike_however_many_decisions_they_had():
    """Nine days of one decision at +1, one of 91 at -1: mean of days +0.8, of decisions -0.82."""
    days = [*range(9), *[9] * 91]
    found = drift(pl.Series(days), pl.Series([1.0] * 9 + [-1.0] * 91))
    assert found.difference == pytest.approx(0.8)
    assert found.state == "as expected"


def test_decisions_without_an_expectation_are_left_out():
    """Nulls are no observation."""
    assert drift(pl.Series([1, 2]), pl.Series([None, 0.1], dtype=pl.Float64)).decisions == 1
