"""The out-of-distribution veto: what the training fold resembles passes, what it does not is named."""

import numpy as np
import polars as pl
import pytest

from trading.learning.novelty import REFERENCES, Novelty
from trading.market.errors import BadInput, StoreError


def rows(seed: int, n: int = 1500, features: int = 6) -> np.ndarray:
    """Correlated fat-tailed features, on very different scales, one of them often unknown."""
    rng = np.random.default_rng(seed)
    x = (
        rng.standard_t(5, (n, features))
        @ np.triu(np.ones((features, features)))
        * 10.0 ** np.arange(features)
    )
    x[::5, 2] = np.nan
    return x


def test_about_the_declared_share_of_the_same_market_is_novel() -> None:
    """Quantile 0.95: of 6,000 later rows of the same law about one in twenty is further away."""
    veto = Novelty.fit(rows(0), quantile=0.95)
    share = veto.is_novel(rows(1, 6000)).mean()
    assert 0.025 < share < 0.10


@pytest.mark.parametrize("feature", range(6))
def test_one_feature_far_outside_is_enough_whatever_its_scale(feature: int) -> None:
    """The sixth feature is 100,000 times the first: both are seen at forty quartile ranges."""
    x = rows(0)
    veto = Novelty.fit(x)
    row = np.nanmedian(x, axis=0)[None, :]
    assert not veto.is_novel(row)[0]
    row[0, feature] += 40 * np.subtract(*np.nanquantile(x[:, feature], [0.75, 0.25]))
    assert veto.is_novel(row)[0]


def test_a_distance_worked_out_by_hand() -> None:
    """Rows 0..10 on a line: quartiles 2.5 and 7.5, range 5; from 25 the five nearest are 15..19 away."""
    veto = Novelty.fit(np.arange(11.0)[:, None], quantile=0.5)
    # Inside, rows 2..8 have neighbours at 1, 1, 2, 2, 3; the median row's mean distance is 9 / 5 / 5.
    assert veto.threshold == pytest.approx(9 / 25)
    assert veto.score(np.array([[25.0]]))[0] == pytest.approx((17 / 5) / (9 / 25))


def test_more_unknowns_than_ever_is_novel() -> None:
    """A feed that went away must not look like the median row."""
    x = rows(0)
    veto = Novelty.fit(x)
    row = np.nanmedian(x, axis=0)[None, :]
    row[0, 2] = np.nan
    assert not veto.is_novel(row)[0]
    row[0, 3] = np.nan
    assert np.isinf(veto.score(row)[0])


def test_it_survives_its_files_and_a_fold_gives_one_file() -> None:
    """Same fold, same bytes; more rows than references are thinned evenly."""
    veto = Novelty.fit(rows(0))
    assert len(veto.references) == REFERENCES
    assert veto.to_files() == Novelty.fit(rows(0)).to_files()
    again = Novelty.from_files(veto.to_files())
    assert np.array_equal(again.score(rows(2)), veto.score(rows(2)))
    assert again.to_files() == veto.to_files()


def test_what_is_decided_upon_is_shown_as_columns() -> None:
    """Nulls are unknown; the bound is 1."""
    veto = Novelty.fit(rows(0)[:, :2])
    frame = pl.DataFrame({"f_b": [0.0, 1e9], "f_a": [0.0, None]})
    found = veto.columns(frame, ("f_a", "f_b"))
    assert found["is_novel"].to_list() == [False, True]
    assert found["novelty"][0] < 1
    assert found["novel_why"][0] is None


def test_what_is_strange_is_said_in_words_and_infinity_is_strange_not_an_error() -> None:
    """Rows 0..10: median 5, quartile range 5; 30 is +5 ranges away; all infinite or unknown: said as such."""
    veto = Novelty.fit(np.column_stack([np.arange(11.0), np.arange(11.0)]))
    frame = pl.DataFrame({"f_a": [30.0, np.inf, None], "f_b": [5.0, 5.0, None]})
    found = veto.columns(frame, ("f_a", "f_b"))
    assert found["is_novel"].to_list() == [True, True, True]
    assert found["novelty"][1:].to_list() == [1000.0, 1000.0]
    first, second, third = found["novel_why"]
    assert first.endswith("times as far as training rows lie, f_a +5.0 quartile ranges from its median")
    assert second == "f_a is infinite"
    assert third == "2 features unknown, at most 0 were in its training set"


def test_bad_input_is_refused_by_name_and_value() -> None:
    """Too few rows, another number of features, infinity, a quantile that is no share, a damaged file."""
    with pytest.raises(BadInput, match=r"at least 10 rows.*\(9, 2\)"):
        Novelty.fit(np.zeros((9, 2)))
    with pytest.raises(BadInput, match=r"quantile.*was 1"):
        Novelty.fit(rows(0), quantile=1.0)
    with pytest.raises(BadInput, match="was inf in row 3"):
        Novelty.fit(np.where(np.arange(40).reshape(20, 2) == 6, np.inf, 0.0))
    veto = Novelty.fit(rows(0))
    with pytest.raises(BadInput, match="6 features"):
        veto.is_novel(np.zeros((1, 5)))
    files = veto.to_files()
    for name, data in (("novelty.npy", files["novelty.npy"][:50]), ("novelty.json", b"{}")):
        with pytest.raises(StoreError, match="cannot be read"):
            Novelty.from_files(files | {name: data})
    with pytest.raises(StoreError, match=r"KeyError: 'novelty\.npy'"):
        Novelty.from_files({})


def test_rows_that_were_all_equal_make_any_other_row_novel() -> None:
    """No spread at all: a threshold of zero is no division by zero."""
    veto = Novelty.fit(np.ones((50, 3)))
    assert veto.is_novel(np.array([[1.0, 1, 1], [1, 1, 1.001]])).tolist() == [False, True]
