"""An exchange, an engine, Ann and Bob."""

from collections.abc import AsyncIterator

import pytest

from tests.trading.execution.bad_input.stand import Stand, standing


@pytest.fixture
async def stand(tmp_path) -> AsyncIterator[Stand]:
    async with standing(tmp_path) as found:
        yield found
