"""Counter-based randomness: a number is a hash of where it stands, never of what was asked before.

That makes any bar of any pair at any date computable by itself, in any order, for ever the same.
"""

from hashlib import blake2b

import numpy as np

from trading.simulator.compiled import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_LOW16 = np.uint64(0xFFFF)
_S11, _S16, _S27, _S30, _S31, _S32, _S48 = (np.uint64(bits) for bits in (11, 16, 27, 30, 31, 32, 48))
_TWO_M53 = 2.0**-53
# Standard deviation of the sum of four independent 16-bit integers: 65536 * sqrt(4 / 12).
_FOUR_SD = 37837.227
_FOUR_MEAN = 131070.0


@kernel
def mix(stream: np.uint64, counter: int) -> np.uint64:
    """Return 64 well-mixed bits for (`stream`, `counter`).

    References
    ----------
    Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators (SplitMix64).
    """
    x = stream + (np.uint64(counter) + np.uint64(1)) * _GOLDEN
    x = (x ^ (x >> _S30)) * _MIX_A
    x = (x ^ (x >> _S27)) * _MIX_B
    return x ^ (x >> _S31)


@kernel
def uniform(stream: np.uint64, counter: int) -> float:
    """Return a number in (0, 1), never either end."""
    return (float(mix(stream, counter) >> _S11) + 0.5) * _TWO_M53


@kernel
def gauss(stream: np.uint64, counter: int) -> float:
    """Return a nearly normal number: mean 0, variance 1, excess kurtosis -0.3, within ±3.47.

    The sum of four 16-bit uniforms out of one hash. Fat tails of returns come from the model
    (regimes, bursts, jumps), not from here; a logarithm and a cosine per node would double the cost.
    """
    bits = mix(stream, counter)
    total = (bits & _LOW16) + ((bits >> _S16) & _LOW16) + ((bits >> _S32) & _LOW16) + (bits >> _S48)
    return (float(total) - _FOUR_MEAN) / _FOUR_SD


def derive(seed: int, name: str, index: int = 0) -> int:
    """Return the 64-bit stream of (`seed`, `name`, `index`); plain Python, for building tables."""
    return int.from_bytes(blake2b(f"{seed}/{name}/{index}".encode(), digest_size=8).digest(), "little")
