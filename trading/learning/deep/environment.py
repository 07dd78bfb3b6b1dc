"""Trades as episodes, many at once: from a signal to the exit, a decision at every closed bar. Compiled.

The environment is the exit machine: entries, fills, costs and exits are `trading.backtest.stepwise`, so that
a policy earns here what the backtest says it earns. At the signal's close a policy chooses the size (0, half
or whole stake), at every later close whether to leave; it is sold at the next open. Stops, targets and the
longest hold work whatever it says.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.backtest.compiled import compiled, digest, lean
from trading.backtest.job import Job
from trading.backtest.runs import empty_book, frozen
from trading.backtest.stepwise import (
    ENTRY,
    GOAL,
    HELD,
    PAID,
    PEAK,
    PENDING,
    ROW,
    STEPWISE_MACHINE,
    SYMBOL,
    TRAIL,
    enter,
    follow,
    times_up,
    worth,
)
from trading.backtest.walk import Floats, Ints, ticks
from trading.learning.deep import observation
from trading.learning.deep.observation import STATE
from trading.market.errors import BadInput

SKIP, HALF, FULL, HOLD, LEAVE = range(5)
ACTIONS = 5
SIZES = (0.0, 0.5, 1.0)
_IDLE, _WAITING, _HELD, _OVER = range(4)
_view = compiled(observation)
_waiting, _holding = _view.waiting, _view.holding

Narrow = NDArray[np.float32]


class Episodes(NamedTuple):
    """The state of all places. `queue[cursor[0]:]` are the signals to come; `phase` of `_IDLE` has none left.

    `asked` is each place's number in the queue, `symbol` its symbol, `size` the multiplier chosen, `net` what
    the trade is worth by now (net return of its own stake). `ends` and `earned` are written when an episode
    ends, per number in the queue: (row, exit code) and (size, net); they may have no rows.
    """

    queue: Ints
    cursor: Ints
    phase: Ints
    asked: Ints
    symbol: Ints
    size: Floats
    net: Floats
    held: Ints
    ends: Ints
    earned: Floats


class Sight(NamedTuple):
    """What is seen: features per candle row, probability per row, usual return, usual hold in ms."""

    features: Narrow
    probability: Floats
    unit: float
    hold_ms: float


@lean
def _see(job: Job, episodes: Episodes, sight: Sight, n: int, out: Narrow) -> None:
    """Write place n's observation."""
    row = episodes.queue[episodes.asked[n]]
    said = sight.probability[row]
    if episodes.phase[n] == _HELD:
        held = episodes.held
        row = held[n, ROW]
        k, paid = held[n, SYMBOL], held[n, PAID]
        stop = max(times_up(paid, job.terms.exits.stop_keep), held[n, TRAIL])
        prices = (
            float(paid), float(ticks(job.bars.close[row], job.bars.per_unit[k])), float(stop),
            float(held[n, GOAL]), float(held[n, PEAK]),
        )  # fmt: skip
        age = (job.bars.open_ms[row] - job.bars.open_ms[held[n, ENTRY]]) / sight.hold_ms
        state = _holding(prices, age, episodes.net[n], sight.unit, episodes.size[n], said)
    else:
        state = _waiting(said)
    wide = sight.features.shape[1]
    for place in range(wide):
        out[n, place] = sight.features[row, place]
    (out[n, wide], out[n, wide + 1], out[n, wide + 2], out[n, wide + 3], out[n, wide + 4],
     out[n, wide + 5], out[n, wide + 6], out[n, wide + 7]) = state  # fmt: skip


@lean
def _draw(job: Job, episodes: Episodes, n: int) -> None:
    """Give place n the next signal, or leave it idle."""
    episodes.phase[n] = _IDLE
    if episodes.cursor[0] < len(episodes.queue):
        asked = episodes.cursor[0]
        episodes.cursor[0] += 1
        episodes.phase[n], episodes.asked[n] = _WAITING, asked
        episodes.symbol[n] = np.searchsorted(job.bars.offsets, episodes.queue[asked], side="right") - 1
        episodes.size[n], episodes.net[n] = 0.0, 0.0


@lean
def _advance(job: Job, episodes: Episodes, n: int, action: int) -> None:
    """Move place n by one bar; its phase is `_OVER` where the episode ended with it."""
    held, k, code = episodes.held, episodes.symbol[n], 0
    if episodes.phase[n] == _WAITING:
        t = episodes.queue[episodes.asked[n]] + 1
        episodes.phase[n], held[n, ROW] = _OVER, -1
        size = 0.0 if action == SKIP else (0.5 if action == HALF else 1.0)
        stake = job.terms.stake * size
        if job.terms.most_stake > 0.0:
            stake = min(stake, job.terms.most_stake)
        if size > 0.0 and t < job.bars.offsets[k + 1] and enter(job, n, k, t, stake, held):
            episodes.size[n], episodes.phase[n] = size, _HELD
    else:
        held[n, ROW] += 1
        if action == LEAVE:
            held[n, PENDING] = 1
    if episodes.phase[n] == _HELD:
        code = follow(job, n, held)
        episodes.net[n] = worth(job, n)
        if code != 0 or held[n, ROW] + 1 >= job.bars.offsets[k + 1]:
            episodes.phase[n] = _OVER
    if episodes.phase[n] == _OVER and episodes.asked[n] < len(episodes.ends):
        asked = episodes.asked[n]
        episodes.ends[asked, 0], episodes.ends[asked, 1] = held[n, ROW], code
        episodes.earned[asked, 0], episodes.earned[asked, 1] = episodes.size[n], episodes.net[n]


def _build(machine: int) -> tuple[Callable[..., None], Callable[..., None]]:
    @lean(cache=True, nogil=True)
    def begin(job: Job, episodes: Episodes, sight: Sight, out: Narrow) -> None:
        """Give every place a signal and write what is seen."""
        for n in range(len(episodes.phase)):
            _draw(job, episodes, n)
            if machine != 0 and episodes.phase[n] == _WAITING:
                _see(job, episodes, sight, n, out)

    @lean(cache=True, nogil=True)
    def step(
        job: Job, episodes: Episodes, sight: Sight, actions: Ints, out: Narrow, reward: Narrow, over: Narrow
    ) -> None:
        """Move every place by one bar; one whose episode ended begins the next. Rewards sum to size × net."""
        for n in range(len(episodes.phase)):
            reward[n], over[n] = 0.0, 0.0
            if machine == 0 or episodes.phase[n] == _IDLE:
                continue
            before = episodes.net[n]
            _advance(job, episodes, n, actions[n])
            reward[n] = episodes.size[n] * (episodes.net[n] - before)
            if episodes.phase[n] == _OVER:
                over[n] = 1.0
                _draw(job, episodes, n)
            if episodes.phase[n] != _IDLE:
                _see(job, episodes, sight, n, out)

    return begin, step


_begin, _step = _build(digest(sys.modules[__name__], observation) ^ STEPWISE_MACHINE)


@dataclass(frozen=True, slots=True)
class Played:
    """How each signal ended, in the order asked: row of the exit, its code, size and net return.

    Row -1 = not entered (skipped, or the backtest would not); code 0 = open at the end of the candles, valued
    as sold at the last close. `net` is of the stake that was entered, `earned` = size × net.
    """

    row: Ints
    code: Ints
    size: Floats
    net: Floats

    @property
    def earned(self) -> Floats:
        """Net return in parts of the whole stake; 0 where nothing was entered."""
        return self.size * self.net


class Environment:
    """Signals of a job as episodes, `places` of them at a time.

    Parameters
    ----------
    job : Job
        Candles, costs and exits, as `LineRun.job` makes it; its own signals and book are not used.
    features : array of shape (rows, f)
        Per candle row, known at its close.
    probability : array of shape (rows,)
        The supervised model's answer per candle row; only signal rows are looked at.
    unit : float
        The usual size of a net return, above 0.
    places : int
        Episodes at a time.
    """

    def __init__(
        self, job: Job, features: NDArray[Any], probability: Floats, *, unit: float, places: int
    ) -> None:
        rows = len(job.bars.close)
        if len(features) != rows or len(probability) != rows:
            raise BadInput(
                f"features and probability must have one row per candle ({rows}), "
                f"had {len(features)} and {len(probability)}"
            )
        if not unit > 0 or places < 1:
            raise BadInput(f"unit must be positive and places at least 1, were {unit} and {places}")
        if job.terms.is_freqtrade:
            raise BadInput("a policy is taught on this house's fill rules, the job asked for freqtrade's")
        hold = job.terms.exits.max_hold
        self._job = frozen(job)._replace(book=empty_book(places))
        self._sight = Sight(
            np.ascontiguousarray(features, np.float32), np.ascontiguousarray(probability, np.float64),
            float(unit), float(hold if hold > 0 else 24 * job.terms.bar_ms),
        )  # fmt: skip
        self.places = places
        self.width = features.shape[1] + STATE
        self._episodes = _fresh(np.zeros(0, np.int64), places, 0)

    def begin(self, queue: Ints, *, with_record: bool = False) -> Narrow:
        """Begin with the first signal rows of `queue`; return what is seen, shape (places, width)."""
        rows = len(self._job.bars.close)
        if len(queue) and (queue.min() < 0 or queue.max() >= rows):
            raise BadInput(f"signal rows must lie in 0..{rows - 1}, were {queue.min()}..{queue.max()}")
        self._episodes = _fresh(np.ascontiguousarray(queue), self.places, len(queue) if with_record else 0)
        out = np.zeros((self.places, self.width), np.float32)
        _begin(self._job, self._episodes, self._sight, out)
        return out

    def step(self, actions: Ints, out: Narrow, reward: Narrow, over: Narrow) -> None:
        """Move every place by one bar.

        Writes what is seen then, the reward (parts of the whole stake) and 1.0 where an episode ended.
        """
        _step(self._job, self._episodes, self._sight, actions, out, reward, over)

    @property
    def is_busy(self) -> NDArray[np.bool_]:
        """Which places have an episode."""
        busy: NDArray[np.bool_] = self._episodes.phase != _IDLE
        return busy

    def play(self, queue: Ints, act: Callable[[Narrow], Ints]) -> Played:
        """Return how every signal of `queue` ends if `act` chooses the actions, given what is seen."""
        seen = self.begin(queue, with_record=True)
        reward, over = np.zeros((2, self.places), np.float32)
        while self.is_busy.any():
            self.step(act(seen), seen, reward, over)
        ends, earned = self._episodes.ends, self._episodes.earned
        return Played(ends[:, 0], ends[:, 1], earned[:, 0], earned[:, 1])


def _fresh(queue: Ints, places: int, recorded: int) -> Episodes:
    phase, asked, symbol = np.zeros((3, places), np.int64)
    return Episodes(
        queue, np.zeros(1, np.int64), phase, asked, symbol, np.zeros(places), np.zeros(places),
        np.zeros((places, HELD), np.int64), np.zeros((recorded, 2), np.int64), np.zeros((recorded, 2)),
    )  # fmt: skip
