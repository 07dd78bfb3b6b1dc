"""A strategy's exits as the line takes them, and what the launchpad changes of them."""

import pytest

from trading.backtest.line_exits import exits_of_strategy
from trading.backtest.shipped import names, shipped_strategy
from trading.backtest.strategy import Costs
from trading.backtest.strategy_file import parse_strategy
from trading.market.errors import BadInput
from trading.risk.exits import ExitRules
from trading.risk.overrides import ExitOverrides

BAR_MS = 900_000


def told(risk: str) -> ExitRules:
    text = f'name = "mine"\n[entry]\nwhen = "close > 1"\n[risk]\n{risk}\n[stake]\namount = 1\n'
    return exits_of_strategy(parse_strategy(text + "[costs]\nfee = 0.001\nhalf_spread = 0.0005\n"), BAR_MS)


def test_the_default_s_exits_are_those_of_the_line_before_strategies() -> None:
    """4 % stop, 3 % target of the price, 16 bars of 15 minutes, no exit signals."""
    assert exits_of_strategy(shipped_strategy("rsi_regime"), BAR_MS) == ExitRules()


def test_a_target_after_costs_becomes_the_price_that_leaves_it() -> None:
    """2 % net of 0.1 % fees and 0.07 % costs: 1.02 x 1.001 / (0.999 x 0.9993) of the price paid."""
    exits = told('stoploss = 0.05\nroi = { "0" = 0.02 }\nmax_hold = "20m"')
    assert exits.take_profit == pytest.approx(1.02 * 1.001 / (0.999 * 0.9993) - 1)
    assert (exits.stop_loss, exits.max_hold_bars, exits.use_exit_signal) == (0.05, 1, False)
    trailing = told("stoploss = 0.05\ntrailing = { stop = 0.01, offset = 0.02 }")
    assert (trailing.trailing_stop, trailing.trailing_offset) == (0.01, 0.02)
    assert (trailing.take_profit, trailing.max_hold_bars) == (None, None)


@pytest.mark.parametrize("name", names())
def test_a_shipped_strategy_leaves_the_line_as_its_file_says(name: str) -> None:
    """Whoever has an exit condition is tested with it; the default alone says that its own is only shown."""
    strategy = shipped_strategy(name)
    counts = strategy.exit_ is not None and name != "rsi_regime"
    assert exits_of_strategy(strategy, BAR_MS).use_exit_signal is counts


def test_the_launchpad_may_switch_exit_signals_off_and_on() -> None:
    """None keeps the strategy's word; false is how a strategy is tested that is to be traded without them."""
    own = exits_of_strategy(shipped_strategy("ema_trend"), BAR_MS)
    assert ExitOverrides().applied(own).use_exit_signal is True
    assert ExitOverrides(use_exit_signal=False).applied(own).use_exit_signal is False
    assert ExitOverrides(use_exit_signal=True).applied(ExitRules()).use_exit_signal is True


def test_a_ladder_becomes_gross_targets_by_whole_bars() -> None:
    """60 min are four bars of 15; 50 min begin between two bars: with the fourth.

    Gross: (1 + g) × 1.001 / 0.999 / (1 - c); c: the file's half spread and the slippage that is the default.
    """
    exits = told('stoploss = 0.05\nroi = { "0" = 0.02, "50" = 0.01, "61" = -0.01 }')
    gross = 1.001 / (0.999 * (1 - 0.0005 - Costs().slippage))
    assert exits.take_profit is None
    assert [age for age, _ in exits.ladder] == [0, 4, 5]
    assert [target for _, target in exits.ladder] == pytest.approx(
        [1.02 * gross - 1, 1.01 * gross - 1, 0.99 * gross - 1]
    )
    late = told('stoploss = 0.05\nroi = { "30" = 0.01 }')
    assert (late.take_profit, [age for age, _ in late.ladder]) == (None, [2])


def test_a_single_target_of_the_launchpad_takes_the_place_of_a_ladder() -> None:
    """Both at once would be nobody's rule."""
    ladder = ExitRules(take_profit=None, ladder=((0, 0.05), (4, 0.01)))
    assert ExitOverrides().applied(ladder) == ladder
    assert ExitOverrides(take_profit=0.03).applied(ladder) == ExitRules(take_profit=0.03)


@pytest.mark.parametrize("name", names())
def test_every_shipped_strategy_has_exits_for_the_line(name: str) -> None:
    """None of them asks for what a backtest of the line cannot do."""
    assert exits_of_strategy(shipped_strategy(name), BAR_MS).stop_loss > 0


def test_the_launchpad_changes_only_what_it_sets() -> None:
    """None keeps the strategy's; 0 switches a target, a trailing stop or a longest hold off."""
    own = ExitRules(0.05, 0.04, 0.02, 0.01, 8)
    assert ExitOverrides().applied(own) == own
    changed = ExitOverrides(stop_loss=0.1, take_profit=0, trailing_stop=0, max_hold_bars=0).applied(own)
    assert changed == ExitRules(0.1, None, None, 0.01, None)
    assert ExitOverrides(trailing_offset=0.0).applied(own).trailing_offset == 0.0
    with pytest.raises(BadInput, match="stop_loss must lie between 0 and 1, was 0"):
        ExitOverrides(stop_loss=0).applied(own)


def test_what_a_signal_set_cannot_carry_is_refused() -> None:
    """Parts, additions and limit orders to enter: the line buys once at the open and sells once."""
    head, stake = (
        'name = "mine"\n[entry]\nwhen = "close > 1"\n',
        "[risk]\nstoploss = 0.05\n[stake]\namount = 1\n",
    )
    parts = "[[risk.partial]]\nat = 0.02\nshare = 0.5\n"
    for text in (head + stake + parts, head + stake + '[costs]\nentry_order = "limit"\n'):
        with pytest.raises(BadInput, match="strategy mine: the line buys once at the open and sells once"):
            exits_of_strategy(parse_strategy(text), BAR_MS)
