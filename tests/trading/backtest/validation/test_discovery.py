"""False discovery control against scipy's, and its rate on nulls."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from trading.backtest.statistics import benjamini_hochberg
from trading.backtest.validation.discovery import adjusted_p_values, discoveries
from trading.market.errors import BadInput


@pytest.mark.parametrize("method", ["bh", "by"])
@pytest.mark.parametrize("m", [1, 2, 37])
def test_adjusted_p_values_are_scipy_s(method: str, m: int) -> None:
    """Uniform p-values with a few small ones and a tie."""
    p = np.random.default_rng(m).random(m)
    p[: m // 5] /= 100
    p[-1] = p[0]
    assert adjusted_p_values(p, method) == pytest.approx(false_discovery_control(p, method=method))


def test_what_the_gate_rejects_are_the_discoveries() -> None:
    """The gate's thresholds and the adjusted p-values are one procedure."""
    p = np.concatenate([np.random.default_rng(1).random(50), np.full(5, 0.001)])
    assert benjamini_hochberg(p, 0.05)[0].tolist() == discoveries(p, 0.05).tolist()


def test_the_share_of_false_discoveries_is_the_declared_one() -> None:
    """40 nulls with a common factor and 10 real ones, 400 runs: at most the rate, BY far below BH."""
    rng = np.random.default_rng(2)
    shares = {"bh": [], "by": []}
    for _ in range(400):
        z = 0.6 * rng.normal(size=50) + 0.8 * rng.normal()
        z[40:] += 3.5
        p = 0.5 * np.array([_erfc(value / np.sqrt(2)) for value in z])
        for method, kept in shares.items():
            found = discoveries(p, 0.1, method)
            kept.append(found[:40].sum() / max(1, found.sum()))
    assert np.mean(shares["bh"]) <= 0.1
    assert np.mean(shares["by"]) < np.mean(shares["bh"])


def _erfc(value: float) -> float:
    from math import erfc

    return erfc(value)


def test_no_hypotheses_are_no_discoveries_and_bad_rates_are_refused() -> None:
    """Empty in, empty out."""
    assert discoveries(np.zeros(0), 0.05).tolist() == []
    with pytest.raises(BadInput, match="rate must lie"):
        discoveries(np.ones(1), 1.0)
    with pytest.raises(BadInput, match=r"must lie in \[0, 1\]"):
        adjusted_p_values(np.array([1.2]))
    with pytest.raises(BadInput, match="bh or by"):
        adjusted_p_values(np.array([0.2]), "holm")
