import numpy as np
import pandas as pd
import pytest

from trading.xray.causal import ewma, ratio_to_median, rolling_mean, trailing_percentile


def test_ewma_equals_pandas_with_holes():
    """pandas' adjusted mean with ignore_na carries on over holes the same way."""
    values = np.random.default_rng(0).normal(0, 1, (3, 60))
    values[0, 10:14] = np.nan
    values[1, :5] = np.nan
    theirs = pd.DataFrame(values.T).ewm(halflife=7, adjust=True, ignore_na=True).mean().to_numpy().T
    np.testing.assert_allclose(ewma(values, 7), theirs)


def test_a_constant_has_its_own_mean_from_the_first_value_on():
    """No warm-up towards zero."""
    np.testing.assert_allclose(ewma(np.full((1, 9), 4.0), 24), 4.0)


def test_rolling_mean_equals_pandas_where_half_is_known():
    """A window needs half of its bars; large prices lose no digits."""
    values = 6e4 + np.random.default_rng(1).normal(0, 1, (2, 50))
    values[1, :20] = np.nan
    theirs = pd.DataFrame(values.T).rolling(10, min_periods=5).mean().to_numpy().T
    np.testing.assert_allclose(rolling_mean(values, 10), theirs, rtol=1e-13)


def test_percentile_ranks_a_value_among_its_own_past():
    """Of 1, 3, 2: the 2 stands above one of three and ties with itself: (1 + 0.5) / 3."""
    got = trailing_percentile(np.array([1.0, 3.0, 2.0, np.nan, 9.0]), history=3, least=2)
    np.testing.assert_allclose(got, [np.nan, 1.5 / 2, 1.5 / 3, np.nan, 1.5 / 2])


def test_ratio_to_median_needs_enough_and_a_positive_median():
    """6 over the median of 2, 4, 6; nothing before three values; nothing over zero."""
    np.testing.assert_allclose(ratio_to_median(np.array([2.0, 4.0, 6.0]), 3, 3), [np.nan, np.nan, 1.5])
    assert np.isnan(ratio_to_median(np.zeros(5), 3, 1)).all()


@pytest.mark.parametrize("cut", [1, 17, 59])
def test_no_statistic_reads_the_future(cut):
    """The prefix's statistics are the statistics' prefix."""
    values = np.random.default_rng(2).normal(5, 1, (3, 60))
    for function in (lambda v: ewma(v, 5), lambda v: rolling_mean(v, 8)):
        np.testing.assert_array_equal(function(values[:, :cut]), function(values)[:, :cut])
    for function in (lambda v: trailing_percentile(v, 20, 3), lambda v: ratio_to_median(v, 20, 3)):
        np.testing.assert_array_equal(function(values[0, :cut]), function(values[0])[:cut])
