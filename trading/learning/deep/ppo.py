"""Proximal policy optimisation of exits and sizes: numpy plays, JAX learns, one seed gives one policy.

Imports JAX: import it inside functions. Schulman and others (2017), arXiv:1707.06347; advantages after
arXiv:1506.02438. Episodes are one trade long, so nothing is discounted.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from threadpoolctl import threadpool_limits

from trading.learning.deep.environment import ACTIONS, FULL, HOLD, Environment, Narrow
from trading.learning.deep.lesson import Learning, Lesson
from trading.learning.deep.networks import ActorCritic, Parameters
from trading.learning.deep.observation import STATE
from trading.learning.deep.policy import Policy, fixed
from trading.learning.deep.units import standard, units_of
from trading.market.errors import BadInput

_NEVER = -1e9  # the logit of an action that is not allowed


def _optimiser(how: Learning) -> Any:
    updates = how.rounds * how.epochs * how.batches
    rate = optax.linear_schedule(how.rate, how.rate / 10, updates)
    return optax.chain(optax.clip_by_global_norm(0.5), optax.adam(rate, eps=1e-5))


def _allowed(xp: Any, logits: Any, is_held: Any) -> Any:
    """Return log probabilities of all actions, those not allowed out of reach."""
    is_exit = xp.arange(ACTIONS) >= HOLD
    open_ = xp.where(is_exit[None, :] == is_held[:, None], logits, _NEVER)
    top = xp.max(open_, axis=1, keepdims=True)
    return open_ - top - xp.log(xp.sum(xp.exp(open_ - top), axis=1, keepdims=True))


@partial(jax.jit, static_argnames=("network", "how"))
def _improve(
    network: ActorCritic, how: Learning, parameters: Parameters, state: Any, played: Any, order: Any
) -> Any:
    """Return parameters and optimiser after all batches; `order` has one row of places per batch."""
    rule = _optimiser(how)

    def loss(parameters: Parameters, seen: Any, action: Any, before: Any, gain: Any, target: Any) -> Any:
        logits, value = network.both(jnp, parameters, seen)
        says = _allowed(jnp, logits, seen[:, -STATE] > 0.5)
        said = jnp.take_along_axis(says, action[:, None], axis=1)[:, 0]
        ratio = jnp.exp(said - before)
        gain = (gain - gain.mean()) / (gain.std() + 1e-6)
        surrogate = jnp.minimum(ratio * gain, jnp.clip(ratio, 1 - how.clip, 1 + how.clip) * gain)
        spread = -jnp.sum(jnp.where(says > _NEVER / 2, jnp.exp(says) * says, 0.0), axis=1)
        miss = jnp.mean((value - target) ** 2)
        return -jnp.mean(surrogate) + how.value * miss - how.entropy * jnp.mean(spread)

    def one(carry: Any, places: Any) -> Any:
        parameters, state = carry
        slopes = jax.grad(loss)(parameters, *(each[places] for each in played))
        changes, state = rule.update(slopes, state, parameters)
        return (optax.apply_updates(parameters, changes), state), None

    return jax.lax.scan(one, (parameters, state), order)[0]


def teach(
    lesson: Lesson,
    how: Learning | None = None,
    seed: int = 0,
    *,
    unit: float | None = None,
    tell: Callable[[int, int, float], None] | None = None,
) -> Policy:
    """Return the policy taught on a lesson.

    Parameters
    ----------
    lesson, how
        What it is taught on, and how.
    seed : int
        Of first weights, draws and order: the same seed gives the same bytes.
    unit : float, optional
        The usual size of a net return; what the signals held to their exits show where not given.
    tell : callable, optional
        Called after each round with (round, rounds, mean reward per episode in units).

    Raises
    ------
    BadInput
        If there is no signal, or none that the backtest would enter.
    """
    how, rng = how or Learning(), np.random.default_rng(seed)
    if len(lesson.signals) == 0:
        raise BadInput("a policy needs signals to be taught on, was given none")
    unit = unit or usual_return(lesson)
    raw = np.asarray(lesson.features, np.float32).astype(np.float64)
    # Units of what was known when the last signal stood: the rows after it belong to the test.
    opened = lesson.job.bars.open_ms
    units = units_of(raw[opened <= opened[lesson.signals].max()])
    sight = standard(raw, units)
    environment = Environment(lesson.job, sight, lesson.probability, unit=unit, places=how.places)
    network = ActorCritic(environment.width, ACTIONS)
    parameters = network.start(rng)
    state = _optimiser(how).init(parameters)
    # A place begins a new signal after one bar at the earliest.
    enough = -(-how.rounds * how.bars * how.places // len(lesson.signals)) + 1
    seen = environment.begin(np.concatenate([rng.permutation(lesson.signals) for _ in range(enough)]))
    for number in range(how.rounds):
        with threadpool_limits(1):  # many small products: threads would only wait for one another
            played, mean = _play(environment, network, parameters, seen, how, unit, rng)
        count = how.bars * how.places
        order = np.stack([rng.permutation(count) for _ in range(how.epochs)]).reshape(
            how.epochs * how.batches, -1
        )
        after, state = _improve(network, how, parameters, state, played, order)
        parameters = {name: np.asarray(value) for name, value in after.items()}
        if tell is not None:
            tell(number + 1, how.rounds, mean)
    manifest = {
        "kind": "policy", "seed": seed, "steps": how.rounds * how.bars * how.places,
        "signals": len(lesson.signals), "places": how.places, "bars": how.bars, "epochs": how.epochs,
        "batches": how.batches, "rate": how.rate, "clip": how.clip, "entropy": how.entropy,
    }  # fmt: skip
    wide = {name: value.astype(np.float64) for name, value in (parameters | units).items()}
    return Policy(lesson.names, unit, wide, manifest)


def usual_return(lesson: Lesson) -> float:
    """Return the deviation of net returns of the signals held to their exits."""
    places = max(1, min(512, len(lesson.signals)))
    environment = Environment(lesson.job, lesson.features, lesson.probability, unit=1.0, places=places)
    found = environment.play(lesson.signals, fixed(FULL))
    entered = found.net[found.size > 0]
    if len(entered) < 2 or not entered.std() > 0:
        raise BadInput(f"of {len(lesson.signals)} signals the backtest would enter {len(entered)}: too few")
    return float(entered.std())


def _play(
    environment: Environment,
    network: ActorCritic,
    parameters: Parameters,
    seen: Narrow,
    how: Learning,
    unit: float,
    rng: np.random.Generator,
) -> tuple[tuple[Any, ...], float]:
    """Return a round of steps, flat, and the mean reward per episode; `seen` is what comes next, in place."""
    shape = (how.bars, how.places)
    sights = np.empty((*shape, environment.width), np.float32)
    action, value = np.empty(shape, np.int64), np.empty((how.bars + 1, how.places), np.float32)
    said, reward, over = np.empty((3, *shape), np.float32)
    luck = -np.log(rng.standard_exponential((*shape, ACTIONS), np.float32) + np.float32(1e-20))  # Gumbel's
    for bar in range(how.bars):
        sights[bar] = seen
        logits, value[bar] = network.both(np, parameters, seen)
        says = _allowed(np, logits, seen[:, -STATE] > 0.5)
        action[bar] = np.argmax(says + luck[bar], axis=1)
        said[bar] = np.take_along_axis(says, action[bar][:, None], axis=1)[:, 0]
        environment.step(action[bar], seen, reward[bar], over[bar])
    value[-1] = network.both(np, parameters, seen)[1]
    reward /= unit
    gain = np.zeros_like(reward)
    later = np.zeros(how.places, np.float32)
    for bar in range(how.bars - 1, -1, -1):
        goes_on = 1.0 - over[bar]
        later = reward[bar] + goes_on * value[bar + 1] - value[bar] + how.trace * goes_on * later
        gain[bar] = later
    target = gain + value[:-1]
    flat = (
        sights.reshape(-1, environment.width),
        *(each.reshape(-1) for each in (action, said, gain, target)),
    )
    return flat, float(reward.sum() / max(over.sum(), 1.0))
