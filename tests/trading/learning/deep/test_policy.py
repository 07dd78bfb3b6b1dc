"""A policy finds what is there and nothing where nothing is, and decides live as in the backtest."""

import numpy as np
import pytest

from bench.taught import BAR_MS, EXITS, NAMES, Taught, taught_market
from trading.learning.deep import observation
from trading.learning.deep.environment import FULL, HOLD, LEAVE, SKIP, Environment
from trading.learning.deep.policy import Policy, at_random, by_probability, fixed, likeliest
from trading.market.errors import BadInput, MissingData, StoreError
from trading.market.ticks import Grid
from trading.risk.exit_machine import rung_of, target_tick, times_up
from trading.risk.exits import PriceBar, exit_in_bar

pytest.importorskip("jax", reason="the extra ai is not installed: make ai")

SEEDS = range(10)


def taught(world: Taught, seed: int = 0, steps: int = 100_000, **more) -> Policy:
    """A policy taught on the older half's signals."""
    from trading.learning.deep.lesson import Learning, Lesson
    from trading.learning.deep.ppo import teach

    lesson = Lesson(world.job, world.features, NAMES, world.probability, world.older)
    return teach(lesson, Learning(steps=steps), seed, **more)


def earned(world: Taught, act) -> float:
    """Mean over the newer half's signals of what a baseline earns, in parts of the whole stake."""
    env = Environment(world.job, world.features, world.probability, unit=1.0, places=256)
    return float(env.play(world.newer, act).earned.mean())


@pytest.fixture(scope="module")
def planted() -> Taught:
    return taught_market(1)


@pytest.fixture(scope="module")
def policy(planted) -> Policy:
    return taught(planted)


def test_a_planted_edge_is_found_and_beats_every_baseline(planted) -> None:
    """Median of ten seeds on later signals, net of costs: above cash, all, chance, and the signal alone.

    The state turns within a trade: leaving when it does is what the signal alone cannot do.
    """
    found = [earned(planted, taught(planted, seed).choose) for seed in SEEDS]
    chance = np.median([earned(planted, at_random(seed)) for seed in SEEDS])
    alone = max(earned(planted, by_probability(least)) for least in (0.5, 0.55, 0.6, 0.65))
    assert earned(planted, fixed(SKIP)) == 0.0
    assert earned(planted, fixed(FULL)) < 0.0
    assert chance < 0.0 < alone
    assert np.median(found) > 1.3 * alone
    assert min(found) > 0.0


def test_on_shuffled_returns_it_earns_nothing_or_less() -> None:
    """Median of ten seeds, after costs: nothing, and the best of them is no edge either."""
    world = taught_market(1, shuffled=True)
    found = [earned(world, taught(world, seed).choose) for seed in SEEDS]
    assert np.median(found) <= 0.0002
    assert max(found) < 0.0015
    assert earned(world, fixed(FULL)) < -0.002  # what trading costs here


def test_it_survives_its_files_and_says_what_it_was_taught(planted, policy) -> None:
    """Read again it decides alike; the manifest names seed, steps and signals; content names it."""
    again = Policy.from_files(policy.to_files())
    assert again.to_files() == policy.to_files()
    assert again.policy_id == policy.policy_id
    assert again.policy_id.startswith("pol-")
    assert again.manifest["signals"] == len(planted.older)
    one, two = (
        each.play(planted.job, planted.features, planted.probability, planted.newer)
        for each in (policy, again)
    )
    assert np.array_equal(one.earned, two.earned)


def live_trade(world: Taught, policy: Policy, signal: int) -> tuple[int, int]:
    """Row and code of a trade made as a live engine would: prices, plain functions, one observation a bar."""
    bars, grid, numbers = world.job.bars, Grid.of(0.0001), EXITS.numbers(BAR_MS)
    venue = world.job.venue
    cost, fee = venue.cost[0] / 1e8, venue.fees.entry[0, 0]
    said = float(world.probability[signal])
    size, _ = policy.act(np.array([[*world.features[signal], *observation.waiting(said)]]))
    if size[0] == 0.0:
        return -1, 0
    paid = grid.value(times_up(grid.whole(bars.open[signal + 1]), 10**8 + int(venue.cost[0])))
    best, row, leaves = paid, signal + 1, False
    while True:
        age = int(bars.open_ms[row] - bars.open_ms[signal + 1])
        bar = PriceBar(bars.open[row], bars.high[row], bars.low[row])
        found = exit_in_bar(numbers, bar, grid, entry=paid, age=age, peak=best, has_signal=leaves)
        if found is not None:
            return row, int(found.code)
        best, close, whole = max(best, bars.high[row]), float(bars.close[row]), grid.whole(paid)
        net = close * (1 - cost) * (1 - fee) / (paid * (1 + fee)) - 1
        stop = grid.value(times_up(whole, numbers.stop_keep))
        target = grid.value(target_tick(whole, rung_of(age, -1, numbers), numbers))
        state = observation.holding(
            (paid, close, stop, target, best), age / numbers.max_hold, net, policy.unit, float(size[0]), said
        )
        _, out = policy.act(np.array([[*world.features[row], *state]]))
        leaves, row = leaves or bool(out[0]), row + 1


def test_live_and_backtest_decide_alike(planted, policy) -> None:
    """A hundred signals followed by hand, a price and a bar at a time: same bar, same reason."""
    signals = planted.newer[:100]
    found = policy.play(planted.job, planted.features, planted.probability, signals)
    ours = [live_trade(planted, policy, int(signal)) for signal in signals]
    assert [row for row, _ in ours] == found.row.tolist()
    assert [code for _, code in ours] == found.code.tolist()
    assert 4 in found.code


def test_what_it_expects_of_an_entry_is_about_what_it_earns(planted, policy) -> None:
    """On later signals: the better half by expectation earns more than the other, and the mean is near."""
    states = np.array([observation.waiting(said) for said in planted.probability[planted.newer]])
    told = policy.expected(np.hstack([planted.features[planted.newer], states]))
    net = policy.play(planted.job, planted.features, planted.probability, planted.newer).earned
    is_better = told > np.median(told)
    assert net[is_better].mean() > net[~is_better].mean() + 0.003
    assert told.mean() == pytest.approx(net.mean(), abs=0.004)


def test_only_what_is_allowed_is_chosen() -> None:
    """While it waits a size, while it holds hold or leave, however high the other logits are."""
    logits = np.array([[0.0, 1, 0, 9, 8], [9, 9, 9, 0, 1]])
    assert likeliest(logits, np.array([False, True])).tolist() == [1, LEAVE]
    assert likeliest(logits, np.array([True, False])).tolist() == [HOLD, 0]


def test_what_it_cannot_read_is_refused(policy, monkeypatch) -> None:
    """Another width, a state that is no number, damaged files, no extra; unknown features are none."""
    wide = np.zeros((1, len(NAMES) + observation.STATE))
    with pytest.raises(BadInput, match="3 features and 8 numbers of state"):
        policy.act(wide[:, 1:])
    with pytest.raises(BadInput, match=r"state of a position .* must be finite"):
        policy.act(np.where(np.arange(wide.shape[1]) == 5, np.nan, wide))
    policy.act(np.where(np.arange(wide.shape[1]) == 0, np.nan, wide))
    files = policy.to_files()
    for name, data in (("policy.safetensors", files["policy.safetensors"][:-1]), ("policy.json", b"{}")):
        with pytest.raises(StoreError, match="policy cannot be read"):
            Policy.from_files(files | {name: data})
    other = files["policy.json"].replace(b'"f_noise",', b"")
    with pytest.raises(StoreError, match="not those of the network"):
        Policy.from_files(files | {"policy.json": other})
    monkeypatch.setattr("trading.learning.deep.extra.find_spec", lambda name: None)
    with pytest.raises(MissingData, match="make ai"):
        Policy.from_files(files)


def test_a_lesson_without_signals_or_entries_is_refused(planted) -> None:
    """Nothing to be taught on, or the backtest would enter none of them."""
    from trading.learning.deep.lesson import Lesson
    from trading.learning.deep.ppo import teach

    nothing = np.zeros(0, np.int64)
    with pytest.raises(BadInput, match="needs signals"):
        teach(Lesson(planted.job, planted.features, NAMES, planted.probability, nothing))
    dear = planted.job._replace(venue=planted.job.venue._replace(min_cost=np.full(16, 1e9)))
    with pytest.raises(BadInput, match=r"of 3 signals the backtest would enter 0"):
        teach(Lesson(dear, planted.features, NAMES, planted.probability, planted.older[:3]))
