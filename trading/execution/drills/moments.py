"""When a kill comes: drawn from the seed, spread over the stretches of a process's life that differ."""

import random
from dataclasses import dataclass
from enum import StrEnum

from trading.market.errors import BadInput


class When(StrEnum):
    """The stretch of its life in which a process dies."""

    STARTING = "starting"  # before its heart has beaten once
    RECOVERING = "recovering"  # right after its first beat: what it left in doubt is being looked for
    IN_FLIGHT = "in_flight"  # while an order is on its way
    ANY = "any"  # whenever


# Seconds that pass from the beginning of the stretch to the kill: uniform from 0 to this.
_WITHIN_S = {When.STARTING: 0.4, When.RECOVERING: 0.6, When.IN_FLIGHT: 0.08, When.ANY: 1.5}
# Out of ten kills.
_WEIGHTS = {When.STARTING: 1, When.RECOVERING: 3, When.IN_FLIGHT: 4, When.ANY: 2}


@dataclass(frozen=True, slots=True)
class Moment:
    """One kill: in which stretch, and how many seconds after its beginning."""

    when: When
    after_s: float


def moments(seed: int, runs: int) -> list[Moment]:
    """Return `runs` moments; the same seed gives the same ones, and more runs begin with those of fewer.

    Every ten in a row have each kind as often as `_WEIGHTS` says, so that a short drill has them all, too.

    Raises
    ------
    BadInput
        If `runs` is not from 1 to 100,000.
    """
    if not 1 <= runs <= 100_000:
        raise BadInput(f"runs must lie between 1 and 100000, was {runs}")
    draw = random.Random(seed)
    found: list[Moment] = []
    while len(found) < runs:
        ten = [when for when, weight in _WEIGHTS.items() for _ in range(weight)]
        draw.shuffle(ten)
        found += [Moment(when, draw.uniform(0.0, _WITHIN_S[when])) for when in ten]
    return found[:runs]
