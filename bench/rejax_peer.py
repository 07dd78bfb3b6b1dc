"""rejax's PPO on a toy trade, run in an environment of its own (`bench.peers`); prints one JSON line.

Same places, bars, epochs, batches, network and width of observation as ours. Its environment is a walk of 32
numbers with a cost for changing the position: no fills, no stops, no market data, compiled into one program
with the learning. That is as easy as an environment can be.
"""

import json
import resource
import sys
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from rejax import PPO

WIDE, LONGEST = 32, 16


@struct.dataclass
class State(environment.EnvState):
    """Where the walk stands."""

    time: int
    seen: Any
    position: Any


@struct.dataclass
class Parameters(environment.EnvParams):
    """How long an episode is at most."""

    max_steps_in_episode: int = LONGEST


class Toy(environment.Environment[State, Parameters]):
    """Be long, half long or out of a walk whose first number drifts."""

    @property
    def default_params(self) -> Parameters:
        """The only ones."""
        return Parameters()

    def step_env(self, key, state, action, params):  # noqa: ARG002, D102 - gymnax's signature
        move = jax.random.normal(key, (WIDE,))
        target = action / 2.0
        reward = target * (0.1 * state.seen[0] + move[0]) - 0.1 * jnp.abs(target - state.position)
        after = State(time=state.time + 1, seen=0.9 * state.seen + 0.4 * move, position=target)
        done = after.time >= LONGEST
        return self.get_obs(after), after, reward, done, {}

    def reset_env(self, key, params):  # noqa: ARG002, D102 - gymnax's signature
        state = State(time=0, seen=jax.random.normal(key, (WIDE,)), position=jnp.float32(0.0))
        return self.get_obs(state), state

    def get_obs(self, state, params=None, key=None):  # noqa: ARG002, D102 - gymnax's signature
        return state.seen.at[-1].set(state.position)

    def is_terminal(self, state, params):  # noqa: ARG002, D102 - gymnax's signature
        return state.time >= LONGEST

    @property
    def num_actions(self) -> int:
        """Out, half, whole."""
        return 3

    def action_space(self, params=None):  # noqa: ARG002, D102 - gymnax's signature
        return spaces.Discrete(3)

    def observation_space(self, params=None):  # noqa: ARG002, D102 - gymnax's signature
        return spaces.Box(-jnp.inf, jnp.inf, (WIDE,))


def cpu_s() -> float:
    """Return CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(steps: int) -> None:
    """Compile and run once, then print the least CPU of two more runs."""
    taught = PPO.create(
        env=Toy(), total_timesteps=steps, eval_freq=steps, num_envs=256, num_steps=32, num_epochs=3,
        num_minibatches=4, learning_rate=2e-3, agent_kwargs={"hidden_layer_sizes": (32, 32)},
        skip_initial_evaluation=True,
    )  # fmt: skip
    run, spent = jax.jit(taught.train), []
    for seed in range(3):
        before = cpu_s()
        jax.block_until_ready(run(jax.random.PRNGKey(seed)))
        spent.append(cpu_s() - before)
    print(json.dumps({"cpu_s": min(spent[1:]), "compile_cpu_s": spent[0], "steps": steps}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
