"""One stand for each test."""

import pytest

from tests.interfaces.bot.stand import Stand


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path / "orders.db")
    yield made
    made.log.close()
