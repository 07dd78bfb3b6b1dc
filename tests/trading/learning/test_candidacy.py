"""A candidate's way to its verdict, without Dagster: what was refused says why, what was judged is kept."""

from datetime import timedelta

import polars as pl
import pytest

from trading.learning.candidacy import Judge, LifeRules, daily_closes, evaluation_table, failure, nominate
from trading.learning.dataset import training_set
from trading.learning.evaluation import EvaluationRules
from trading.learning.protocol.book import EvaluationBook
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import ShadowRules
from trading.market.errors import MissingData
from trading.signals.blend import BlendRules
from trading.store.candles import CandleStore

LEAN = EvaluationRules(kinds=("logistic",), draws=100, seeds=1, is_thorough=False)


@pytest.fixture
def registry(tmp_path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models")


@pytest.fixture
def judge(tmp_path) -> Judge:
    return Judge(LifeRules(LEAN, BlendRules(), ShadowRules()), EvaluationBook(tmp_path / "models"))


def nominated(registry, judge, gather, at) -> tuple[dict, dict]:
    """The row of the candidate and the first of its table."""
    row = nominate(registry, judge, gather, at, feature_version="f1", why_now="asked").row(0, named=True)
    return row, evaluation_table(registry, row["evaluation_id"]).row(0, named=True)


def test_a_judged_candidate_is_saved_with_its_table_and_its_say(registry, judge, pools) -> None:
    """A planted edge: a model, its terms, and the rule about its say among the others."""
    row, told = nominated(registry, judge, lambda: pools.made(1, strength=1.0), pools.CUTOFF)
    assert registry.load(row["model_id"]).terms.blend.weight == row["weight"]
    assert (row["kind"], row["why_now"], row["feature_version"]) == ("logistic", "asked", "f1")
    assert told["candidate_id"] == row["model_id"]
    assert "blend_uplift_p" in evaluation_table(registry, row["evaluation_id"])["rule"].to_list()
    assert failure(registry, row["evaluation_id"]) == ""


def test_unknown_numbers_in_features_fail_with_the_words_of_who_refused_them(registry, judge, pools) -> None:
    """NaN is no "too little data": the verdict is failed, and names column, value and decision."""
    frame = pools.pool(1).with_columns(f_2=pl.when(pl.col("signal_id") == "sig-00007").then(float("nan"))
                                       .otherwise("f_2"))  # fmt: skip
    row, told = nominated(
        registry, judge, lambda: training_set(frame, pools.CUTOFF, pools.RULES), pools.CUTOFF
    )
    said = "f_2 must be a finite number, was nan in decision sig-00007"
    assert (told["verdict"], told["verdict_reason"], row["model_id"]) == ("failed", said, None)
    assert failure(registry, row["evaluation_id"]) == said


def test_a_missing_extra_fails_and_names_the_command(registry, judge, pools, monkeypatch) -> None:
    """Training a kind that this installation has not."""

    def missing(*_: object, **__: object):
        raise MissingData("kind mlp needs the extra `ai`: install it with `make ai`")

    monkeypatch.setattr("trading.learning.candidacy.evaluate", missing)
    row, told = nominated(registry, judge, lambda: pools.made(1), pools.CUTOFF)
    assert told["verdict"] == "failed"
    assert "make ai" in failure(registry, row["evaluation_id"])
    assert (row["decisions"], row["dataset_id"]) == (1350, pools.made(1).dataset_id)


@pytest.mark.parametrize(("chosen", "labels"), [({"days": 3}, "few"), ({}, "one class")])
def test_too_little_to_learn_from_is_no_failure(registry, judge, pools, chosen: dict, labels: str) -> None:
    """Too few decisions, or all of them losses: no data, no alert, a reason in words."""
    frame = pools.pool(1, **chosen)
    if labels == "one class":
        frame = frame.with_columns(net_return=-pl.col("net_return").abs() - 0.001)
    row, told = nominated(
        registry, judge, lambda: training_set(frame, pools.CUTOFF, pools.RULES), pools.CUTOFF
    )
    assert (told["verdict"], row["model_id"]) == ("no_data", None)
    assert told["verdict_reason"]
    assert failure(registry, row["evaluation_id"]) == ""


def test_an_empty_pool_says_so_in_one_row(registry, judge, pools) -> None:
    """Nothing was decided: the table still has a row that a person can read."""
    empty = pools.pool(1).head(0)
    row, told = nominated(
        registry, judge, lambda: training_set(empty, pools.CUTOFF, pools.RULES), pools.CUTOFF
    )
    assert (row["decisions"], told["verdict"]) == (0, "no_data")
    assert told["is_passed"] is False


def test_closes_to_buy_and_hold_are_the_last_of_each_day_of_the_symbols_decided_on(tmp_path, pools) -> None:
    """Two bars on the day of the decision: the later one's close; another symbol's are not read."""
    candles = CandleStore(tmp_path / "candles")
    first = pools.made(1).frame["decided_at"].min().replace(hour=0, minute=0, second=0)
    rows = [(s, first + timedelta(hours=h), 1.0, 1.0, 1.0, c, 1.0, 1.0)
            for s in ("S1/USDT", "ELSE/USDT") for h, c in ((1, 5.0), (2, 6.0))]  # fmt: skip
    names = ("symbol", "open_time", "open", "high", "low", "close", "volume", "quote_volume")
    frame = pl.DataFrame(rows, schema=names, orient="row")
    candles.append("1h", frame.with_columns(pl.col("open_time").cast(pools.UTC_MS)), tag="t")
    found = daily_closes(candles, "1h", pools.made(1), pools.CUTOFF)
    assert found.select("symbol", "close").rows() == [("S1/USDT", 6.0)]
    nothing = training_set(pools.pool(1).head(0), pools.CUTOFF, pools.RULES)
    assert daily_closes(candles, "1h", nothing, pools.CUTOFF) is None
