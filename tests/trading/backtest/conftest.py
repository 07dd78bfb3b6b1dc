"""The small markets as a fixture: test folders are no packages, so helpers cannot be imported by name."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def market() -> ModuleType:
    """The module `markets.py` beside this file."""
    spec = importlib.util.spec_from_file_location(
        "backtest_test_markets", Path(__file__).parent / "markets.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
