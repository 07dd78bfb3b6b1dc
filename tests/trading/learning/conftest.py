"""The made-up pools as a fixture: test folders are no packages, so helpers cannot be imported by name."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def pools() -> ModuleType:
    """The module `pools.py` beside this file."""
    spec = importlib.util.spec_from_file_location("learning_test_pools", Path(__file__).parent / "pools.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
