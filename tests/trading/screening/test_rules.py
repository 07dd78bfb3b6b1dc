import pytest

from trading.market.errors import BadInput
from trading.screening.rules import PRESETS, ScreeningRules, preset


def test_owner_preset_has_the_old_bots_numbers():
    """Minimum volume 100, minimum volatility 0.1 %, batches of 10."""
    owner = preset("owner")
    assert (owner.min_quote_volume_24h, owner.min_volatility, owner.batch_size) == (100.0, 0.001, 10)


def test_default_preset_is_the_dataclass_as_written():
    """The launchpad shows the dataclass; it must show what runs."""
    assert PRESETS["default"] == ScreeningRules()


def test_unknown_preset_names_those_that_exist():
    """A typing slip is answered with the choices."""
    with pytest.raises(BadInput, match="one of default, owner, was 'ownr'"):
        preset("ownr")


@pytest.mark.parametrize(
    "bad",
    [
        {"batch_size": 0},
        {"max_survivors": 0},
        {"min_quote_volume_24h": -1.0},
        {"min_quote_volume_24h": float("nan")},
        {"min_volatility": 0.2, "max_volatility": 0.1},
        {"rsi_below": 0.0},
        {"rsi_below": None, "rsi_above": None},
        {"quotes": ()},
    ],
)
def test_bounds_that_cannot_be_met_are_refused(bad):
    """A slip in the launchpad is an error, not an empty funnel."""
    with pytest.raises(BadInput):
        ScreeningRules(**bad)


def test_a_bound_of_zero_is_a_bound_and_none_is_none():
    """Zero must not be read as switched off."""
    assert ScreeningRules(min_quote_volume_24h=0.0).min_quote_volume_24h == 0.0
    assert ScreeningRules(min_quote_volume_24h=None).min_quote_volume_24h is None
