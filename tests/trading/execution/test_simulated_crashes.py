"""The promise of the order path: killed at any operation, started again, nothing is lost and nothing doubled.

Worlds, faults and judge: `trading.execution.drills.simulated`; `sluice drill kill --simulated` runs them.
"""

import json

import pytest

from trading.execution.drills.simulated import exhaust, simulate
from trading.execution.drills.simulated_scenes import draw
from trading.market.errors import BadInput

POINTS, NIGHTLY = 400, 10_000


@pytest.mark.parametrize("points", [POINTS, pytest.param(NIGHTLY, marks=pytest.mark.slow)])
def test_killed_at_any_moment_of_any_scene_nothing_is_lost_doubled_or_broken(points):
    """Single crashes and series of them in drawn scenes; every invariant that can be judged here holds."""
    result = simulate(points, seed=0)
    told = result.as_dict()
    assert result.passed, json.dumps(told["found"], indent=1)
    assert told["runs"] == points
    assert all(verdict["holds"] for verdict in told["invariants"].values())
    assert told["figures"]["single_crashes"] > 0
    assert told["figures"]["distinct_worlds_left"] > points / 10


KINDS = (
    "no trouble", "answers lost", "requests lost", "requests late", "orders hidden",
    "orders hidden for a while", "limiter refusals", "rejections", "deaf reads", "everything",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_killed_after_every_single_operation_of_a_small_scene_nothing_is_lost_or_doubled(kind):
    """One user, one symbol, one set: every commit and every end of a request is the last thing somewhere."""
    scenes = (draw(0, number, most_users=1) for number in range(10_000))
    name = f"{kind}, ioc entries, one set, 1 users, 1 symbols"
    result = exhaust(
        next(s for s in scenes if s.name == name and s.faults.parts == len(s.faults.shares) == 1)
    )
    assert result.passed, json.dumps(result.as_dict()["found"], indent=1)
    assert result.runs >= 10


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    """Invariant 13: scenes, deaths and what was left are a function of the seed."""
    first, again, other = (json.dumps(simulate(60, seed=seed).as_dict()) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"points": 0}, "points must be at least 1, was 0"), ({"users": 5}, "between 1 and 4, was 5")],
)
def test_numbers_out_of_bounds_are_named(wrong, message):
    """One clear error with value and bound."""
    with pytest.raises(BadInput, match=message):
        simulate(**wrong)
