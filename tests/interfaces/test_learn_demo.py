"""`sluice learn-demo`: its market, and (slow) the loop with and without something to learn."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from interfaces.learn.paper import STEP, PaperDesk
from interfaces.learn.planted import CHANCE, declared, write_market
from interfaces.learn.story import Story
from trading.market.clock import ManualClock
from trading.trade_pool.ledger import Ledger
from trading.trade_pool.outcomes import Outcomes
from trading.trade_pool.snapshots import Snapshots

ROOT = Path(__file__).parents[2]
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def market(path: Path, *, has_edge: bool, seed: int = 7) -> pl.DataFrame:
    write_market(path, first=FIRST, hours=1000, pairs=12, seed=seed, has_edge=has_edge)
    return pl.read_parquet(path)


def test_the_same_seed_is_the_same_file_and_its_bars_are_possible(tmp_path):
    """Two files, the same bytes; high above low, prices above 0, no bar twice."""
    one = market(tmp_path / "a.parquet", has_edge=True)
    market(tmp_path / "b.parquet", has_edge=True)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert one.filter((pl.col("high") < pl.max_horizontal("open", "close")) | (pl.col("low") <= 0)).is_empty()
    assert one.select("symbol", "ts").n_unique() == len(one) == 13 * 1000


@pytest.mark.parametrize(("has_edge", "least", "most"), [(True, 0.9, 1.0), (False, 0.35, 0.65)])
def test_volume_says_which_dips_come_back_only_where_the_edge_is_planted(tmp_path, has_edge, least, most):
    """Share of loud dips that are higher four bars later: 95 in 100, or about half."""
    frame = market(tmp_path / "m.parquet", has_edge=has_edge)
    own = frame.with_columns(
        (pl.col("close") / pl.col("open") - 1).alias("move"),
        (pl.col("close").shift(-4).over("symbol") / pl.col("close") - 1).alias("later"),
        (pl.col("volume") / pl.col("volume").rolling_mean(20).shift(1).over("symbol")).alias("loud"),
    )
    dips = own.filter((pl.col("move") < -0.03) & (pl.col("loud") > 3)).drop_nulls()
    assert len(dips) > 100
    assert least <= (dips["later"] > 0).mean() <= most


@pytest.mark.parametrize("has_edge", [True, False])
def test_a_third_of_the_pairs_fall_loudly_only_and_nothing_drifts_away(tmp_path, has_edge):
    """Of 12 pairs 4 are L..; each fall of theirs is loud; in 1,000 bars no price is fourfold or a quarter."""
    frame = market(tmp_path / "m.parquet", has_edge=has_edge)
    loud = frame.filter(pl.col("symbol").str.starts_with("L"))
    assert loud["symbol"].n_unique() == 4
    falls = loud.filter(pl.col("close") / pl.col("open") - 1 < -0.03)
    usual = loud["volume"].median()
    assert len(falls) > 80
    # Loud is six times the usual; the noise of volume is a factor of e to the 0.35.
    assert (falls["volume"] > 2 * usual).mean() > 0.95
    ends = loud.sort("ts").group_by("symbol").agg(pl.col("close").last() / pl.col("close").first())
    assert ends["close"].is_between(1 / 4, 4).all()


def test_the_output_declares_what_is_planted():
    """The sentence has the chance that the market is drawn with; without the edge it says nothing is."""
    assert f"{CHANCE:.0%} of the time" in declared(has_edge=True)
    assert declared(has_edge=False).startswith("nothing")


def test_without_the_edge_no_bar_owes_anything_to_a_dip_before_it(tmp_path):
    """Mean change of the 16 bars after a dip, net of the whole mean: 0 within 3 errors over 60 pairs.

    Bars after a dip are coins, later ones rise only as much as the next dip's chance takes.
    """
    path = tmp_path / "m.parquet"
    write_market(path, first=FIRST, hours=1500, pairs=60, seed=3, has_edge=False)
    moves = pl.read_parquet(path).filter(pl.col("symbol") != "BTCUSDT")
    later = (pl.col("close").shift(-16).over("symbol") / pl.col("close")).log()
    own = moves.with_columns(
        (pl.col("close") / pl.col("open") - 1).alias("move"), later.alias("later")
    ).drop_nulls()
    # Dips of all pairs share the market's own moves: an error per hour would be too small, so per day.
    after = own.filter(pl.col("move") < -0.03).group_by(pl.col("ts").dt.date()).agg(pl.col("later").mean())
    error = after["later"].std() / len(after) ** 0.5
    assert len(after) > 50
    assert abs(after["later"].mean()) < 3 * error


class Standing:
    """A market that stands still and remembers how it was moved."""

    def __init__(self) -> None:
        self.at, self.moves = FIRST, []

    def now(self) -> datetime:
        return self.at

    def run_until(self, moment: datetime, speed: float) -> None:
        self.moves.append((self.at, moment))
        self.at = moment


def desk(market: Standing, *, held: list[int]) -> PaperDesk:
    """A desk whose log holds so many trades at each look, with an engine that is never to be asked."""
    counts = iter(held)
    log = SimpleNamespace(
        ledger=SimpleNamespace(count_open=lambda: next(counts)),
        orders=SimpleNamespace(count=lambda _: 0),
        signal_sets=lambda: pl.DataFrame({"signal_set_id": []}),
    )
    line = SimpleNamespace(fire_sensor=lambda name: [])
    runner = SimpleNamespace(run=lambda work: work.close())
    return PaperDesk(line, market, log, None, None, ManualClock(0), runner)


def test_the_market_walks_while_something_is_held_and_jumps_where_nothing_is():
    """Held at two looks, then not: two steps of ten minutes, then the rest at once."""
    market = Standing()
    desk(market, held=[3, 3, 0]).pass_time(FIRST + timedelta(hours=2))
    assert [end - begin for begin, end in market.moves] == [STEP, STEP, timedelta(hours=2) - 2 * STEP]


def test_where_the_line_hands_nothing_over_the_engine_is_not_asked():
    """No set: nothing is offered, the engine (there is none here) does not take a round."""
    assert desk(Standing(), held=[]).offer() == 0


def lived(tmp_path: Path, edge: str, days: int) -> dict:
    """Run the command in a home of its own and return what it tells."""
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir(parents=True)
    (dagster_home / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SLUICE_", "DAGSTER_"))}
    env |= {"SLUICE_HOME": str(tmp_path / "data"), "DAGSTER_HOME": str(dagster_home)}
    command = [sys.executable, "-m", "interfaces.cli", "learn-demo", "--days", str(days), "--edge", edge]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, cwd=ROOT, env=env, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_planted_edge_is_found_watched_promoted_and_changes_the_signals(tmp_path):
    """Refused while there are too few days, then found; 100 decisions watched; then entries are vetoed.

    Users trade on paper what the backtest approves; what became of it teaches instead of the candles.
    """
    story = lived(tmp_path, "planted", 14)
    assert story["days"][1]["verdict"] in ("refused", "no_data")
    assert [row["event"] for row in story["history"][:3]] == ["shadow_started", "shadow_passed", "promoted"]
    champion = [day for day in story["days"] if day["champion"] is not None]
    assert sum(day["vetoed"] for day in champion) > 0
    assert sum(day["vetoed"] for day in story["days"] if day["champion"] is None) == 0
    assert story["trace"]["model_id"] == champion[-1]["champion"]
    assert story["trace"]["decisions"] > 200
    assert story["days"][-1]["trades"] > 0
    assert story["days"][-1]["paper"] >= 24  # some dozens, each of up to three users
    assert story["trace"]["its_trades"]
    assert any("ran" in day["sensor"] for day in story["days"])


def decisions(tmp_path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return every decision snapshot of the demo that was lived in `tmp_path`, and every outcome of one."""
    ledger = Ledger(tmp_path / "data" / "learn-planted-7" / "decisions.sqlite")
    long = timedelta(days=365)
    return Snapshots(ledger).read(since=FIRST, until=FIRST + long), Outcomes(ledger).read()


@pytest.mark.slow
def test_one_seed_is_the_same_decisions_and_outcomes_to_the_last_bit(tmp_path):
    """Two runs of three days: snapshots (times, features, ids) and outcomes (trades on paper among them)."""
    one, two = tmp_path / "one", tmp_path / "two"
    stories = [lived(home, "planted", 3) for home in (one, two)]
    assert stories[0]["days"][-1]["paper"] > 0
    (first, ended), (second, ended_again) = decisions(one), decisions(two)
    assert len(first) >= 24  # seed 7 decides 30 times in three days: enough that a difference shows
    assert_frame_equal(first, second, check_exact=True)
    assert_frame_equal(ended, ended_again, check_exact=True)


@pytest.mark.slow
def test_where_nothing_is_to_be_learnt_nothing_is_promoted(tmp_path):
    """The same market without the link: candidates are refused with their table, the rules trade alone."""
    story = lived(tmp_path, "none", 10)
    assert story["outcome"] == "refused"
    assert story["history"] == []
    assert all(day["champion"] is None and day["vetoed"] == 0 for day in story["days"])
    verdicts = np.array([day["verdict"] for day in story["days"]])
    assert "refused" in verdicts
    assert "promoted" not in verdicts


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], "refused"),
        (["shadow_started"], "in its shadow period"),
        (["shadow_started", "shadow_failed"], "refused"),
        (["shadow_started", "shadow_passed", "promoted"], "promoted"),
    ],
)
def test_a_candidate_that_is_still_watched_is_not_called_refused(events, outcome):
    """The last days may end before its hundredth decision: nothing was refused then."""
    assert Story("planted", "", history=[{"event": event} for event in events]).outcome == outcome
