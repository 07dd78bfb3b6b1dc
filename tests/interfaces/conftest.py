"""A world on disk that the command line looks at."""

import pytest

from tests.trading.store.lineage_world import build


@pytest.fixture
def traded(tmp_path, monkeypatch):
    """One whole chain, from candles to one closed trade, as the current world."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "traded")
    (tmp_path / "traded").mkdir()
    chain = build(tmp_path / "traded")
    yield chain
    chain.log.close()
