"""The environment is the exit machine: its candle cases by hand, the backtest's loop on random candles."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.candle_file import MarketRules, candle_file
from trading.backtest.fees import NO_FEES, MarketFees
from trading.backtest.job import CODE, ENTRY, GOT, LEAVE, SIGNAL, SPENT, Job, Signals
from trading.backtest.replay import detail_bars
from trading.backtest.runs import empty_book, walked
from trading.backtest.strategy import Costs, Trailing
from trading.backtest.translate import terms_of, venue_of
from trading.learning.deep import environment as world
from trading.learning.deep.environment import Environment
from trading.market.errors import BadInput
from trading.market.ticks import Grid
from trading.risk.exits import ExitCode, ExitRules

ROOM = Path(__file__).parents[2]
MINUTE = 60_000
_DATA = json.loads((ROOM / "risk" / "candle_cases.json").read_text())
CASES = _DATA["cases"]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deep_{name}", ROOM / "backtest" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


JOBS = _load("jobs")


def job_of(
    symbols: dict[str, list[tuple]], exits: ExitRules, *, tick: float, costs: Costs = JOBS.FREE,
    step: str = "1e-8", min_cost: float = 0.0, in_base: bool = False, stake: float = 100.0, **more: float,
) -> Job:  # fmt: skip
    """A job over bars of (place, open, high, low, close, volume), its exits in whole numbers."""
    candles = candle_file(JOBS.frame_of(symbols, MINUTE))
    trail = exits.trailing_stop
    trailing = None if trail is None else Trailing(trail, exits.trailing_offset)
    rules = JOBS.strategy(stake=stake, stoploss=exits.stop_loss, costs=costs, trailing=trailing, **more)
    fees = MarketFees(asset="base") if in_base else NO_FEES
    market = MarketRules(Grid.of(tick), Grid.of(step), 0.0, min_cost, fees)
    count = len(candles.symbols)
    bars = candles.bars._replace(per_unit=np.full(count, market.tick.denominator / market.tick.numerator))
    nothing, numbers = np.zeros(len(bars.close), np.bool_), exits.numbers(MINUTE)
    terms = terms_of(bars, MINUTE, rules, 0, is_freqtrade=False)
    venue = venue_of([market] * count, rules, None, bars, is_freqtrade=False)
    return Job(
        bars, detail_bars(None, candles.symbols, MINUTE), Signals(nothing, nothing.copy(), np.empty(0)),
        venue._replace(factors=np.tile(numbers.factors, (len(venue.factors), count, 1))),
        terms._replace(exits=numbers), empty_book(64),
    )  # fmt: skip


def environment(job: Job, places: int = 1, features: np.ndarray | None = None) -> Environment:
    """The row's own number as the only feature, so that a rule can be written by candle row."""
    rows = len(job.bars.close)
    own = np.arange(rows, dtype=np.float32)[:, None] if features is None else features
    return Environment(job, own, np.full(rows, 0.5), unit=0.01, places=places)


def by_rows(leaves: set[int], size: int = world.FULL):
    """Always enter with `size`; leave where the row seen is one of `leaves`."""

    def act(seen: np.ndarray) -> np.ndarray:
        is_held = seen[:, 1] > 0
        says = np.isin(seen[:, 0].astype(int), list(leaves))
        return np.where(is_held, np.where(says, world.LEAVE, world.HOLD), size)

    return act


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_candle_case_of_the_exit_machine_ends_as_worked_out_by_hand(case: dict) -> None:
    """The data that the live engine and the backtest are held to: bar, reason and price, without costs."""
    told = _DATA["defaults"] | case.get("rules", {})
    if "ladder" in case:
        told |= {"take_profit": None, "ladder": sorted((int(age), t) for age, t in case["ladder"].items())}
    exits = ExitRules(**told)
    first = case["bars"][0][0]
    bars = [[first, first, first, first, 1], *case["bars"]]
    job = job_of(
        {"A/USDT": [(place, *row) for place, row in enumerate(bars)]}, exits, tick=case.get("tick", 0.001)
    )
    says = {row + 1 for row in case.get("exit_signal_on", [])} if exits.use_exit_signal else set()
    found = environment(job).play(np.array([0]), by_rows(says))
    if case["expect"] is None:
        assert (found.code[0], found.row[0]) == (0, len(bars) - 1)
        return
    bar, reason, price = case["expect"]
    assert (found.row[0] - 1, ExitCode(int(found.code[0])).reason) == (bar, reason)
    assert (1 + found.net[0]) * first == pytest.approx(price, rel=1e-6)


@st.composite
def markets(draw) -> list[tuple]:
    """Up to 30 bars on a tick of 0.01, with dead bars, gaps in time and in price; the first is a signal's."""
    price, found, place = draw(st.integers(5_000, 15_000)), [], 0
    for number in range(draw(st.integers(3, 30))):
        opened = max(10, price + draw(st.sampled_from([0, 0, 0, 1, -1, -300, 250])))
        close = max(10, opened + draw(st.integers(-200, 200)))
        high = max(opened, close) + draw(st.integers(0, 150))
        low = max(5, min(opened, close) - draw(st.integers(0, 150)))
        volume = 1.0 if number < 2 else draw(st.sampled_from([1.0, 1.0, 1.0, 0.0]))
        found.append((place, *(value / 100 for value in (opened, high, low, close)), volume * 1e4))
        price, place = close, place + draw(st.sampled_from([1, 1, 1, 1, 3]))
    return found


@st.composite
def exit_rules(draw) -> ExitRules:
    """Stops, targets, ladders, trailing stops and holds, exact to 1e-4."""
    fraction = st.integers(2, 400).map(lambda k: k / 10_000)
    ladder = draw(st.sampled_from([(), ((0, 0.03), (2, 0.01), (5, -0.005))]))
    return ExitRules(
        stop_loss=draw(st.integers(50, 600)) / 10_000,
        take_profit=None if ladder else draw(st.none() | fraction),
        trailing_stop=draw(st.none() | fraction),
        trailing_offset=draw(fraction),
        max_hold_bars=draw(st.sampled_from([None, 1, 3, 10])),
        use_exit_signal=True,
        ladder=ladder,
    )


@st.composite
def venue_costs(draw) -> Costs:
    """Fees, spread, impact, and targets that rest in the book or do not."""
    fee, spread = draw(st.sampled_from([0.0, 0.001])), draw(st.sampled_from([0.0, 0.0007]))
    return Costs(fee, spread, 0.0, draw(st.sampled_from([0.0, 0.1])), target_rests=draw(st.booleans()))


@settings(max_examples=80, deadline=None)
@given(
    market=markets(), exits=exit_rules(), leaves=st.sets(st.integers(1, 58), max_size=4),
    size=st.sampled_from([world.HALF, world.FULL]), costs=venue_costs(),
    more=st.fixed_dictionaries({"in_base": st.booleans(), "min_cost": st.sampled_from([0.0, 60.0])}),
)  # fmt: skip
def test_a_fixed_policy_is_the_backtest_bar_by_bar(market, exits, leaves, size, costs, more) -> None:
    """Same entry, row, reason and net return to the last digit, for every signal of two symbols at once.

    The backtest's loop is given the policy's exits as exit signals and its size as a factor of the stake.
    """
    job = job_of(
        {"A/USDT": market, "B/USDT": market[1:]}, exits, tick=0.01, costs=costs, step="0.001",
        volume_share=0.0001, **more,
    )  # fmt: skip
    rows = len(job.bars.close)
    found = environment(job, places=7).play(np.arange(rows), by_rows(leaves, size))
    is_exit = np.isin(np.arange(rows), list(leaves))
    for signal in range(rows):
        one = np.zeros(rows, np.bool_)
        one[signal] = True
        # The signal's own bar says nothing here: it would forbid the entry, which the policy wants.
        says = is_exit & ~one
        scale = np.full(rows, world.SIZES[size])
        ours = walked(job._replace(signals=Signals(one, says, scale), book=empty_book(4)), 0)
        if len(ours[0]) == 0:
            assert (found.row[signal], found.size[signal], found.net[signal]) == (-1, 0.0, 0.0)
            continue
        row, rate = ours[0][0], ours[1][0]
        assert (row[SIGNAL], row[ENTRY]) == (signal, signal + 1)
        assert (found.row[signal], found.code[signal]) == (row[LEAVE], row[CODE])
        assert found.size[signal] == world.SIZES[size]
        if row[CODE] != 0:  # an open trade is valued with the costs of a sale here, without them there
            assert found.net[signal] == rate[GOT] / rate[SPENT] - 1.0


def walk(rng: np.random.Generator, count: int) -> list[tuple]:
    """A random walk of whole cents."""
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.006, count))), 2)
    opened = np.r_[100.0, close[:-1]]
    high, low = np.maximum(opened, close) + 0.2, np.minimum(opened, close) - 0.2
    return [(k, opened[k], high[k].round(2), low[k].round(2), close[k], 1e6) for k in range(count)]


def test_rewards_of_an_episode_sum_to_what_it_earned_and_places_do_not_disturb_one_another() -> None:
    """Five hundred signals through 1 and through 64 places: the same ends; rewards telescope."""
    rng = np.random.default_rng(0)
    job = job_of(
        {"A/USDT": walk(rng, 700)},
        ExitRules(max_hold_bars=6),
        tick=0.01,
        costs=Costs(0.001, 0.0005, 0.0, 0.0),
    )
    queue, act = rng.permutation(500), by_rows(set(range(0, 700, 7)))
    one, many = (environment(job, places).play(queue, act) for places in (1, 64))
    for name in ("row", "code", "size", "net"):
        assert np.array_equal(getattr(one, name), getattr(many, name))
    env = environment(job, 64)
    seen = env.begin(queue, with_record=True)
    reward, over, total, ended = *np.zeros((2, 64), np.float32), 0.0, 0
    while env.is_busy.any():
        env.step(act(seen), seen, reward, over)
        total, ended = total + float(reward.sum()), ended + int(over.sum())
    assert ended == 500
    assert total == pytest.approx(one.earned.sum(), abs=1e-4)
    assert set(np.unique(one.code)) >= {1, 2, 4, 5}


def test_what_is_seen_is_worked_out_by_hand() -> None:
    """Paid 100, close 101, stop 98, target 103, best 102, second bar of four: in units of one percent."""
    bars = [(0, 100, 100, 100, 100, 1), (1, 100, 102, 99, 101, 1), (2, 101, 101, 100, 101, 1)]
    job = job_of({"A/USDT": bars}, ExitRules(0.02, 0.03, max_hold_bars=4), tick=0.01)
    env = environment(job)
    seen = env.begin(np.array([0]))
    assert seen[0].tolist() == [0.0] * 9
    env.step(np.array([world.HALF]), seen, *np.zeros((2, 1), np.float32))
    expected = [1, 1, 0, 1, (1 - 98 / 101) * 100, (103 / 101 - 1) * 100, 2, 0.5, 0]
    assert seen[0] == pytest.approx(expected, abs=1e-4)
    env.step(np.array([world.HOLD]), seen, *np.zeros((2, 1), np.float32))
    assert seen[0, 2] == 0.0  # it was the last bar: the next signal is waited for, and there is none
    assert not env.is_busy.any()


def test_what_cannot_be_played_is_refused() -> None:
    """Rows that are not there, features of another length, a unit of zero."""
    job = job_of({"A/USDT": [(k, 1, 1, 1, 1, 1) for k in range(4)]}, ExitRules(), tick=0.01)
    with pytest.raises(BadInput, match=r"0\.\.3, were 4\.\.4"):
        environment(job).begin(np.array([4]))
    with pytest.raises(BadInput, match=r"one row per candle \(4\), had 3"):
        environment(job, features=np.zeros((3, 1), np.float32))
    with pytest.raises(BadInput, match="unit must be positive"):
        Environment(job, np.zeros((4, 1)), np.zeros(4), unit=0.0, places=1)
    with pytest.raises(BadInput, match="freqtrade"):
        environment(job._replace(terms=job.terms._replace(is_freqtrade=True)))
