from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import MissingData
from trading.store.lake import Lake
from trading.xray.clusters import CLUSTERS
from trading.xray.membership import cluster_at

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def publish(lake: Lake, at: datetime, *rows: tuple) -> None:
    lake.publish("clusters", pl.DataFrame(rows, schema=CLUSTERS, orient="row"), key=["symbol"], at=at)


@pytest.fixture
def lake(tmp_path):
    """At noon `a` leads a group of three with `near` close to it; an hour later all is noise."""
    found = Lake(tmp_path)
    publish(
        found,
        NOON,
        ("a", 2, "a", 1.0, 3, NOON - HOUR, 0.4, 2, "a", 0.99),
        ("b", 2, "a", 0.5, 3, NOON - HOUR, 0.4, 2, "a", 0.7),
        ("c", 2, "a", 0.8, 3, NOON - HOUR, 0.4, 2, "a", 0.8),
        ("far", -1, None, 0.0, 2, None, None, -1, None, 0.2),
        ("near", -1, None, 0.0, 2, None, None, 2, "a", 0.6),
    )
    publish(found, NOON + HOUR, ("a", -1, None, 0.0, 1, None, None, -1, None, None))
    return found


def test_a_member_sees_its_group_then_and_now(lake):
    """Most similar first, without itself; an hour later the group is gone."""
    then = cluster_at(lake, "b", NOON)
    assert (then.cluster, then.name, then.size, then.since, then.is_soft) == (2, "a", 3, NOON - HOUR, False)
    assert then.members == ("a", "c")
    assert cluster_at(lake, "b", NOON, n=1).members == ("a",)
    now = cluster_at(lake, "a")
    assert (now.cluster, now.name, now.size, now.members, now.similarity) == (-1, None, 0, (), None)


def test_noise_near_a_group_is_a_guess_and_called_one(lake):
    """`near` is softly in, `far` is not."""
    near, far = cluster_at(lake, "near", NOON), cluster_at(lake, "far", NOON + HOUR / 2)
    assert (near.cluster, near.soft_cluster, near.is_soft, near.name, near.members) == (
        -1,
        2,
        True,
        "a",
        ("a", "c", "b"),
    )
    assert (far.cluster, far.is_soft, far.name, far.members) == (-1, False, None, ())


def test_what_nobody_looked_at_is_none_and_before_the_first_look_is_an_error(lake):
    assert cluster_at(lake, "b") is None
    with pytest.raises(MissingData, match="no clusters were known at"):
        cluster_at(lake, "b", NOON - HOUR)
