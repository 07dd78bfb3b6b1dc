"""Teaching a policy with full fill semantics, against rejax on a toy; the environment against Python; edges.

Every step of ours is a bar of the exit machine: entry with spread, fee and minimums, stop, target,
longest hold, gaps, worth at the close. The seconds are those of playing and learning, compiled before.
"""

from statistics import median
from typing import Any

import numpy as np

from bench.calibration import slowness
from bench.harness import Line, Measured, against_bound, against_peer, measure, missing
from bench.peers import PeerMissing, ask
from bench.taught import BAR_MS, EXITS, NAMES, Taught, taught_market
from trading.learning.deep.environment import FULL, HOLD, LEAVE, Environment
from trading.learning.deep.extra import PACKAGES
from trading.learning.deep.policy import at_random, by_probability, fixed
from trading.market.ticks import Grid
from trading.risk.exits import PriceBar, exit_in_bar

STEPS, LEAST_RATE = 500_000, 25_000
WIDE = 24  # features, so that an observation has 32 numbers
LEAST_OF_REJAX, LEAST_OF_PYTHON = 0.8, 10.0
EDGES, SEEDS = (0.0, 0.0005, 0.001, 0.002), 10


def run() -> list[Line]:
    """Return the lines: rate, rejax, environment alone, and what is found of edges of declared size."""
    market = taught_market(0)
    alone = _environment_line(market)
    if missing(PACKAGES):
        return [{"name": "ppo", "ok": None, "reason": "the extra ai is not installed: make ai"}, alone]
    ours = measure(lambda: _teach(market, STEPS, 0, _wide(market)), repeat=3)
    work = f"{STEPS:,} bars of the exit machine played and learnt, 256 at a time, 32 numbers seen"
    rate = round(STEPS / ours.cpu_s)
    lines = [
        against_bound(
            "ppo", work, ours, bound_cpu_s=STEPS / LEAST_RATE, slowness=slowness(1), steps_per_cpu_s=rate
        ),
        against_peer("ppo", work, ours, "rejax, a toy without fills", *_rejax(), bound=LEAST_OF_REJAX),
        alone,
    ]
    return lines + [_edge_line(edge, False) for edge in EDGES] + [_edge_line(EDGES[-1], True)]


def _rejax() -> tuple[Measured | None]:
    try:
        told = ask("rejax", "bench/rejax_peer.py", str(STEPS))
    except PeerMissing:
        return (None,)
    return (Measured(told["cpu_s"], 0.0, 0.0),)


def _wide(market: Taught) -> np.ndarray:
    more = np.random.default_rng(0).normal(size=(len(market.features), WIDE - len(NAMES)))
    return np.hstack([market.features, more])


def _teach(market: Taught, steps: int, seed: int, features: np.ndarray) -> Any:
    from trading.learning.deep.lesson import Learning, Lesson
    from trading.learning.deep.ppo import teach

    names = tuple(f"f_{place}" for place in range(features.shape[1]))
    lesson = Lesson(market.job, features, names, market.probability, market.older)
    return teach(lesson, Learning(steps=steps), seed)


def _environment_line(market: Taught) -> Line:
    """The environment alone, every signal held until the state turns, against Python bar by bar."""
    signals = market.older
    env = Environment(market.job, market.features, market.probability, unit=1.0, places=256)
    steps = 0

    def act(seen: np.ndarray) -> np.ndarray:
        nonlocal steps
        steps += int(env.is_busy.sum())
        return np.where(seen[:, -8] > 0.5, np.where(seen[:, 0] < -1.2, LEAVE, HOLD), FULL)

    ours = measure(lambda: env.play(signals, act))
    steps = 0
    found = env.play(signals, act)
    rows, held = _by_python(market, signals)
    assert np.array_equal(rows, found.row)
    theirs = measure(lambda: _by_python(market, signals), repeat=1, warm_up=False)
    return against_peer(
        "ppo environment", f"{len(signals):,} signals, {steps:,} steps, nothing learnt", ours,
        "exit_in_bar a bar at a time in Python", theirs, bound=LEAST_OF_PYTHON, steps_by_python=held,
    )  # fmt: skip


def _by_python(market: Taught, signals: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the rows of exit as a gymnasium-like environment would find them, and the bars looked at."""
    bars, grid, numbers, rows, steps = market.job.bars, Grid.of(0.0001), EXITS.numbers(BAR_MS), [], 0
    cost = 1 + int(market.job.venue.cost[0]) / 1e8
    for signal in signals:
        first = row = int(signal) + 1
        paid = best = np.ceil(bars.open[first] * cost * 1e4 - 1e-6) / 1e4
        leaves, found = False, None
        while found is None:
            bar = PriceBar(bars.open[row], bars.high[row], bars.low[row])
            age = int(bars.open_ms[row] - bars.open_ms[first])
            found = exit_in_bar(numbers, bar, grid, entry=paid, age=age, peak=best, has_signal=leaves)
            best, steps = max(best, bars.high[row]), steps + 1
            leaves = leaves or np.float32(market.features[row, 0]) < -1.2
            row += 1
        rows.append(row - 1)
    return np.array(rows), steps


def _edge_line(edge: float, shuffled: bool) -> Line:
    """What ten policies earn on later signals, beside every signal, chance, and the best threshold."""
    market = taught_market(1, edge=edge, shuffled=shuffled)
    env = Environment(market.job, market.features, market.probability, unit=1.0, places=256)

    def earned(act: Any) -> float:
        return float(env.play(market.newer, act).earned.mean())

    found = measure(
        lambda: [earned(_teach(market, 150_000, seed, market.features).choose) for seed in range(SEEDS)],
        repeat=1, warm_up=False,
    )  # fmt: skip
    told = sorted(round(each * 1e4, 1) for each in found.value)
    return {
        "name": "ppo edges",
        "work": f"drift of {edge:.2%} a bar{', returns shuffled' if shuffled else ''}, {SEEDS} policies",
        "ours_cpu_s": round(found.cpu_s, 4),
        "ours_wall_s": round(found.wall_s, 4),
        "peak_rss_mb": round(found.peak_rss_mb, 1),
        "peer": "the best threshold on the probability, chosen with hindsight",
        "peer_cpu_s": None,
        "ratio": None,
        "bound": None,
        "ok": None,
        "reason": "figures, held to no bound (tests/trading/learning/deep/test_policy.py holds two of them)",
        "basis_points_median": round(median(told), 1),
        "basis_points_worst_best": [told[0], told[-1]],
        "every_signal": round(earned(fixed(FULL)) * 1e4, 1),
        "chance": round(median(earned(at_random(seed)) for seed in range(SEEDS)) * 1e4, 1),
        "signal_alone": round(max(earned(by_probability(p)) for p in (0.5, 0.55, 0.6, 0.65)) * 1e4, 1),
    }
