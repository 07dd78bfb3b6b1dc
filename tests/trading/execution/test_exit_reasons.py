"""Live exits against the backtest: the same bars, one price after the other, end a trade at the same bar.

What a live look sees of a bar are prices, in an order that a candle does not tell. Here each bar that traded
is fed as its open, then its low, then its high: the backtest's own order where a bar touched stop and target.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.execution.world import signal as made_signal
from tests.trading.risk.test_exits import CASES, rules_of
from trading.backtest.walk import Bars, Fine, hold
from trading.execution.exit_reasons import arm
from trading.execution.handover import terms_of
from trading.market.orders import SignalSet, TradeSignal
from trading.market.ticks import Grid
from trading.market.timeframes import from_ms, timeframe
from trading.risk.armed import Armed
from trading.risk.exits import NO_HOLD_BARS, ExitCode, ExitRules
from trading.risk.silence import SilenceRules
from trading.store.order_log.records import ZERO, Trade
from trading.store.order_log.signal_sets import from_json, to_json

BAR = timeframe("15m")
BEGAN_MS = BAR.floor_ms(1_767_614_400_000)
AT = from_ms(BEGAN_MS)


def handed_over(rules: ExitRules) -> TradeSignal:
    """The rules as they reach the engine: through a signal set and its text."""
    held = NO_HOLD_BARS if rules.max_hold_bars is None else rules.max_hold_bars
    carried = made_signal(
        "AAA/USDT",
        stop_loss=Decimal(repr(rules.stop_loss)),
        take_profit=None if rules.take_profit is None else Decimal(repr(rules.take_profit)),
        max_hold_s=held * BAR.ms // 1000,
        exits=terms_of(rules, BAR, "tested@d-1", SilenceRules()),
    )
    batch = SignalSet("set-1", AT, from_ms(BEGAN_MS + 1), AT, BAR.name, (carried,))
    return from_json(to_json(batch)).signals[0]


def trade_of(signal: TradeSignal, price: float, late_ms: int = 20_000) -> Trade:
    """The trade that the ledger makes of it: one unit bought some seconds into the entry bar."""
    return Trade(
        trade_id="t", user_id="u1", signal_id="s", approval_id="a", signal_set_id="set-1", symbol="AAA/USDT",
        mode="paper", is_closed=False, version=1, bought=Decimal(1), bought_cost=Decimal(repr(price)),
        sold=ZERO, sold_cost=ZERO, base_fees=ZERO, fees_quote=ZERO, fees_unpriced=0, dust=ZERO,
        pnl_quote=ZERO, stop_loss=signal.stop_loss, take_profit=signal.take_profit, stop_price=ZERO,
        target_price=None, deadline_ms=BEGAN_MS + signal.max_hold_s * 1000, opened_ms=BEGAN_MS + late_ms,
        closed_ms=None, exit_reason=None, held_up=None, exits=signal.exits,
    )  # fmt: skip


def live(
    rules: ExitRules, bars: list[tuple[float, ...]], tick: object, says_exit: set[int], restarts: set[int]
) -> tuple[int, ExitCode, Armed] | None:
    """Feed the bars as a live engine sees them; at `restarts` it forgets all but trade and kept peak."""
    signal, grid = handed_over(rules), Grid.of(tick)
    trade = trade_of(signal, bars[0][0])
    armed, peak, is_told = arm(trade, None, grid), None, False
    for place, (open_, high, low, _, volume) in enumerate(bars):
        if place in restarts:
            armed = arm(trade, peak, grid)
        if volume > 0:
            for moment, price in enumerate((open_, low, high)):
                now_ms = BEGAN_MS + place * BAR.ms + moment * BAR.ms // 3
                code = armed.look(grid.whole(price), now_ms, is_told)
                if code:
                    return place, ExitCode(code), armed
            peak = max(Decimal(repr(high)), peak or trade.open_price)
            armed.raise_peak(grid.whole(float(peak)))
        # A word counts only where the trade waits for words.
        is_told = is_told or (place in says_exit and bool(trade.exits.exit_source))
    return None


@pytest.mark.parametrize("restarts", [set(), set(range(1, 9))], ids=["one process", "killed at every bar"])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_candle_case_ends_live_as_in_the_backtest(case: dict, restarts: set[int]) -> None:
    """All 60, none skipped: the same bar and reason; and the level that fired is the backtest's price."""
    found = live(
        rules_of(case), case["bars"], case.get("tick", 0.001), set(case.get("exit_signal_on", [])), restarts
    )
    if case["expect"] is None:
        assert found is None
        return
    place, reason, price = case["expect"]
    assert found is not None
    assert (found[0], found[1].reason) == (place, reason)
    levels = {ExitCode.STOP_LOSS: found[2].fixed, ExitCode.TRAILING_STOP: found[2].trail,
              ExitCode.TAKE_PROFIT: found[2].target}  # fmt: skip
    if found[1] in levels and price != case["bars"][place][0]:  # inside the bar, not at its open
        assert Grid.of(case.get("tick", 0.001)).value(levels[found[1]]) == price


def test_no_candle_case_is_left_out() -> None:
    """As many as the backtest is tested with."""
    assert len(CASES) == 60


@st.composite
def exit_rules(draw: st.DrawFn) -> ExitRules:
    fractions = st.integers(1, 60).map(lambda n: n / 1000)
    has_ladder = draw(st.booleans())
    ages = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=4))) if has_ladder else []
    goals = st.integers(-20, 60).map(lambda n: n / 1000)
    return ExitRules(
        stop_loss=draw(fractions),
        take_profit=None if has_ladder else draw(st.none() | fractions),
        trailing_stop=draw(st.none() | fractions),
        trailing_offset=draw(st.sampled_from([0.0, 0.0, 0.01, 0.03])),
        max_hold_bars=draw(st.none() | st.integers(1, 14)),
        use_exit_signal=draw(st.booleans()),
        ladder=tuple((age, draw(goals)) for age in ages),
    )


@st.composite
def some_bars(draw: st.DrawFn) -> list[tuple[float, ...]]:
    """Bars in whole cents around 100, some without a trade."""
    price, bars = 10_000, []
    for _ in range(draw(st.integers(2, 18))):
        open_ = price + draw(st.integers(-150, 150))
        high, low = open_ + draw(st.integers(0, 300)), open_ - draw(st.integers(0, 300))
        price = draw(st.integers(low, high))
        volume = 0.0 if bars and draw(st.integers(0, 9)) == 0 else 1.0
        bars.append((open_ / 100, high / 100, low / 100, price / 100, volume))
    return bars


@settings(max_examples=400, deadline=None)
@given(
    rules=exit_rules(),
    bars=some_bars(),
    says=st.sets(st.integers(0, 17)),
    restarts=st.sets(st.integers(1, 17)),
)
def test_live_looks_and_the_backtest_s_kernel_end_a_trade_at_the_same_bar(
    rules: ExitRules, bars: list[tuple[float, ...]], says: set[int], restarts: set[int]
) -> None:
    """Random rules and bars, the compiled loop against looks at prices, restarted anywhere.

    Declared differences, kept out here: a bar without a trade shows live no price (on a real venue it may
    show a bid, and live leaves on it), and a live sale gets the price it saw, not the level.
    """
    columns = [np.array(column) for column in zip(*bars, strict=True)]
    opens = BEGAN_MS + np.arange(len(bars)) * BAR.ms
    table = Bars(np.array([0, len(bars)]), opens, *columns, np.array([100.0]))
    is_exit = np.array([place in says and rules.use_exit_signal for place in range(len(bars))])
    nothing = np.empty(0)
    fine = Fine(np.empty(0, np.int64), nothing, nothing, nothing, nothing, BAR.ms)
    paid = round(bars[0][0] * 100)
    row, code, _, _ = hold(table, 100.0, 0, len(bars), paid, is_exit, rules.numbers(BAR.ms), fine)
    found = live(rules, bars, "0.01", says, restarts)
    assert (None if code == 0 else (row, ExitCode(code))) == (None if found is None else found[:2])


def test_a_rung_between_two_bars_comes_into_force_with_the_next_bar() -> None:
    """20 minutes are a bar and a third: from the open of the third bar on, as in the backtest."""
    signal = handed_over(ExitRules(take_profit=None, ladder=((0, 0.05), (1, 0.01))))
    between = replace(signal.exits, ladder=((0, Decimal("0.05")), (1200, Decimal("0.01"))))
    armed = arm(trade_of(replace(signal, exits=between), 100.0), None, Grid.of("0.01"))
    codes = [armed.look(10_200, BEGAN_MS + ms, False) for ms in (0, BAR.ms, 2 * BAR.ms - 1, 2 * BAR.ms)]
    assert codes == [0, 0, 0, ExitCode.TAKE_PROFIT]


def test_the_longest_hold_ends_at_a_bar_s_open_although_the_entry_came_late() -> None:
    """Bought 20 s into the bar, two bars at most: out at the open of the third, not 20 s after it."""
    armed = arm(trade_of(handed_over(ExitRules(max_hold_bars=2)), 100.0), None, Grid.of("0.01"))
    assert armed.look(10_000, BEGAN_MS + 2 * BAR.ms - 1, False) == 0
    assert armed.look(10_000, BEGAN_MS + 2 * BAR.ms, False) == ExitCode.MAX_HOLD
