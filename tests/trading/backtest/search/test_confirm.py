"""A holdout is kept from a search, and spent once on what the search chose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.trading.backtest.search.searched import BASE, bench
from trading.backtest.candle_file import candle_file
from trading.backtest.replay import Mode
from trading.backtest.search.bench import Bench, without_holdouts
from trading.backtest.search.configurations import Base
from trading.backtest.search.confirm import confirm
from trading.backtest.strategy_file import strategy_of
from trading.backtest.validation.holdout import HoldoutBook
from trading.backtest.validation.trials import TrialLedger
from trading.market.errors import BadInput, HoldoutSpent

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
AT = datetime(2026, 6, 1, tzinfo=UTC)
CHOSEN = Base(
    BASE.document | {"entry": {"when": "rsi_14 < 35"}, "exit": {"when": "rsi_14 > 55"}}, "chosen.toml"
)
LOOK = {"by": "ann", "why": "chosen of 16", "at": AT}


def book_of(path: Path, *, days: tuple[int, int] = (40, 55)) -> HoldoutBook:
    made = HoldoutBook(path / "holdouts.jsonl")
    made.declare("late", "research", *(BEGIN + timedelta(days=day) for day in days), at=BEGIN)
    return made


def test_a_search_sees_no_bar_of_a_holdout(tmp_path: Path) -> None:
    """15 days × 24 hours × 6 symbols are left out, and a bar that only reaches into it as well."""
    run, book = bench(1), book_of(tmp_path)
    kept, dropped = without_holdouts(run.candles, book.holdouts())
    assert dropped == 15 * 24 * 6
    begin, end = ((BEGIN + timedelta(days=day)).timestamp() * 1000 for day in (40, 55))
    assert not ((kept.bars.open_ms >= begin) & (kept.bars.open_ms < end)).any()
    # Of each symbol a stretch before and one after.
    assert np.diff(kept.bars.offsets).tolist() == [40 * 24, 5 * 24] * 6
    book.declare("half", "research", BEGIN + timedelta(minutes=30), BEGIN + timedelta(hours=1), at=BEGIN)
    assert without_holdouts(run.candles, book.holdouts())[1] == dropped + 6


def leaping(begin_day: int, end_day: int) -> Bench:
    """Two symbols whose price is tripled inside the days given, flat before and after, hourly."""
    hours = np.arange(24 * 40)
    inside = np.clip((hours - 24 * begin_day) / (24 * (end_day - begin_day)), 0, 1)
    price = 100 * 3.0**inside + 0.01 * (hours % 2)
    table = pl.concat(
        pl.DataFrame({"symbol": symbol, "ts": hours.astype(np.int64) * 3_600_000, "close": price})
        for symbol in ("A/USDT", "B/USDT")
    ).with_columns(pl.col("close").shift(1).over("symbol").fill_null(100.0).alias("open"), volume=1e6)
    top, low = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    return Bench(candle_file(table.with_columns(high=top, low=low)))


@pytest.mark.parametrize("slots", [0, 1])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_trade_open_at_a_holdout_s_begin_ends_before_it(tmp_path: Path, mode: Mode, slots: int) -> None:
    """Held over days 10 to 20 it would earn 200 %; cut there, nothing is left but costs, in grid and replay.

    Both symbols stay one in the capital and in the count of trials.
    """
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    book = HoldoutBook(tmp_path / "holdouts.jsonl")
    span = epoch + timedelta(days=10), epoch + timedelta(days=20)
    book.declare("middle", "research", *span, at=BEGIN)
    rules = {
        "entry": {"when": "close > 0"},
        "risk": {"stoploss": 0.5},
        "stake": {"amount": 100.0, "volume_share": 0.0},
    }
    strategy = strategy_of(rules)
    run = replace(leaping(10, 20), mode=mode, slots=slots)
    assert run.trades(strategy)["profit_ratio"].max() > 1.9  # type: ignore[operator]
    kept, dropped = without_holdouts(run.candles, book.holdouts())
    cut = replace(run, candles=kept)
    trades = cut.trades(strategy)
    assert (dropped, cut.symbols, cut.capital) == (480, 2, float(slots or 2))
    assert len(trades) == (slots or 2) * 2
    assert ((trades["close_ts"] < span[0]) | (trades["open_ts"] >= span[1])).all()
    assert trades["profit_ratio"].max() < 0.01  # type: ignore[operator]
    (sums,) = cut.outcomes([strategy])
    assert sums.total == pytest.approx(float(trades["profit_ratio"].sum()), abs=1e-12)


def test_every_look_of_the_family_makes_the_next_one_harder(tmp_path: Path) -> None:
    """The same days: as the first look its probability is undeflated, as the third it is lower."""
    run, ledger = bench(1, planted=0.003), TrialLedger(tmp_path / "t.jsonl")
    first = confirm(run, CHOSEN, book_of(tmp_path), "late", ledger, **LOOK)
    assert (first.looks, first.probability) == (1, first.undeflated)
    (tmp_path / "third").mkdir()
    book = book_of(tmp_path / "third")
    for name, day in (("a", 10), ("b", 20)):
        book.declare(name, "research", BEGIN + timedelta(days=day), BEGIN + timedelta(days=day + 5), at=BEGIN)
        book.open(name, by="ann", why="looked", at=AT, data_id="by hand")
    book.declare("other", "other", BEGIN, BEGIN + timedelta(days=1), at=BEGIN)
    book.open("other", by="ann", why="another family", at=AT, data_id="by hand")
    third = confirm(run, CHOSEN, book, "late", ledger, **LOOK)
    assert (third.looks, third.undeflated) == (3, first.undeflated)
    assert (third.probability or 1.0) < (first.probability or 0.0)
    assert "after 3 looks" in third.sentence


def test_confirming_trades_inside_the_holdout_and_a_second_time_is_refused(tmp_path: Path) -> None:
    """Entries and exits lie in it, the opening is logged before, the look is a trial; then it is spent."""
    run, book, ledger = bench(1, planted=0.008), book_of(tmp_path), TrialLedger(tmp_path / "t.jsonl")
    found = confirm(run, CHOSEN, book, "late", ledger, **LOOK)
    assert found.is_confirmed
    assert found.outcome.trades == len(found.trades) > 10
    assert found.trades["open_ts"].min() >= BEGIN + timedelta(days=40)  # type: ignore[operator]
    assert found.trades["close_ts"].max() < BEGIN + timedelta(days=55)  # type: ignore[operator]
    opening = book.holdouts()[0].opening
    assert opening is not None
    assert (opening.by, opening.why, opening.data_id) == ("ann", "chosen of 16", run.data_id)
    assert ledger.total("dip holdout").batches == 1
    with pytest.raises(HoldoutSpent, match="a second look is no longer out of sample"):
        confirm(run, CHOSEN, book, "late", ledger, **LOOK)


def test_what_lies_after_the_holdout_is_not_read(tmp_path: Path) -> None:
    """The same trades, whatever the candles after its end are."""
    run = bench(1, planted=0.008)
    short = run.between(run.span_ms[0], round((BEGIN + timedelta(days=55)).timestamp() * 1000))
    found = []
    for number, one in enumerate((run, short)):
        (tmp_path / str(number)).mkdir()
        book = book_of(tmp_path / str(number))
        found.append(confirm(one, CHOSEN, book, "late", TrialLedger(tmp_path / f"{number}.jsonl"), **LOOK))
    assert found[0].trades.equals(found[1].trades)


def test_what_can_be_refused_is_refused_before_the_holdout_is_spent(tmp_path: Path) -> None:
    """No such name, candles that end too early, a strategy that cannot be meant: it stays unopened."""
    run, ledger = bench(1), TrialLedger(tmp_path / "t.jsonl")
    book = book_of(tmp_path, days=(40, 90))
    with pytest.raises(BadInput, match="holdout early is not declared; there are late"):
        confirm(run, CHOSEN, book, "early", ledger, **LOOK)
    with pytest.raises(BadInput, match="candles must cover the holdout"):
        confirm(run, CHOSEN, book, "late", ledger, **LOOK)
    with pytest.raises(BadInput, match=r"entry.when"):
        confirm(run, BASE, book, "late", ledger, **LOOK)
    assert book.holdouts()[0].opening is None


def test_few_trades_or_days_that_could_be_luck_confirm_nothing(tmp_path: Path) -> None:
    """Of a confirmed one: nine trades, a bootstrap p-value of 6 %, or none, and it is not."""
    run = bench(1, planted=0.008)
    found = confirm(run, CHOSEN, book_of(tmp_path), "late", TrialLedger(tmp_path / "t.jsonl"), **LOOK)
    assert found.is_confirmed
    assert not replace(found, outcome=replace(found.outcome, trades=9)).is_confirmed
    assert not replace(found, p_value=0.06).is_confirmed
    assert not replace(found, p_value=None).is_confirmed


def test_luck_is_not_confirmed(tmp_path: Path) -> None:
    """On random walks without an edge at most one of ten holdouts confirms what was chosen."""
    confirmed = 0
    for seed in range(30, 40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        ledger = TrialLedger(folder / "t.jsonl")
        confirmed += confirm(bench(seed), CHOSEN, book_of(folder), "late", ledger, **LOOK).is_confirmed
    assert confirmed <= 1
