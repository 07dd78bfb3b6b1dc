"""The fleet's bounds from TOML and environment, into the engine's settings."""

from decimal import Decimal

import pytest

from resources.settings import load_settings
from trading.execution.settings import EngineSettings
from trading.market.errors import BadInput


def test_without_a_word_the_engine_s_own_defaults_hold():
    """Two homes of a default would drift apart."""
    assert load_settings().risk.engine_settings() == EngineSettings()


def test_a_table_in_toml_changes_what_it_names_and_nothing_else(tmp_path, monkeypatch):
    """One cap and one protection; the others keep their defaults."""
    file = tmp_path / "sluice.toml"
    file.write_text('[risk.fleet]\nsymbol_share = "0.1"\n[risk.guards]\ncooldown_ms = 60000\n')
    monkeypatch.setenv("SLUICE_CONFIG", str(file))
    found = load_settings().risk.engine_settings()
    assert (found.fleet.symbol_share, found.fleet.cluster_share) == (Decimal("0.1"), Decimal("0.40"))
    assert (found.guards.cooldown_ms, found.fleet_guards.cooldown_ms) == (60_000, 0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("FLEET__SYMBOL_SHARE", "-1", "symbol_share must be above 0"), ("FLEET__NOPE", "1", "NOPE: Unexpected")],
)
def test_a_bound_that_is_none_and_a_name_that_is_none_are_refused(monkeypatch, name, value, said):
    """One sentence each."""
    monkeypatch.setenv(f"SLUICE_RISK__{name}", value)
    with pytest.raises(BadInput, match=said):
        load_settings()
