"""A strategy that earns by generous fills is refused, by the rule's name, with value and bound."""

from datetime import timedelta

import polars as pl
import pytest

from trading.backtest.approval import approve
from trading.backtest.costs import CostModel
from trading.backtest.engine import BacktestRules, run_backtest
from trading.backtest.rules import ApprovalRules
from trading.risk.exits import ExitRules

FREE = CostModel(taker_fee=0.0, half_spread=0.0, base_slippage=0.0, impact=0.0)
EXITS = ExitRules(stop_loss=0.02, take_profit=0.03, max_hold_bars=None)
DAY = 96
WIN = [100.0, 104.0, 100.0, 100.0, 9e3]  # up to the target and back
# Opens far below the stop of 98 and comes back over it: freqtrade sells at 98, nobody else could.
GAP = [90.0, 100.0, 90.0, 100.0, 9e3]


def judged(market, wins: int, gaps: int) -> tuple[pl.DataFrame, dict]:
    """One trade a day, each entered at 100 on a flat bar: `wins` to the target, `gaps` through the stop."""
    bars = [[100.0, 100.0, 100.0, 100.0, 9e3] for _ in range(DAY * (wins + gaps))]
    entries = []
    for trade in range(wins + gaps):
        entries.append(trade * DAY + 10)
        # A lost one after each three that won, so that no long fall stands between them.
        is_gap = trade % 4 == 3 and trade // 4 < gaps
        bars[trade * DAY + 12] = list(GAP if is_gap else WIN)
    frame = market.candles("A/USDT", bars)
    found = run_backtest(
        frame,
        market.signals(frame, entries, []),
        market.markets_of(frame, 0.0).with_columns(tick=0.01, step=0.0001),
        EXITS,
        FREE,
        rules=BacktestRules(random_draws=20, volume_share=0),
        bar_ms=int(timedelta(minutes=15).total_seconds() * 1000),
    )
    return found.metrics, approve(found.metrics, found.trades).rules.filter(rule="fragility").row(
        0, named=True
    )


def test_what_earns_only_because_a_stop_fills_after_the_gap_is_refused(market) -> None:
    """15 x +3 % and 5 gaps: -10 % each here, -2 % by freqtrade's fills.

    Ours: 1.03^15 x 0.9^5 - 1 = -8.0 %; freqtrade's: 1.03^15 x 0.98^5 - 1 = +40.8 %.
    """
    metrics, rule = judged(market, wins=15, gaps=5)
    assert metrics["total_return"].item() == pytest.approx(1.03**15 * 0.9**5 - 1)
    gap = 1.03**15 * (0.98**5 - 0.9**5)
    assert rule["value"] == pytest.approx(gap)
    assert rule["is_passed"] is False
    assert rule["bound"] == ApprovalRules().max_fragility == 0.1
    assert rule["reason"].startswith("fragility 0.48")


def test_what_earns_under_both_but_far_less_under_ours_is_refused_by_fragility_alone(market) -> None:
    """18 x +3 % and 2 gaps: +38 % here, +63 % by freqtrade's fills; every other rule of return is met."""
    metrics, rule = judged(market, wins=18, gaps=2)
    assert metrics["total_return"].item() == pytest.approx(1.03**18 * 0.9**2 - 1)
    assert rule["value"] == pytest.approx(1.03**18 * (0.98**2 - 0.9**2))
    assert rule["is_passed"] is False


def test_what_no_fill_rule_touches_passes(market) -> None:
    """Targets inside bars and no gap: both models say the same to a tick."""
    metrics, rule = judged(market, wins=20, gaps=0)
    assert metrics["total_return"].item() == pytest.approx(1.03**20 - 1)
    assert (rule["is_passed"], rule["value"]) == (True, pytest.approx(0.0, abs=1e-3))
