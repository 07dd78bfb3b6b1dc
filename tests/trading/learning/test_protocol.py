"""The protocol's parts against numbers worked out by hand or by an independent formula."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.learning.dataset import training_set
from trading.learning.evaluation import EvaluationBook, evaluate
from trading.learning.protocol import baselines, evidence, money, skill
from trading.learning.protocol.answers import Recipe
from trading.learning.protocol.book import FAMILY, look
from trading.learning.protocol.folds import clock, outer_folds
from trading.learning.protocol.gate import Verdict, judge
from trading.learning.protocol.leaks import truncation_test
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import Context, run_protocol
from trading.learning.scoring import Predictions, auc
from trading.market.errors import BadInput, HoldoutSpent

RULES = EvaluationRules(draws=200, seeds=2)
AT = datetime(2026, 6, 1, tzinfo=UTC)


def told(net, probability=None, day=None, fold=None, cost=0.001) -> Predictions:
    n = len(net)
    share = np.full(n, 0.6) if probability is None else np.asarray(probability, float)
    return Predictions(
        share,
        np.full(n, 0.5),
        np.full(n, 0.5),
        (np.asarray(net) > 0).astype(np.int64),
        np.asarray(net, float),
        np.full(n, cost),
        np.zeros(n, np.int64) if day is None else np.asarray(day),
        np.zeros(n, np.int64) if fold is None else np.asarray(fold),
    )


def test_a_day_has_so_many_stakes_and_first_come_first_served() -> None:
    """2 stakes: one entry of 4 % earns 2 %; of 3 %, 1 % and -3 % the last is missed: 2 %."""
    given = told([0.04, 0.03, 0.01, -0.03], day=[5, 7, 7, 7])
    every = np.ones(4, bool)
    assert money.daily(given, every, 2) == pytest.approx([0.02, 0.0, 0.02])
    # Three times the cost takes 0.2 % more from each stake: 0.1 % of the capital, and 0.2 %.
    assert money.daily(given, every, 2, 3.0) == pytest.approx([0.019, 0.0, 0.018])
    assert money.filled(given, np.array([True, False, True, True]), 2).tolist() == [True, False, True, True]
    assert money.calendar(given).tolist() == [5, 6, 7]


def test_money_figures_of_a_case_worked_by_hand() -> None:
    """One slot, days +10 % and -5 %: 1.1 × 0.95 - 1 = 4.5 %; fall 5 %; gains over losses 2."""
    given = told([0.10, -0.05], day=[0, 1], fold=[0, 1], cost=0.01)
    found = money.figures(given, np.ones(2, bool), 1, 200, np.random.default_rng(0))
    assert found["total_return"] == pytest.approx(0.045)
    assert found["max_drawdown"] == pytest.approx(0.05)
    assert found["profit_factor"] == pytest.approx(2.0)
    assert found["cost_share"] == pytest.approx(0.02 / 0.07)
    assert (found["hit_rate"], found["exposure"], found["turnover_a_day"]) == (0.5, 1.0, 2.0)
    assert (found["worst_fold"], found["trades"]) == (pytest.approx(-0.05), 2.0)


def test_a_choice_of_everything_has_no_excess_and_no_percentile_above_half() -> None:
    """Who takes all is the mean: nothing is left of it, and every random choice ties with it."""
    given = told(np.random.default_rng(0).normal(0, 0.01, 60), day=np.repeat(np.arange(6), 10))
    every = np.ones(60, bool)
    assert money.excess(given, every, 10).sum() == pytest.approx(0.0)
    drawn = baselines.random_days(given, every, 10, 100, np.random.default_rng(1))
    assert baselines.percentile(money.daily(given, every, 10), drawn) == 0.5


def test_random_choices_take_as_many_on_each_day_and_the_best_choice_beats_them_all() -> None:
    """Picks of one of two: 1 % or -1 %, half each; who always has the 1 % is above all but the equal ones."""
    given = told([0.01, -0.01] * 8, day=np.repeat(np.arange(8), 2))
    taken = np.tile([True, False], 8)
    drawn = baselines.random_days(given, taken, 1, 4000, np.random.default_rng(2))
    assert set(np.round(drawn.ravel(), 6)) == {0.01, -0.01}
    assert drawn.mean() == pytest.approx(0.0, abs=3 * 0.01 / np.sqrt(drawn.size))
    # Ties with probability 2^-8, which count half.
    ours = money.daily(given, taken, 1)
    assert baselines.percentile(ours, drawn) == pytest.approx(1 - 0.5**9, abs=0.003)


def test_the_auc_s_error_is_that_of_simulated_days() -> None:
    """Days that move together: the spread of the AUC over many worlds is what one world says it is."""
    areas, errors = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        day = np.repeat(np.arange(40), 10)
        shock = rng.normal(0, 1.0, 40)[day]
        share = 1 / (1 + np.exp(-(shock + rng.normal(0, 1, 400))))
        y = (shock * 0.5 + rng.normal(0, 1, 400) > 0).astype(np.int64)
        areas.append(auc(share, y))
        errors.append(skill.auc_error(share, y, day))
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.15)


def test_perfect_probabilities_have_the_calibration_error_of_chance() -> None:
    """600 outcomes drawn from what was said: the gap is chance's; said 20 points too high, it is 0.2."""
    rng = np.random.default_rng(3)
    share = rng.uniform(0.2, 0.8, 600)
    y = (rng.random(600) < share).astype(np.int64)
    raw, floor = skill.calibration_error(share, y, rng)
    assert 0.02 < floor < 0.08
    assert abs(raw - floor) < 0.03
    wrong, floor = skill.calibration_error(np.clip(share + 0.2, 0, 1), y, rng)
    assert wrong == pytest.approx(0.2, abs=0.04)


def test_information_is_measured_per_day() -> None:
    """Within each day the probability orders returns; across days it does not matter: rank IC is 1."""
    net = np.tile([0.01, 0.02, 0.03, 0.04, 0.05], 4) - np.repeat([0.0, 0.1, 0.2, 0.3], 5)
    given = told(net, probability=np.tile([0.1, 0.2, 0.3, 0.4, 0.5], 4), day=np.repeat(np.arange(4), 5))
    found = skill.figures(given, np.random.default_rng(0))
    assert found["rank_ic"] == pytest.approx(1.0)
    assert found["ic"] == pytest.approx(1.0)


def test_overfitting_is_low_of_a_model_that_is_better_and_half_of_one_that_is_not() -> None:
    """PBO beside eight random choices: an edge on every day is kept outside, noise is not."""
    rng = np.random.default_rng(4)
    randoms = rng.normal(0, 0.01, (8, 120))
    good = {"model": rng.normal(0.01, 0.01, 120), "cash": np.zeros(120)}
    assert evidence.overfitting(good, randoms)["overfitting"] == 0.0
    noise = [
        evidence.overfitting(
            {"model": rng.normal(0, 0.01, 120), "cash": np.zeros(120)}, rng.normal(0, 0.01, (8, 120))
        )["overfitting"]
        for _ in range(20)
    ]
    assert 0.3 < float(np.mean(noise)) < 0.7


def test_the_lead_over_oneself_is_nothing() -> None:
    """A challenger that does what the champion does never takes its place."""
    series = np.random.default_rng(5).normal(0, 0.01, 50)
    rng = np.random.default_rng(0)
    same = evidence.over_incumbent(series, series.copy(), level=0.9, draws=200, rng=rng)
    assert same == {"lead": 0.0, "lead_low": 0.0}
    ahead = evidence.over_incumbent(series + 0.001, series, level=0.9, draws=200, rng=rng)
    assert ahead["lead_low"] == pytest.approx(0.001)


def test_one_decision_in_two_rows_is_never_parted(pools) -> None:
    """Paper before midnight, candles after it: both rows follow the decision's first day."""
    made = pools.made(1, days=40)
    late = made.frame.with_columns(
        pl.col("decided_at", "closed_at") + pl.duration(hours=30), source=pl.lit("candles")
    )
    training = replace(made, frame=pl.concat([made.frame, late]))
    ids = training.frame["group"].to_numpy()
    for fold in outer_folds(clock(training), RULES):
        assert not set(ids[fold.train]) & set(ids[fold.test])
        assert clock(training).t1[fold.train].max() < fold.test_from_ms - RULES.embargo_ms


def test_a_later_week_changes_no_figure_of_an_earlier_fold(pools) -> None:
    """Test blocks at fixed dates: the folds that were there come out the same, to the last digit."""
    rules = replace(RULES, fold_days=7, is_thorough=False, seeds=1)
    frame = pools.pool(4, strength=1.0, days=42)
    later = pools.pool(9, strength=1.0, days=7).with_columns(
        pl.col("decided_at", "closed_at", "bar_time") + pl.duration(days=42),
        signal_id="later-" + pl.col("signal_id"),
    )
    one = run_protocol(training_set(frame, pools.CUTOFF, pools.RULES), rules)
    two = run_protocol(training_set(pl.concat([frame, later]), pools.CUTOFF, pools.RULES), rules)
    for kind in ("logistic", "lightgbm"):
        whole = len(one.of(kind).folds)
        assert whole == 5
        assert two.of(kind).folds.head(whole).equals(one.of(kind).folds.head(whole))
        assert len(two.of(kind).folds) > len(one.of(kind).folds)


def test_the_report_is_one_json_document_and_the_gate_a_function_of_it(pools) -> None:
    """Whole, finite or null, and judged twice the same."""
    import json

    report = run_protocol(pools.made(1, strength=1.0), RULES)
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert [one["kind"] for one in document["kinds"]] == ["logistic", "lightgbm"]
    for one in document["kinds"]:
        assert len(one["folds"]) == 5
        assert {row["baseline"] for row in one["baselines"]} >= {"cash", "take all (the rule)"}
        assert [row["multiple"] for row in one["stress"]] == [0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
        assert one["figures"]["shuffled_auc"] is not None
    assert [len(one["seeds"]) for one in document["kinds"]] == [1, 2]
    assert judge(report).table.equals(judge(report).table)
    better = report.kinds[0]
    worse = replace(better, figures={**better.figures, "deflated_sharpe": 0.94})
    told_ = judge(replace(report, kinds=(worse,)))
    assert told_.verdict is Verdict.REFUSED
    assert told_.table.filter(pl.col("rule") == "deflated_sharpe")["is_passed"].to_list() == [False]


def test_buying_and_holding_is_measured_where_candles_are_given(pools) -> None:
    """A market that doubles in the tested days is more than any model here earns: refused for it."""
    training = pools.made(1, strength=1.0, per_day=30)
    days = [pools.START + timedelta(days=k) for k in range(46)]
    close = 100.0 * 1.02 ** np.arange(46)
    candles = pl.DataFrame(
        {"symbol": ["BTC/USDT"] * 46, "open_time": days, "open": close, "close": close}
    ).with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))
    report = run_protocol(training, RULES, Context(candles=candles))
    own = report.of("logistic")
    held = own.baselines.filter(pl.col("baseline") == "buy and hold, BTC")
    # 37 or 38 tested days at 2 %, less a round trip of 0.2 %.
    assert held["total_return"].item() == pytest.approx(1.02 ** own.figures["tested_days"] - 1, rel=0.01)
    rule = judge(report).table.filter(pl.col("rule") == "median_fold_over_market")
    assert rule["is_passed"].to_list() == [False, False]


def test_a_tested_day_without_candles_leaves_the_market_unmeasured() -> None:
    """Three tested days: without the second's close its change would be a 0 that nobody measured."""
    given = told([0.01, 0.01, 0.01], day=[1, 2, 3])
    closes = pl.DataFrame({"symbol": ["BTC/USDT"] * 4, "ts": [k * 86_400_000 for k in range(4)]})
    closes = closes.with_columns(close=pl.Series([100.0, 110.0, 121.0, 133.1]))
    whole = baselines.held(given, closes, 0.0)
    assert set(whole) == {"buy and hold, all", "buy and hold, BTC"}
    assert whole["buy and hold, all"][0] == pytest.approx([0.1, 0.1, 0.1])
    assert baselines.held(given, closes.filter(pl.col("ts") != 2 * 86_400_000), 0.0) == {}
    # Another pair has the day: the market is measured, BTC is not.
    other = closes.with_columns(symbol=pl.lit("A/USDT"))
    both = pl.concat([closes.head(2), other])
    assert set(baselines.held(given, both, 0.0)) == {"buy and hold, all"}


def test_each_challenger_of_a_period_may_spend_less(pools, tmp_path) -> None:
    """The first night of a period gets 44 % of its budget, the second 14 %; trials add up."""
    at = datetime(2026, 4, 1, tzinfo=UTC)
    book = EvaluationBook(tmp_path)
    rules = replace(RULES, seeds=1, is_thorough=False)
    assert book.level(rules, at) == pytest.approx(0.05 * 0.437 / 2, rel=0.01)
    shuffled = pools.made(1, shuffle=True)
    first = evaluate(shuffled, rules, book=book, at=at)
    assert first.verdict is Verdict.REFUSED
    assert first.report is not None
    assert (first.report.tried, first.report.level) == (2.0, pytest.approx(0.0109, abs=1e-4))
    later = at + timedelta(days=7)
    assert book.level(rules, later) == pytest.approx(0.05 * 0.437 * 2**-1.6 / 2, rel=0.01)
    assert 2.0 < book.tried(rules) <= 4.0


def test_a_holdout_is_kept_from_research_and_opened_once(pools, tmp_path) -> None:
    """The last days teach nothing and test nothing until somebody opens them, by name and reason."""
    book, whole = EvaluationBook(tmp_path), pools.made(1, strength=1.0)
    begin = pools.START + timedelta(days=38)
    book.holdouts.declare("spring", FAMILY, begin, begin + timedelta(days=30), at=AT)
    research = book.for_research(whole)
    assert research.frame["closed_at"].max() < begin
    assert research.dataset_id != whole.dataset_id
    opened = {"by": "ann", "why": "chosen", "at": AT}
    found = look(research, whole, Recipe("logistic"), RULES, book.holdouts, "spring", **opened)
    assert found.decisions == whole.frame.filter(pl.col("decided_at") >= begin).height
    assert found.total_return > 0
    assert found.percentile > 0.95
    with pytest.raises(HoldoutSpent, match="ann"):
        look(research, whole, Recipe("logistic"), RULES, book.holdouts, "spring", **opened)
    with pytest.raises(BadInput, match="not declared"):
        look(research, whole, Recipe("logistic"), RULES, book.holdouts, "summer", **opened)


def candles(bars: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(6)
    times = [AT + timedelta(hours=k) for k in range(bars)]
    return pl.DataFrame(
        {
            "symbol": ["A/USDT"] * bars,
            "open_time": times,
            "close": 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars))),
        }
    )


def test_a_column_of_the_future_is_caught_by_truncation() -> None:
    """Honest features stay as they were; one that looks three bars ahead is named."""

    def made(frame: pl.DataFrame) -> pl.DataFrame:
        close = pl.col("close")
        return frame.select(
            "symbol",
            "open_time",
            f_honest=(close / close.shift(4) - 1).over("symbol"),
            f_leaky=(close.shift(-3) / close - 1).over("symbol"),
            f_scaled=close / close.mean(),
        )

    cuts = [AT + timedelta(hours=k) for k in (20, 41)]
    found = truncation_test(candles(), made, cuts)
    assert set(found["column"]) == {"f_leaky", "f_scaled"}
    assert truncation_test(candles(), lambda frame: made(frame).drop("f_leaky", "f_scaled"), cuts).is_empty()
