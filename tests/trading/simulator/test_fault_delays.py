"""Delays: each distribution against its own textbook quantiles."""

import pytest

from trading.simulator.fault_delays import Delay, delay_from_json


@pytest.mark.parametrize(
    ("raw", "draw", "ms"),
    [
        ({"distribution": "constant", "ms": 80}, 0.7, 80.0),
        ({"distribution": "uniform", "low_ms": 10, "high_ms": 30}, 0.25, 15.0),
        ({"distribution": "lognormal", "median_ms": 80, "sigma": 0.5}, 0.5, 80.0),
        # exp(0.5 * 1.959964) = 2.66438: the 97.5 % quantile
        ({"distribution": "lognormal", "median_ms": 80, "sigma": 0.5}, 0.975, 213.15),
        # least / (1 - u) ** (1 / alpha) = 20 / 0.01 ** 0.5
        ({"distribution": "pareto", "least_ms": 20, "alpha": 2}, 0.99, 200.0),
        ({"distribution": "pareto", "least_ms": 20, "alpha": 0.1, "cap_ms": 5_000}, 0.999, 5_000.0),
    ],
)
def test_a_draw_is_mapped_by_the_inverse_of_the_distribution(
    raw: dict[str, object], draw: float, ms: float
) -> None:
    """Worked by hand; nothing exceeds the cap."""
    assert delay_from_json(raw).sample_ms(draw) == pytest.approx(ms, rel=1e-4)


@pytest.mark.parametrize("name", ["constant", "uniform", "lognormal", "pareto"])
def test_the_listing_can_be_read_back(name: str) -> None:
    """to_json of a delay is a delay's JSON."""
    delay = Delay(name, 10, 10 if name == "constant" else 20)
    assert delay_from_json(delay.to_json()) == delay


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-53])
def test_the_ends_of_the_range_are_finite(draw: float) -> None:
    """Neither 0 nor the largest draw below 1 gives infinity or a negative wait."""
    for delay in (Delay("lognormal", 80, 3), Delay("pareto", 80, 0.2)):
        assert 0 <= delay.sample_ms(draw) <= delay.cap_ms
