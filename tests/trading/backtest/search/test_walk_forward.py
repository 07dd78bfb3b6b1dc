"""Walking forward: nothing of the test is seen by the search, not even the end of a trade."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.trading.backtest.search.searched import BASE, bench, space
from trading.backtest.candle_file import candle_file
from trading.backtest.search.bench import Bench
from trading.backtest.search.configurations import Base, configuration
from trading.backtest.search.grid_search import configurations, grid_search
from trading.backtest.search.outcome import DAY_MS
from trading.backtest.search.space import Space
from trading.backtest.search.walk_forward import Choose, Windows, walk_forward, windows
from trading.backtest.validation.trials import TrialLedger
from trading.market.errors import BadInput

HOUR = 3_600_000


def chooser(base: Base, declared: Space, ledger: TrialLedger, objective: str = "") -> Choose:
    made = configurations(declared, base)
    return lambda run: grid_search(run, base, made, ledger, objective or declared.objective)


def test_windows_follow_each_other_with_their_gaps() -> None:
    """20 days: train 8, purge 1, test 4. Tests from day 9 and 13; a third would end on day 21."""
    rules = Windows(8 * DAY_MS, 4 * DAY_MS, purge=DAY_MS, embargo=2 * HOUR)
    found = windows(0, 20 * DAY_MS, rules)
    assert [(one.train_from, one.train_to) for one in found] == [(0, 8 * DAY_MS), (4 * DAY_MS, 12 * DAY_MS)]
    assert [(one.test_from, one.test_to) for one in found] == [
        (9 * DAY_MS, 13 * DAY_MS),
        (13 * DAY_MS, 17 * DAY_MS),
    ]
    assert found[0].enter_from == 9 * DAY_MS + 2 * HOUR
    anchored = windows(0, 20 * DAY_MS, Windows(8 * DAY_MS, 4 * DAY_MS, is_anchored=True))
    assert [one.train_from for one in anchored] == [0, 0, 0]


def overlap_market(days: int) -> pl.DataFrame:
    """Hours that never move, but for a leap of 10 % in the first hour of every tenth day, back over two days.

    Volume says 2 in the hour before the leap, 3 in the middle of the days of rest, 1 else.
    """
    bars = 24 * days
    hour = np.arange(bars)
    place = hour % 240
    price = np.full(bars + 1, 100.0)
    for t in range(bars):
        if place[t] == 0 and t > 0:
            price[t + 1] = price[t] * 1.10
        elif place[t] < 48:
            price[t + 1] = price[t] * 1.10 ** (-1 / 47) if t >= 48 else 100.0
        else:
            # A little is to be had at noon: 0.2 % up in an hour, down again by the evening.
            step = {12: 1.002, 18: 1 / 1.002}.get(int(hour[t] % 24), 1.0)
            price[t + 1] = price[t] * step
    opened, closed = price[:-1], price[1:]
    volume = np.where(place == 238, 2e6, np.where((hour % 24 == 10) & (place >= 48), 3e6, 1e6))
    return pl.DataFrame(
        {
            "symbol": "A/USDT",
            "ts": (hour * HOUR).astype(np.int64),
            "open": opened,
            "high": np.maximum(opened, closed) * 1.0005,
            "low": np.minimum(opened, closed) * 0.9995,
            "close": closed,
            "volume": volume,
        }
    )


OVERLAP = Base(
    {
        "name": "leap",
        "entry": {"when": "volume == {volume}"},
        "risk": {"stoploss": 0.5, "max_hold": "4h"},
        "stake": {"amount": 1.0, "volume_share": 0.0},
        "costs": {"fee": 0.0, "half_spread": 0.0, "slippage": 0.0, "impact": 0.0},
    },
    "leap.toml",
)
CHOICE = "[parameters]\nvolume = [2000000, 3000000]"


def test_what_only_an_overlap_would_earn_is_never_chosen(tmp_path: Path) -> None:
    """Entering an hour before each test's begin earns 10 % by its first hour, and nothing in the training.

    Trades of the whole span would choose it (10 % each); the windows end before the leap, so the noon rule
    with its 0.2 % is chosen in every fold, and no trade outside was entered before its test.
    """
    run = Bench(candle_file(overlap_market(60)))
    declared = space(CHOICE)
    whole = [
        run.outcome(configuration(declared, OVERLAP, {"volume": v}).strategy) for v in (2000000, 3000000)
    ]
    assert whole[0].profit > 4 * whole[1].profit > 0
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    rules = Windows(8 * DAY_MS, 10 * DAY_MS, purge=2 * DAY_MS)
    choose = chooser(OVERLAP, declared, ledger, "OnlyProfitHyperOptLoss")
    found = walk_forward(run, rules, choose, ledger, "leap")
    assert [fold.values["volume"] for fold in found.folds] == [3_000_000] * 5
    tight = walk_forward(run, Windows(10 * DAY_MS, 10 * DAY_MS), choose, ledger, "leap")
    assert [fold.values["volume"] for fold in tight.folds] == [3_000_000] * 5


def test_the_future_of_a_window_changes_nothing_of_its_choice(tmp_path: Path) -> None:
    """Other candles after the first window's end: the first choice and its figures inside stay the same."""
    base = bench(3, days=40)
    later = base.candles.bars.open_ms >= base.span_ms[0] + 20 * DAY_MS
    moved = {
        name: np.where(later, getattr(base.candles.bars, name) * 1.3, getattr(base.candles.bars, name))
        for name in ("open", "high", "low", "close")
    }
    changed = type(base.candles)(
        base.candles.symbols, base.candles.bars._replace(**moved), base.candles.bar_ms
    )
    folds = []
    for number, candles in enumerate((base.candles, changed)):
        ledger = TrialLedger(tmp_path / f"{number}.jsonl")
        rules = Windows(20 * DAY_MS, 10 * DAY_MS)
        folds.append(
            walk_forward(Bench(candles), rules, chooser(BASE, space(), ledger), ledger, "dip").folds[0]
        )
    assert folds[0].values == folds[1].values
    assert folds[0].inside.daily.tolist() == folds[1].inside.daily.tolist()
    assert folds[0].outside.daily.tolist() != folds[1].outside.daily.tolist()


def test_trades_outside_are_entered_in_their_test_after_the_embargo(tmp_path: Path) -> None:
    """The indicators are warm from its first bar on; no entry before begin + embargo; none ends after it."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    rules = Windows(20 * DAY_MS, 10 * DAY_MS, purge=12 * HOUR, embargo=6 * HOUR)
    found = walk_forward(bench(4, days=60), rules, chooser(BASE, space(), ledger), ledger, "dip")
    entered = found.trades["open_ts"].dt.epoch("ms").to_numpy()
    ended = found.trades["close_ts"].dt.epoch("ms").to_numpy()
    inside = np.zeros(len(entered), bool)
    for fold in found.folds:
        inside |= (entered >= fold.window.enter_from) & (ended < fold.window.test_to)
    assert inside.all()
    assert len(entered) == sum(fold.outside.trades for fold in found.folds) == found.outside.trades > 0
    assert ledger.total("dip walk-forward").batches == 1


def test_efficiency_keeps_a_planted_edge_and_loses_a_lucky_one(tmp_path: Path) -> None:
    """Planted: most of the profit inside is kept outside. A random walk's best is worth nothing after."""
    kept = []
    for number, planted in enumerate((0.008, 0.0)):
        ledger = TrialLedger(tmp_path / f"{number}.jsonl")
        rules = Windows(20 * DAY_MS, 10 * DAY_MS)
        run = bench(7, planted=planted, days=80)
        kept.append(walk_forward(run, rules, chooser(BASE, space(), ledger), ledger, "dip"))
    edge, luck = kept
    assert edge.efficiency is not None
    assert edge.efficiency > 0.6
    assert (edge.probability or 0.0) >= 0.95
    assert (luck.probability or 0.0) < 0.95
    assert edge.stability["share"].to_list() == [
        max(values.count(v) for v in values) / 6
        for values in ([str(f.values[n]) for f in edge.folds] for n in edge.folds[0].values)
    ]


def test_windows_that_do_not_fit_are_refused() -> None:
    """Too short a history, an embargo as long as the test, a purge as long as the training."""
    with pytest.raises(BadInput, match=r"train \+ purge \+ test = 12 days, they span 10.0"):
        windows(0, 10 * DAY_MS, Windows(8 * DAY_MS, 4 * DAY_MS))
    with pytest.raises(BadInput, match="embargo must be shorter than test"):
        Windows(DAY_MS, HOUR, embargo=HOUR)
    with pytest.raises(BadInput, match="purge must be shorter than train"):
        Windows(DAY_MS, HOUR, purge=DAY_MS)


def test_the_capital_is_the_same_in_every_window() -> None:
    """A symbol listed on day 30 of 40 has no bar in the first window, and its stake lies idle there."""
    run = bench(1, symbols=3, days=40)
    late = np.ones(len(run.candles.bars.close), bool)
    late[: 30 * 24] = False
    bars = run.candles.bars
    kept = {name: getattr(bars, name)[late] for name in ("open_ms", "open", "high", "low", "close", "volume")}
    offsets = np.array([0, *np.cumsum([10 * 24, 40 * 24, 40 * 24])])
    moved = Bench(
        type(run.candles)(run.candles.symbols, bars._replace(offsets=offsets, **kept), run.candles.bar_ms)
    )
    early = moved.between(run.span_ms[0], run.span_ms[0] + 20 * DAY_MS)
    assert (len(early.candles.symbols), early.capital, moved.capital) == (2, 3.0, 3.0)
