"""What was considered is written once, as it was, whatever later passes say."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trading.market.errors import BadInput, StoreError
from trading.trade_pool.considered import Moment, considered
from trading.trade_pool.exploration import ExplorationRules, drawn
from trading.trade_pool.ledger import Ledger
from trading.trade_pool.snapshots import DECISIONS, Snapshots

BAR = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT = BAR + timedelta(minutes=15, seconds=20)
FEATURES = ("f_a", "f_b")
NOBODY = ExplorationRules(share=0.0)
UTC_MS = pl.Datetime("ms", "UTC")


def signals(**change: object) -> pl.DataFrame:
    """Six wanted entries of one bar, one of the bar before, and an exit."""
    names = ("TAKEN", "GATED", "GONE", "UNTESTED", "REFUSED", "SEVENTH", "OLD", "LEFT")
    rows = [
        {
            "symbol": f"{name}/USDT",
            "open_time": BAR if name != "OLD" else BAR - timedelta(minutes=15),
            "strategy": "rsi_regime",
            "is_entry": name not in ("GATED", "LEFT"),
            "is_candidate": name != "LEFT",
            "reason": "news: delisting 1.0 h ago, no entries" if name == "GATED" else "entry: RSI 21.0",
            "close": 100.0,
            "score": 0.5,
            "probability": 0.61,
            "threshold": 30.0,
            "regime": "calm",
            "model_id": "mdl-1",
            "model_threshold": 0.55,
            "screening_id": f"scr-{k}",
            "lineage_id": f"sig-{k}",
            "f_a": 0.1 + k,
            "f_b": None if k else 1 / 3,
        }
        | change
        for k, name in enumerate(names)
    ]
    return pl.DataFrame(rows, schema_overrides={"open_time": UTC_MS, "f_b": pl.Float64})


def approvals() -> pl.DataFrame:
    rows = [(f"{name}/USDT", name != "REFUSED", "too few trades", f"app-{name}") for name in
            ("TAKEN", "GATED", "GONE", "REFUSED", "SEVENTH")]  # fmt: skip
    return pl.DataFrame(rows, schema=["symbol", "is_approved", "reason", "lineage_id"], orient="row")


def moment(**change: object) -> Moment:
    listed = [f"{name}/USDT" for name in ("TAKEN", "GATED", "UNTESTED", "REFUSED", "SEVENTH")]
    plain: dict = {"bar_time": BAR, "decided_at": AT, "timeframe": "15m", "signals_version": "v-signals-1"}
    plain |= {"exits": "{}", "feature_version": "f9", "handed_over": ["TAKEN/USDT"], "listed": listed}
    return Moment(**(plain | {"signal_set_id": "set-1"} | change))


def decided(
    rules: ExplorationRules = NOBODY, told: pl.DataFrame | None = None, **change: object
) -> pl.DataFrame:
    return considered(signals() if told is None else told, approvals(), moment(**change), rules)


@pytest.fixture
def book(tmp_path) -> Snapshots:
    return Snapshots(Ledger(tmp_path / "decisions.sqlite"))


def test_every_wanted_entry_of_the_bar_is_considered_and_says_what_stopped_it() -> None:
    """The bar before was decided before, and an exit is no entry; the first thing in the way is the stage."""
    rows = decided()
    found = {row["symbol"].split("/")[0]: (row["stage"], row["is_taken"]) for row in rows.to_dicts()}
    assert found == {
        "TAKEN": ("handed_over", True),
        "GATED": ("news", False),
        "GONE": ("listing", False),
        "UNTESTED": ("approval", False),
        "REFUSED": ("approval", False),
        "SEVENTH": ("most", False),
    }
    reasons = dict(rows.select("symbol", "reason").iter_rows())
    assert reasons["REFUSED/USDT"] == "too few trades"
    assert reasons["UNTESTED/USDT"] == "not backtested"
    assert rows["signal_set_id"].drop_nulls().to_list() == ["set-1"]
    other = decided(is_tested=False, handed_over=[])
    assert set(other.filter(pl.col("stage") == "approval")["reason"]) == {
        "signals are of another strategy than the approvals"
    }


def test_a_decision_is_read_as_it_was_written_to_the_last_bit(book) -> None:
    """A third of one is no decimal; null stays null; ids of what it rests on are there."""
    assert book.read().is_empty()
    written = book.write(decided(), FEATURES)
    assert (written.new, written.known, written.different) == (6, 0, 0)
    rows = book.read()
    expected = decided().select(*(name for name in DECISIONS if name != "decision_id"), *FEATURES)
    assert_frame_equal(rows.drop("decision_id").sort("symbol"), expected, check_exact=True)
    row = rows.filter(pl.col("symbol") == "TAKEN/USDT").row(0, named=True)
    assert (row["f_b"], row["model_threshold"], row["approval_id"]) == (1 / 3, 0.55, "app-TAKEN")
    assert book.read(since=AT + timedelta(seconds=1)).is_empty()
    assert book.read(until=AT - timedelta(seconds=1)).is_empty()


def test_a_later_pass_changes_nothing_and_its_difference_is_counted(book) -> None:
    """Another probability and another feature: the first written stand; the same again is no difference."""
    book.write(decided(), FEATURES)
    before = book.read()
    again = book.write(decided(signals_version="v-signals-2"), FEATURES)
    assert (again.new, again.known, again.different) == (0, 6, 0)
    told = signals(probability=0.2).with_columns(f_a=pl.col("f_a") + 1e-16 + 1e-12)
    later = decided(told=told, signals_version="v-signals-3", decided_at=AT + timedelta(hours=3))
    assert book.write(later, FEATURES).different == 6
    assert book.write(later, FEATURES).different == 0, "counted once per pass"
    assert_frame_equal(book.read(), before, check_exact=True)
    assert set(book.differences()["columns"]) == {'["probability", "f_a"]'}


def test_passes_that_write_at_once_write_each_decision_once(tmp_path) -> None:
    """Four writers of the same bar on one new file: six decisions, eighteen that were known, no error."""
    path = tmp_path / "decisions.sqlite"
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(Snapshots(Ledger(path)).write, decided(), FEATURES) for _ in range(4)]
        found = [run.result() for run in runs]
    assert sum(each.new for each in found) == 6
    assert sum(each.known for each in found) == 18
    assert len(Snapshots(Ledger(path)).read()) == 6


def test_a_writer_that_dies_leaves_nothing_half(book) -> None:
    """The third row of a pass fails: none of the pass is there, and the next one writes all."""
    ledger, calls = book._ledger, []
    add = Ledger.add

    def failing(self, database, table, row):
        calls.append(table)
        if calls.count("decisions") == 3:
            raise KeyboardInterrupt
        return add(self, database, table, row)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "add", failing)
        with pytest.raises(KeyboardInterrupt):
            book.write(decided(), FEATURES)
    assert Snapshots(ledger).read().is_empty()
    assert book.write(decided(), FEATURES).new == 6


def test_the_file_itself_refuses_changes_and_removals(book, tmp_path) -> None:
    """Append-only is a property of the file, not of good manners."""
    book.write(decided(), FEATURES)
    with sqlite3.connect(tmp_path / "decisions.sqlite") as database:
        for said in ("UPDATE decisions SET score = 1", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="decisions are added to, never changed"):
                database.execute(said)
        database.execute("DROP TRIGGER decisions_update")
        database.execute("UPDATE decisions SET score = 0.9 WHERE symbol = 'TAKEN/USDT'")
    with pytest.raises(StoreError, match="is not the one that was written"):
        book.read()


def test_bad_decisions_are_refused_by_name_and_nothing_of_them_is_written(book) -> None:
    """NaN, a decision before its bar closed, a version that means other columns, a missing column."""
    for told, said in (
        (decided().with_columns(f_a=pl.lit(float("nan"))), "f_a of GATED/USDT"),
        (decided(decided_at=BAR), "before its bar"),
        (decided().drop("exits"), "missing: exits"),
    ):
        with pytest.raises(BadInput, match=said):
            book.write(told, FEATURES)
    assert book.read().is_empty()
    book.write(decided(), FEATURES)
    with pytest.raises(BadInput, match="other columns need another version"):
        book.write(decided(bar_time=BAR).drop("f_b"), ("f_a",))
    (book._ledger._path).write_bytes(b"no database at all")
    with pytest.raises(StoreError, match="cannot be read"):
        book.read()


def test_an_older_version_s_missing_features_are_null(book) -> None:
    """Two feature versions stand side by side."""
    book.write(decided(), FEATURES)
    next_bar = {"bar_time": BAR + timedelta(minutes=15), "decided_at": AT + timedelta(minutes=15)}
    told = signals().with_columns(pl.col("open_time") + timedelta(minutes=15), f_c=pl.lit(2.0))
    book.write(decided(told=told, feature_version="f10", **next_bar), (*FEATURES, "f_c"))
    rows = book.read()
    assert rows.group_by("feature_version").agg(pl.col("f_c").null_count()).sort(
        "feature_version"
    ).rows() == [
        ("f10", 0),
        ("f9", 6),
    ]


def test_a_blend_s_own_threshold_and_weights_are_kept() -> None:
    """What the signals say of the row goes before what the model says of all."""
    told = signals().with_columns(model_threshold=pl.lit(0.47), model_weight=pl.lit(0.25))
    rows = decided(told=told)
    assert set(rows["model_threshold"]) == {0.47}
    assert set(rows["weights"]) == {'{"model":0.25}'}


def test_only_approved_rejections_of_a_gate_are_drawn_and_say_how_likely_it_was() -> None:
    """At a share of a quarter: 1 for what is traded anyway, 0.25 for the gated one, 0 for all others."""
    rows = decided(ExplorationRules(share=0.25))
    found = dict(rows.select("symbol", "propensity").iter_rows())
    assert found == {
        "TAKEN/USDT": 1.0,
        "GATED/USDT": 0.25,
        **dict.fromkeys(("GONE/USDT", "UNTESTED/USDT", "REFUSED/USDT", "SEVENTH/USDT"), 0.0),
    }
    assert set(rows.filter("is_explored")["symbol"]) <= {"GATED/USDT"}
    for share in (-0.1, 0.3, float("nan")):
        with pytest.raises(BadInput, match="share of exploration"):
            ExplorationRules(share=share)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.05, 0.25]))
def test_the_draw_keeps_its_share_and_never_changes_its_mind(seed: int, share: float) -> None:
    """2,000 names: within five standard errors of the share; the same name is drawn alike every time."""
    rules = ExplorationRules(share=share, seed=seed)
    draws = [drawn(f"S{k}/USDT", 900_000 * k, "rsi_regime", rules) for k in range(2_000)]
    assert abs(sum(draws) - 2_000 * share) <= 5 * (2_000 * share * (1 - share)) ** 0.5
    assert draws[:50] == [drawn(f"S{k}/USDT", 900_000 * k, "rsi_regime", rules) for k in range(50)]


def test_the_size_that_a_policy_took_is_kept_with_the_decision(book) -> None:
    """Half the stake of one policy: read back so; asked for by the signal's id; nothing where none spoke."""
    sized = signals().with_columns(
        policy_id=pl.when(pl.col("lineage_id") == "sig-0").then(pl.lit("pol-1")),
        policy_size=pl.when(pl.col("lineage_id") == "sig-0").then(0.5),
    )
    book.write(decided(told=sized), FEATURES)
    sizes = dict(book.read().select("symbol", "policy_size").iter_rows())
    assert sizes.pop("TAKEN/USDT") == 0.5
    assert set(sizes.values()) == {None}
    found = book.of_signal("sig-0")
    assert (found["policy_id"], found["policy_size"], found["symbol"]) == ("pol-1", 0.5, "TAKEN/USDT")
    assert book.of_signal("sig-1")["policy_size"] is None
    assert book.of_signal("sig-99") is None


def test_a_ledger_from_before_sizes_were_kept_reads_as_it_was_and_takes_new_rows(tmp_path) -> None:
    """Its rows pass their check of content with the columns absent, and after these were added."""
    path = tmp_path / "decisions.sqlite"
    book = Snapshots(Ledger(path))
    bar = timedelta(minutes=15)
    told = signals(open_time=BAR + bar, policy_id="pol-1", policy_size=0.5)
    book.write(decided(), FEATURES)
    with sqlite3.connect(path) as database:
        for name in ("policy_id", "policy_size"):
            database.execute(f"ALTER TABLE decisions DROP COLUMN {name}")
    before = book.read()
    assert (before.height, before["policy_size"].null_count()) == (6, 6)
    book.write(decided(told=told, bar_time=BAR + bar, decided_at=AT + bar), FEATURES)
    after = book.read()
    assert_frame_equal(after.head(6), before)
    assert set(after.tail(after.height - 6)["policy_size"]) == {0.5}
