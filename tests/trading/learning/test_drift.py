"""Drift: ADWIN against a plain implementation of its definition, PSI by hand, alarms that mean something."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.drift import DRIFTS, DriftRules, adwin, drift_rows, in_words
from trading.learning.psi import Reference, drift, psi, reference_of
from trading.market.errors import BadInput


def by_definition(values: list[float], delta: float, least: int) -> list[int]:
    """ADWIN as its paper defines it: every split by a loop, the worst one cut, until none is."""
    window: list[float] = []
    found = []
    for seen, value in enumerate(values, start=1):
        window.append(value)
        is_cut = False
        while True:
            n, worst, place = len(window), 0.0, None
            for k in range(least, n - least + 1):
                a, b = window[:k], window[k:]
                m = 1 / (1 / len(a) + 1 / len(b))
                mean = sum(window) / n
                variance = sum((x - mean) ** 2 for x in window) / n
                logs = math.log(2 * math.log(n) / delta)
                bound = math.sqrt(2 / m * variance * logs) + 2 / (3 * m) * logs
                gap = abs(sum(a) / len(a) - sum(b) / len(b)) - bound
                if gap > worst:
                    worst, place = gap, k
            if place is None:
                break
            window, is_cut = window[place:], True
        if is_cut:
            found.append(seen)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_adwin_finds_what_its_definition_finds(seed: int) -> None:
    """A Bernoulli stream whose mean jumps from 0.2 to 0.8 after 60 values."""
    rng = np.random.default_rng(seed)
    values = (rng.random(120) < np.where(np.arange(120) < 60, 0.2, 0.8)).astype(float)
    found = adwin(values, 0.05, 5)
    assert found == by_definition(values.tolist(), 0.05, 5)
    assert found
    assert 60 < found[0] < 100


def test_a_change_is_found_and_a_still_stream_is_left_alone() -> None:
    """Bernoulli 0.5 to 0.4 at 5,000, as the design measured river's ADWIN (fired at 5,439); none before."""
    rng = np.random.default_rng(3)
    values = (rng.random(6500) < np.where(np.arange(6500) < 5000, 0.5, 0.4)).astype(float)
    found = adwin(values)
    assert found
    assert 5000 < found[0] < 6300


def test_false_alarms_are_rare() -> None:
    """100 still streams of 400 values: at most 2 alarm (delta 0.002; the bound is loose on purpose)."""
    alarms = sum(bool(adwin((np.random.default_rng(s).random(400) < 0.45).astype(float))) for s in range(100))
    assert alarms <= 2


def test_adwin_wants_values_between_0_and_1() -> None:
    """Its bound holds there only."""
    with pytest.raises(BadInput, match=r"0\.\.1"):
        adwin(np.array([0.5, 1.5]))
    assert adwin(np.zeros(0)) == []


def test_psi_by_hand() -> None:
    """(0.5 -> 0.25 and 0.5 -> 0.75): 0.25 ln 2 + 0.25 ln 1.5 = 0.2747; the same shares: 0."""
    assert psi(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(
        0.25 * math.log(2) + 0.25 * math.log(1.5)
    )
    assert psi(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == 0.0


def test_an_empty_bin_is_a_large_figure_and_no_infinity() -> None:
    """0.5 -> 0: counts as 0.0001."""
    expected = (1e-4 - 0.5) * math.log(1e-4 / 0.5) + 0.5 * math.log(2)
    assert psi(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == pytest.approx(expected)


NAMES = ("f_a", "f_b")


def test_a_feature_that_moved_is_named_first_and_unknown_is_a_bin_of_its_own() -> None:
    """f_b moved by two deviations, f_a not; a column that is missing is unknown everywhere."""
    rng = np.random.default_rng(5)
    reference = reference_of(rng.normal(size=(3000, 2)), NAMES)
    now = pl.DataFrame({"f_a": rng.normal(size=500), "f_b": rng.normal(2.0, 1.0, 500)})
    table = drift(reference, now)
    assert table["feature"].to_list() == ["f_b", "f_a"]
    assert table["psi"][0] > 1
    assert table["psi"][1] < 0.1
    gone = drift(reference, now.drop("f_b"))
    assert gone.filter(feature="f_b")["unknown"].item() == 1.0
    assert gone["feature"][0] == "f_b"
    assert drift(reference, now.clear()).is_empty()


def test_a_reference_travels_through_json_and_survives_odd_features() -> None:
    """A constant, one that is never known, one of two values."""
    x = np.column_stack([np.ones(50), np.full(50, np.nan), np.repeat([0.0, 1.0], 25)])
    made = reference_of(x, ("f_one", "f_none", "f_two"))
    assert Reference.from_dict(made.to_dict()).to_dict() == made.to_dict()
    same = pl.DataFrame({"f_one": np.ones(9), "f_none": [None] * 9, "f_two": [0.0, 1.0, 0.0] * 3})
    assert drift(made, same).filter(pl.col("psi") > 0.2).is_empty()
    with pytest.raises(BadInput, match="at least 1 row"):
        reference_of(x[:0], ("f_one", "f_none", "f_two"))


def lived(n: int, wrong_from: int, seed: int = 0) -> pl.DataFrame:
    """A model that says 0.8 and is right, until it is wrong."""
    rng = np.random.default_rng(seed)
    gain = rng.random(n) < np.where(np.arange(n) < wrong_from, 0.8, 0.2)
    start = datetime(2026, 6, 1, tzinfo=UTC)
    times = [start + timedelta(hours=k) for k in range(n)]
    return pl.DataFrame(
        {
            "symbol": ["A"] * n,
            "decided_at": times,
            "closed_at": times,
            "probability": [0.8] * n,
            "net_return": np.where(gain, 0.01, -0.01),
            "f_a": rng.normal(size=n),
            "f_b": rng.normal(size=n),
        }
    )


def test_a_model_that_begins_to_be_wrong_raises_the_alarm_and_one_that_is_right_does_not() -> None:
    """600 outcomes; wrong from the 400th on. Too few rows: no PSI, only the loss."""
    reference = reference_of(np.random.default_rng(1).normal(size=(2000, 2)), NAMES)
    bad = drift_rows(reference, lived(600, 400), "mdl-a")
    good = drift_rows(reference, lived(600, 600), "mdl-a")
    assert bad.filter(figure="live_loss")["is_alarm"].to_list() == [True]
    assert "rose at outcome" in bad.filter(figure="live_loss")["said"][0]
    assert not good["is_alarm"].any()
    assert drift_rows(reference, lived(60, 60), "mdl-a")["figure"].to_list() == ["live_loss"]
    assert drift_rows(reference, lived(60, 60).clear(), "mdl-a").is_empty()


def test_a_loss_that_fell_is_no_alarm() -> None:
    """Wrong first, right later: a change for the better."""
    reference = reference_of(np.random.default_rng(1).normal(size=(2000, 2)), NAMES)
    rows = lived(600, 400)
    turned = rows.with_columns(-pl.col("net_return"))
    assert not drift_rows(reference, turned, "mdl-a").filter(figure="live_loss")["is_alarm"].any()


def test_bounds_without_meaning_are_refused() -> None:
    """Values are named."""
    with pytest.raises(BadInput, match="psi"):
        DriftRules(psi=0.0)
    with pytest.raises(BadInput, match="delta"):
        DriftRules(delta=1.0)


def test_where_no_psi_was_measured_nothing_is_told_to_be_zero() -> None:
    """0.0 would read as "has not moved": no figure, and words."""
    loss = ("m", "live_loss", None, 0.0, 0.0, False, 5, "no change found")
    for frame in (pl.DataFrame(schema=DRIFTS), pl.DataFrame([loss], schema=DRIFTS, orient="row")):
        told = in_words(frame)
        assert told["largest PSI"] is None
        assert "was not measured" in told["PSI"]
    psis = [("m", "psi", name, value, 0.25, False, 300, "") for name, value in (("f_a", 0.0), ("f_b", 0.1))]
    told = in_words(pl.DataFrame([loss, *psis], schema=DRIFTS, orient="row"))
    assert told == {"largest PSI": 0.1, "PSI": "f_b moved most: 0.1 over 300 decisions"}
