"""Fitting a network to labels: AdamW over shuffled batches, the same bytes for the same rows and seed.

Imports JAX: import it inside functions (`classifiers`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from trading.learning.dataset import Floats, Ints
from trading.learning.deep.networks import Network, Parameters


@dataclass(frozen=True, slots=True)
class Fitting:
    """How a network is fitted: rows per batch, epochs at most, patience, step size, weight decay."""

    batch: int = 256
    epochs: int = 60
    patience: int = 8
    rate: float = 3e-3
    decay: float = 0.05


@partial(jax.jit, static_argnames=("network", "how"))
def _epoch(
    network: Network, how: Fitting, parameters: Parameters, state: Any, batches: tuple[Any, Any, Any]
) -> tuple[Parameters, Any]:
    """Return parameters and state of the optimiser after one pass over the batches."""
    rule = optax.adamw(how.rate, weight_decay=how.decay)

    def loss(parameters: Parameters, x: Any, y: Any, weight: Any) -> Any:
        each = optax.sigmoid_binary_cross_entropy(network.logits(jnp, parameters, x), y)
        return jnp.sum(weight * each) / jnp.maximum(jnp.sum(weight), 1e-12)

    def one(
        carry: tuple[Parameters, Any], batch: tuple[Any, Any, Any]
    ) -> tuple[tuple[Parameters, Any], None]:
        before, state = carry
        steps, fresh = rule.update(jax.grad(loss)(before, *batch), state, before)
        after = optax.apply_updates(before, steps), fresh
        # A batch without weight only fills the shape: nothing is learnt, nothing decays.
        counts = jnp.sum(batch[2]) > 0
        return jax.tree.map(lambda new, old: jnp.where(counts, new, old), after, carry), None

    after: tuple[Parameters, Any] = jax.lax.scan(one, (parameters, state), batches)[0]
    return after


def fitted(
    network: Network,
    how: Fitting,
    rows: tuple[Floats, Ints, Floats],
    seed: int,
    *,
    loss: Callable[[Parameters], float] | None = None,
    epochs: int | None = None,
) -> tuple[Parameters, int]:
    """Return parameters and the number of epochs they were fitted.

    Parameters
    ----------
    network, how
        What is fitted, and how.
    rows : (x, y, weight)
        Standardised features, labels 0/1, weights above zero.
    seed : int
        Of first weights and order of rows.
    loss : callable, optional
        Of parameters on rows that are not in `rows`: stops early, and the best epoch is returned.
    epochs : int, optional
        Without `loss`: how many.
    """
    rng = np.random.default_rng(seed)
    parameters = network.start(rng)
    state = optax.adamw(how.rate, weight_decay=how.decay).init(parameters)
    best, best_loss, best_epoch = parameters, np.inf, 0
    for epoch in range(1, (epochs or how.epochs) + 1):
        parameters, state = _epoch(network, how, parameters, state, _batches(rows, how.batch, rng))
        if loss is None:
            best, best_epoch = parameters, epoch
            continue
        now = loss({name: np.asarray(value) for name, value in parameters.items()})
        if now < best_loss:
            best, best_loss, best_epoch = parameters, now, epoch
        if epoch - best_epoch >= how.patience:
            break
    return {name: np.asarray(value) for name, value in best.items()}, best_epoch


def _batches(rows: tuple[Floats, Ints, Floats], size: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return all rows in another order, in batches whose number is a power of two: few shapes to compile."""
    order = rng.permutation(len(rows[1]))
    count = 1 << max(0, -(-len(order) // size) - 1).bit_length()
    found = [np.zeros((count * size, *each.shape[1:]), np.float32) for each in rows]
    for room, each in zip(found, rows, strict=True):
        room[: len(order)] = each[order]
    x, y, weight = (room.reshape(count, size, *room.shape[1:]) for room in found)
    return x, y, weight


def inner_tail(count: int) -> tuple[slice, slice]:
    """Return the older rows to fit to and the newest quarter to stop by, a purged gap between them.

    Labels overlap in time and times are not known here: one row in fifty, one at least, is left out.
    """
    cut = count * 3 // 4
    return slice(0, cut - max(1, count // 50)), slice(cut, count)
