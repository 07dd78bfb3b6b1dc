"""Protections, wallets and scaled stakes, each on bars worked out by hand (a bar is a minute, tick 0.001)."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trading.backtest.protections import Guards
from trading.backtest.strategy import Costs
from trading.backtest.strategy_file import parse_strategy
from trading.backtest.strategy_reader import BadStrategy
from trading.market.errors import BadInput

MINUTE = 60_000


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guards_{name}", Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


JOBS = _load("jobs")


def falling(count: int) -> list[tuple]:
    """Every bar opens at 100 and falls to 97: whoever enters is stopped at 98 in the bar of the entry."""
    return [(place, 100, 100, 97, 100, 1) for place in range(count)]


def opened(guards: Guards, symbols: dict[str, list[tuple]], entries: dict[str, set[int]], **changes) -> dict:
    """Entry places by symbol."""
    frame = JOBS.frame_of(symbols, MINUTE)
    found = JOBS.play(frame, JOBS.strategy(guards=guards, **changes), entries, slots=0).trades
    times = found["open_ts"].dt.epoch("ms") // MINUTE
    return {
        name: [at for own, at in zip(found["symbol"], times.to_list(), strict=True) if own == name]
        for name in symbols
    }


def test_without_protections_every_signal_is_taken() -> None:
    """Signals on bars 0 to 8 enter on bars 1 to 9, each stopped in its bar."""
    assert opened(Guards(), {"A": falling(10)}, {"A": set(range(9))}) == {"A": list(range(1, 10))}


def test_a_symbol_rests_after_each_of_its_trades() -> None:
    """Ended in bar 1, three minutes of rest: the next entries are bars 4 and 7. B is not held up."""
    guards = Guards(cooldown_ms=3 * MINUTE)
    found = opened(guards, {"A": falling(10), "B": falling(10)}, {"A": set(range(9)), "B": {2}})
    assert found == {"A": [1, 4, 7], "B": [3]}


def test_losing_stops_lock_all_symbols_or_their_own() -> None:
    """Two stops within five minutes: all rest until bar 6. By symbol, only the second of A's own locks."""
    symbols = {"A": falling(10), "B": falling(10)}
    entries = {"A": {0, 2, 3, 4, 5}, "B": {1}}
    guards = Guards(stop_window_ms=5 * MINUTE, stop_trades=2, stop_ms=4 * MINUTE)
    assert opened(guards, symbols, entries) == {"A": [1, 6], "B": [2]}
    own = guards._replace(stop_per_symbol=True)
    assert opened(own, symbols, entries) == {"A": [1, 3], "B": [2]}


def test_a_stop_outside_the_window_is_forgotten() -> None:
    """The first stop is five minutes old when the second comes: not within five minutes any more."""
    guards = Guards(stop_window_ms=5 * MINUTE, stop_trades=2, stop_ms=4 * MINUTE)
    assert opened(guards, {"A": falling(12)}, {"A": {0, 5, 6}})["A"] == [1, 6, 7]


def test_a_drawdown_locks_all() -> None:
    """Each stop costs 2 %: the third makes a fall of 6 %, above 5 %, and all rest for three minutes."""
    guards = Guards(
        drawdown_window_ms=60 * MINUTE, drawdown_trades=2, drawdown_most=0.05, drawdown_ms=3 * MINUTE
    )
    assert opened(guards, {"A": falling(10)}, {"A": set(range(9))})["A"] == [1, 2, 3, 6, 9]


def test_a_symbol_of_low_profit_rests() -> None:
    """Two trades of -2 % are below -3 %: A rests for four minutes, B does not."""
    guards = Guards(low_window_ms=60 * MINUTE, low_trades=2, low_least=-0.03, low_ms=4 * MINUTE)
    found = opened(guards, {"A": falling(9), "B": falling(9)}, {"A": set(range(8)), "B": {3}})
    assert found == {"A": [1, 2, 6], "B": [4]}


def test_what_protections_refuse_is_counted() -> None:
    """Five signals, two entries: three were refused."""
    frame = JOBS.frame_of({"A": falling(6)}, MINUTE)
    strategy = JOBS.strategy(guards=Guards(cooldown_ms=3 * MINUTE))
    run = JOBS.play(frame, strategy, {"A": set(range(5))})
    assert (run.trades.height, run.left_out["locked_by_protections"]) == (2, 3)


def test_a_wallet_pays_for_its_positions_and_gets_back_what_they_bring() -> None:
    """150 quote units buy one stake of 100; it is stopped at 98, and 148 buy the next one two bars later."""
    symbols = {"A": falling(6), "B": [(place, 50, 50, 50, 50, 1) for place in range(6)]}
    frame = JOBS.frame_of(symbols, MINUTE)
    run = JOBS.play(frame, JOBS.strategy(wallet=150.0), {"A": {0}, "B": {0, 2}})
    assert run.trades.select("symbol").to_series().to_list() == ["A", "B"]
    assert run.left_out["no_cash"] == 1


def test_slots_share_what_the_wallet_is_worth() -> None:
    """1,000 over two slots: 500 at 100 each; stopped at 98 the worth is 990, and the next stake 495."""
    frame = JOBS.frame_of({"A": falling(6)}, MINUTE)
    run = JOBS.play(frame, JOBS.strategy(wallet=1000.0, stake=0.0), {"A": {0, 2}}, slots=2)
    assert run.trades["amount"].to_list() == [5.0, 4.95]


def test_fees_leave_the_wallet_too() -> None:
    """100 with a fee of 1 % needs 101: a wallet of 100.5 cannot buy."""
    frame = JOBS.frame_of({"A": falling(6)}, MINUTE)
    costs = Costs(0.01, 0.0, 0.0, 0.0)
    for wallet, trades in ((100.5, 0), (101.0, 1)):
        assert JOBS.play(frame, JOBS.strategy(wallet=wallet, costs=costs), {"A": {0}}).trades.height == trades


FILE = """[entry]
when = "close > 1"
[risk]
stoploss = 0.1
[stake]
amount = "slots"
wallet = 1000
scale = "min(1, 0.01 * close / atr_14)"
[protections]
cooldown = { stop = "1h" }
stoploss_guard = { lookback = "1d", trades = 3, stop = "4h", per_symbol = true }
max_drawdown = { lookback = "2d", trades = 5, most = 0.1, stop = "12h" }
low_profit = { lookback = "6h", trades = 2, least = -0.01, stop = "30m" }
"""


def test_a_file_switches_protections_and_sizing_on() -> None:
    """Every key of the tables, in ms."""
    found, hour = parse_strategy(FILE), 3_600_000
    assert (found.stake, found.wallet) == (0.0, 1000.0)
    assert found.scale is not None
    assert found.guards == Guards(
        hour, 24 * hour, 3, 4 * hour, True, 48 * hour, 5, 0.1, 12 * hour, 6 * hour, 2, -0.01, hour // 2
    )


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("wallet = 1000\n", "", "needs stake.wallet"),
        ('lookback = "1d", ', "", "protections.stoploss_guard.lookback is missing"),
        ("trades = 5", "trades = 0", "protections.max_drawdown.trades must be a number from 1"),
        ("most = 0.1, ", "", "protections.max_drawdown.most is missing"),
        ("least", "lowest", "unknown key 'lowest'"),
    ],
)
def test_mistakes_in_them_are_named(was: str, becomes: str, message: str) -> None:
    """Key and bound."""
    assert was in FILE
    with pytest.raises(BadStrategy, match=message):
        parse_strategy(FILE.replace(was, becomes))


def test_sharing_by_slots_needs_slots() -> None:
    """Without a number of slots there is nothing to divide by."""
    from trading.backtest.candle_file import candle_file
    from trading.backtest.replay import replay

    with pytest.raises(BadInput, match="give --slots"):
        replay(candle_file(JOBS.frame_of({"A": falling(5)}, MINUTE)), parse_strategy(FILE))
