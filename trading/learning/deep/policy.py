"""A policy around a supervised signal: how much of the stake, and whether to leave. One path for all uses.

`act` is what the live engine asks and `choose` what the backtest's environment asks, of the same numbers in
the same order (`observation`). A policy never buys by itself: it is asked where a signal stands, and it can
only take less and leave earlier than the exits do.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trading.backtest.job import Job
from trading.backtest.walk import Bools, Floats, Ints
from trading.learning.deep.environment import (
    ACTIONS,
    FULL,
    HOLD,
    LEAVE,
    SIZES,
    SKIP,
    Environment,
    Narrow,
    Played,
)
from trading.learning.deep.files import from_bytes, to_bytes
from trading.learning.deep.networks import ActorCritic, Parameters
from trading.learning.deep.observation import STATE, STATE_NAMES
from trading.learning.deep.units import standard
from trading.market.errors import BadInput, StoreError
from trading.market.lineage import digest

_PLACES = 512


@dataclass(frozen=True, slots=True)
class Policy:
    """A trained policy.

    `features` are the columns it sees, in this order, before the state of the position; `unit` the usual
    size of a net return it was taught in; `manifest` how it was taught, JSON-ready.
    """

    features: tuple[str, ...]
    unit: float
    parameters: Parameters = field(repr=False)
    manifest: Mapping[str, object] = field(repr=False)

    @property
    def network(self) -> ActorCritic:
        """The network that the parameters are of."""
        return ActorCritic(len(self.features) + STATE, ACTIONS)

    @property
    def policy_id(self) -> str:
        """Named by its files' content."""
        files = self.to_files()
        return f"pol-{digest(*(files[name].hex() for name in sorted(files)))}"

    def act(self, observation: NDArray[Any]) -> tuple[Floats, Bools]:
        """Return the multiplier of the stake in [0, 1] and whether to leave, one per row.

        Parameters
        ----------
        observation : array of shape (n, f + 8)
            Features at the closed bar (NaN where unknown), then `observation.waiting` or `.holding`. The
            multiplier counts for rows that wait, the exit for rows that hold; the other one is 0 and False.

        Raises
        ------
        BadInput
            If the rows have another width, or a number of the state is not finite.
        """
        chosen = self.choose(observation)
        multiplier: Floats = np.array(SIZES)[np.minimum(chosen, FULL)] * (chosen < HOLD)
        return multiplier, chosen == LEAVE

    def choose(self, observation: NDArray[Any]) -> Ints:
        """Return the most likely action that is allowed, one per row, as the environment counts them."""
        inputs = self._inputs(observation)
        logits, _ = self.network.both(np, self.parameters, inputs)
        return likeliest(logits, inputs[:, len(self.features)] > 0.5)

    def expected(self, observation: NDArray[Any]) -> Floats:
        """Return the net return that is still to come, in parts of the whole stake, one per row.

        The critic's answer, for policies that draw as while they were taught; what an entry is worth to a
        blend of signals (`trading.signals.blend`, its column `policy`). Takes and raises what `act` does.
        """
        _, value = self.network.both(np, self.parameters, self._inputs(observation))
        worth: Floats = value * self.unit
        return worth

    def _inputs(self, observation: NDArray[Any]) -> Floats:
        wide = len(self.features)
        if observation.ndim != 2 or observation.shape[1] != wide + STATE:
            raise BadInput(
                f"an observation has {wide} features and {STATE} numbers of state, "
                f"was given in shape {observation.shape}"
            )
        # What the environment sees is float32: the live engine's float64 must not decide otherwise.
        seen = np.asarray(observation, np.float32).astype(np.float64)
        if not np.isfinite(seen[:, wide:]).all():
            raise BadInput(f"the state of a position ({', '.join(STATE_NAMES)}) must be finite")
        return np.hstack([standard(seen[:, :wide], self.parameters), seen[:, wide:]])

    def to_files(self) -> dict[str, bytes]:
        """Return the parameters as safetensors and a manifest as JSON, the same bytes for the same policy."""
        narrow = {
            name: value if name.startswith("x.") else value.astype(np.float32)
            for name, value in self.parameters.items()
        }
        told = {"features": list(self.features), "unit": self.unit, "manifest": dict(self.manifest)}
        return {
            "policy.safetensors": to_bytes(narrow),
            "policy.json": json.dumps(told, sort_keys=True, indent=1).encode(),
        }

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote.

        Raises
        ------
        StoreError
            If a file is missing, damaged or of another network.
        MissingData
            If the extra `ai` is not installed.
        """
        try:
            told = json.loads(files["policy.json"])
            raw = from_bytes(files["policy.safetensors"], "policy")
            found = cls(tuple(told["features"]), float(told["unit"]), _wide(raw), told["manifest"])
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"policy cannot be read: {type(error).__name__}: {error}") from error
        wanted = {name: value.shape for name, value in found.network.start(np.random.default_rng(0)).items()}
        wanted |= dict.fromkeys(("x.mean", "x.median", "x.scale"), (len(found.features),))
        if wanted != {name: value.shape for name, value in found.parameters.items()}:
            raise StoreError("policy cannot be read: its arrays are not those of the network")
        return found

    def play(self, job: Job, features: NDArray[Any], probability: Floats, signals: Ints) -> Played:
        """Return what the policy makes of each signal row, by the backtest's fills.

        Parameters
        ----------
        job, features, probability
            As `Environment` takes them, features as raw as `act` does.
        signals : array of int
            Candle rows at whose close a signal stands.
        """
        places = max(1, min(_PLACES, len(signals)))
        return Environment(job, features, probability, unit=self.unit, places=places).play(
            signals, self.choose
        )


def likeliest(logits: NDArray[Any], is_held: Bools) -> Ints:
    """Return the action with the highest logit among those allowed: sizes while waiting, else the exits."""
    waiting = np.argmax(logits[:, :HOLD], axis=1)
    holding = HOLD + np.argmax(logits[:, HOLD:], axis=1)
    return np.where(is_held, holding, waiting).astype(np.int64)


def fixed(size: int, leave: int = HOLD) -> Any:
    """Return a baseline that always says the same: `SKIP` is cash, `FULL` takes every signal to its exit."""

    def act(seen: Narrow) -> Ints:
        return np.where(seen[:, -STATE] > 0.5, leave, size)

    return act


def at_random(seed: int) -> Any:
    """Return a baseline that draws every action evenly among those allowed."""
    rng = np.random.default_rng(seed)

    def act(seen: Narrow) -> Ints:
        draw = rng.random(len(seen))
        sizes, leaves = (draw * HOLD).astype(np.int64), HOLD + (draw < 0.5)
        return np.where(seen[:, -STATE] > 0.5, leaves, sizes).astype(np.int64)

    return act


def by_probability(least: float) -> Any:
    """Return the supervised signal alone: take the whole stake where the probability is `least` or more."""
    bound = (least - 0.5) * 4.0

    def act(seen: Narrow) -> Ints:
        size = np.where(seen[:, -1] >= np.float32(bound), FULL, SKIP)
        return np.where(seen[:, -STATE] > 0.5, HOLD, size)

    return act


def _wide(parameters: Parameters) -> Parameters:
    return {name: value.astype(np.float64) for name, value in parameters.items()}
