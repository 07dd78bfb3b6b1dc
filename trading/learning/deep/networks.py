"""The networks themselves: one source for training (JAX) and for asking (numpy), on plain dicts of arrays.

Every function takes the array module as `xp`. Trained in float32; asked in float64, so that a row's answer
does not hang on what other rows are asked with it.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Parameters = dict[str, NDArray[Any]]


def dense(rng: np.random.Generator, name: str, wide: int, deep: int, gain: float = 1.0) -> Parameters:
    """Return the weights of one layer: He's scale times `gain`, biases of zero."""
    weights = rng.standard_normal((wide, deep)) * gain * np.sqrt(2.0 / wide)
    return {f"{name}.w": weights.astype(np.float32), f"{name}.b": np.zeros(deep, np.float32)}


def layer(xp: ModuleType, parameters: Parameters, name: str, x: Any) -> Any:
    """Return x @ w + b of a layer, over the last axis."""
    return xp.matmul(x, parameters[f"{name}.w"]) + parameters[f"{name}.b"]


@dataclass(frozen=True, slots=True)
class Mlp:
    """Features through two hidden layers to one logit."""

    features: int
    hidden: int = 32

    def start(self, rng: np.random.Generator) -> Parameters:
        """Return untrained parameters; the last layer is small, so that training begins at the base rate."""
        return (
            dense(rng, "first", self.features, self.hidden)
            | dense(rng, "second", self.hidden, self.hidden)
            | dense(rng, "last", self.hidden, 1, gain=0.1)
        )

    def logits(self, xp: ModuleType, parameters: Parameters, x: Any) -> Any:
        """Return one logit per row of `x`, shape (n, features)."""
        x = xp.tanh(layer(xp, parameters, "first", x))
        x = xp.tanh(layer(xp, parameters, "second", x))
        return layer(xp, parameters, "last", x)[..., 0]


@dataclass(frozen=True, slots=True)
class Convolutions:
    """A window of bars through causal convolutions of two taps at distances 1, 2, 4 and 8, to one logit.

    Each tap is a shifted matrix product: XLA's dilated convolution does not come to an end on a CPU. The
    last bar sees 16 bars; the mean over the window sees all of them.
    """

    steps: int
    channels: int
    hidden: int = 16
    distances: tuple[int, ...] = (1, 2, 4, 8)

    def start(self, rng: np.random.Generator) -> Parameters:
        """Return untrained parameters."""
        found: Parameters = {}
        wide = self.channels
        for place in range(len(self.distances)):
            found |= dense(rng, f"tap{place}", 2 * wide, self.hidden)
            wide = self.hidden
        return (
            found
            | dense(rng, "first", 2 * self.hidden, self.hidden)
            | dense(rng, "last", self.hidden, 1, gain=0.1)
        )

    def logits(self, xp: ModuleType, parameters: Parameters, x: Any) -> Any:
        """Return one logit per row of `x`, shape (n, steps × channels), the oldest bar first."""
        x = xp.reshape(x, (x.shape[0], self.steps, self.channels))
        for place, distance in enumerate(self.distances):
            before = xp.pad(x, ((0, 0), (distance, 0), (0, 0)))[:, : self.steps]
            both = xp.concatenate([x, before], axis=-1)
            x = xp.maximum(layer(xp, parameters, f"tap{place}", both), 0.0)
        both = xp.concatenate([x[:, -1], xp.mean(x, axis=1)], axis=-1)
        return layer(xp, parameters, "last", xp.tanh(layer(xp, parameters, "first", both)))[..., 0]


@dataclass(frozen=True, slots=True)
class ActorCritic:
    """An observation through two hidden layers to one logit per action and the value of the state."""

    features: int
    actions: int
    hidden: int = 32

    def start(self, rng: np.random.Generator) -> Parameters:
        """Return untrained parameters; all actions begin equally likely."""
        return (
            dense(rng, "first", self.features, self.hidden)
            | dense(rng, "second", self.hidden, self.hidden)
            | dense(rng, "actor", self.hidden, self.actions, gain=0.01)
            | dense(rng, "critic", self.hidden, 1, gain=0.1)
        )

    def both(self, xp: ModuleType, parameters: Parameters, x: Any) -> tuple[Any, Any]:
        """Return logits, shape (n, actions), and values, shape (n,)."""
        x = xp.tanh(layer(xp, parameters, "first", x))
        x = xp.tanh(layer(xp, parameters, "second", x))
        return layer(xp, parameters, "actor", x), layer(xp, parameters, "critic", x)[..., 0]


type Network = Mlp | Convolutions
