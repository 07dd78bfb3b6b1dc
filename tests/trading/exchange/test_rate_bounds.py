"""A rate has a top: without one, a limiter would refill a budget that others share, and forget their bans."""

import asyncio
import math
import struct
from pathlib import Path

import pytest

from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.shared_budget import SharedBudget
from trading.exchange.throttle import MOST_RATE_PER_S, Limiter
from trading.market.errors import BadInput

BEYOND = [math.inf, -math.inf, math.nan, MOST_RATE_PER_S * 1.001, 0.0, -1.0]


@pytest.mark.parametrize("rate", BEYOND)
def test_a_rate_out_of_bounds_is_refused_and_both_are_named(tmp_path: Path, rate: float) -> None:
    """The message has the bound and the value; no file is made."""
    with pytest.raises(BadInput, match=rf"at most 100,000, was {rate}".replace("+", r"\+")):
        Limiter(rate, path=tmp_path / "venue.budget")
    with pytest.raises(BadInput, match="rate_per_s"):
        GatewayPool(ExchangeSettings("http://127.0.0.1:1", rate_per_s=rate, limiter_path=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("burst", [math.inf, math.nan, 0.1])
def test_a_burst_out_of_bounds_is_refused(burst: float) -> None:
    """An infinite bucket is no limit either."""
    with pytest.raises(BadInput, match=rf"burst must be at least 1 and finite, was {burst}"):
        Limiter(20.0, burst=burst)


async def goes(limiter: Limiter, within_s: float = 0.3) -> bool:
    try:
        await asyncio.wait_for(limiter.acquire(1), within_s)
    except TimeoutError:
        return False
    return True


async def test_a_refusal_outlives_a_reset_of_the_budget(tmp_path: Path) -> None:
    """429 for a minute, then an infinite bucket is written: the file is begun anew, the minute is not."""
    path = tmp_path / "venue.budget"
    careful = Limiter(20.0, path=path)
    assert await goes(careful)
    careful.refused(60.0)
    with path.open("r+b") as file:
        file.seek(24)  # behind the magic and the boot: tokens
        file.write(struct.pack("<d", math.inf))
    assert not await goes(careful)
    assert not await goes(Limiter(20.0, path=path))


class Wall:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def blocked_s(path: Path, wall: Wall) -> float:
    budget = SharedBudget(path, 20, 5, wall=wall)
    assert budget.enter()
    left_s = budget.blocked_until_s - wall.now
    budget.leave()
    budget.close()
    return left_s


@pytest.mark.parametrize(
    ("field", "value"), [(0, math.inf), (0, math.nan), (1, math.nan), (2, 0.0), (2, 7.0), (3, math.nan)]
)
def test_whatever_number_is_damaged_a_readable_ban_stays(tmp_path: Path, field: int, value: float) -> None:
    """Tokens, time, share or credit are nonsense; an hour's ban still lasts an hour."""
    path, wall = tmp_path / "venue.budget", Wall()
    budget = SharedBudget(path, 20, 5, wall=wall)
    assert budget.enter()
    budget.refuse(3600.0, wall.now)
    budget.leave()
    with path.open("r+b") as file:
        file.seek(24 + 8 * field)
        file.write(struct.pack("<d", value))
    assert blocked_s(path, wall) == pytest.approx(3600, abs=5)


def test_a_ban_longer_than_any_is_damage(tmp_path: Path) -> None:
    """A thousand years would be an endless wait: three days are the venue's longest."""
    path, wall = tmp_path / "venue.budget", Wall()
    budget = SharedBudget(path, 20, 5, wall=wall)
    assert budget.enter()
    budget.blocked_until_s = 3e10
    budget.leave()
    assert blocked_s(path, wall) <= 3 * 86_400
