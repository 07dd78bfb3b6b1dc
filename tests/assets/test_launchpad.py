"""Launchpad: a frozen dataclass and the form that Dagster shows for it say the same."""

from dataclasses import dataclass, fields

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.backtest import ApprovalConfig, BacktestConfig
from assets.launchpad import domain, launchpad
from assets.learning import EvaluationConfig
from assets.ohlcv import OhlcvConfig
from assets.screening import ScreeningConfig
from assets.signals import SignalConfig
from trading.backtest.approval import ApprovalRules
from trading.learning.evaluation import EvaluationRules
from trading.market.errors import BadInput
from trading.ohlcv.passes import HistoryRequest
from trading.risk.overrides import ExitOverrides
from trading.screening.rules import PRESETS, ScreeningRules
from trading.signals.strategy import SignalRules

STAGES = [
    (ScreeningConfig, ScreeningRules),
    (OhlcvConfig, HistoryRequest),
    (SignalConfig, SignalRules),
    (BacktestConfig, ExitOverrides),
    (ApprovalConfig, ApprovalRules),
    (EvaluationConfig, EvaluationRules),
]
NAMES = [config.__name__ for config, _ in STAGES]


@dataclass(frozen=True)
class Bounds:
    """Bounds of nothing in particular.

    Parameters
    ----------
    names : tuple of str
        What is looked at,
        in this order.
    low, high : float or None
        Both ends; None = open.
    share : float
        A fraction.

    Notes
    -----
    share : float
        This is no parameter's help and comes later.
    """

    names: tuple[str, ...] = ("a", "b")
    low: float | None = None
    high: float | None = 2.5
    share: float = 0.1
    bare: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise BadInput(f"share must lie in [0, 1], was {self.share}")


def described(config: type[dg.Config]) -> dict[str, str | None]:
    return {name: field.description for name, field in config.model_fields.items()}


def test_help_is_the_docstring_s():
    """Several lines become one; two names that share an entry share its help; no entry, no help."""
    help_of = described(launchpad(Bounds, "BoundsConfig"))
    assert help_of["names"] == "What is looked at, in this order."
    assert help_of["low"] == help_of["high"] == "Both ends; None = open."
    assert help_of["share"].startswith("A fraction.")
    assert help_of["bare"] is None


def test_tuples_become_lists_and_come_back_as_tuples():
    """Dagster's config has no tuples, frozen dataclasses have no lists."""
    config = launchpad(Bounds, "BoundsConfig")()
    assert config.names == ["a", "b"]
    assert domain(Bounds, config) == Bounds()
    assert isinstance(domain(Bounds, config).names, tuple)


def test_two_configs_do_not_share_their_list():
    """A default that somebody changes must not change everybody's default."""
    config = launchpad(Bounds, "BoundsConfig")
    config().names.append("x")
    assert domain(Bounds, config()) == Bounds()


def test_an_unknown_field_is_refused():
    """A typing error in the launchpad is an error and not silently the default; known ones arrive."""
    config = launchpad(Bounds, "BoundsConfig")
    seen = []

    @dg.op
    def look(config: config):
        seen.append(domain(Bounds, config))

    @dg.job
    def job():
        look()

    ops = {"look": {"config": {"names": ["x"], "low": 1.5}}}
    assert job.execute_in_process(run_config={"ops": ops}).success
    assert seen == [Bounds(names=("x",), low=1.5)]
    with pytest.raises(dg.DagsterInvalidConfigError, match="lwo"):
        job.execute_in_process(run_config={"ops": {"look": {"config": {"lwo": 1.5}}}})


def test_the_domain_s_own_bounds_hold_for_the_launchpad():
    """A value that the dataclass refuses is refused with the dataclass's sentence."""
    with pytest.raises(BadInput, match=r"share must lie in \[0, 1\], was 1.5"):
        domain(Bounds, launchpad(Bounds, "BoundsConfig")(share=1.5))


def test_extra_fields_stand_in_the_form_and_not_in_the_domain():
    """`preset` chooses rules; it is none."""
    config = launchpad(Bounds, "BoundsConfig", preset=(str, ""))
    assert config(preset="owner").preset == "owner"
    assert domain(Bounds, config(preset="owner")) == Bounds()


@given(
    names=st.lists(st.text(max_size=5), max_size=4),
    low=st.none() | st.floats(allow_nan=False),
    share=st.floats(0, 1),
    bare=st.integers(-(2**62), 2**62),
)
def test_every_value_makes_the_round_trip(names, low, share, bare):
    """Form -> dataclass keeps each value, None and 0 apart."""
    config = launchpad(Bounds, "BoundsConfig")
    found = domain(Bounds, config(names=names, low=low, share=share, bare=bare))
    assert found == Bounds(names=tuple(names), low=low, share=share, bare=bare)


@pytest.mark.parametrize(("config", "rules"), STAGES, ids=NAMES)
def test_each_stage_s_form_stands_for_the_domain_s_defaults(config, rules):
    """What the launchpad shows untouched is what the domain does by itself."""
    assert domain(rules, config()) == rules()


@pytest.mark.parametrize(("config", "rules"), STAGES, ids=NAMES)
def test_each_threshold_of_each_stage_has_help(config, rules):
    """A number that nobody explains is a number that nobody dares to change."""
    help_of = described(config)
    assert [field.name for field in fields(rules) if not help_of[field.name]] == []


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_into_the_form(name):
    """Whatever a preset says can be typed into the launchpad, and means the same there."""
    rules = PRESETS[name]
    values = {field.name: getattr(rules, field.name) for field in fields(rules)}
    typed = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    assert domain(ScreeningRules, ScreeningConfig(**typed)) == rules
