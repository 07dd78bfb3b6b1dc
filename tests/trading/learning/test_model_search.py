"""The search never sees the days it is judged on, counts every trial, and goes on after a kill."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.learning.evaluation import EvaluationRules
from trading.learning.protocol.book import FAMILY, EvaluationBook
from trading.learning.protocol.search import SearchRules, _Bench, _study, run_trials, search_models, suggested
from trading.market.errors import BadInput

AT = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
LEAN = EvaluationRules(draws=100, seeds=1, is_thorough=False)


def market(bars: int = 1400, seed: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for name in ("BTC/USDT", "AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT"):
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
        opened = np.concatenate([[50.0], close[:-1]])
        parts.append(
            pl.DataFrame(
                {
                    "symbol": [name] * bars,
                    "open_time": [START + timedelta(hours=k) for k in range(bars)],
                    "open": opened,
                    "high": np.maximum(opened, close) * 1.003,
                    "low": np.minimum(opened, close) * 0.997,
                    "close": close,
                    "volume": rng.uniform(1e3, 2e3, bars),
                }
            )
        )
    return (
        pl.concat(parts)
        .with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))
        .with_columns(quote_volume=pl.col("close") * pl.col("volume"))
    )


def test_a_search_is_nested_counted_seeded_and_resumed(tmp_path: Path) -> None:
    """One trial, then two in the same file: one more is run, each counts once, the test is apart."""
    candles, book = market(), EvaluationBook(tmp_path / "book")
    file = tmp_path / "study.db"
    first = search_models(candles, SearchRules(1, 1, file, inner_folds=3), book, at=AT, evaluation=LEAN)
    assert len(first.trials) == 1
    again = search_models(candles, SearchRules(2, 1, file, inner_folds=3), book, at=AT, evaluation=LEAN)
    assert len(again.trials) == 2
    assert again.trials.filter(pl.col("number") < 1).height == 1
    # Two trials and the two models that were tested in the end.
    assert 2 <= book.ledger.total(FAMILY).batches <= 4
    assert again.tried >= 2
    for one in again.report.kinds:
        assert one.folds["test_from"].min() >= again.test_from
    # The same seed on the same candles asks the same first.
    other = search_models(
        candles, SearchRules(1, 1, None, inner_folds=3), EvaluationBook(tmp_path / "b2"), at=AT,
        evaluation=LEAN,
    )  # fmt: skip
    assert other.trials.sort("number").equals(first.trials.sort("number"))
    with pytest.raises(BadInput, match="other candles"):
        search_models(market(seed=3), SearchRules(3, 1, file, inner_folds=3), book, at=AT, evaluation=LEAN)


def test_no_bar_of_the_days_aside_is_there_to_be_looked_at() -> None:
    """What scores a trial holds candles up to the first day aside only."""
    begin = START + timedelta(days=30)
    assert _Bench(market(), SearchRules(), begin).candles["open_time"].max() < begin


def test_too_few_days_are_refused_before_anything_is_searched(tmp_path: Path) -> None:
    """Twelve days of candles cannot be cut into four folds and days aside."""
    with pytest.raises(BadInput, match="days with decisions"):
        search_models(market(288), SearchRules(2), EvaluationBook(tmp_path), at=AT, evaluation=LEAN)


def test_a_study_that_was_killed_and_resumed_asks_what_one_that_ran_through_asks(tmp_path: Path) -> None:
    """Sixteen trials, six of them past the random start: in one go; or killed in the 4th and the 13th."""

    def asked(file: Path, kills: set[int]) -> list[dict]:
        rules, left = SearchRules(16, 5, file), set(kills)

        def one(trial) -> float:
            values = suggested(trial)
            ended = sum(each.value is not None for each in study.trials)
            if ended in left:
                left.discard(ended)
                raise KeyboardInterrupt
            return values["take_profit"] - values["stop_loss"] + 0.001 * values["max_hold_bars"]

        for _ in range(len(kills) + 1):
            study = _study(rules, "data", AT)
            try:
                run_trials(study, rules, one)
            except KeyboardInterrupt:
                continue
        return [dict(each.params) | {"": each.value} for each in study.trials if each.value is not None]

    through = asked(tmp_path / "a.db", set())
    assert len(through) == 16
    assert len({str(each) for each in through}) > 12
    assert asked(tmp_path / "b.db", {3, 12}) == through
    other = SearchRules(2, 6, None)
    study = _study(other, "data", AT)
    run_trials(study, other, lambda trial: suggested(trial)["take_profit"])
    assert study.trials[0].params != {k: v for k, v in through[0].items() if k}
