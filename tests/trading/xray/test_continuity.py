from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.xray.clusters import CLUSTERS, cluster_symbols
from trading.xray.continuity import EVENTS, carried_on

MONDAY = datetime(2026, 8, 17, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)


def look(**groups: str) -> pl.DataFrame:
    """CLUSTERS of one-letter symbols: `look(a="abc", b="de", noise="f")`, each named after its key."""
    rows = []
    numbered = sorted((name for name in groups if name != "noise"), key=lambda name: -len(groups[name]))
    for number, name in enumerate(numbered):
        rows += [
            (letter, number, name, 1.0, len(groups[name]), None, 0.5, number, name, 0.9)
            for letter in groups[name]
        ]
    noise = groups.get("noise", "")
    rows += [(letter, -1, None, 0.0, len(noise), None, None, -1, None, 0.1) for letter in noise]
    return pl.DataFrame(rows, schema=CLUSTERS, orient="row").sort("symbol")


def numbers(frame: pl.DataFrame) -> dict[str, int]:
    return dict(frame.select("symbol", "cluster").iter_rows())


def events(found) -> set[tuple]:
    return {
        (event, number, other)
        for event, number, other in found.events.select("event", "cluster", "other").iter_rows()
    }


def first(**groups: str) -> pl.DataFrame:
    return carried_on(None, look(**groups), at=MONDAY).frame


def test_the_first_look_bears_its_groups():
    """All are born, numbered by size, since now."""
    found = carried_on(None, look(a="abcd", e="efg", noise="x"), at=MONDAY)
    assert found.events.schema == pl.Schema(EVENTS)
    assert events(found) == {("born", 0, None), ("born", 1, None)}
    assert found.frame.filter(pl.col("cluster") >= 0)["since"].unique().to_list() == [MONDAY]
    assert found.frame.filter(pl.col("cluster") < 0)["since"].to_list() == [None]
    assert found.frame.schema == pl.Schema(CLUSTERS)
    assert found.stayed is None


def test_numbers_names_and_births_are_kept_when_sizes_change_places():
    """The second became the largest and lost a member; its number and since stay, and so does its name."""
    found = carried_on(first(a="abcd", e="efg"), look(f="efghij", b="abc", noise="d"), at=TUESDAY)
    assert numbers(found.frame) == {**dict.fromkeys("abc", 0), **dict.fromkeys("efghij", 1), "d": -1}
    assert events(found) == {("kept", 0, None), ("kept", 1, None)}
    told = dict(found.frame.select("cluster", "cluster_name").unique().iter_rows())
    assert told == {0: "a", 1: "e", -1: None}
    assert found.frame.drop_nulls("since")["since"].unique().to_list() == [MONDAY]
    assert found.stayed == 1.0


def test_a_name_that_left_its_group_is_given_up():
    """`a` is no longer a member: the medoid of today names the group."""
    found = carried_on(first(a="abcd"), look(b="bcde", noise="a"), at=TUESDAY)
    assert found.frame.filter(pl.col("cluster") == 0)["cluster_name"].unique().to_list() == ["b"]
    assert found.frame.filter(pl.col("cluster") == 0)["soft_name"].unique().to_list() == ["b"]


def test_a_split_names_whom_it_came_from():
    """The larger half goes on, the other half is new and since today."""
    found = carried_on(first(a="abcdefghij"), look(a="abcdef", g="ghij"), at=TUESDAY)
    assert events(found) == {("kept", 0, None), ("split", 1, 0)}
    assert found.frame.filter(pl.col("symbol") == "g")["since"].item() == TUESDAY
    assert found.stayed == pytest.approx(0.6)


def test_a_merger_names_into_whom():
    """The larger goes on, the smaller is merged into it."""
    found = carried_on(first(a="abcdef", g="ghij"), look(b="abcdefghij"), at=TUESDAY)
    assert events(found) == {("kept", 0, None), ("merged", 1, 0)}
    row = found.events.filter(pl.col("event") == "merged").row(0, named=True)
    assert (row["cluster_name"], row["other_name"], row["before"], row["now"], row["shared"]) == (
        "g",
        "a",
        4,
        0,
        4,
    )


def test_births_and_ends_are_told():
    """One group falls to noise, another comes out of noise; the number of the dead is not theirs at once."""
    found = carried_on(
        first(a="abcd", e="efg", noise="xyz"), look(a="abcd", x="xyz", noise="efg"), at=TUESDAY
    )
    assert events(found) == {("kept", 0, None), ("ended", 1, None), ("born", 2, None)}
    # A day later number 1 is free again: nobody has it at either look.
    later = carried_on(found.frame, look(a="abcd", x="xyz", m="mno"), at=TUESDAY + timedelta(days=1))
    assert ("born", 1, None) in events(later)


def test_little_in_common_is_not_the_same_group():
    """One shared member of four, the rest is new to the market or from elsewhere: ended and born."""
    found = carried_on(first(a="abcd", noise="pqr"), look(a="apqr", noise="bcd"), at=TUESDAY)
    assert events(found) == {("ended", 0, None), ("born", 1, None)}


def test_listings_and_delistings_do_not_count_against_a_group():
    """Half of the members are new listings, one is gone: those that were there both times decide."""
    found = carried_on(first(a="abcd"), look(a="abc" + "uvwxyz"), at=TUESDAY)
    assert events(found) == {("kept", 0, None)}


def test_an_assignment_is_the_best_for_all():
    """Old 0 shares 3 with new x and 4 with y, old 1 shares 4 with y alone: greedy by 0 would orphan 1."""
    before = first(a="abcdefg", h="hijk")
    now = look(a="defghijk", x="abc")
    found = carried_on(before, now, at=TUESDAY)
    assert numbers(found.frame)["a"] == 0
    assert numbers(found.frame)["h"] == 1


def test_a_table_of_before_there_was_a_since_counts_as_none():
    """Written by an earlier release."""
    before = pl.DataFrame({"symbol": ["a", "b"], "cluster": [3, 3], "cluster_name": ["a", "a"]})
    assert events(carried_on(before, look(a="ab"), at=MONDAY)) == {("born", 0, None)}
    with pytest.raises(BadInput, match="must be aware"):
        carried_on(None, look(a="ab"), at=MONDAY.replace(tzinfo=None))


def test_nothing_before_and_nothing_now_are_no_error():
    """A market of noise, twice; and one that loses all its groups."""
    noise = look(noise="abc")
    assert carried_on(noise, noise, at=MONDAY).events.is_empty()
    assert events(carried_on(first(a="abc"), noise, at=TUESDAY)) == {("ended", 0, None)}
    assert carried_on(None, look(), at=MONDAY).frame.is_empty()


def test_a_window_that_moves_on_keeps_the_labels(planted):
    """Ten looks at a planted market, 20 bars apart: nearly all keep their number all the way."""
    market = planted(240, 700, seed=2)
    before, share = None, []
    for step in range(10):
        returns = market.returns[:, 20 * step : 20 * step + 500]
        found = carried_on(
            before, cluster_symbols(market.symbols, returns), at=MONDAY + step * timedelta(hours=5)
        )
        share += [] if found.stayed is None else [found.stayed]
        before = found.frame
    assert np.min(share) > 0.95
    assert before["since"].min() == MONDAY
