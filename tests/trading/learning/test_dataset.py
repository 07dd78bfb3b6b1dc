"""Training sets: what is in, what is out, and names that follow content."""

from datetime import timedelta

import polars as pl
import pytest

from trading.learning.dataset import DatasetRules, training_set
from trading.market.errors import BadInput


def test_outcomes_after_the_cutoff_are_unknown(pools) -> None:
    """A decision that closes one millisecond later is out."""
    frame = pools.pool(1, days=2, per_day=4)
    last = frame["closed_at"].max()
    assert len(training_set(frame, last, pools.RULES).frame) == 8
    assert len(training_set(frame, last - timedelta(milliseconds=1), pools.RULES).frame) == 7


def test_the_id_follows_rows_and_rules_and_nothing_else(pools) -> None:
    """Row order in the pool does not matter; one changed return does, and so does a weight."""
    frame = pools.pool(1)
    name = training_set(frame, pools.CUTOFF, pools.RULES).dataset_id
    assert training_set(frame.reverse(), pools.CUTOFF, pools.RULES).dataset_id == name
    assert training_set(frame, pools.CUTOFF + timedelta(days=1), pools.RULES).dataset_id == name
    changed = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 5).then(0.5).otherwise("net_return").alias("net_return")
    )
    assert training_set(changed, pools.CUTOFF, pools.RULES).dataset_id != name
    rules = DatasetRules(pools.FEATURES, "f1", weights=(("paper", 0.6),))
    assert training_set(frame, pools.CUTOFF, rules).dataset_id != name


def test_labels_are_gains_after_costs(pools) -> None:
    """Zero is no gain."""
    frame = pools.pool(1, days=1, per_day=3).with_columns(net_return=pl.Series([0.01, 0.0, -0.01]))
    assert training_set(frame, pools.CUTOFF, pools.RULES).y.tolist() == [1, 0, 0]


def test_what_was_really_traded_wins_over_its_candle_label(pools) -> None:
    """Same symbol and bar: once, from paper; other candle rows count a fifth."""
    traded = pools.pool(1, days=1, per_day=4)
    labelled = pools.pool(1, days=1, per_day=8, source="candles").with_columns(
        signal_id="other-" + pl.col("signal_id")
    )
    same = labelled.head(4).with_columns(symbol=traded["symbol"], bar_time=traded["bar_time"])
    candles = pl.concat([same, labelled.tail(4), labelled.tail(4)])
    found = training_set(traded, pools.CUTOFF, pools.RULES, candles=candles)
    by_source = dict(found.frame.group_by("source").len().rows())
    assert by_source == {"paper": 4, "candles": 4}
    assert sorted(set(found.weight.tolist())) == [0.2, 0.7]
    assert found.manifest["by_source"] == {"candles": 4, "paper": 4}


def test_the_window_rolls_and_unknown_sources_stay_out(pools) -> None:
    """60 days before the cut-off of 1 June begin on 2 April; a source without a weight has no say."""
    frame = pools.pool(1, days=150, per_day=2)
    rules = DatasetRules(pools.FEATURES, "f1", max_age_days=60.0)
    found = training_set(frame, pools.CUTOFF, rules)
    assert 0 < len(found.frame) < len(frame)
    assert found.frame["decided_at"].min() >= pools.CUTOFF - timedelta(days=60)
    rumours = frame.with_columns(source=pl.lit("rumour"))
    assert training_set(rumours, pools.CUTOFF, pools.RULES).frame.is_empty()


def test_a_null_feature_is_unknown_and_a_nan_is_refused(pools) -> None:
    """Null says nobody knew; NaN says somebody computed nonsense."""
    frame = pools.pool(1, days=1, per_day=3)
    unknown = frame.with_columns(f_2=pl.Series([1.0, None, 2.0]))
    assert training_set(unknown, pools.CUTOFF, pools.RULES).frame["f_2"].null_count() == 1
    assert training_set(frame.drop("f_2"), pools.CUTOFF, pools.RULES).frame["f_2"].null_count() == 3
    for bad in (float("nan"), float("inf")):
        broken = frame.with_columns(f_2=pl.Series([1.0, bad, 2.0]))
        with pytest.raises(BadInput, match="f_2 must be a finite number"):
            training_set(broken, pools.CUTOFF, pools.RULES)


def test_an_empty_pool_is_an_empty_set(pools) -> None:
    """The first pass."""
    found = training_set(pools.pool(1).clear(), pools.CUTOFF, pools.RULES)
    assert (len(found.frame), found.days, found.manifest["rows"]) == (0, 0, 0)


def test_bad_rules_and_missing_columns_are_named(pools) -> None:
    """Weights above 1 would make a candle worth more than money."""
    with pytest.raises(BadInput, match=r"weight of paper must lie in \(0, 1\], was 2"):
        DatasetRules(("f_0",), "f1", weights=(("paper", 2.0),))
    with pytest.raises(BadInput, match="missing: net_return"):
        training_set(pools.pool(1).drop("net_return"), pools.CUTOFF, pools.RULES)


def test_one_decision_is_one_row_of_the_source_that_weighs_most(pools) -> None:
    """Money over paper over candles; the group is the pair and the bar, the day that of the decision."""
    paper = pools.pool(1, days=2, per_day=4)
    live = paper.head(3).with_columns(source=pl.lit("live"), net_return=pl.lit(0.01))
    found = training_set(pl.concat([paper, live]), pools.CUTOFF, pools.RULES)
    assert len(found.frame) == 8
    assert len(set(found.group.tolist())) == 8
    assert dict(found.frame.group_by("source").len().rows()) == {"paper": 5, "live": 3}
    assert found.day.tolist() == (found.t0 // 86_400_000).tolist()
    assert found.days == 2


def test_a_decision_that_was_made_in_time_wins_over_its_history(pools) -> None:
    """Same source, same bar: the ledger's row, whatever a later pass computed; the pool's is one, too."""
    ours = pools.pool(1, days=1, per_day=4, source="candles").with_columns(
        is_decided=pl.Series([True, True, None, True]), f_0=pl.lit(1.0)
    )
    history = ours.drop("is_decided").with_columns(f_0=pl.lit(2.0), signal_id="z-" + pl.col("signal_id"))
    found = training_set(ours, pools.CUTOFF, pools.RULES, candles=history)
    assert found.frame.select("f_0", "is_decided").unique().rows() == [(1.0, True)]
    alone = training_set(ours.clear(), pools.CUTOFF, pools.RULES, candles=history)
    assert alone.frame.select("f_0", "is_decided").unique().rows() == [(2.0, False)]


def test_a_drawn_decision_stands_for_those_that_were_not_within_a_bound(pools) -> None:
    """Paper weighs 0.7: one in four counts 2.8, one in a hundred 7 and not 70, a certain one 0.7."""
    frame = pools.pool(1, days=1, per_day=3).with_columns(propensity=pl.Series([0.25, 0.01, None]))
    found = training_set(frame, pools.CUTOFF, pools.RULES)
    assert found.weight.tolist() == pytest.approx([2.8, 7.0, 0.7])
    with pytest.raises(BadInput, match=r"most_inverse must be at least 1, was 0\.5"):
        DatasetRules(("f_0",), "f1", most_inverse=0.5)
