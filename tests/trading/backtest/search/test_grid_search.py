"""A grid run, counted and judged: the kernel's outcomes are the replay's, luck is called luck."""

from pathlib import Path

import numpy as np
import pytest

from tests.trading.backtest.search.searched import BASE, bench, space
from trading.backtest.search.found import SearchResult
from trading.backtest.search.grid_search import configurations, estimate, grid_search
from trading.backtest.search.luck import luck, worth
from trading.backtest.search.space import BadSpace
from trading.backtest.search.verdict import VerdictRules
from trading.backtest.validation.trials import TrialLedger

# No costs: a search that could hide behind them would never be fooled.
FREE = BASE.document | {"costs": {"fee": 0.0, "half_spread": 0.0, "slippage": 0.0, "impact": 0.0}}


def searched(seed: int, ledger: TrialLedger, *, planted: float = 0.0, free: bool = True) -> SearchResult:
    base = type(BASE)(FREE if free else BASE.document, BASE.where)
    declared = space()
    return grid_search(
        bench(seed, planted=planted), base, configurations(declared, base), ledger, declared.objective
    )


def test_the_grid_s_sums_tell_what_the_trades_tell() -> None:
    """Figures of the shared kernel equal those from each configuration's own trades."""
    run, made = bench(1), configurations(space(), BASE)
    strategies = [one.strategy for one in made]
    for fast, slow in zip(run.outcomes(strategies), run.outcomes(strategies, needs_trades=True), strict=True):
        assert fast.trades == slow.trades
        assert fast.daily == pytest.approx(slow.daily)
        for name in ("total", "deviation", "win_share", "profit_factor"):
            assert getattr(fast, name) == pytest.approx(getattr(slow, name)), name


def test_every_configuration_is_counted_on_every_symbol_and_once(tmp_path: Path) -> None:
    """16 × 6 = 96 trials; the same search again is the same trials; other candles are new ones."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    first = searched(1, ledger)
    searched(1, ledger)
    assert (ledger.total("dip").count, ledger.total("dip").batches) == (96, 16)
    assert ledger.total("dip").effective == pytest.approx(first.verdict.worth, rel=1e-9)
    second = searched(2, ledger)
    assert ledger.total("dip").batches == 32
    assert second.verdict.trials == pytest.approx(first.verdict.worth + second.verdict.worth, rel=1e-9)


def test_what_was_tried_before_lowers_the_probability(tmp_path: Path) -> None:
    """The same search on the same candles, after ten others of the strategy: deflated more."""
    alone = searched(0, TrialLedger(tmp_path / "a.jsonl"), planted=0.002).verdict
    ledger = TrialLedger(tmp_path / "b.jsonl")
    for seed in range(50, 60):
        searched(seed, ledger)
    late = searched(0, ledger, planted=0.002).verdict
    assert (late.sharpe, late.undeflated) == (alone.sharpe, alone.undeflated)
    assert (late.probability or 0.0) < (alone.probability or 0.0)


def test_luck_is_not_called_an_edge(tmp_path: Path) -> None:
    """20 random walks without costs, 16 configurations each: at most one search is called an edge (5 %)."""
    fooled = sum(
        searched(seed, TrialLedger(tmp_path / f"{seed}.jsonl")).verdict.is_edge for seed in range(100, 120)
    )
    assert fooled <= 1


def test_a_planted_edge_is_found(tmp_path: Path) -> None:
    """Prices that swing back: at least nine of ten searches say so, costs paid."""
    found = [
        searched(seed, TrialLedger(tmp_path / f"{seed}.jsonl"), planted=0.008, free=False).verdict
        for seed in range(10)
    ]
    assert sum(one.is_edge for one in found) >= 9
    assert "distinguishable from luck" in found[0].sentence


def test_the_table_has_the_best_first_and_few_trades_last(tmp_path: Path) -> None:
    """Sorted by loss, those with fewer than ten trades after all others; the winner is its first row."""
    found = searched(3, TrialLedger(tmp_path / "t.jsonl"))
    enough = found.table.filter(found.table["trades"] >= VerdictRules().min_trades)
    assert enough["loss"].is_sorted()
    assert found.table.head(len(enough)).equals(enough)
    assert found.table["configuration"][0] == found.winner
    assert found.best.values["rsi"] == found.table["rsi"][0]


def test_too_few_days_say_nothing(tmp_path: Path) -> None:
    """Seven days are no evidence, however good they were."""
    declared = space()
    found = grid_search(
        bench(1, planted=0.008, days=7), BASE, configurations(declared, BASE), TrialLedger(tmp_path / "t"),
        declared.objective,
    )  # fmt: skip
    assert not found.verdict.is_edge
    assert "7 days, at least 20 needed" in found.verdict.sentence


def test_an_estimate_is_given_and_a_bound_is_held() -> None:
    """It names what will be run; more than the bound is refused."""
    declared, run = space(), bench(1)
    told = estimate(run, configurations(declared, BASE), declared.objective)
    assert str(told).startswith("16 configurations × 6 symbols × 8,640 bars in all: about ")
    assert 0 < told.cpu_seconds < 60
    with pytest.raises(BadSpace, match="at most 15 configurations, had 16"):
        configurations(declared, BASE, most=15)


def test_columns_alike_are_worth_one_trial_and_strangers_as_many_as_they_are() -> None:
    """50 copies of one series: 1; 50 independent ones: 40 to 50; half correlation lies far below."""
    rng = np.random.default_rng(4)
    own = rng.normal(size=(300, 50))
    common = rng.normal(size=(300, 1))
    assert luck(np.tile(common, 50), rng).effective == pytest.approx(1.0, abs=0.2)
    strangers = luck(own, rng).effective
    assert 35 <= strangers <= 50
    assert luck(common + 0.5 * own, rng).effective < strangers / 2
    assert worth(0.0, 50) == 1.0
    assert worth(99.0, 50) == 50.0


def test_holding_a_rising_market_is_no_edge(tmp_path: Path) -> None:
    """Up 1 % a day whatever one does: refused, by luck or because random entries did as well."""
    verdicts = []
    for seed in range(8):
        run = bench(seed)
        bars = run.candles.bars
        lift = np.exp((bars.open_ms - bars.open_ms[0]) / 86_400_000 * 0.01)
        after = lift * np.exp(0.01 / 24)
        moved = {"open": bars.open * lift, "close": bars.close * after}
        high = np.maximum.reduce([bars.high * lift, *moved.values()])
        low = np.minimum.reduce([bars.low * lift, *moved.values()])
        candles = type(run.candles)(
            run.candles.symbols, bars._replace(**moved, high=high, low=low), run.candles.bar_ms
        )
        base, declared = type(BASE)(FREE, BASE.where), space()
        ledger = TrialLedger(tmp_path / f"{seed}.jsonl")
        made = configurations(declared, base)
        verdicts.append(grid_search(type(run)(candles), base, made, ledger, declared.objective).verdict)
    assert sum(one.is_edge for one in verdicts) <= 1
    assert any("of random entries, held as long, did better" in one.sentence for one in verdicts)
